//! What tests rely on is tested too.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

mod clock;
mod proxy;
