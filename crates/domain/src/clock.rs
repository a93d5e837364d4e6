//! Time as an argument: ChainBill reads the clock through [`Clock`] only.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

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

/// The clock of test mode: the machine's, and ahead of it by an offset that only grows.
#[derive(Debug, Default)]
pub struct TestClock {
    offset_ms: AtomicU64,
}

impl TestClock {
    /// How far it is ahead.
    #[must_use]
    pub fn offset_ms(&self) -> u64 {
        self.offset_ms.load(SeqCst)
    }

    /// Advances it to this offset; a smaller one than its own changes nothing.
    pub fn advance_to(&self, offset_ms: u64) {
        self.offset_ms.fetch_max(offset_ms, SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let real = SystemClock.now();
        let offset = i64::try_from(self.offset_ms()).ok().and_then(TimeDelta::try_milliseconds);
        // Past the end of the calendar it stands still.
        offset.and_then(|offset| real.checked_add_signed(offset)).unwrap_or(real)
    }
}

/// Cuts a moment down to whole milliseconds.
#[must_use]
pub fn whole_millis(at: Timestamp) -> Timestamp {
    at.duration_trunc(TimeDelta::milliseconds(1)).unwrap_or(at)
}
