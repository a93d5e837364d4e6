//! The synchronisation between real databases. Each story runs on the embedded pair and on every server that there is.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod behind;
mod changing;
mod freshness;
mod injecting;
mod jumping;
mod quarantine;
mod refusing;
mod relaying;
mod restoring;
mod simulation;
mod stage;
mod stumbling;
mod takeover;
mod tampering;
mod unreadable;
mod values;
mod verifying;
mod watching;
mod world;
