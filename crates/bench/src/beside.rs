//! False alarms of deep comparisons beside writes.

use std::time::Duration;

use chainbill_records::Records;
use chainbill_sync::Replicator;
use tokio_util::sync::CancellationToken;

use crate::{
    deep,
    load::{Kind, Load, WRITTEN},
};

const LASTING: Duration = Duration::from_secs(30);

/// The results.
pub(crate) struct Seen {
    /// Rows per second.
    pub rate: f64,
    pub comparisons: u64,
    /// Compared entities.
    pub compared: u64,
    /// Differences in flight.
    pub in_flight: u64,
    /// False drift.
    pub drift: u64,
}

pub(crate) async fn beside_writes(
    records: &Records,
    sync: &Replicator,
    target: u64,
    rows: usize,
) -> anyhow::Result<Seen> {
    let running = sync.start();
    anyhow::ensure!(sync.drained(Duration::from_secs(120)).await?, "the backlog did not drain");
    let load = Load { target, rows, kind: Kind::Mixed, lasting: LASTING };
    let writing = {
        let records = records.clone();
        tokio::spawn(async move { load.run(&records, None).await })
    };
    let mut seen = Seen { rate: 0.0, comparisons: 0, compared: 0, in_flight: 0, drift: 0 };
    while !writing.is_finished() {
        let comparison = sync.run(WRITTEN, deep(), &|_| {}, &CancellationToken::new()).await?.comparison;
        seen.comparisons += 1;
        seen.compared += comparison.compared;
        seen.in_flight += comparison.in_flight + comparison.waiting;
        seen.drift += comparison.drifting();
    }
    seen.rate = writing.await?? * rows as f64;
    anyhow::ensure!(sync.drained(Duration::from_secs(120)).await?, "the backlog did not drain");
    running.stop().await;
    Ok(seen)
}
