//! The head of the queue: how long it has been the same. A queue that moves has another head soon, however long it is.

use std::time::Duration;

use chainbill_domain::Timestamp;

/// What was at the head when it was last looked at, and since when. Nothing is known before the first look.
#[derive(Debug, Default)]
pub(crate) struct Head(Option<(Option<Timestamp>, Timestamp)>);

impl Head {
    /// Notes the oldest waiting entry's moment, if anything waits.
    pub fn note(&mut self, oldest: Option<Timestamp>, now: Timestamp) {
        let since = match (self.0, oldest) {
            (Some((known, since)), _) if known.is_some() && known == oldest && since <= now => since,
            // What comes into an empty queue is its head from its own moment on.
            (Some((None, empty_at)), Some(oldest)) => oldest.max(empty_at).min(now),
            _ => now,
        };
        self.0 = Some((oldest, since));
    }

    /// How long the oldest waiting entry had been the oldest when it was last looked at; nothing where none waited.
    pub fn stuck_for(&self, now: Timestamp) -> Duration {
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

    fn stuck(looks: &[(i64, Option<i64>)]) -> u64 {
        let (mut head, mut last) = (Head::default(), 0);
        for (now, oldest) in looks {
            head.note(oldest.map(at), at(*now));
            last = *now;
        }
        head.stuck_for(at(last)).as_secs()
    }

    #[test]
    fn a_head_that_stays_is_stuck_since_it_was_first_seen() {
        assert_eq!(stuck(&[(0, Some(-50)), (3, Some(-50)), (6, Some(-50))]), 6);
    }

    #[test]
    fn a_head_that_changes_is_not_stuck_however_old_it_is() {
        assert_eq!(stuck(&[(0, Some(-50)), (3, Some(-49)), (6, Some(-48))]), 0);
    }

    #[test]
    fn what_came_into_an_empty_queue_is_stuck_since_it_came() {
        assert_eq!(stuck(&[(0, None), (3, Some(1))]), 2);
        // It cannot have been there when the queue was empty, whatever its clock said.
        assert_eq!(stuck(&[(0, None), (3, Some(-50))]), 3);
        assert_eq!(stuck(&[(0, None), (3, Some(90))]), 0);
    }

    #[test]
    fn an_empty_queue_is_not_stuck_and_a_clock_that_goes_back_begins_anew() {
        assert_eq!(stuck(&[(0, Some(0)), (9, None)]), 0);
        assert_eq!(stuck(&[(0, Some(0)), (-5, Some(0))]), 0);
    }
}
