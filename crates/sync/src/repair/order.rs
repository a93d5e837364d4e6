//! What a run over a model is ordered to do.

use chainbill_domain::id::RunId;

use crate::{comparison::Level, settings::RepairMode};

/// What happens to drift in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepairPolicy {
    /// It is reported only.
    Report,
    /// It is repaired, below the breaker.
    Repair,
    /// It is repaired, whatever its share: an operator has decided so.
    Force,
}

impl From<RepairMode> for RepairPolicy {
    fn from(mode: RepairMode) -> Self {
        match mode {
            RepairMode::Automatic => Self::Repair,
            RepairMode::Manual => Self::Report,
        }
    }
}

/// An order for a run over a model.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// The kind under which it is listed: `verify`, `repair`, `manual`, `schedule`, …
    pub kind: &'static str,
    /// The id of a new run; a fresh one where none is given.
    pub id: Option<RunId>,
    /// How closely documents are compared.
    pub level: Level,
    /// What happens to drift.
    pub policy: RepairPolicy,
    /// Whether it resumes an interrupted run of the same kind. What that run had compared is not compared again; since its rows
    /// were not all of one moment, nothing is certified.
    pub resume: bool,
    /// Whether it waits for another run over the model, or fails with [`crate::SyncError::LeaseTaken`] at once.
    pub patient: bool,
}

impl Order {
    /// An operator's run: a new one, which waits for its turn.
    #[must_use]
    pub const fn new(kind: &'static str, level: Level, policy: RepairPolicy) -> Self {
        Self { kind, id: None, level, policy, resume: false, patient: true }
    }

    /// A run of the schedule: it resumes an interrupted one, and does not wait for another run over the model.
    #[must_use]
    pub const fn scheduled(kind: &'static str, level: Level, policy: RepairPolicy) -> Self {
        Self { resume: true, patient: false, ..Self::new(kind, level, policy) }
    }

    /// The same order with an id that is known in advance.
    #[must_use]
    pub const fn named(self, id: RunId) -> Self {
        Self { id: Some(id), ..self }
    }

    /// The same order, resuming an interrupted run or not.
    #[must_use]
    pub const fn resuming(self, resume: bool) -> Self {
        Self { resume, ..self }
    }
}
