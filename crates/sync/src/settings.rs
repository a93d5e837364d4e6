//! Settings, with measured defaults (`docs/decisions`).

use std::{collections::BTreeMap, time::Duration};

use chainbill_domain::{Model, models};
use chainbill_mirror::Retention;

/// What happens to proven drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepairMode {
    /// It is repaired at once, with evidence, below the breaker.
    Automatic,
    /// It is reported; an operator starts the repair.
    Manual,
}

/// Settings of the synchronisation.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Entries in one batch of a worker.
    pub batch: u32,
    /// Workers of one process.
    pub workers: usize,
    /// Shortest time between the beginnings of two small batches of a worker. A single change is relayed at once; of a stream of
    /// changes, those of about so long make one batch, which costs both databases less.
    pub pace: Duration,
    /// Shortest and longest pause between polls of an empty outbox. Commits of this process wake the relay at once.
    pub poll: (Duration, Duration),
    /// A stable name of this process in leases: its successor of the same name takes its leases over at once. No other live
    /// process may have the same name. Random by default.
    pub owner: Option<String>,
    /// How long a lease on a partition lasts without being renewed.
    pub lease: Duration,
    /// Shortest and longest pause after a failure.
    pub backoff: (Duration, Duration),
    /// How often one entity may fail a batch before it becomes a dead letter.
    pub attempts: u32,
    /// Rows in a page of backfills and comparisons.
    pub page: u32,
    /// Pages of a backfill that are written side by side.
    pub pages_ahead: usize,
    /// Period of the scheduled run of each model, where it differs from the model's own; zero turns it off.
    pub every: BTreeMap<&'static str, Duration>,
    /// Period of deep verification of all models; zero turns it off.
    pub verify_every: Duration,
    /// Most rows a second that a comparison reads; zero for no limit.
    pub throttle: u32,
    /// What happens to proven drift.
    pub repair: RepairMode,
    /// Share of drifting rows, in percent, above which nothing is repaired: a bug of a program is not drift.
    pub breaker_percent: u32,
    /// The breaker ignores fewer drifting rows than this.
    pub breaker_least: u64,
    /// Repairs of one entity within a day after which it is quarantined.
    pub quarantine_after: u32,
    /// Pause between heartbeats.
    pub heartbeat: Duration,
    /// How long an entry may stay the oldest, and heartbeats may be missing, before that counts as a stall.
    pub stall_after: Duration,
    /// How long runs over models are kept in the primary.
    pub keep_runs: Duration,
    /// How long evidence of repairs is kept in the primary.
    pub keep_evidence: Duration,
    /// Retention in the mirror.
    pub retention: Retention,
    /// The synchronised models.
    pub models: &'static [&'static Model],
}

impl Default for Settings {
    fn default() -> Self {
        const DAY: u64 = 86_400;
        Self {
            batch: 1000,
            workers: 4,
            pace: Duration::from_millis(6),
            poll: (Duration::from_millis(5), Duration::from_millis(200)),
            owner: None,
            lease: Duration::from_secs(10),
            backoff: (Duration::from_millis(100), Duration::from_secs(3)),
            attempts: 8,
            page: 1000,
            pages_ahead: 3,
            every: BTreeMap::new(),
            verify_every: Duration::from_secs(DAY),
            throttle: 0,
            repair: RepairMode::Automatic,
            breaker_percent: 5,
            breaker_least: 50,
            quarantine_after: 5,
            heartbeat: Duration::from_secs(2),
            stall_after: Duration::from_secs(5),
            keep_runs: Duration::from_secs(90 * DAY),
            keep_evidence: Duration::from_secs(365 * DAY),
            retention: Retention {
                analytics: Duration::from_secs(90 * DAY),
                logs: Duration::from_secs(30 * DAY),
                tombstones: Duration::from_secs(14 * DAY),
            },
            models: models::ALL,
        }
    }
}

impl Settings {
    /// The period of a model's scheduled run.
    #[must_use]
    pub fn every(&self, model: &'static Model) -> Duration {
        self.every.get(model.name).copied().unwrap_or(model.every)
    }

    /// Whether so many repairs of one entity within a day are too many.
    #[must_use]
    pub fn are_too_many(&self, repairs: u64) -> bool {
        repairs >= u64::from(self.quarantine_after)
    }

    /// The synchronised models.
    #[must_use]
    pub fn models(&self) -> &'static [&'static Model] {
        self.models
    }

    /// A schema without a sign of life for this long rules no more.
    #[must_use]
    pub(crate) fn gone_after(&self) -> Duration {
        3 * self.lease
    }
}
