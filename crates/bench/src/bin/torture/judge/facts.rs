//! The final state.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, anyhow};
use chainbill_domain::models::INVOICES;
use chainbill_testkit::ForeignDocuments;
use serde_json::Value;

use crate::load::Load;

/// The clients' data in both databases.
pub struct Facts {
    /// All invoices by id.
    pub invoices: BTreeMap<String, Value>,
    /// All payouts.
    pub payouts: Vec<Value>,
    /// The profile with counters.
    pub profile: Value,
    /// Ids with tombstones in the mirror.
    pub tombstones: BTreeSet<String>,
}

impl Facts {
    /// Reads them.
    pub async fn ask(load: &Load, base: &str, mirror: &ForeignDocuments) -> anyhow::Result<Self> {
        let profile = load.look(&load.writer, &load.profile_path()).await?.context("the profile is gone")?;
        let tombstones = mirror.tombstones(INVOICES.name).await.map_err(|error| anyhow!("the mirror: {error}"))?;
        let payouts = all(load, base, "payouts").await?;
        let invoices = all(load, base, "invoices").await?.into_iter();
        let invoices = invoices.map(|invoice| (invoice["id"].as_str().unwrap_or("").to_owned(), invoice)).collect();
        Ok(Self { invoices, payouts, profile, tombstones })
    }
}

/// Everything of a kind that the issuer sees.
async fn all(load: &Load, base: &str, things: &str) -> anyhow::Result<Vec<Value>> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let url = format!("{base}/api/{things}?limit=100{cursor}");
        let answer = load.client.get(url).bearer_auth(&load.writer.token).send().await?.error_for_status()?;
        let page: Value = answer.json().await?;
        found.extend(page["data"].as_array().into_iter().flatten().cloned());
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(found),
        }
    }
}
