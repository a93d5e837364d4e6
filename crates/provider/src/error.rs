//! What goes wrong, and what the caller does about it.

use std::{error::Error, time::Duration};

use chainbill_domain::money::Money;

/// A call failed.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// No connection was made: nothing was sent.
    #[error("the payment provider cannot be reached")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// The provider failed several times in a row: nothing is sent until it is probed again.
    #[error("the payment provider is down: requests are suspended for {after:?}")]
    Suspended {
        /// For how long.
        after: Duration,
    },
    /// The request was sent, and no answer came in time. The effect may have taken place; the same key finds out.
    #[error("the payment provider did not answer in time")]
    NoAnswer(#[source] Box<dyn Error + Send + Sync>),
    /// The provider asks for another attempt: a rate limit (429), a request under the same key or lock (409), a fault of its own (5xx).
    #[error("the payment provider asks for another attempt later: {refusal}")]
    Busy {
        /// What it answered.
        refusal: Refusal,
        /// How long to wait, when it says so.
        after: Option<Duration>,
    },
    /// The provider refused: the same request is refused again.
    #[error("the payment provider refused: {0}")]
    Refused(Refusal),
    /// The amount cannot be represented: nothing was sent.
    #[error(transparent)]
    Amount(#[from] UnsupportedAmount),
    /// The request cannot be sent as it is: nothing was sent.
    #[error("{field} {problem}")]
    Invalid {
        /// The request's field.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The provider keeps a fault of its own as this key's answer: the effect may have taken place, and repetition gives the same.
    #[error("the payment provider keeps a fault of its own as the answer: {0}")]
    Indeterminate(Refusal),
    /// The answer cannot be read, or is not the one to this request: the effect may have taken place.
    #[error("the payment provider's answer cannot be used: {0}")]
    Unreadable(String),
}

/// What the caller does about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The same call with the same key, later: it settles what happened.
    RetryLater,
    /// Final. Another attempt needs another request and another key, or an operator who corrects the account's settings.
    Refused,
    /// Repetition gives no answer: the effect is looked up, or its event awaited.
    OutcomeUnknown,
}

impl ProviderError {
    /// What to do about it.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Unreachable(_) | Self::Suspended { .. } | Self::NoAnswer(_) | Self::Busy { .. } => {
                ErrorClass::RetryLater
            }
            Self::Refused(_) | Self::Amount(_) | Self::Invalid { .. } => ErrorClass::Refused,
            Self::Indeterminate(_) | Self::Unreadable(_) => ErrorClass::OutcomeUnknown,
        }
    }

    /// Whether the effect may have taken place all the same: a caller that gives up looks it up first.
    #[must_use]
    pub const fn may_have_taken_place(&self) -> bool {
        match self {
            Self::NoAnswer(_) | Self::Indeterminate(_) | Self::Unreadable(_) => true,
            // Rates are limited before the key is looked at.
            Self::Busy { refusal, .. } => refusal.status != 429,
            Self::Unreachable(_)
            | Self::Suspended { .. }
            | Self::Refused(_)
            | Self::Amount(_)
            | Self::Invalid { .. } => false,
        }
    }

    /// How long to wait at least before another attempt.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { after, .. } => *after,
            Self::Suspended { after } => Some(*after),
            _ => None,
        }
    }
}

/// An answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status}{}: {message}", code.as_ref().map(|code| format!(" {code}")).unwrap_or_default())]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The provider's code (`amount_too_small`, `charge_already_refunded`, `lock_timeout`), or the kind of error where there is none.
    pub code: Option<String>,
    /// Its text, for operators: it may name parameters and ids.
    pub message: String,
    /// The provider's id of the request, for its support.
    pub request_id: Option<String>,
}

impl Refusal {
    /// Whether the account's settings are wrong rather than the request: the secret key or its permissions.
    #[must_use]
    pub const fn is_configuration(&self) -> bool {
        matches!(self.status, 401 | 403)
    }
}

/// An amount that the provider cannot take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnsupportedAmount {
    /// Nothing, or less.
    #[error("{0} cannot be paid by the provider: the amount must be positive")]
    NotPositive(Money),
    /// The provider has no payments in this currency.
    #[error("{0} cannot be paid by the provider: it has no payments in this currency")]
    Currency(Money),
    /// The provider takes coarser units of this currency.
    #[error("{0} cannot be paid by the provider: in this currency it takes multiples of {1}")]
    TooPrecise(Money, Money),
    /// More than the provider takes at once.
    #[error("{0} cannot be paid by the provider: at most {1} can")]
    TooLarge(Money, Money),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_class() {
        let refusal = |status| Refusal { status, code: None, message: String::new(), request_id: None };
        let busy = |status| ProviderError::Busy { refusal: refusal(status), after: Some(Duration::from_secs(3)) };
        let euro = Money { minor: 0, currency: "EUR".parse().unwrap() };
        for (error, class, may_have_taken_place) in [
            (ProviderError::Unreachable("refused".into()), ErrorClass::RetryLater, false),
            (ProviderError::Suspended { after: Duration::from_secs(3) }, ErrorClass::RetryLater, false),
            (ProviderError::NoAnswer("late".into()), ErrorClass::RetryLater, true),
            (busy(429), ErrorClass::RetryLater, false),
            (busy(409), ErrorClass::RetryLater, true),
            (busy(500), ErrorClass::RetryLater, true),
            (ProviderError::Refused(refusal(402)), ErrorClass::Refused, false),
            (UnsupportedAmount::NotPositive(euro).into(), ErrorClass::Refused, false),
            (ProviderError::Invalid { field: "a", problem: "b" }, ErrorClass::Refused, false),
            (ProviderError::Indeterminate(refusal(500)), ErrorClass::OutcomeUnknown, true),
            (ProviderError::Unreadable(String::new()), ErrorClass::OutcomeUnknown, true),
        ] {
            assert_eq!((error.class(), error.may_have_taken_place()), (class, may_have_taken_place), "{error}");
            let waits = matches!(error, ProviderError::Busy { .. } | ProviderError::Suspended { .. });
            assert_eq!(error.retry_after(), waits.then_some(Duration::from_secs(3)), "{error}");
        }
    }
}
