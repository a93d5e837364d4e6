//! Exponential backoff with jitter and bounds.

use std::time::Duration;

use chainbill_domain::Random;

/// Counts consecutive failures.
#[derive(Debug, Clone)]
pub struct Backoff {
    bounds: (Duration, Duration),
    failures: u32,
}

impl Backoff {
    /// Pauses between the bounds.
    #[must_use]
    pub const fn new(bounds: (Duration, Duration)) -> Self {
        Self { bounds, failures: 0 }
    }

    /// Failures since the last success.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Resets the count after a success.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Counts a failure. Returns the pause before the next attempt: between half and all of the doubled pause.
    pub fn failed(&mut self, random: &dyn Random) -> Duration {
        let (least, most) = self.bounds;
        let doubled = least.saturating_mul(1 << self.failures.min(16)).min(most);
        self.failures = self.failures.saturating_add(1);
        doubled / 2 + doubled / 2 * u32::from(random.bytes::<1>()[0]) / 255
    }
}
