//! Who gets what of the held money, as it was written when the dispute was opened.

use crate::{
    money::{Money, apportion},
    states::DisputeOutcome,
};

/// Who gets what of the money that was held when the dispute was opened. Amounts to the client, in minor units; the rest goes to the
/// freelancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// What was held at opening.
    pub held: Money,
    /// To the client when it is decided for the opener.
    pub on_for: i64,
    /// To the client when it is decided against the opener.
    pub on_against: i64,
}

/// Why a plan is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPlan {
    /// More than there is, or less than nothing.
    #[error("is not accepted: 0 to {0}, which is held, is")]
    Amount(Money),
    /// Both ways come to the same.
    #[error("is the same on FOR and on AGAINST: the vote would decide nothing")]
    Same,
}

impl Plan {
    /// A plan over money that is held.
    ///
    /// # Errors
    /// When both ways come to the same. Amounts are judged by [`Self::share`].
    pub fn of(held: Money, on_for: i64, on_against: i64) -> Result<Self, BadPlan> {
        if on_for == on_against { Err(BadPlan::Same) } else { Ok(Self { held, on_for, on_against }) }
    }

    /// An amount to the client of what is held.
    ///
    /// # Errors
    /// When it is more, or less than nothing.
    pub fn share(held: Money, minor: i64) -> Result<i64, BadPlan> {
        if (0..=held.minor).contains(&minor) { Ok(minor) } else { Err(BadPlan::Amount(held)) }
    }

    /// What goes to the client on an outcome that has a plan.
    #[must_use]
    pub const fn to_client(&self, outcome: DisputeOutcome) -> Option<i64> {
        match outcome {
            DisputeOutcome::For => Some(self.on_for),
            DisputeOutcome::Against => Some(self.on_against),
            DisputeOutcome::Tied | DisputeOutcome::NoQuorum | DisputeOutcome::Split => None,
        }
    }

    /// The outcome that gives this much to the client.
    #[must_use]
    pub const fn outcome_of(&self, to_client: i64) -> DisputeOutcome {
        if to_client == self.on_for {
            DisputeOutcome::For
        } else if to_client == self.on_against {
            DisputeOutcome::Against
        } else {
            DisputeOutcome::Split
        }
    }

    /// The client's half, by the largest remainder: of an odd amount the unit that is left goes to the client.
    #[must_use]
    pub fn half(&self) -> i64 {
        apportion(self.held.minor, &[1, 1]).map_or(0, |halves| halves[0])
    }
}
