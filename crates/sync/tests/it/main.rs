//! The synchronisation between real databases. Each story runs on the embedded pair and on every server that there is.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod relaying;
mod simulation;
mod values;
mod verifying;
mod world;
