//! Counters of what this process has done since it started.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use chainbill_domain::Timestamp;

/// Counters of this process.
#[derive(Default)]
pub(crate) struct Metrics {
    /// Writes that took effect.
    pub applied: AtomicU64,
    /// Writes that found the same or a newer version.
    pub stale: AtomicU64,
    /// Failed turns of the relay.
    pub failures: AtomicU64,
    /// Writes per second over the last second.
    pub rate: AtomicU64,
    /// The lag of the last applied change in milliseconds.
    pub lag_ms: AtomicU64,
    /// Whether this process relays: only then its counters describe the synchronisation.
    pub relays: AtomicBool,
    /// The last failure and its time; none after a success.
    trouble: Mutex<Option<(Timestamp, String)>>,
}

impl Metrics {
    pub fn set_trouble(&self, at: Timestamp, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble.map(|text| (at, text));
    }

    pub fn trouble(&self) -> Option<(Timestamp, String)> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A counter of the relay; none where this process does not relay.
    pub fn of_relay(&self, counter: &AtomicU64) -> Option<u64> {
        self.relays.load(Ordering::Relaxed).then(|| counter.load(Ordering::Relaxed))
    }

    /// Records writes that took effect, writes that found the same or a newer version, and when the changes that they carried were
    /// committed, the last one last.
    pub fn note_writes(&self, now: Timestamp, applied: usize, stale: usize, since: &[Timestamp]) {
        Self::add(&self.applied, applied);
        Self::add(&self.stale, stale);
        metrics::counter!("chainbill_sync_applied_total").increment(applied as u64);
        metrics::counter!("chainbill_sync_stale_total").increment(stale as u64);
        let lag = |since: &Timestamp| (now - *since).to_std().unwrap_or(Duration::ZERO);
        let lag_seconds = metrics::histogram!("chainbill_sync_lag_seconds");
        since.iter().for_each(|since| lag_seconds.record(lag(since).as_secs_f64()));
        if let Some(last) = since.last() {
            self.lag_ms.store(u64::try_from(lag(last).as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
        if applied + stale > 0 {
            self.set_trouble(now, None);
        }
    }

    pub fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }
}
