#![doc = include_str!("../README.md")]
//!
//! # Order of the files
//! A file imports only from its own folder and from those before it, and no two files import each other
//! (`cargo xtask tidy` checks both):
//!
//! 1. files beside this one: errors, settings, results of comparisons, progress, time, panics, backoff, mutants
//! 2. `engine`: what all share
//! 3. `cluster`: leases, leader, scheduler, partitions, retention
//! 4. `verify`: comparison, inspection, certificates
//! 5. `repair`: runs, repair of drift, quarantine, recovery
//! 6. `relay`: workers, batches, acks, dead letters, heartbeat
//! 7. `events`: sequencer and consumers of events
//! 8. `backfill`: whole models, preparation and identity of the mirror
//! 9. `status`: reports, alarms, freshness, explanations
//! 10. `tasks`, `replicator`: what runs, and the public face

mod backfill;
mod backoff;
mod cluster;
mod comparison;
mod engine;
mod errors;
mod events;
#[cfg(feature = "planted-bugs")]
pub mod mutants;
#[cfg(not(feature = "planted-bugs"))]
mod mutants;
mod panics;
mod progress;
mod relay;
mod repair;
mod replicator;
mod settings;
mod status;
mod tasks;
mod time;
mod verify;

pub use backfill::model::BackfillReport;
pub use comparison::{Comparison, Finding};
pub use errors::{Retry, SyncError, retry};
pub use progress::{OnProgress, Progress};
pub use relay::{heartbeat::HEARTBEATS, plan};
pub use repair::{
    drift::Repaired,
    order::{Order, RepairPolicy},
    recovery::Recovery,
    report::{Outcome, RunReport},
};
pub use replicator::Replicator;
pub use settings::{RepairMode, Settings};
pub use status::{
    explain::{Explanation, LastRepair},
    freshness::Freshness,
    report::{EventsStatus, ModelStatus, Status},
};
pub use tasks::Running;
pub use verify::{certificate::Certified, compare};

/// The synchronised model of that name.
///
/// # Errors
/// [`SyncError::UnknownModel`] lists the models that there are.
pub fn model(name: &str) -> Result<&'static chainbill_domain::Model, SyncError> {
    chainbill_domain::models::named(name).ok_or_else(|| SyncError::UnknownModel(name.to_owned()))
}
