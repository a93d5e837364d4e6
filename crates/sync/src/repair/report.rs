//! What a run over a model found and did.

use chainbill_domain::proof::Certificate;

use crate::{comparison::Comparison, repair::drift::Repaired};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing differs, except for changes in flight.
    Equal,
    /// All drift was repaired.
    Repaired,
    /// No drift, and yet not equal: entities are dead-lettered or unreadable, documents are of another revision, or changes
    /// wait for longer than a change is in flight.
    Behind,
    /// Drift remains.
    Drift,
}

impl Outcome {
    /// Whether both sides are equal now, except for changes in flight.
    #[must_use]
    pub const fn is_equal(self) -> bool {
        matches!(self, Self::Equal | Self::Repaired)
    }

    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Repaired => "repaired",
            Self::Behind => "behind",
            Self::Drift => "drift",
        }
    }

    /// The outcome of a run with these results.
    pub(crate) fn of(comparison: &Comparison, repaired: Repaired, backfilled: u64) -> Self {
        let drift = comparison.drifting();
        if repaired.repaired + repaired.right < drift {
            return Self::Drift;
        }
        let of_others = comparison.newer + comparison.outdated.saturating_sub(backfilled);
        if comparison.parked + comparison.waiting + of_others > 0 || !comparison.unreadable.is_empty() {
            return Self::Behind;
        }
        if drift == 0 { Self::Equal } else { Self::Repaired }
    }
}

/// What a run found and did.
#[derive(Debug, Clone)]
pub struct RunReport {
    /// The run's id.
    pub id: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What was found.
    pub comparison: Comparison,
    /// What was repaired.
    pub repaired: Repaired,
    /// Documents of an earlier revision that were rewritten.
    pub backfilled: u64,
    /// The certificate: deep runs that end equal issue one.
    pub certificate: Option<Certificate>,
}

impl RunReport {
    /// The result in a line.
    #[must_use]
    pub fn line(&self) -> String {
        let Comparison { compared, in_flight, waiting, parked, .. } = self.comparison;
        let mut text = format!("{}: {compared} compared, {} wrong", self.outcome.name(), self.comparison.drifting());
        for (count, word) in [
            (in_flight, "in flight"),
            (waiting, "waiting for long"),
            (parked, "parked"),
            (self.comparison.unreadable.len() as u64, "unreadable"),
            (self.comparison.outdated, "of an earlier revision"),
            (self.comparison.newer, "of a later revision"),
            (self.backfilled, "backfilled"),
            (self.repaired.repaired, "repaired"),
            (self.repaired.right, "right by themselves"),
            (self.repaired.failed, "that cannot be repaired"),
            (self.repaired.quarantined, "quarantined"),
        ] {
            if count > 0 {
                text.push_str(&format!(", {count} {word}"));
            }
        }
        text
    }
}
