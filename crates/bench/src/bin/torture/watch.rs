//! A concurrent observer: counts parked entities and looks for deleted documents that return to the mirror.

use std::{collections::BTreeSet, future::Future, sync::Arc, time::Duration};

use chainbill_domain::models::INVOICES;
use chainbill_testkit::ForeignDocuments;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::load::Load;

const BETWEEN: Duration = Duration::from_millis(250);
/// Timeout; a hanging server gives no result.
const PATIENCE: Duration = Duration::from_secs(2);

/// Observations.
#[derive(Default)]
pub struct Watched {
    /// Peak count of parked entities.
    pub most_parked: u64,
    /// Successful reads of the parked count.
    pub looks: u64,
    /// Invoices whose tombstones vanished.
    pub risen: BTreeSet<String>,
    tombstones: BTreeSet<String>,
}

/// Polls until the load's end, and once more.
pub async fn watch(load: Arc<Load>, mirror: ForeignDocuments) -> Watched {
    let mut watched = Watched::default();
    for turn in 0.. {
        let over = load.is_over();
        if let Some(parked) = in_time(parked(&load, turn)).await.flatten() {
            watched.looks += 1;
            watched.most_parked = watched.most_parked.max(parked);
        }
        if let Some(Ok(now)) = in_time(mirror.tombstones(INVOICES.name)).await {
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

/// Count of parked entities, if this turn's server answers.
pub async fn parked(load: &Load, turn: usize) -> Option<u64> {
    let answer = load.client.get(format!("{}/api/health/sync", load.base(turn))).send().await.ok()?;
    let health: Value = answer.json().await.ok()?;
    health["sync"]["parked"].as_u64()
}

async fn in_time<T>(look: impl Future<Output = T>) -> Option<T> {
    timeout(PATIENCE, look).await.ok()
}
