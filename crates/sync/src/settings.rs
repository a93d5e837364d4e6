//! What an operator may set, with values that were measured (`docs/decisions`).

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
    /// Entries in one batch of a lane.
    pub batch: u32,
    /// Batches that one process works on side by side.
    pub lanes: usize,
    /// Shortest time between the beginnings of two small batches of a lane. A change that comes alone is carried out at
    /// once; of many that come one after another, those of about so long make one batch, which costs both databases less.
    pub pace: Duration,
    /// Shortest and longest pause between looks at an empty queue. Commits of this process wake the relay at once.
    pub poll: (Duration, Duration),
    /// The name of this process among others in leases, when it has one that outlives it: whoever comes after it by the
    /// same name takes its leases over at once. It must be sure that nobody else lives by that name. Random without it.
    pub owner: Option<String>,
    /// How long a lease on a partition lasts without being renewed.
    pub lease: Duration,
    /// Shortest and longest pause after a failure.
    pub backoff: (Duration, Duration),
    /// How often one entity may break a batch before it is parked.
    pub attempts: u32,
    /// Rows in a page of the initial copy and of comparisons.
    pub page: u32,
    /// Pages on their way at once in the initial copy.
    pub pages_ahead: usize,
    /// Period of the scheduled run of each model, where it differs from the model's own; zero turns it off.
    pub every: BTreeMap<&'static str, Duration>,
    /// Period of deep verification of all models; zero turns it off.
    pub verify_every: Duration,
    /// Most rows a second that a comparison reads; zero for no limit.
    pub throttle: u32,
    /// What happens to proven drift.
    pub repair: RepairMode,
    /// Share of drifting rows, in percent, above which nothing is repaired: an error in a program is not drift.
    pub breaker_percent: u32,
    /// The breaker ignores fewer drifting rows than this.
    pub breaker_least: u64,
    /// Repairs of one entity within a day after which it is left alone and alarmed.
    pub quarantine_after: u32,
    /// Pause between heartbeats.
    pub heartbeat: Duration,
    /// How long an entry may stay the oldest, and heartbeats be missing, before it counts as a stall.
    pub stall_after: Duration,
    /// How long runs over models are kept in the primary.
    pub keep_runs: Duration,
    /// How long evidence of repairs is kept in the primary.
    pub keep_evidence: Duration,
    /// How long things are kept in the second database.
    pub retention: Retention,
    /// The descriptions of the models that are kept in both databases.
    pub models: &'static [&'static Model],
}

impl Default for Settings {
    fn default() -> Self {
        const DAY: u64 = 86_400;
        Self {
            batch: 1000,
            lanes: 4,
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

    /// The models that are kept in both databases.
    #[must_use]
    pub fn models(&self) -> &'static [&'static Model] {
        self.models
    }

    /// After how long without a sign of life a release's descriptions rule no more.
    #[must_use]
    pub(crate) fn gone_after(&self) -> Duration {
        3 * self.lease
    }
}
