//! Money: whole minor units and a currency, checked arithmetic, never floats.

use std::{fmt, str::FromStr};

/// An ISO 4217 currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

/// Not a currency that money can be kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a currency: an ISO 4217 code such as USD, EUR or JPY is accepted")]
pub struct UnknownCurrency;

impl Currency {
    /// The three-letter code.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a currency is made from three ASCII letters")
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(text: &str) -> Result<Self, UnknownCurrency> {
        match text.as_bytes() {
            &[a, b, c] if text.bytes().all(|x| x.is_ascii_uppercase()) => Ok(Self([a, b, c])),
            _ => Err(UnknownCurrency),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount in minor units (cents, yen, fils) of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// Minor units.
    pub minor: i64,
    /// Currency.
    pub currency: Currency,
}
