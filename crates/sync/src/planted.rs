//! Mistakes that a test plants into the relay, the copy, the comparison and the repair as they are, to see that the tests
//! catch them. Only the feature `planted-bugs` can plant one: without it every question here is the constant `false`.

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// Entries leave the outbox before the second database has taken them.
    MarkBeforeApply,
    /// An error of the second database counts as an answer.
    SettleUnanswered,
    /// The relay's writes go without their version guard: an owner that slept past its lease does harm.
    NoFence,
    /// A delete is taken off the queue and forgotten.
    LostDelete,
    /// A delete leaves no tombstone.
    NoTombstone,
    /// The relay encodes a value otherwise than the comparison.
    OtherEncoder,
    /// What cannot be written is dropped instead of parked.
    DropPoison,
    /// A write that met something newer is done, whatever that is.
    StaleIsDone,
    /// The initial copy overwrites whatever is there.
    CopyWithoutGuard,
    /// The comparison does not look into the outbox.
    BlindComparison,
    /// A document that is newer than its row is drift at once.
    OneLook,
    /// The comparison believes the digest that a document carries.
    BelieveDigest,
    /// A repair counts as done without looking.
    RepairUnseen,
    /// The relay acts on rows from before their entries.
    BelieveLateReads,
    /// The comparison takes whatever moment it is given for a later one.
    BelieveLateCuts,
}

#[cfg(feature = "planted-bugs")]
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
        Self::BlindComparison,
        Self::OneLook,
        Self::BelieveDigest,
        Self::RepairUnseen,
        Self::BelieveLateReads,
        Self::BelieveLateCuts,
    ];
}

#[cfg(feature = "planted-bugs")]
mod switch {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::Mistake;

    static PLANTED: AtomicUsize = AtomicUsize::new(usize::MAX);

    /// Plants a mistake into everything of this process, or takes it out again.
    pub fn plant(mistake: Option<Mistake>) {
        PLANTED.store(mistake.map_or(usize::MAX, |mistake| mistake as usize), SeqCst);
    }

    pub(crate) fn is(mistake: Mistake) -> bool {
        PLANTED.load(SeqCst) == mistake as usize
    }
}

#[cfg(feature = "planted-bugs")]
pub(crate) use switch::is;
#[cfg(feature = "planted-bugs")]
pub use switch::plant;

/// Nothing is planted into a program.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn is(_mistake: Mistake) -> bool {
    false
}
