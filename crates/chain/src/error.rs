//! What a chain may answer instead of its effect.

use std::io;

use crate::notary::Fault;

/// What an error means to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// Whether it took effect is unknown: [`crate::Chain::status`] decides.
    Ambiguous,
    /// It took no effect and may succeed later.
    RetryLater,
    /// It took no effect, and the same request never will.
    Refused,
    /// It took no effect, and an operator has to change something first.
    Misconfigured,
}

/// Why a chain has not answered as it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The answer was lost after the request may have been carried out.
    #[error("whether it took effect is unknown: {0}")]
    Ambiguous(String),
    /// The notary's files cannot be used at the moment.
    #[error("{action}: {error}")]
    Io {
        /// What could not be done, with the file.
        action: String,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Another process holds the notary for longer than the deadline.
    #[error("another process holds the notary")]
    Busy,
    /// The chain does not accept it.
    #[error("the chain refuses it: {0}")]
    Refused(String),
    /// It belongs to another chain, or another notary.
    #[error("it is of the chain {0}, this one is {1}")]
    OtherChain(String, String),
    /// The notary's log or key does not verify.
    #[error("the notary does not verify: {0}")]
    Faulty(#[from] Fault),
}

impl ChainError {
    /// What it means to the caller.
    #[must_use]
    pub const fn class(&self) -> ErrorClass {
        match self {
            Self::Ambiguous(_) => ErrorClass::Ambiguous,
            Self::Io { .. } | Self::Busy => ErrorClass::RetryLater,
            Self::Refused(_) => ErrorClass::Refused,
            Self::OtherChain(..) | Self::Faulty(_) => ErrorClass::Misconfigured,
        }
    }

    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |error| Self::Io { action, error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_class() {
        let io = ChainError::io("log")(io::Error::other("full"));
        for (error, class) in [
            (ChainError::Ambiguous("lost".to_owned()), ErrorClass::Ambiguous),
            (io, ErrorClass::RetryLater),
            (ChainError::Busy, ErrorClass::RetryLater),
            (ChainError::Refused("no".to_owned()), ErrorClass::Refused),
            (ChainError::OtherChain("a".to_owned(), "b".to_owned()), ErrorClass::Misconfigured),
            (ChainError::Faulty(Fault::Key("no key".to_owned())), ErrorClass::Misconfigured),
        ] {
            assert_eq!(error.class(), class, "{error}");
        }
    }
}
