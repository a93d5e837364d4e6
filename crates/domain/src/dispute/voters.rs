//! Who may vote, and what the votes come to.

use chrono::TimeDelta;

use super::Dispute;
use crate::{
    Timestamp,
    id::UserId,
    states::{DisputeOutcome, Role, VoteChoice},
};

/// A vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Who voted.
    pub voter: UserId,
    /// For or against the opener.
    pub choice: VoteChoice,
    /// Why.
    pub comment: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What the votes come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// For the opener.
    pub on_for: i64,
    /// Against the opener.
    pub on_against: i64,
}

impl Tally {
    /// Counts votes.
    #[must_use]
    pub fn of(votes: &[Vote]) -> Self {
        let count = |choice| votes.iter().filter(|vote| vote.choice == choice).map(|_| 1).sum();
        Self { on_for: count(VoteChoice::For), on_against: count(VoteChoice::Against) }
    }

    /// The outcome with a quorum.
    #[must_use]
    pub const fn outcome(self, quorum: i64) -> DisputeOutcome {
        if self.on_for + self.on_against < quorum {
            DisputeOutcome::NoQuorum
        } else if self.on_for > self.on_against {
            DisputeOutcome::For
        } else if self.on_for < self.on_against {
            DisputeOutcome::Against
        } else {
            DisputeOutcome::Tied
        }
    }
}

/// What a voter must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoterTerms {
    /// The least reputation, 0 to 100.
    pub reputation: i64,
    /// The least age of the account.
    pub account: TimeDelta,
}

/// A user who wants to vote. Only active users get this far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Who.
    pub user: UserId,
    /// In which role.
    pub role: Role,
    /// Whether an operator has verified the user.
    pub is_verified: bool,
    /// When the account was made.
    pub since: Timestamp,
    /// The reputation; none of a user of whom nothing is known.
    pub reputation: Option<i64>,
    /// Whether a party or another voter has used a network address of the user's.
    pub shares_address: bool,
    /// Whether a party or another voter has the user's wallet.
    pub shares_wallet: bool,
}

/// Why a user may not vote. It says nothing of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Ineligible {
    /// A party.
    #[error("a party of a dispute does not vote on it")]
    Party,
    /// An operator, who decides where the vote does not.
    #[error("operators do not vote: they decide where a vote does not")]
    Operator,
    /// Not verified.
    #[error("only users whom an operator has verified vote")]
    Unverified,
    /// The account is too young.
    #[error("the account is too young to vote")]
    Young,
    /// The reputation is too low.
    #[error("the reputation is too low to vote")]
    Reputation,
    /// A network address is shared.
    #[error("a network address of yours was also used by a party or by another voter of this dispute")]
    Address,
    /// A wallet is shared.
    #[error("your wallet is also that of a party or of another voter of this dispute")]
    Wallet,
}

impl Ineligible {
    /// Its stable name for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Party => "voter-is-party",
            Self::Operator => "voter-is-operator",
            Self::Unverified => "voter-not-verified",
            Self::Young => "voter-account-too-young",
            Self::Reputation => "voter-reputation-too-low",
            Self::Address => "voter-shares-address",
            Self::Wallet => "voter-shares-wallet",
        }
    }
}

impl VoterTerms {
    /// Whether a user has what every voter needs.
    ///
    /// # Errors
    /// With what is missing.
    pub fn admit(&self, candidate: &Candidate, now: Timestamp) -> Result<(), Ineligible> {
        if candidate.role == Role::Admin {
            Err(Ineligible::Operator)
        } else if !candidate.is_verified {
            Err(Ineligible::Unverified)
        } else if now - candidate.since <= self.account {
            Err(Ineligible::Young)
        } else if candidate.reputation.is_none_or(|score| score < self.reputation) {
            Err(Ineligible::Reputation)
        } else {
            Ok(())
        }
    }
}

impl Dispute {
    /// Whether a user may vote on it.
    ///
    /// # Errors
    /// With the first reason against it.
    pub fn admit(&self, candidate: &Candidate, terms: &VoterTerms, now: Timestamp) -> Result<(), Ineligible> {
        if self.has_party(candidate.user) {
            return Err(Ineligible::Party);
        }
        terms.admit(candidate, now)?;
        if candidate.shares_address {
            Err(Ineligible::Address)
        } else if candidate.shares_wallet {
            Err(Ineligible::Wallet)
        } else {
            Ok(())
        }
    }
}
