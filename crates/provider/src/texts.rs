//! Identifiers of the provider and of the caller, one type each.

use std::{fmt, str::FromStr};

/// A text that is no identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not {what}: 1 to {longest} {accepted} are accepted")]
pub struct InvalidText {
    what: &'static str,
    longest: usize,
    accepted: &'static str,
}

/// Letters of an identifier that is a segment of a path too.
const PLAIN: (&str, fn(u8) -> bool) =
    ("ASCII letters, digits, - and _", |byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
/// Letters of an identifier that is a header's or a form's value.
const VISIBLE: (&str, fn(u8) -> bool) = ("visible ASCII characters", |byte| byte.is_ascii_graphic());

fn checked(
    text: &str,
    what: &'static str,
    longest: usize,
    (accepted, is_accepted): (&'static str, fn(u8) -> bool),
) -> Result<(), InvalidText> {
    let fits = (1..=longest).contains(&text.len()) && text.bytes().all(is_accepted);
    if fits { Ok(()) } else { Err(InvalidText { what, longest, accepted }) }
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $longest:literal, $letters:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Checks a text.
            ///
            /// # Errors
            /// When it is empty, too long, or has other letters.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidText> {
                let text = text.into();
                checked(&text, $what, $longest, $letters).map(|()| Self(text))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidText;

            fn from_str(text: &str) -> Result<Self, InvalidText> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text!(
    /// The provider's id of a checkout.
    CheckoutId, "the id of a checkout", 255, PLAIN
);
text!(
    /// The provider's id of a payment: what a refund refers to.
    PaymentId, "the id of a payment", 255, PLAIN
);
text!(
    /// The provider's id of a refund.
    RefundId, "the id of a refund", 255, PLAIN
);
text!(
    /// The provider's id of a dispute.
    DisputeId, "the id of a dispute", 255, PLAIN
);
text!(
    /// The provider's id of an event. Repeated deliveries have the same: it is what they are deduplicated by.
    EventId, "the id of an event", 255, PLAIN
);
text!(
    /// The caller's id of a checkout or refund, opaque to the provider, who returns it with each answer and event.
    Reference, "a reference", 200, VISIBLE
);
text!(
    /// The caller's key of one effect: unique to it, and stored before the call, so that a repetition after a crash has the same.
    IdempotencyKey, "an idempotency key", 255, VISIBLE
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_bounded_and_plain() {
        assert!(CheckoutId::new("cs_test_a1B2").is_ok());
        for bad in ["", "a/b", "..", "a b", "a\n", "a?b", "é", &"a".repeat(256)] {
            assert!(CheckoutId::new(bad).is_err(), "{bad:?}");
        }
        assert!(IdempotencyKey::new("refund:7/1").is_ok());
        for bad in ["", "a b", "a\r\nX: y", "é", &"a".repeat(256)] {
            assert!(IdempotencyKey::new(bad).is_err(), "{bad:?}");
        }
        assert_eq!(
            Reference::new("").unwrap_err().to_string(),
            "is not a reference: 1 to 200 visible ASCII characters are accepted"
        );
    }
}
