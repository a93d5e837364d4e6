//! Whether there are dead letters, as far as this process knows: while there are none, entries need not be joined with them.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// Counts the dead letters that this process adds, and remembers the count at which the table was last read as empty.
#[derive(Debug, Default)]
pub(crate) struct DeadLetterWatch {
    added: AtomicU64,
    /// That count plus one; zero before the first read.
    none_at: AtomicU64,
}

impl DeadLetterWatch {
    /// To be called before a dead letter is added.
    pub fn adding(&self) {
        self.added.fetch_add(1, SeqCst);
    }

    /// To be called before the table is read; the result belongs into [`Self::found_none`].
    pub fn count(&self) -> u64 {
        self.added.load(SeqCst)
    }

    /// The table was empty when it was read, at this count or later.
    pub fn found_none(&self, count: u64) {
        self.none_at.store(count + 1, SeqCst);
    }

    /// Whether there may be dead letters.
    pub fn may_be_any(&self) -> bool {
        self.none_at.load(SeqCst) != self.added.load(SeqCst) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letter_that_is_added_during_a_read_is_not_overlooked() {
        let watch = DeadLetterWatch::default();
        assert!(watch.may_be_any(), "the table was never read");
        watch.found_none(watch.count());
        assert!(!watch.may_be_any());
        let before = watch.count();
        watch.adding();
        watch.found_none(before);
        assert!(watch.may_be_any());
        watch.found_none(watch.count());
        assert!(!watch.may_be_any());
    }
}
