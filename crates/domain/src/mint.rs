//! The notarisation of a paid invoice as a token on a chain: what is kept of it, and its transitions.
//!
//! A submission is stored before it is sent, and replaced only after the chain has proven that it expired. So an invoice has one token,
//! whatever is lost on the way.

use std::{fmt, str::FromStr};

use crate::{
    Timestamp,
    id::{InvoiceId, MintId},
    states::MintStatus,
    transition::{Refusal, Transition},
};

/// The id of a token: 1 to 2^63 − 1, for databases have no larger numbers. Written in decimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenId(u64);

/// Not the id of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no token id: a whole number from 1 to 9223372036854775807 is accepted")]
pub struct InvalidTokenId;

impl TokenId {
    /// The id of 63 random bits; none for those that are all zero.
    #[must_use]
    pub const fn random(bytes: [u8; 8]) -> Option<Self> {
        match u64::from_be_bytes(bytes) & i64::MAX as u64 {
            0 => None,
            number => Some(Self(number)),
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for TokenId {
    type Err = InvalidTokenId;

    fn from_str(text: &str) -> Result<Self, InvalidTokenId> {
        // One number has one text: no sign, no leading zero.
        let id = text.parse().ok().and_then(|number: u64| Self::random(number.to_be_bytes())).ok_or(InvalidTokenId)?;
        if id.to_string() == text { Ok(id) } else { Err(InvalidTokenId) }
    }
}

/// A signed submission to a chain. All of it is known before it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The chain that it is for, with the key or account that signed it.
    pub chain: String,
    /// Its id on the chain.
    pub transaction: String,
    /// What is sent.
    pub bytes: Vec<u8>,
    /// After this moment of the chain's it cannot take effect.
    pub expires_at: Timestamp,
}

/// What the chain answers to a submission that took effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its place on the chain: a ledger version, or a sequence number.
    pub position: u64,
    /// The chain's digest of that place.
    pub digest: String,
    /// When the chain took it.
    pub at: Timestamp,
    /// The units of gas that it took; none where there is no gas.
    pub gas_used: Option<u64>,
}

/// The notarisation of an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mint {
    /// Its id, and the opaque reference on the chain.
    pub id: MintId,
    /// The version that it was read at; 0 before it is saved.
    pub version: i64,
    /// The invoice. It has one notarisation.
    pub invoice_id: InvoiceId,
    /// Where it stands.
    pub status: MintStatus,
    /// The token's id, from the first submission on.
    pub token: Option<TokenId>,
    /// The canonical hash that is notarised.
    pub hash: String,
    /// The canonical form that has this hash: the evidence that names fields which were changed.
    pub form: String,
    /// The submission.
    pub submission: Option<Submission>,
    /// How many submissions were built.
    pub builds: i64,
    /// The chain's answer.
    pub receipt: Option<Receipt>,
    /// Why it failed.
    pub error: Option<String>,
    /// When the invoice was queued first.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
}

/// What can be asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Store a signed submission.
    Submit,
    /// Replace an expired submission.
    Rebuild,
    /// Record the chain's receipt.
    Confirm,
    /// Give it up.
    Fail,
    /// Queue it once more.
    Queue,
    /// Take it off the queue.
    Cancel,
}

const fn names(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Submit => ("submitted", "submit"),
        Action::Rebuild => ("rebuilt", "rebuild"),
        Action::Confirm => ("confirmed", "confirm"),
        Action::Fail => ("failed", "fail"),
        Action::Queue => ("retried", "retry"),
        Action::Cancel => ("cancelled", "cancel"),
    }
}

/// The longest cause that is kept, in characters.
const LONGEST_ERROR: usize = 1000;

impl Mint {
    /// Queues an invoice with this canonical form.
    #[must_use]
    pub fn queued(id: MintId, invoice_id: InvoiceId, (hash, form): (String, String), at: Timestamp) -> Self {
        Self {
            id,
            version: 0,
            invoice_id,
            status: MintStatus::Queued,
            token: None,
            hash,
            form,
            submission: None,
            builds: 0,
            receipt: None,
            error: None,
            created_at: at,
            updated_at: at,
        }
    }

    /// What the present state allows.
    #[must_use]
    pub fn allowed(&self) -> Vec<Action> {
        match self.status {
            MintStatus::Queued => vec![Action::Submit, Action::Fail, Action::Cancel],
            MintStatus::Submitted => vec![Action::Rebuild, Action::Confirm, Action::Fail],
            MintStatus::Failed => vec![Action::Queue, Action::Cancel],
            MintStatus::Cancelled => vec![Action::Queue],
            MintStatus::Confirmed => Vec::new(),
        }
    }

    /// Whether the present state allows an action.
    ///
    /// # Errors
    /// A refusal with what it allows.
    pub fn allows(&self, action: Action) -> Result<(), Refusal> {
        Refusal::unless_allowed("a notarisation", self.status.word(), action, self.allowed(), names)
    }

