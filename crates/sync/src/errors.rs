//! What can go wrong between the two databases, and the one place that decides what is done about it.

use chainbill_mirror::MirrorError;
use chainbill_records::RecordsError;

/// A failure of the synchronisation.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The primary failed.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The second database failed.
    #[error(transparent)]
    Mirror(#[from] MirrorError),
    /// Somebody else is doing it.
    #[error("{0} is being worked on by another process")]
    Held(String),
    /// The work was asked to stop; what it had done stays, and it can go on from there.
    #[error("stopped")]
    Stopped,
    /// Only the release whose descriptions the documents are brought to may do it.
    #[error("another release is at work that has come later and keeps the shape of the documents: do it with that one")]
    Outranked,
    /// Its relay goes on only when somebody has seen to it.
    #[error("{model} is faulted: {reason}")]
    Faulted {
        /// The model.
        model: &'static str,
        /// What the relay met.
        reason: String,
    },
    /// Something panicked: ChainBill is wrong.
    #[error("a bug of ChainBill: {0}")]
    Bug(String),
    /// No model of that name.
    #[error("{0:?} is no synchronised model: {known} are", known = crate::known_models())]
    UnknownModel(String),
    /// More drift than a database makes: nothing was repaired.
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
        comparison: Box<crate::Comparison>,
    },
}

/// What a worker does about a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retry {
    /// Tries again after a pause: nobody needs to do anything.
    Soon,
    /// Tries again now and then; somebody should follow the hint.
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
        | SyncError::Held(_)
        | SyncError::Outranked => Retry::Soon,
        SyncError::Mirror(MirrorError::Refused(_)) => Retry::Operator(
            "look at the second database's refusal: rights, quota or a validator; then it goes on by itself",
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
