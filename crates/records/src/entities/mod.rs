//! The tables as SeaORM entities. Those of synchronised models have the columns that the domain describes, and those
//! that it names as left out; a test compares them with the real tables.
#![allow(missing_docs, reason = "the columns are described in `domain::models`; here they are only typed")]

pub mod accounts;
pub mod billing;
pub mod credits;
pub mod disputes;
pub mod invoices;
pub mod ledger;
pub mod mints;
pub mod money;
pub mod payouts;
pub mod projects;
pub mod proposals;
pub mod quotes;
pub mod recurrences;
pub mod reputations;
pub mod reviews;
pub mod series;
pub mod skills;
pub mod stored_files;
pub mod users;

pub use accounts::{api_keys, audit_entries, idempotency_keys, sessions, shared_keys};
pub use billing::billing_profiles;
pub use credits::{client_credits, credit_notes, refunds};
pub use disputes::{dispute_evidence, dispute_votes};
pub use invoices::invoice_lines;
pub use ledger::{invoice_counters, ledger_postings};
pub use money::{checkouts, payment_allocations, payment_references, payment_reversals, payments, provider_events};
pub use payouts::available_balances;
pub use projects::{project_milestones, project_skills};
pub use recurrences::{recurrence_occurrences, reminder_rules, reminders};
pub use series::{number_counters, number_series};
pub use skills::{skill_aliases, skill_verifications};
pub use users::user_skills;
