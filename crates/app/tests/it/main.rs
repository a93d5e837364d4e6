//! The use cases on every primary that there is.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod checks;
mod dispute_states;
mod disputes;
mod jobs;
mod keys;
mod lists;
mod minting;
mod projects_states;
mod proposals;
mod reading;
mod recurrences;
mod skills;
mod states;
mod times;
mod voters;
mod walks;
mod world;
