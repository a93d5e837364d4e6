//! When a request is repeated within a call.

use std::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use chainbill_domain::Random;

/// The pause before the first repetition. Every further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// The pause before a repetition: between half and all of the doubled pause, and no shorter than the provider asks for.
pub(super) fn pause(random: &dyn Random, repetition: u32, asked: Option<Duration>) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << repetition.min(16)).min(LONGEST_PAUSE);
    let jittered = doubled / 2 + doubled / 2 * u32::from(random.bytes::<1>()[0]) / 255;
    asked.unwrap_or_default().max(jittered)
}

/// What all calls of the process may spend on repetitions together. While most calls fail, they fail at once instead of multiplying the
/// load: a repetition costs ten, a success returns one.
pub(super) struct Budget(AtomicU32);

const COST: u32 = 10;
const MOST: u32 = 10 * COST;

impl Budget {
    pub(super) const fn full() -> Self {
        Self(AtomicU32::new(MOST))
    }

    /// Takes the cost of a repetition; false when there is not enough.
    pub(super) fn spend(&self) -> bool {
        self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(COST)).is_ok()
    }

    pub(super) fn earn(&self) {
        self.0.fetch_update(Relaxed, Relaxed, |left| (left < MOST).then_some(left + 1)).unwrap_or(MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Always(u8);

    impl Random for Always {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn pauses_double_with_jitter_and_respect_the_provider() {
        let millis = |byte, repetition| pause(&Always(byte), repetition, None).as_millis();
        assert_eq!(
            [0, 1, 2, 4, 9, u32::MAX].map(|repetition| millis(255, repetition)),
            [250, 500, 1000, 4000, 4000, 4000]
        );
        assert_eq!([0, 1, 2].map(|repetition| millis(0, repetition)), [125, 250, 500]);
        assert_eq!(pause(&Always(255), 0, Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(pause(&Always(255), 0, Some(Duration::ZERO)), Duration::from_millis(250));
    }

    #[test]
    fn a_budget_is_spent_and_earned_again() {
        let budget = Budget::full();
        assert_eq!((0..20).filter(|_| budget.spend()).count(), 10);
        (0..9).for_each(|_| budget.earn());
        assert!(!budget.spend());
        budget.earn();
        assert!(budget.spend());
        (0..1000).for_each(|_| budget.earn());
        assert_eq!((0..20).filter(|_| budget.spend()).count(), 10);
    }
}
