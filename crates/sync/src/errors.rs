//! What can go wrong between the two databases, and the one place that decides what is done about it.

use chainbill_domain::models;
use chainbill_mirror::MirrorError;
use chainbill_records::RecordsError;

use crate::comparison::Comparison;

/// A failure of the synchronisation.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The primary failed.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The mirror failed.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// Another process, or another task of this one, has the lease of that name.
    #[error("{0} is being worked on by another process")]
    LeaseTaken(String),
    /// The work was cancelled. What it had done stays, and it can be resumed.
    #[error("stopped")]
    Stopped,
    /// The schema of another release rules: only that release may rewrite documents.
    #[error("another release is at work that has come later and keeps the shape of the documents: do it with that one")]
    Outranked,
    /// The relay of this model goes on only after an operator has acted.
    #[error("{model} is faulted: {reason}")]
    Faulted {
        /// The model.
        model: &'static str,
        /// What the relay met.
        reason: String,
    },
    /// A panic: a bug of ChainBill.
    #[error("a bug of ChainBill: {0}")]
    Bug(String),
    /// There is no model of that name.
    #[error("{0:?} is no synchronised model: {known} are", known = known_models())]
    UnknownModel(String),
    /// More drift than the breaker allows: nothing was repaired.
    #[error("{drift} of {compared} {model} differ, more than the breaker of {percent} % lets repair")]
    Breaker {
        /// The model.
        model: &'static str,
        /// Rows and documents that differ.
        drift: u64,
        /// Rows and documents compared.
        compared: u64,
        /// The breaker.
        percent: u32,
        /// What was found.
        comparison: Box<Comparison>,
    },
}

/// The names of the synchronised models, for messages.
fn known_models() -> String {
    models::ALL.iter().map(|model| model.name).collect::<Vec<_>>().join(", ")
}

/// What a worker does about a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retry {
    /// Tries again after a pause. No operator is needed.
    Soon,
    /// Tries again now and then; an operator should follow the hint.
    Operator(&'static str),
    /// Stops.
    Never,
}

/// The one decision about failures.
#[must_use]
pub fn retry(error: &SyncError) -> Retry {
    match error {
        SyncError::Records(RecordsError::Operator { hint, .. }) => Retry::Operator(hint),
        SyncError::Records(RecordsError::Refused(_)) => {
            Retry::Operator("the primary refuses what this release asks of it: report it with the primary's error")
        }
        SyncError::Records(RecordsError::Corrupt(_)) => Retry::Operator(
            "a table of the synchronisation holds what this release cannot read; was it written by a newer one?",
        ),
        SyncError::Records(_)
        | SyncError::Mirror(MirrorError::Unavailable(_) | MirrorError::Throttled(_))
        | SyncError::LeaseTaken(_)
        | SyncError::Outranked => Retry::Soon,
        SyncError::Mirror(MirrorError::Refused(_)) => Retry::Operator(
            "look at the mirror's refusal: rights, quota or a validator; then the synchronisation goes on by itself",
        ),
        SyncError::Breaker { .. } => Retry::Operator(
            "find out what wrote past the application; `chainbill sync verify --deep` lists the differences, \
             `chainbill sync repair --force` repairs them all",
        ),
        SyncError::Bug(_) => Retry::Operator(
            "report it with the log's lines before it; what cannot be synchronised because of it is parked or tried again",
        ),
        SyncError::Stopped | SyncError::Faulted { .. } | SyncError::UnknownModel(_) => Retry::Never,
    }
}
