//! Typed identifiers: UUIDv7 as text, so that a user's id can never stand where an invoice's belongs.

use std::{fmt, hash::Hash, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::Timestamp;

/// An identifier of a `K`. Printed, stored and sent as lower-case hyphenated text (RFC 9562).
pub struct Id<K> {
    uuid: Uuid,
    kind: PhantomData<fn() -> K>,
}

/// The text was not a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an id: a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057 is accepted")]
pub struct NotAnId;

impl<K> Id<K> {
    /// The nil UUID, which is no object's.
    pub const NIL: Self = Self::from_uuid(Uuid::nil());

    /// A new id: UUIDv7 of the given moment and 10 random bytes from the caller.
    #[must_use]
    pub fn new(at: Timestamp, random: [u8; 10]) -> Self {
        let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
        Self::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// Wraps a UUID of any version.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self { uuid, kind: PhantomData }
    }

    /// The bare UUID.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.uuid
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.uuid.cmp(&other.uuid)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}
impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uuid.as_hyphenated().fmt(f)
    }
}
impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl<K> FromStr for Id<K> {
    type Err = NotAnId;

    /// Accepts the canonical 36-character form only, so that one id has one spelling.
    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let uuid = Uuid::try_parse(text).map_err(|_| NotAnId)?;
        let canonical = text.len() == 36 && !text.bytes().any(|b| b.is_ascii_uppercase());
        if canonical { Ok(Self::from_uuid(uuid)) } else { Err(NotAnId) }
    }
}
impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de, K> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident => $alias:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $kind {}
        #[doc = concat!("Identifier of a [`", stringify!($kind), "`].")]
        pub type $alias = Id<$kind>;
    )*};
}

kinds! {
    /// A person's account.
    User => UserId;
    /// An entry of the skill catalogue.
    Skill => SkillId;
    /// A piece of work that a client offers.
    Project => ProjectId;
    /// A freelancer's invoice.
    Invoice => InvoiceId;
    /// A party's opinion of the other.
    Review => ReviewId;
    /// A dispute over held money.
    Dispute => DisputeId;
    /// A sealed file.
    StoredFile => StoredFileId;
    /// A user's computed standing.
    Reputation => ReputationId;
    /// Money that arrived for an invoice.
    Payment => PaymentId;
    /// A document that lowers what an invoice claims.
    CreditNote => CreditNoteId;
    /// Money of a client's credit that goes back.
    Refund => RefundId;
    /// A client's visit at a payment provider.
    Checkout => CheckoutId;
    /// Money that leaves the platform for its user.
    Payout => PayoutId;
    /// The notarisation of an invoice.
    Mint => MintId;
    /// An application for a project, or an invitation to it.
    Proposal => ProposalId;
    /// A part of a project's work.
    Milestone => MilestoneId;
    /// An offer of an invoice.
    Quote => QuoteId;
    /// A recurring invoice.
    Recurrence => RecurrenceId;
    /// A series of numbers.
    NumberSeries => SeriesId;
    /// Evidence of a user's skill, for an operator.
    SkillVerification => SkillVerificationId;
    /// A login of one device.
    Session => SessionId;
    /// A tracked event.
    Event => EventId;
    /// A run of the synchronisation over a model.
    Run => RunId;
}
