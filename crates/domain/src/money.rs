//! Money: whole minor units and a currency, checked arithmetic, never floats.
//!
//! **Rounding.** There is one rule, half up, away from zero at exactly half; sums are exact. Where it is applied to an invoice,
//! `invoice::totals` decides. It is what European VAT law and most invoicing programs do, and what a reader checks by hand.

use std::fmt;

use serde::{Deserialize, Serialize};

pub use crate::currency::{Currency, UnknownCurrency};

/// An amount in minor units (cents, yen, fils) of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// Minor units.
    pub minor: i64,
    /// Currency.
    pub currency: Currency,
}

/// Why an amount is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAmount {
    /// Not a plain decimal number.
    #[error("is not an amount: digits with at most one point, such as 1250.00, are accepted")]
    Syntax,
    /// More decimals than the currency has.
    #[error("has more decimals than {0} has: at most {1} are accepted")]
    TooPrecise(Currency, u32),
    /// More than can be kept.
    #[error("is too large: at most {MOST_MINOR} minor units are accepted")]
    TooLarge,
}

/// The largest single amount in minor units: 10^15, so that sums of thousands of amounts stay far from the end of i64.
pub const MOST_MINOR: i64 = 1_000_000_000_000_000;

impl Money {
    /// Reads a decimal amount without a sign: `1250.00`, `7`, `0.5`.
    ///
    /// # Errors
    /// When it is not written like that, too precise for the currency, or too large.
    pub fn parse(amount: &str, currency: Currency) -> Result<Self, BadAmount> {
        let (whole, fraction) = amount.split_once('.').unwrap_or((amount, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || (whole.len() > 1 && whole.starts_with('0')) {
            return Err(BadAmount::Syntax);
        }
        let exponent = currency.exponent();
        let fraction = if amount.contains('.') { fraction } else { "" };
        if fraction.len() > exponent as usize {
            return Err(BadAmount::TooPrecise(currency, exponent));
        }
        let padded = format!("{whole}{fraction:0<width$}", width = exponent as usize);
        let minor: i64 = padded.parse().map_err(|_| BadAmount::TooLarge)?;
        if minor > MOST_MINOR { Err(BadAmount::TooLarge) } else { Ok(Self { minor, currency }) }
    }

    /// The sum of two amounts of one currency; none when it does not fit, or the currencies differ.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let minor = self.minor.checked_add(other.minor).filter(|_| self.currency == other.currency)?;
        Some(Self { minor, ..self })
    }

    /// The opposite amount; none when it does not fit.
    #[must_use]
    pub const fn checked_neg(self) -> Option<Self> {
        match self.minor.checked_neg() {
            Some(minor) => Some(Self { minor, currency: self.currency }),
            None => None,
        }
    }

    /// The amount as a decimal number with all decimals of its currency.
    #[must_use]
    pub fn amount(&self) -> String {
        let exponent = self.currency.exponent();
        let sign = if self.minor < 0 { "-" } else { "" };
        let (minor, unit) = (self.minor.unsigned_abs(), 10_u64.pow(exponent));
        match exponent as usize {
            0 => format!("{sign}{minor}"),
            width => format!("{sign}{}.{:0width$}", minor / unit, minor % unit),
        }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency)
    }
}

/// Money as the API writes it: `{"amount":"1250.00","currency":"USD"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenMoney {
    /// A decimal number with at most the currency's decimals.
    pub amount: String,
    /// The ISO 4217 code.
    pub currency: String,
}

impl From<Money> for WrittenMoney {
    fn from(money: Money) -> Self {
        Self { amount: money.amount(), currency: money.currency.code().to_owned() }
    }
}

/// `amount * numerator / denominator`, half up; `None` when it does not fit.
#[must_use]
pub fn scaled(amount: i64, numerator: i64, denominator: i64) -> Option<i64> {
    if denominator <= 0 {
        return None;
    }
    let product = i128::from(amount) * i128::from(numerator);
    let half = i128::from(denominator) / 2;
    let rounded = if product >= 0 { product + half } else { product - half } / i128::from(denominator);
    i64::try_from(rounded).ok()
}

/// Splits an amount by weights with the largest remainder: the parts sum to the whole, and no part is more than one unit
/// from its exact share. Ties go to the earlier part. `None` when there is no positive weight, or one is negative.
#[must_use]
pub fn split(amount: i64, weights: &[i64]) -> Option<Vec<i64>> {
    if weights.iter().any(|weight| *weight < 0) { None } else { apportion(amount, weights) }
}

