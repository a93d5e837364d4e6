//! What a use case may answer instead of its effect.

use chainbill_domain::{dispute::Ineligible, transition::Refusal};
use chainbill_provider::{ErrorClass, ProviderError, WebhookRefusal};
use chainbill_records::{RecordsError, Retryable};
use serde::{Deserialize, Serialize};

use crate::turns::Crowded;

/// A field that is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FieldError {
    /// Where, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What is wrong and what is accepted.
    pub detail: String,
}

/// A refusal or a failure.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Fields are refused.
    #[error("{} fields are not accepted", .0.len())]
    Validation(Vec<FieldError>),
    /// The caller is not authenticated.
    #[error("no identity")]
    Unauthenticated,
    /// No account has this address and this password, or it may not log in.
    #[error("the e-mail address or the password is wrong")]
    WrongCredentials,
    /// Too many of the same kind wait already.
    #[error("{}", match .0 {
        Crowded::Own => "too many logins and registrations from here are waiting already",
        Crowded::All => "too many logins and registrations are waiting already",
    })]
    Crowded(Crowded),
    /// The role does not allow it.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The user may not vote on a dispute.
    #[error(transparent)]
    Ineligible(#[from] Ineligible),
    /// There is no such thing, or it is another party's.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The state does not allow it.
    #[error("{detail}")]
    Conflict {
        /// The state it is in.
        current: String,
        /// What that state allows.
        allowed: Vec<String>,
        /// What is wrong.
        detail: String,
    },
    /// The version that the caller knows is not the present one.
    #[error("it has changed: version {0} is the present one")]
    Stale(i64),
    /// The idempotency key was used for something else.
    #[error("the Idempotency-Key was used for another request")]
    IdempotencyMismatch,
    /// The idempotency key is needed and missing.
    #[error("an Idempotency-Key header is required here, for money moves")]
    IdempotencyRequired,
    /// The same request is still being worked on.
    #[error("the same request is still being worked on")]
    Busy,
    /// No payment provider is set up.
    #[error("payments by a provider are not set up here")]
    NoProvider,
    /// The payment provider cannot be asked, or its answer is unknown: asking again with the same key is right.
    #[error("the payment provider does not answer at the moment")]
    ProviderAway(#[source] ProviderError),
    /// The payment provider has refused.
    #[error("the payment provider has refused it: {0}")]
    ProviderRefused(#[source] ProviderError),
    /// The chain does not answer, or not in time.
    #[error("the chain does not answer at the moment")]
    ChainAway(String),
    /// What claims to come from the provider does not, or cannot be read.
    #[error("the event is not accepted: {0}")]
    Webhook(#[from] WebhookRefusal),
    /// The primary failed.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// An answer cannot be written as JSON.
    #[error("an answer cannot be written: {0}")]
    Unwritable(#[source] serde_json::Error),
    /// A password cannot be hashed.
    #[error("a password cannot be hashed: {0}")]
    Hashing(String),
}

/// What a failure of the primary means to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The row was changed meanwhile; reading it again helps.
    Changed,
    /// The primary does not answer.
    Unreachable,
    /// Too many changes of the same rows at once.
    Contention,
    /// The primary is full, locked or too slow at the moment.
    Overloaded,
    /// The primary waits for its operator, who can do this.
    Operator(&'static str),
    /// Whether it was done is unknown.
    OutcomeUnknown,
    /// What was asked for holds a value that this release cannot read.
    Unreadable,
    /// None that the caller could do anything about.
    Other,
}

impl AppError {
    /// What the failure means to the caller.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Records(RecordsError::Changed { .. }) => Trouble::Changed,
            Self::Records(RecordsError::Unavailable(_) | RecordsError::Elsewhere(_)) => Trouble::Unreachable,
            Self::Records(RecordsError::Later(_)) => Trouble::Overloaded,
            Self::Records(RecordsError::Operator { hint, .. }) => Trouble::Operator(hint),
            Self::Records(RecordsError::Again(_) | RecordsError::Raced(_)) => Trouble::Contention,
            Self::Records(RecordsError::Unknown(_)) => Trouble::OutcomeUnknown,
            Self::Records(RecordsError::Unreadable(_)) => Trouble::Unreadable,
            _ => Trouble::Other,
        }
    }

    /// What is said of a value that cannot be read; none of another error.
    #[must_use]
    pub fn unreadable(&self) -> Option<String> {
        match self {
            Self::Records(RecordsError::Unreadable(value)) => Some(crate::paging::unreadable(&value.column)),
            _ => None,
        }
    }

    pub(crate) const fn unwritable(error: serde_json::Error) -> Self {
        Self::Unwritable(error)
    }

    /// One field that is refused.
    #[must_use]
    pub fn field(pointer: &str, detail: impl ToString) -> Self {
        Self::Validation(vec![FieldError { pointer: pointer.to_owned(), detail: detail.to_string() }])
    }
}

impl Retryable for AppError {
    fn is_again(&self) -> bool {
        matches!(self, Self::Records(error) if error.is_again())
    }
}

impl From<Refusal> for AppError {
    fn from(refusal: Refusal) -> Self {
        Self::Conflict {
            current: refusal.current.to_owned(),
            allowed: refusal.allowed.iter().map(|&action| action.to_owned()).collect(),
            detail: refusal.to_string(),
        }
    }
}

impl From<ProviderError> for AppError {
    fn from(error: ProviderError) -> Self {
        match error.class() {
            ErrorClass::RetryLater | ErrorClass::OutcomeUnknown => Self::ProviderAway(error),
            ErrorClass::Refused => Self::ProviderRefused(error),
        }
    }
}
