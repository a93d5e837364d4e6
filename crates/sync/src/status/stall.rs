//! The stall detector: for how long the oldest entry of the outbox has been the oldest. A queue that moves has another oldest entry
//! soon, however long it is.

use std::time::Duration;

use chainbill_domain::Timestamp;

/// The oldest entry when it was last recorded, and since when it had been the oldest; `None` before the first time.
#[derive(Debug, Default)]
pub(crate) struct StallDetector(Option<(Option<Timestamp>, Timestamp)>);

impl StallDetector {
    /// Records the creation time of the oldest pending entry, if there is one.
    pub fn note(&mut self, oldest: Option<Timestamp>, now: Timestamp) {
        let since = match (self.0, oldest) {
            (Some((known, since)), _) if known.is_some() && known == oldest && since <= now => since,
            // For an empty queue, stall age counts from the entry's creation.
            (Some((None, empty_at)), Some(oldest)) => oldest.max(empty_at).min(now),
            _ => now,
        };
        self.0 = Some((oldest, since));
    }

    /// How long the oldest entry had been the oldest when it was last recorded; zero for an empty queue.
    pub fn stalled_for(&self, now: Timestamp) -> Duration {
        match self.0 {
            Some((Some(_), since)) => (now - since).to_std().unwrap_or(Duration::ZERO),
            _ => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn stalled(looks: &[(i64, Option<i64>)]) -> u64 {
        let (mut detector, mut last) = (StallDetector::default(), 0);
        for (now, oldest) in looks {
            detector.note(oldest.map(at), at(*now));
            last = *now;
        }
        detector.stalled_for(at(last)).as_secs()
    }

    #[test]
    fn an_oldest_entry_that_stays_is_stalled_since_it_was_first_recorded() {
        assert_eq!(stalled(&[(0, Some(-50)), (3, Some(-50)), (6, Some(-50))]), 6);
    }

    #[test]
    fn an_oldest_entry_that_changes_is_not_stalled_however_old_it_is() {
        assert_eq!(stalled(&[(0, Some(-50)), (3, Some(-49)), (6, Some(-48))]), 0);
    }

    #[test]
    fn an_entry_of_an_empty_queue_is_stalled_since_its_creation() {
        assert_eq!(stalled(&[(0, None), (3, Some(1))]), 2);
        // It cannot have been there when the queue was empty, whatever its clock said.
        assert_eq!(stalled(&[(0, None), (3, Some(-50))]), 3);
        assert_eq!(stalled(&[(0, None), (3, Some(90))]), 0);
    }

    #[test]
    fn an_empty_queue_is_not_stalled_and_a_clock_that_goes_back_restarts() {
        assert_eq!(stalled(&[(0, Some(0)), (9, None)]), 0);
        assert_eq!(stalled(&[(0, Some(0)), (-5, Some(0))]), 0);
    }
}
