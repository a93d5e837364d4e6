//! Lines of an invoice: what is invoiced, at which price, with which discount and tax.
//!
//! A line that takes something back has a negative quantity; prices are never negative, as in the European standard for
//! electronic invoices (EN 16931, rule BR-27).

use std::fmt::Write as _;

use super::NoTotal;
use crate::{
    money::{BadAmount, Currency, MOST_MINOR, scaled},
    states::TaxCategory,
};

/// Millionths of one, in quantities and in parts of a minor unit; and of the whole, in rates: 1 % is 10,000 of them.
pub const MILLION: i64 = 1_000_000;
/// Decimals of a quantity and of a unit price.
const DECIMALS: usize = 6;
/// The largest amount of a line: two hundred of them stay far from the end of i64.
const MOST_OF_A_LINE: i64 = 10 * MOST_MINOR;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What was done.
    pub description: String,
    /// What the quantity counts, as `hour`.
    pub unit: Option<String>,
    /// How much of it, in millionths; negative for what is taken back, never 0.
    pub quantity_micro: i64,
    /// Price of one.
    pub unit_price: UnitPrice,
    /// What is taken off the line.
    pub discount: Option<Discount>,
    /// How it is taxed.
    pub tax_category: TaxCategory,
    /// Tax in millionths (190,000 = 19 %); 0 unless the category is STANDARD.
    pub tax_rate_ppm: i64,
    /// Why there is no tax.
    pub tax_reason: Option<String>,
}

impl Line {
    /// Quantity times price, rounded once.
    ///
    /// # Errors
    /// When it is too large.
    pub fn extended(&self) -> Result<i64, NoTotal> {
        let exact =
            self.unit_price.millionths().checked_mul(i128::from(self.quantity_micro)).ok_or(NoTotal::TooLarge)?;
        let whole = i128::from(MILLION) * i128::from(MILLION);
        let half = exact.signum() * (whole / 2);
        let rounded = exact.checked_add(half).ok_or(NoTotal::TooLarge)? / whole;
        let minor = i64::try_from(rounded).map_err(|_| NoTotal::TooLarge)?;
        if minor.abs() > MOST_OF_A_LINE { Err(NoTotal::TooLarge) } else { Ok(minor) }
    }

    /// What is taken off, with the sign of the line.
    ///
    /// # Errors
    /// When it is more than the line.
    pub fn discount_minor(&self) -> Result<i64, NoTotal> {
        let extended = self.extended()?;
        self.discount.map_or(Ok(0), |discount| discount.of(extended).ok_or(NoTotal::LineDiscount))
    }

    /// Quantity times price, less the discount.
    ///
    /// # Errors
    /// When it is too large, or the discount is more than the line.
    pub fn amount(&self) -> Result<i64, NoTotal> {
        Ok(self.extended()? - self.discount_minor()?)
    }
}

/// What is taken off a line or an invoice. It brings an amount nearer to zero, at most to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discount {
    /// So many minor units, above 0.
    Amount(i64),
    /// So many millionths of the amount (100,000 = 10 %).
    Percent(i64),
}

impl Discount {
    /// What it is of an amount, with the amount's sign; none when it is more than the amount.
    #[must_use]
    pub fn of(self, amount: i64) -> Option<i64> {
        match self {
            Self::Amount(minor) => (minor <= amount.abs()).then_some(amount.signum() * minor),
            Self::Percent(ppm) => scaled(amount, ppm, MILLION),
        }
    }

    /// A discount as it is stored: its amount with the sign of what it lowers, and its share where it was given as one.
    #[must_use]
    pub fn stored(minor: i64, ppm: Option<i64>) -> Option<Self> {
        match ppm {
            Some(ppm) => Some(Self::Percent(ppm)),
            None => (minor != 0).then_some(Self::Amount(minor.abs())),
        }
    }

    /// The share, where it is one.
    #[must_use]
    pub const fn ppm(self) -> Option<i64> {
        match self {
            Self::Percent(ppm) => Some(ppm),
            Self::Amount(_) => None,
        }
    }
}

/// The price of one: a rate, which may be finer than an amount of its currency. Never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitPrice {
    /// Whole minor units.
    pub minor: i64,
    /// Millionths of a minor unit beside them.
    pub micro: i64,
}

/// Why a unit price is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPrice {
    /// Not a plain decimal number, or too large.
    #[error(transparent)]
    Amount(#[from] BadAmount),
    /// Too many decimals.
    #[error("has more than {DECIMALS} decimals: at most {DECIMALS} are accepted of a unit price")]
    TooPrecise,
}

impl UnitPrice {
    /// A price of whole minor units.
    #[must_use]
    pub const fn of_minor(minor: i64) -> Self {
        Self { minor, micro: 0 }
    }

