//! Scaling of relay processes with a distant mirror, where network latency is the limit and not the processor shared
//! with both databases.

use std::time::Duration;

use chainbill_records::Records;
use chainbill_sync::Replicator;
use chainbill_testkit::{Distance, EMBEDDED, Fresh, address};

use crate::processes;

/// One-way latencies: another city, and a distance that dominates all other costs.
const ONE_WAY: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(250)];

/// The results.
pub(crate) struct Seen {
    pub one_way: Duration,
    pub processes: usize,
    /// Changes per second.
    pub rate: f64,
}

/// Empty without a mirror.
pub(crate) async fn drains(fresh: &Fresh, records: &Records, sync: &Replicator) -> anyhow::Result<Vec<Seen>> {
    let mut seen = Vec::new();
    if fresh.secondary == EMBEDDED {
        return Ok(seen);
    }
    for one_way in ONE_WAY {
        let distance = Distance::before(address(&fresh.secondary), one_way).await;
        let through = Fresh::existing(&fresh.primary, &distance.instead_of(&fresh.secondary));
        for processes in [1, 2, 4] {
            let rate = processes::drain(&through, records, sync, processes).await?;
            eprintln!("{processes} processes, {one_way:?} away: {rate:.0}/s");
            seen.push(Seen { one_way, processes, rate });
        }
    }
    Ok(seen)
}
