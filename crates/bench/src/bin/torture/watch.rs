//! Somebody who looks on meanwhile: what is parked, and whether anything that was deleted comes back to the copies.

use std::{collections::BTreeSet, future::Future, sync::Arc, time::Duration};

use chainbill_domain::models::INVOICES;
use chainbill_testkit::ForeignDocuments;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::load::Load;

const BETWEEN: Duration = Duration::from_millis(250);
/// What takes longer hangs, which says nothing.
const PATIENCE: Duration = Duration::from_secs(2);

/// What was seen.
#[derive(Default)]
pub struct Watched {
    /// The most entities that were ever parked at once.
    pub most_parked: u64,
    /// How often anybody could say what is parked.
    pub looks: u64,
    /// Bills whose tombstones were gone again.
    pub risen: BTreeSet<String>,
    tombstones: BTreeSet<String>,
}

/// Looks until everybody has ended, and once more.
pub async fn watch(load: Arc<Load>, copies: ForeignDocuments) -> Watched {
    let mut watched = Watched::default();
    for turn in 0.. {
        let over = load.is_over();
        if let Some(parked) = in_time(parked(&load, turn)).await.flatten() {
            watched.looks += 1;
            watched.most_parked = watched.most_parked.max(parked);
        }
        if let Some(Ok(now)) = in_time(copies.tombstones(INVOICES.name)).await {
            watched.risen.extend(watched.tombstones.difference(&now).cloned());
            watched.tombstones.extend(now);
        }
        if over {
            break;
        }
        sleep(BETWEEN).await;
    }
    watched
}

/// How many entities are parked, if the server of this turn can say.
pub async fn parked(load: &Load, turn: usize) -> Option<u64> {
    let answer = load.client.get(format!("{}/api/health/sync", load.base(turn))).send().await.ok()?;
    let health: Value = answer.json().await.ok()?;
    health["sync"]["parked"].as_u64()
}

async fn in_time<T>(look: impl Future<Output = T>) -> Option<T> {
    timeout(PATIENCE, look).await.ok()
}
