//! A manual clock.

use std::{
    sync::atomic::{AtomicI64, Ordering::SeqCst},
    time::Duration,
};

use chainbill_domain::{Clock, SystemClock, Timestamp};
use chrono::TimeDelta;

/// A test's clock: stopped, or running with the machine's and jumping.
#[derive(Debug)]
pub struct ManualClock {
    /// Its time; none when running.
    stands_at: Option<Timestamp>,
    turned_ms: AtomicI64,
}

impl ManualClock {
    /// Stops at this time until turned.
    #[must_use]
    pub fn at(moment: Timestamp) -> Self {
        Self { stands_at: Some(moment), turned_ms: AtomicI64::new(0) }
    }

    /// Runs with the machine's clock until turned.
    #[must_use]
    pub fn running() -> Self {
        Self { stands_at: None, turned_ms: AtomicI64::new(0) }
    }

    /// Advances.
    pub fn forward(&self, by: Duration) {
        self.turn(i64::try_from(by.as_millis()).unwrap());
    }

    /// Jumps back.
    pub fn back(&self, by: Duration) {
        self.turn(-i64::try_from(by.as_millis()).unwrap());
    }

    fn turn(&self, millis: i64) {
        self.turned_ms.fetch_add(millis, SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        let base = self.stands_at.unwrap_or_else(|| SystemClock.now());
        base + TimeDelta::milliseconds(self.turned_ms.load(SeqCst))
    }
}