/// The same by weights of either sign, whose sum is positive: a negative weight gets a negative part.
#[must_use]
pub fn apportion(amount: i64, weights: &[i64]) -> Option<Vec<i64>> {
    let sum: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
    if sum <= 0 || amount < 0 {
        return None;
    }
    let exact = |weight: &i64| i128::from(amount) * i128::from(*weight);
    let mut parts: Vec<i64> =
        weights.iter().map(|weight| i64::try_from(exact(weight).div_euclid(sum))).collect::<Result<_, _>>().ok()?;
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&place| std::cmp::Reverse(exact(&weights[place]).rem_euclid(sum)));
    let missing = amount - parts.iter().sum::<i64>();
    for &place in order.iter().take(usize::try_from(missing).ok()?) {
        parts[place] += 1;
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn currency(code: &str) -> Currency {
        code.parse().expect("a known currency")
    }

    #[test]
    fn amounts_are_read_as_their_currency_writes_them() {
        let read = |amount, code| Money::parse(amount, currency(code)).map(|money| money.minor);
        assert_eq!(read("1250.00", "USD"), Ok(125_000));
        assert_eq!(read("7", "USD"), Ok(700));
        assert_eq!(read("0.5", "EUR"), Ok(50));
        assert_eq!(read("7", "JPY"), Ok(7));
        assert_eq!(read("1.234", "BHD"), Ok(1234));
        for bad in ["", "-1", "+1", "1e2", "NaN", "1.", ".5", "1,5", " 1", "01", "0x1", "1.2.3", "١", "inf"] {
            assert_eq!(read(bad, "USD"), Err(BadAmount::Syntax), "{bad}");
        }
        assert_eq!(read("7.0", "JPY"), Err(BadAmount::TooPrecise(currency("JPY"), 0)));
        assert_eq!(read("1.00000000000000000000", "USD"), Err(BadAmount::TooPrecise(currency("USD"), 2)));
        assert_eq!(read("99999999999999999999", "USD"), Err(BadAmount::TooLarge));
        assert_eq!(read("10000000000000.01", "USD"), Err(BadAmount::TooLarge));
    }

    #[test]
    fn a_half_is_rounded_up() {
        assert_eq!(scaled(5, 1, 2), Some(3));
        assert_eq!(scaled(-5, 1, 2), Some(-3));
        assert_eq!(scaled(1005, 1900, 10_000), Some(191));
        assert_eq!(scaled(i64::MAX, 2, 1), None);
    }

    #[test]
    fn sums_are_of_one_currency_and_fit() {
        let money = |minor, code| Money { minor, currency: currency(code) };
        assert_eq!(money(1, "EUR").checked_add(money(2, "EUR")), Some(money(3, "EUR")));
        assert_eq!(money(1, "EUR").checked_add(money(2, "USD")), None);
        assert_eq!(money(i64::MAX, "EUR").checked_add(money(1, "EUR")), None);
        assert_eq!(money(7, "EUR").checked_neg(), Some(money(-7, "EUR")));
        assert_eq!(money(i64::MIN, "EUR").checked_neg(), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(minor in 0..=MOST_MINOR, place in 0_usize..155) {
            let all: Vec<Currency> = Currency::all().collect();
            let money = Money { minor, currency: all[place % all.len()] };
            prop_assert_eq!(Money::parse(&money.amount(), money.currency), Ok(money));
        }

        #[test]
        fn parts_sum_to_the_whole(amount in 0..=MOST_MINOR, weights in prop::collection::vec(0_i64..10_000, 1..20)) {
            prop_assume!(weights.iter().sum::<i64>() > 0);
            let parts = split(amount, &weights).expect("weights are positive");
            prop_assert_eq!(parts.iter().sum::<i64>(), amount);
            let sum: i128 = weights.iter().map(|w| i128::from(*w)).sum();
            for (part, weight) in parts.iter().zip(&weights) {
                let exact = i128::from(amount) * i128::from(*weight);
                prop_assert!((i128::from(*part) * sum - exact).abs() < sum);
            }
        }

        #[test]
        fn parts_by_weights_of_either_sign_sum_to_the_whole(
            share in 0..=1000_i64,
            weights in prop::collection::vec(-10_000_i64..10_000, 1..20),
        ) {
            let sum = weights.iter().sum::<i64>();
            prop_assume!(sum > 0);
            let amount = sum * share / 1000;
            let parts = apportion(amount, &weights).expect("the weights have a positive sum");
            prop_assert_eq!(parts.iter().sum::<i64>(), amount);
            for (part, weight) in parts.iter().zip(&weights) {
                let exact = i128::from(amount) * i128::from(*weight);
                prop_assert!((i128::from(*part) * i128::from(sum) - exact).abs() < i128::from(sum));
            }
        }
    }
}
