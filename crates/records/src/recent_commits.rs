//! The recent-commit buffer: entries that this process has committed to the outbox lately. Its own relay takes them from here instead
//! of reading the table. Nothing depends on it: entries that were dropped, or committed elsewhere, are found in the table.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::outbox::{PARTITIONS, Queued};

/// Entries that are kept of each partition; the oldest are dropped.
const MOST: usize = 64;

/// The latest entries of each partition, numbered by commits to the partition.
#[derive(Debug, Default)]
pub(crate) struct RecentCommits([Mutex<VecDeque<(u64, Queued)>>; PARTITIONS as usize]);

impl RecentCommits {
    fn partition(&self, partition: u16) -> MutexGuard<'_, VecDeque<(u64, Queued)>> {
        self.0[usize::from(partition)].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a committed entry by its number.
    pub fn keep(&self, number: u64, queued: &Queued) {
        let mut kept = self.partition(queued.partition);
        if kept.len() == MOST {
            kept.pop_front();
        }
        kept.push_back((number, queued.clone()));
    }

    /// Takes all entries of a partition after the number `seen` and up to `last`; `None` when some of them were dropped.
    pub fn take(&self, partition: u16, seen: u64, last: u64) -> Option<Vec<Queued>> {
        let mut kept = self.partition(partition);
        // Numbers wrap around, so they are compared by their distance.
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
        Queued { partition: 3, id: id.to_string(), entry, created_at: Timestamp::UNIX_EPOCH, parked: false }
    }

    fn buffer(numbers: impl IntoIterator<Item = u64>) -> RecentCommits {
        let buffer = RecentCommits::default();
        numbers.into_iter().for_each(|number| buffer.keep(number, &queued(number)));
        buffer
    }

    fn ids(taken: Option<Vec<Queued>>) -> Option<Vec<String>> {
        taken.map(|taken| taken.into_iter().map(|queued| queued.id).collect())
    }

    fn texts(numbers: &[u64]) -> Option<Vec<String>> {
        Some(numbers.iter().map(u64::to_string).collect())
    }

    #[test]
    fn what_was_committed_since_is_taken_once() {
        let buffer = buffer([1, 2, 3, 4]);
        assert_eq!(ids(buffer.take(3, 0, 2)), texts(&[1, 2]));
        assert_eq!(ids(buffer.take(3, 3, 4)), texts(&[4]), "entries that were read from the table are skipped");
        assert_eq!(ids(buffer.take(3, 4, 4)), texts(&[]));
    }

    #[test]
    fn where_an_entry_was_dropped_nothing_is_returned() {
        assert_eq!(ids(buffer([2, 3]).take(3, 0, 3)), None);
        assert_eq!(ids(buffer([]).take(3, 6, 7)), None);
        assert_eq!(ids(buffer([7]).take(4, 6, 7)), None, "another partition's");
        let many = buffer(1..=MOST as u64 + 1);
        assert_eq!(ids(many.take(3, 0, MOST as u64 + 1)), None, "the oldest has gone");
    }

    #[test]
    fn numbers_that_wrap_around_are_taken_too() {
        assert_eq!(ids(buffer([u64::MAX, 0, 1]).take(3, u64::MAX - 1, 0)), texts(&[u64::MAX, 0]));
    }
}
