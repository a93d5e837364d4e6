//! Time as an argument: ChainBill reads the clock through [`Clock`] only.

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

/// A moment in UTC, always a whole number of milliseconds: the precision that both databases keep.
pub type Timestamp = DateTime<Utc>;

/// Where "now" comes from: the system in production, a hand-turned clock in tests.
pub trait Clock: Send + Sync + 'static {
    /// The present moment, cut to whole milliseconds.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        whole_millis(Utc::now())
    }
}

/// Cuts a moment down to whole milliseconds.
#[must_use]
pub fn whole_millis(at: Timestamp) -> Timestamp {
    at.duration_trunc(TimeDelta::milliseconds(1)).unwrap_or(at)
}
