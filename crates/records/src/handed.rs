//! What this process has committed to the outbox lately: its own relay takes it from here instead of asking the primary for
//! it. Nothing depends on it. What is not here any more, or was committed elsewhere, is found in the outbox.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::outbox::{PARTS, Queued};

/// Entries of a partition that are kept; when more come, the oldest go.
const MOST: usize = 64;

/// The latest entries of each partition, each with its number among all that were committed to it.
#[derive(Debug, Default)]
pub(crate) struct Handed([Mutex<VecDeque<(u64, Queued)>>; PARTS as usize]);

impl Handed {
    fn part(&self, part: u16) -> MutexGuard<'_, VecDeque<(u64, Queued)>> {
        self.0[usize::from(part)].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an entry that was committed, the so-many-th of its partition.
    pub fn keep(&self, number: u64, queued: &Queued) {
        let mut kept = self.part(queued.part);
        if kept.len() == MOST {
            kept.pop_front();
        }
        kept.push_back((number, queued.clone()));
    }

    /// Takes all entries of a partition after the number `seen` and up to `last`; none when some of them are not here.
    pub fn take(&self, part: u16, seen: u64, last: u64) -> Option<Vec<Queued>> {
        let mut kept = self.part(part);
        // Numbers wrap around: they are compared by their distance.
        let behind = |number: u64| last.wrapping_sub(number) < u64::MAX / 2;
        let count = kept.iter().take_while(|(number, _)| behind(*number)).count();
        let wanted = last.wrapping_sub(seen);
        let taken = kept.drain(..count).filter(|(number, _)| last.wrapping_sub(*number) < wanted);
        let taken: Vec<Queued> = taken.map(|(_, queued)| queued).collect();
        (taken.len() as u64 == wanted).then_some(taken)
    }
}

#[cfg(test)]
mod tests {
    use chainbill_domain::Timestamp;

    use super::*;
    use crate::outbox::{Entry, Op};

    fn queued(id: u64) -> Queued {
        let entry =
            Entry { model: "users".to_owned(), entity_id: id.to_string(), version: 1, op: Op::Upsert, body: None };
        Queued { part: 3, id: id.to_string(), entry, created_at: Timestamp::UNIX_EPOCH, parked: false }
    }

    fn handed(numbers: impl IntoIterator<Item = u64>) -> Handed {
        let handed = Handed::default();
        numbers.into_iter().for_each(|number| handed.keep(number, &queued(number)));
        handed
    }

    fn ids(taken: Option<Vec<Queued>>) -> Option<Vec<String>> {
        taken.map(|taken| taken.into_iter().map(|queued| queued.id).collect())
    }

    fn texts(numbers: &[u64]) -> Option<Vec<String>> {
        Some(numbers.iter().map(u64::to_string).collect())
    }

    #[test]
    fn what_was_committed_since_is_taken_once() {
        let handed = handed([1, 2, 3, 4]);
        assert_eq!(ids(handed.take(3, 0, 2)), texts(&[1, 2]));
        assert_eq!(ids(handed.take(3, 3, 4)), texts(&[4]), "what was seen elsewhere is left out");
        assert_eq!(ids(handed.take(3, 4, 4)), texts(&[]));
    }

    #[test]
    fn where_something_is_missing_nothing_is_told() {
        assert_eq!(ids(handed([2, 3]).take(3, 0, 3)), None);
        assert_eq!(ids(handed([]).take(3, 6, 7)), None);
        assert_eq!(ids(handed([7]).take(4, 6, 7)), None, "another partition's");
        let many = handed(1..=MOST as u64 + 1);
        assert_eq!(ids(many.take(3, 0, MOST as u64 + 1)), None, "the oldest has gone");
    }

    #[test]
    fn numbers_that_wrap_around_are_taken_too() {
        assert_eq!(ids(handed([u64::MAX, 0, 1]).take(3, u64::MAX - 1, 0)), texts(&[u64::MAX, 0]));
    }
}
