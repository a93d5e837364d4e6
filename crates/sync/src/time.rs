//! Spans and texts of timestamps.

use std::time::Duration;

use chainbill_domain::Timestamp;

/// The time from `since` to `now`; zero where the clock went back in between.
pub(crate) fn age(now: Timestamp, since: Timestamp) -> Duration {
    (now - since).to_std().unwrap_or(Duration::ZERO)
}

/// RFC 3339 with milliseconds.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}
