//! A clock that is turned by hand.

use std::{
    sync::atomic::{AtomicI64, Ordering::SeqCst},
    time::Duration,
};

use chainbill_domain::{Clock, SystemClock, Timestamp};
use chrono::TimeDelta;

/// A clock that a test turns: one that stands still, or one that runs with the machine's and jumps.
#[derive(Debug)]
pub struct ManualClock {
    /// Where it stands; none when it runs.
    stands_at: Option<Timestamp>,
    turned_ms: AtomicI64,
}

impl ManualClock {
    /// Stands still at this moment until it is turned.
    #[must_use]
    pub fn at(moment: Timestamp) -> Self {
        Self { stands_at: Some(moment), turned_ms: AtomicI64::new(0) }
    }

    /// Runs with the machine's clock and shows what that shows, until it is turned.
    #[must_use]
    pub fn running() -> Self {
        Self { stands_at: None, turned_ms: AtomicI64::new(0) }
    }

    /// Jumps ahead.
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
