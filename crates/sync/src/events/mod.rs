//! Events on their way from the primary to their consumers.
//!
//! The sequencer and each consumer are a task of every process that relays; a lease lets one of each kind work at a time. The
//! guarantees are those of the table ([`chainbill_records::events`]); this folder decides when it is read, and what follows a
//! failure.

pub(crate) mod analytics;
pub(crate) mod consumer;
pub(crate) mod kinds;
pub(crate) mod leased;
pub(crate) mod sequencer;
