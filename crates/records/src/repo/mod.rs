//! Queries by model: what is read, and what is saved of each, in the domain's own types where it has them.
//!
//! Reading functions take whatever reads: [`crate::Records`], or the [`crate::Unit`] whose decision depends on what is read.
//! What is locked is read in a unit. Visibility is asked of `domain::visibility` before anything that belongs to a row is read.

pub mod accounts;
pub mod audit;
pub mod billing;
pub mod checkouts;
pub mod credits;
pub mod disputes;
pub mod idempotency;
pub mod invariants;
pub mod invoices;
pub mod ledger;
pub mod mints;
mod numbers;
pub mod payments;
pub mod payouts;
pub mod projects;
pub mod proposals;
pub mod quotes;
pub mod recurrences;
pub mod reminders;
pub mod reputations;
pub mod reviews;
pub mod series;
pub mod sessions;
pub mod shared_keys;
pub mod skills;
pub mod users;
pub mod verifications;
pub mod voters;

/// Rows that are cleaned away at once.
///
/// Expired rows are looked for without locks and removed a few at a time by their keys: one large DELETE by time would lock
/// all rows that it passes, and every command saves a key.
const AT_ONCE: u64 = 200;

/// What one step of a clean-up did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cleaned {
    /// How many rows this step removed.
    pub removed: u64,
    /// Whether there may be more.
    pub has_more: bool,
}