    /// Reads a decimal price without a sign and with at most six decimals: `1250.00`, `7`, `0.004250`.
    ///
    /// # Errors
    /// When it is not written like that, or too large.
    pub fn parse(amount: &str, currency: Currency) -> Result<Self, BadPrice> {
        let (whole, fraction) = amount.split_once('.').unwrap_or((amount, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) || (whole.len() > 1 && whole.starts_with('0')) {
            return Err(BadAmount::Syntax.into());
        }
        if fraction.len() > DECIMALS {
            return Err(BadPrice::TooPrecise);
        }
        let exponent = currency.exponent() as usize;
        let padded = format!("{fraction:0<width$}", width = exponent + DECIMALS);
        let (of_minor, of_micro) = padded.split_at(exponent);
        let too_large = |_| BadPrice::Amount(BadAmount::TooLarge);
        let minor: i64 = format!("{whole}{of_minor}").parse().map_err(too_large)?;
        let micro: i64 = of_micro[..DECIMALS].parse().map_err(too_large)?;
        if minor > MOST_MINOR { Err(BadAmount::TooLarge.into()) } else { Ok(Self { minor, micro }) }
    }

    /// The price as a decimal number: with all decimals of its currency, and more where it has them.
    #[must_use]
    pub fn amount(&self, currency: Currency) -> String {
        let money = crate::money::Money { minor: self.minor, currency };
        let mut text = money.amount();
        if self.micro != 0 {
            let micro = format!("{:06}", self.micro);
            let point = if currency.exponent() == 0 { "." } else { "" };
            write!(text, "{point}{}", micro.trim_end_matches('0')).expect("a string takes text");
        }
        text
    }

    /// All of it in millionths of a minor unit.
    fn millionths(self) -> i128 {
        i128::from(self.minor) * i128::from(MILLION) + i128::from(self.micro)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        code.parse().expect("a known currency")
    }

    fn line(quantity_micro: i64, price: &str, discount: Option<Discount>) -> Line {
        Line {
            description: "work".to_owned(),
            unit: None,
            quantity_micro,
            unit_price: UnitPrice::parse(price, currency("EUR")).expect("a price"),
            discount,
            tax_category: TaxCategory::Zero,
            tax_rate_ppm: 0,
            tax_reason: None,
        }
    }

    #[test]
    fn prices_are_finer_than_amounts() {
        for (text, code, minor, micro, written) in [
            ("1250", "EUR", 125_000, 0, "1250.00"),
            ("0.00425", "USD", 0, 425_000, "0.00425"),
            ("0.000001", "USD", 0, 100, "0.000001"),
            ("7.5", "JPY", 7, 500_000, "7.5"),
            ("7.000001", "JPY", 7, 1, "7.000001"),
            ("1.2345", "BHD", 1234, 500_000, "1.2345"),
            ("1.23", "BHD", 1230, 0, "1.230"),
            ("1.230000", "EUR", 123, 0, "1.23"),
        ] {
            let price = UnitPrice::parse(text, currency(code)).expect("it is accepted");
            assert_eq!((price.minor, price.micro), (minor, micro), "{text} {code}");
            assert_eq!(price.amount(currency(code)), written);
            assert_eq!(UnitPrice::parse(written, currency(code)), Ok(price));
        }
        for bad in ["", "-1", "1e2", "1.", ".5", "01", " 1", "NaN", "1,5"] {
            assert_eq!(UnitPrice::parse(bad, currency("EUR")), Err(BadPrice::Amount(BadAmount::Syntax)), "{bad}");
        }
        assert_eq!(UnitPrice::parse("1.0000001", currency("EUR")), Err(BadPrice::TooPrecise));
        for large in ["10000000000000.01", "99999999999999999999"] {
            assert_eq!(UnitPrice::parse(large, currency("EUR")), Err(BadPrice::Amount(BadAmount::TooLarge)));
        }
    }

    #[test]
    fn a_line_rounds_once_and_away_from_zero_at_half() {
        assert_eq!(line(1_500_000, "0.01", None).amount(), Ok(2));
        assert_eq!(line(-1_500_000, "0.01", None).amount(), Ok(-2));
        assert_eq!(line(1_234_567_000_000, "0.004250", None).amount(), Ok(524_691));
        assert_eq!(line(333_333, "0.03", None).amount(), Ok(1));
        assert_eq!(line(1, "0.01", None).amount(), Ok(0));
        assert_eq!(line(i64::MAX, "10000000000000", None).amount(), Err(NoTotal::TooLarge));
    }

    #[test]
    fn a_discount_brings_a_line_nearer_to_zero() {
        let tenth = Some(Discount::Percent(100_000));
        assert_eq!(line(1_000_000, "1.05", tenth).amount(), Ok(94));
        assert_eq!(line(-1_000_000, "1.05", tenth).amount(), Ok(-94));
        assert_eq!(line(-1_000_000, "1.05", Some(Discount::Amount(5))).amount(), Ok(-100));
        assert_eq!(line(1_000_000, "1.05", Some(Discount::Amount(105))).amount(), Ok(0));
        assert_eq!(line(1_000_000, "1.05", Some(Discount::Amount(106))).amount(), Err(NoTotal::LineDiscount));
        assert_eq!(Discount::stored(-5, None), Some(Discount::Amount(5)));
        assert_eq!(Discount::stored(0, None), None);
        assert_eq!(Discount::stored(0, Some(7)), Some(Discount::Percent(7)));
    }
}
