//! Stripe against a fake with state.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod begun;
mod currencies;
mod faults;
mod refunds;
mod webhooks;
mod world;
