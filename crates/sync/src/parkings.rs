//! Whether anything is parked, as far as this process knows: while nothing is, no entry needs to be asked whether its entity
//! is.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

/// Counts the parkings of this process, and remembers at which count nothing was parked.
#[derive(Debug, Default)]
pub(crate) struct Parkings {
    begun: AtomicU64,
    /// One more than that count; zero before anybody looked.
    none_at: AtomicU64,
}

impl Parkings {
    /// Something is about to be parked.
    pub fn begin(&self) {
        self.begun.fetch_add(1, SeqCst);
    }

    /// To be asked before somebody looks at what is parked.
    pub fn count(&self) -> u64 {
        self.begun.load(SeqCst)
    }

    /// Nothing was parked when somebody looked, at this count or later.
    pub fn found_none(&self, count: u64) {
        self.none_at.store(count + 1, SeqCst);
    }

    /// Whether something may be parked.
    pub fn may_be(&self) -> bool {
        self.none_at.load(SeqCst) != self.begun.load(SeqCst) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parking_that_begins_while_somebody_looks_is_not_overlooked() {
        let parkings = Parkings::default();
        assert!(parkings.may_be(), "nobody has looked");
        parkings.found_none(parkings.count());
        assert!(!parkings.may_be());
        let before = parkings.count();
        parkings.begin();
        parkings.found_none(before);
        assert!(parkings.may_be());
        parkings.found_none(parkings.count());
        assert!(!parkings.may_be());
    }
}
