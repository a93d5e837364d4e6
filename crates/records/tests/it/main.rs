//! The primary on every database that there is.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod columns;
mod connections;
mod events;
mod migrating;
mod saving;
mod settings;
