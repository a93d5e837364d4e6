//! The mirror, both engines under one contract.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests fail by panicking")]

mod contract;
mod embedded;
mod mongo;
mod refusals;
mod stamps;
mod values;
mod world;
