//! The mistakes that are planted. Those about the mirror are made by [`crate::faulty::Faulty`], which stands before it; the others by
//! the synchronisation itself ([`chainbill_sync::mutants`]).

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use chainbill_sync::mutants::{self, Mutant};

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// Entries leave the outbox before the mirror has applied them.
    MarkBeforeApply,
    /// An error of the mirror counts as an answer.
    SettleUnanswered,
    /// The relay's writes go without their version guard: an owner that slept past its lease does harm.
    NoFence,
    /// A delete is acked and forgotten.
    LostDelete,
    /// A delete leaves no tombstone.
    NoTombstone,
    /// The relay and the backfill encode a value differently from the comparison.
    OtherEncoder,
    /// What cannot be written is acked instead of being a dead letter.
    DropPoison,
    /// A write that met any newer document is acked.
    StaleIsDone,
    /// The backfill overwrites any document.
    CopyWithoutGuard,
    /// The comparison believes the digest that a document carries.
    BelieveDigest,
    /// A repair counts as done without being read back.
    RepairUnseen,
    /// One that only the synchronisation itself can make.
    Inside(Mutant),
}

impl Mistake {
    /// Every one.
    pub const ALL: [Self; 15] = [
        Self::MarkBeforeApply,
        Self::SettleUnanswered,
        Self::NoFence,
        Self::LostDelete,
        Self::NoTombstone,
        Self::OtherEncoder,
        Self::DropPoison,
        Self::StaleIsDone,
        Self::CopyWithoutGuard,
        Self::Inside(Mutant::BlindComparison),
        Self::Inside(Mutant::NoRecheck),
        Self::BelieveDigest,
        Self::RepairUnseen,
        Self::Inside(Mutant::BelieveLateReads),
        Self::Inside(Mutant::BelieveLateCuts),
    ];
}

static PLANTED: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Plants a mistake into everything of this process, or removes it.
pub fn plant(mistake: Option<Mistake>) {
    let place = |mistake| Mistake::ALL.iter().position(|other| *other == mistake);
    PLANTED.store(mistake.and_then(place).unwrap_or(usize::MAX), SeqCst);
    mutants::plant(match mistake {
        Some(Mistake::Inside(mutant)) => Some(mutant),
        _ => None,
    });
}

/// Whether this mistake is planted.
pub fn is(mistake: Mistake) -> bool {
    Mistake::ALL.get(PLANTED.load(SeqCst)) == Some(&mistake)
}