    /// Stores the submission of a token, before it is sent.
    ///
    /// # Errors
    /// When it is not queued.
    pub fn submit(self, token: TokenId, submission: Submission) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Submit)?;
        let (token, submission, builds) = (Some(token), Some(submission), self.builds + 1);
        self.to(|mint| Self { status: MintStatus::Submitted, token, submission, builds, error: None, ..mint })
    }

    /// Replaces a submission of which the chain has proven that it expired. The token's id stays.
    ///
    /// # Errors
    /// When none is on its way.
    pub fn rebuild(self, submission: Submission) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Rebuild)?;
        let builds = self.builds + 1;
        self.to(|mint| Self { submission: Some(submission), builds, ..mint })
    }

    /// Records the chain's receipt.
    ///
    /// # Errors
    /// When none is on its way.
    pub fn confirm(self, receipt: Receipt) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Confirm)?;
        self.to(|mint| Self { status: MintStatus::Confirmed, receipt: Some(receipt), error: None, ..mint })
    }

    /// Gives it up, for a cause after which nothing is on the chain.
    ///
    /// # Errors
    /// When it is decided already.
    pub fn fail(self, cause: &str) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Fail)?;
        let error = Some(cause.chars().take(LONGEST_ERROR).collect());
        self.to(|mint| Self { status: MintStatus::Failed, error, ..mint })
    }

    /// Queues it once more, with what is frozen of its invoice. Nothing of an earlier submission is on the chain, so the next one has
    /// another token id.
    ///
    /// # Errors
    /// When it has neither failed nor been cancelled.
    pub fn requeue(self, (hash, form): (String, String)) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Queue)?;
        self.to(|mint| Self { status: MintStatus::Queued, token: None, submission: None, hash, form, ..mint })
    }

    /// Takes it off the queue: its invoice is no longer paid.
    ///
    /// # Errors
    /// When it may be on the chain.
    pub fn cancel(self) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Cancel)?;
        self.to(|mint| Self { status: MintStatus::Cancelled, token: None, submission: None, ..mint })
    }

    fn to(self, next: impl FnOnce(Self) -> Self) -> Result<Transition<Self>, Refusal> {
        let next = next(self.clone());
        Ok(Transition::quiet(self, next))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::Id;

    fn id<K>(place: u8) -> Id<K> {
        Id::new(Timestamp::default(), [place; 10])
    }

    fn submission(place: u8) -> Submission {
        let (chain, transaction) = ("local:key".to_owned(), format!("local:{place}"));
        Submission { chain, transaction, bytes: vec![place], expires_at: Timestamp::default() }
    }

    fn queued() -> Mint {
        Mint::queued(id(1), id(2), ("hash".to_owned(), "{}".to_owned()), Timestamp::default())
    }

    #[test]
    fn token_ids_are_63_bits_with_one_text_each() {
        assert_eq!(TokenId::random([0; 8]), None);
        assert_eq!(TokenId::random([0x80, 0, 0, 0, 0, 0, 0, 0]), None, "the upper bit is not used");
        assert_eq!(TokenId::random([0xff; 8]).unwrap().to_string(), "9223372036854775807");
        for text in ["0", "-1", "+1", "01", " 1", "1.0", "9223372036854775808", "18446744073709551615", ""] {
            assert!(text.parse::<TokenId>().is_err(), "{text:?}");
        }
        assert_eq!("7".parse::<TokenId>().map(TokenId::get), Ok(7));
    }

    proptest! {
        #[test]
        fn a_token_id_comes_back_from_its_text(bytes in any::<[u8; 8]>()) {
            if let Some(id) = TokenId::random(bytes) {
                prop_assert!(id.get() <= i64::MAX as u64);
                prop_assert_eq!(id.to_string().parse(), Ok(id));
            }
        }

        /// Every action in every order: what may be on the chain is never queued, cancelled or given another token.
        #[test]
        fn what_was_submitted_keeps_its_token(actions in prop::collection::vec(0..6_u8, 0..24)) {
            let mut mint = queued();
            for (place, action) in actions.into_iter().enumerate() {
                let before = mint.clone();
                let place = u8::try_from(place).unwrap();
                let token = TokenId::random([0, 0, 0, 0, 0, 0, 1, place]).unwrap();
                let receipt = Receipt { position: 1, digest: "d".to_owned(), at: Timestamp::default(), gas_used: None };
                let frozen = (mint.hash.clone(), mint.form.clone());
                let asked = match action {
                    0 => before.clone().submit(token, submission(place)),
                    1 => before.clone().rebuild(submission(place)),
                    2 => before.clone().confirm(receipt),
                    3 => before.clone().fail("refused"),
                    4 => before.clone().requeue(frozen),
                    _ => before.clone().cancel(),
                };
                match asked {
                    Ok(change) => mint = change.next,
                    Err(refusal) => prop_assert_eq!(refusal.current, before.status.word()),
                }
                let is_bound = matches!(before.status, MintStatus::Submitted | MintStatus::Confirmed);
                if is_bound {
                    prop_assert_eq!(mint.token, before.token);
                    prop_assert!(!matches!(mint.status, MintStatus::Queued | MintStatus::Cancelled));
                }
                let has_token = matches!(mint.status, MintStatus::Submitted | MintStatus::Confirmed);
                if has_token {
                    prop_assert!(mint.token.is_some() && mint.submission.is_some());
                }
                prop_assert_eq!(mint.status == MintStatus::Confirmed, mint.receipt.is_some());
            }
        }
    }
}
