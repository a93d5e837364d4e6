//! While the provider is down, requests fail at once instead of waiting for their deadlines.

use std::{
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use chainbill_domain::Timestamp;
use chrono::TimeDelta;

/// Failures in a row after which nothing is sent for a while.
const MOST_FAILURES: u32 = 5;
const PAUSE: TimeDelta = TimeDelta::seconds(10);

/// Counts failures of all calls of the process.
#[derive(Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Default)]
struct State {
    failures: u32,
    open_until: Option<Timestamp>,
}

impl Breaker {
    /// Whether a request may be sent; how long not, otherwise. After the pause one request is sent, and the others wait for its result.
    pub(super) fn admit(&self, now: Timestamp) -> Result<(), Duration> {
        let mut state = self.state();
        let Some(until) = state.open_until else { return Ok(()) };
        // A clock that was put back does not prolong the pause.
        match (until - now).min(PAUSE).to_std() {
            Ok(left) if !left.is_zero() => Err(left),
            _ => {
                state.open_until = Some(now + PAUSE);
                Ok(())
            }
        }
    }

    /// Notes whether the provider answered a request.
    pub(super) fn note(&self, answered: bool, now: Timestamp) {
        let mut state = self.state();
        if answered {
            *state = State::default();
            return;
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures >= MOST_FAILURES {
            state.open_until = Some(now + PAUSE);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nothing panics while it is locked")
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn it_opens_probes_and_closes() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let breaker = Breaker::default();
        let fail = |times, now| (0..times).for_each(|_| breaker.note(false, at(now)));
        fail(4, 0);
        breaker.note(true, at(0));
        fail(4, 0);
        assert_eq!(breaker.admit(at(0)), Ok(()));
        fail(1, 0);
        assert_eq!(breaker.admit(at(3)), Err(Duration::from_secs(7)));
        // One probe, and a further pause after its failure.
        assert_eq!(breaker.admit(at(10)), Ok(()));
        assert_eq!(breaker.admit(at(10)), Err(Duration::from_secs(10)));
        fail(1, 11);
        assert_eq!(breaker.admit(at(20)), Err(Duration::from_secs(1)));
        // A probe that was cancelled is followed by another one.
        assert_eq!(breaker.admit(at(21)), Ok(()));
        assert_eq!(breaker.admit(at(31)), Ok(()));
        breaker.note(true, at(31));
        assert_eq!((breaker.admit(at(31)), breaker.admit(at(31))), (Ok(()), Ok(())));
    }

    #[test]
    fn a_clock_that_jumps_does_not_hold_it_open() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let breaker = Breaker::default();
        (0..5).for_each(|_| breaker.note(false, at(1_000_000)));
        assert_eq!(breaker.admit(at(0)), Err(Duration::from_secs(10)));
        assert_eq!(breaker.admit(at(2_000_000)), Ok(()));
    }
}
