#![doc = include_str!("../README.md")]

mod ahead;
mod backoff;
mod caught;
mod certificate;
pub mod compare;
mod copy;
mod counting;
mod engine;
mod errors;
mod events;
mod examine;
mod freshness;
mod head;
mod heartbeat;
mod held;
mod judging;
mod keeper;
mod lane;
mod late;
mod leaving;
mod pace;
mod parkings;
mod partitions;
pub mod plan;
#[cfg(feature = "planted-bugs")]
pub mod planted;
#[cfg(not(feature = "planted-bugs"))]
mod planted;
mod prepare;
mod quarantine;
mod recent;
mod reconcile;
mod relay;
mod repair;
mod runs;
mod schema;
mod settings;
mod status;
mod synchronise;
mod why;
mod width;

pub use copy::{Copied, Progress, Report};
pub use errors::{Retry, SyncError, retry};
pub use freshness::Freshness;
pub use heartbeat::HEARTBEATS;
pub use recent::Recent;
pub use reconcile::{Comparison, Finding};
pub use repair::Repaired;
pub use runs::{Mending, Order, Outcome, RunReport};
pub use settings::{RepairMode, Settings};
pub use status::{EventsStatus, ModelStatus, Status};
pub use synchronise::{Running, Sync};
pub use why::{Certified, LastRepair, Why};

/// The names of the synchronised models, for messages.
#[must_use]
pub fn known_models() -> String {
    chainbill_domain::models::ALL.iter().map(|model| model.name).collect::<Vec<_>>().join(", ")
}

/// The synchronised model of that name.
///
/// # Errors
/// [`SyncError::UnknownModel`] names those that there are.
pub fn model(name: &str) -> Result<&'static chainbill_domain::Model, SyncError> {
    chainbill_domain::models::named(name).ok_or_else(|| SyncError::UnknownModel(name.to_owned()))
}
