//! What is there in the end.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, anyhow};
use chainbill_domain::models::INVOICES;
use chainbill_testkit::ForeignDocuments;
use serde_json::Value;

use crate::load::Load;

/// Both databases, as far as clients have written to them.
pub struct Facts {
    /// Every bill by its id.
    pub bills: BTreeMap<String, Value>,
    /// The profile on which several have counted.
    pub profile: Value,
    /// What the second database knows to be deleted.
    pub tombstones: BTreeSet<String>,
}

impl Facts {
    /// Asks for them.
    pub async fn ask(load: &Load, base: &str, copies: &ForeignDocuments) -> anyhow::Result<Self> {
        let profile = load.look(&load.writer, &load.profile_path()).await?.context("the profile is gone")?;
        let tombstones = copies.tombstones(INVOICES.name).await.map_err(|error| anyhow!("the copies: {error}"))?;
        Ok(Self { bills: bills(load, base).await?, profile, tombstones })
    }
}

async fn bills(load: &Load, base: &str) -> anyhow::Result<BTreeMap<String, Value>> {
    let (mut bills, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let url = format!("{base}/api/invoices?limit=100{cursor}");
        let answer = load.client.get(url).bearer_auth(&load.writer.token).send().await?.error_for_status()?;
        let page: Value = answer.json().await?;
        for bill in page["data"].as_array().into_iter().flatten() {
            bills.insert(bill["id"].as_str().unwrap_or("").to_owned(), bill.clone());
        }
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(bills),
        }
    }
}
