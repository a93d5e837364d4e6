//! How many lanes work. While little waits, the first works for all: few batches of some entries cost both databases less
//! than many of one. When much waits, every lane takes its own partitions.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use tokio::sync::{Mutex, OwnedMutexGuard, watch};

/// From so many entries in a batch on, all lanes work.
pub(crate) const WIDE_FROM: usize = 100;
/// When the batches of all have fewer again, the first lane works for all.
const NARROW_BELOW: usize = 25;

/// Who works on whose partitions.
pub(crate) struct Width {
    wide: watch::Sender<bool>,
    /// Whoever holds a place works on that lane's partitions: the lane itself, or the first.
    places: Vec<Arc<Mutex<()>>>,
    /// Whether much waited when the lane last looked.
    busy: Vec<AtomicBool>,
}

/// The right to work on a lane's partitions; nobody else has it meanwhile.
pub(crate) struct Place {
    pub lane: usize,
    _held: OwnedMutexGuard<()>,
}

impl Width {
    /// So many lanes; little waits.
    pub fn of(lanes: usize) -> Arc<Self> {
        let places = (0..lanes).map(|_| Arc::default()).collect();
        let busy = (0..lanes).map(|_| AtomicBool::new(false)).collect();
        Arc::new(Self { wide: watch::Sender::new(false), places, busy })
    }

    /// The lane that a partition belongs to.
    pub fn lane_of(&self, part: u16) -> usize {
        usize::from(part) % self.places.len()
    }

    /// Whether every lane takes its own partitions.
    pub fn is_wide(&self) -> bool {
        *self.wide.borrow()
    }

    /// Tells when that changes.
    pub fn changes(&self) -> watch::Receiver<bool> {
        self.wide.subscribe()
    }

    /// The places that a lane should hold at present.
    pub fn places_of(&self, lane: usize) -> Range<usize> {
        match (lane, self.is_wide()) {
            (0, false) => 0..self.places.len(),
            (_, true) => lane..lane + 1,
            (_, false) => lane..lane,
        }
    }

    /// Takes a place, unless somebody holds it.
    pub fn take(&self, lane: usize) -> Option<Place> {
        let held = self.places[lane].clone().try_lock_owned().ok()?;
        Some(Place { lane, _held: held })
    }

    /// Lets every lane work. Each counts as busy until it has looked.
    pub fn widen(&self) {
        self.busy.iter().for_each(|busy| busy.store(true, Relaxed));
        self.wide.send_replace(true);
    }

    /// Notes what a lane has found; little everywhere makes the first lane work for all again.
    pub fn note(&self, lane: usize, found: usize) {
        self.busy[lane].store(found >= NARROW_BELOW, Relaxed);
        if self.is_wide() && !self.busy.iter().any(|busy| busy.load(Relaxed)) {
            self.wide.send_replace(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lane_works_until_much_waits_and_again_when_no_lane_is_busy() {
        let width = Width::of(3);
        assert_eq!([0, 1, 2].map(|lane| width.places_of(lane)), [0..3, 1..1, 2..2]);
        width.widen();
        assert_eq!([0, 1, 2].map(|lane| width.places_of(lane)), [0..1, 1..2, 2..3]);
        width.note(0, 0);
        width.note(1, NARROW_BELOW);
        width.note(2, 0);
        assert!(width.is_wide(), "the second lane has much to do");
        width.note(1, NARROW_BELOW - 1);
        assert!(!width.is_wide());
    }

    #[test]
    fn a_place_is_held_by_one_at_a_time() {
        let width = Width::of(2);
        let held = width.take(1);
        assert!(held.is_some() && width.take(1).is_none());
        drop(held);
        assert!(width.take(1).is_some());
    }

    #[test]
    fn every_partition_belongs_to_one_lane() {
        let width = Width::of(3);
        assert_eq!([0, 1, 2, 3, 15].map(|part| width.lane_of(part)), [0, 1, 2, 0, 0]);
    }
}
