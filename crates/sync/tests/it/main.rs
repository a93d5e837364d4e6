//! The synchronisation between real databases. Each story runs on the embedded pair and on every server that there is.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod behind;
mod changing;
mod events;
mod freshness;
mod group;
mod injecting;
mod jumping;
mod late;
mod quarantine;
mod refusing;
mod relaying;
mod reshaping;
mod restarting;
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
