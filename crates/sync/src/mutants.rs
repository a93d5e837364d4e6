//! Mutants: mistakes that a test plants into the synchronisation, to prove that its stories catch them. Only the feature
//! `planted-bugs` can plant one; without it every question here is the constant `false`.
//!
//! Mistakes towards the mirror are made by a wrapper of its port in `tests/planted`. Those here cannot be made outside: they are
//! about what is read from the primary, which is no port, and about decisions of pure functions.

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// The comparison ignores the outbox.
    BlindComparison,
    /// A document that is newer than its row is drift without a recheck.
    NoRecheck,
    /// The relay acts on rows that are older than their entries.
    BelieveLateReads,
    /// A recheck uses a snapshot that may be older than what it decides.
    BelieveLateCuts,
}

#[cfg(feature = "planted-bugs")]
impl Mutant {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::BlindComparison, Self::NoRecheck, Self::BelieveLateReads, Self::BelieveLateCuts];
}

#[cfg(feature = "planted-bugs")]
mod switch {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::Mutant;

    static PLANTED: AtomicUsize = AtomicUsize::new(usize::MAX);

    /// Plants a mistake into everything of this process, or removes it.
    pub fn plant(mutant: Option<Mutant>) {
        PLANTED.store(mutant.map_or(usize::MAX, |mutant| mutant as usize), SeqCst);
    }

    pub(crate) fn is(mutant: Mutant) -> bool {
        PLANTED.load(SeqCst) == mutant as usize
    }
}

#[cfg(feature = "planted-bugs")]
pub(crate) use switch::is;
#[cfg(feature = "planted-bugs")]
pub use switch::plant;

/// Whether this mistake is planted.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn is(_mutant: Mutant) -> bool {
    false
}
