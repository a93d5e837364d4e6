//! Gathering what is wrong with a command, so that the caller gets everything at once.

use chainbill_domain::money::{Currency, Money, WrittenMoney};
use serde::{Deserialize, Deserializer};

use crate::{AppError, FieldError};

/// What was found wrong so far.
#[derive(Default)]
pub(crate) struct Check {
    errors: Vec<FieldError>,
}

impl Check {
    /// The value, or a note of what is wrong with it.
    pub fn field<T, E: ToString>(&mut self, pointer: impl Into<String>, value: Result<T, E>) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(error) => {
                self.refuse(pointer, error.to_string());
                None
            }
        }
    }

    /// The value of an optional field.
    pub fn optional<T, E: ToString>(&mut self, pointer: impl Into<String>, value: Option<Result<T, E>>) -> Option<T> {
        value.and_then(|value| self.field(pointer, value))
    }

    pub fn refuse(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.errors.push(FieldError { pointer: pointer.into(), detail: detail.into() });
    }

    pub fn refuse_unless(&mut self, fine: bool, pointer: &str, detail: &str) {
        if !fine {
            self.refuse(pointer, detail);
        }
    }

    /// New money, in a currency in use, or in the one currency where there must be one.
    pub fn money(&mut self, pointer: &str, written: &WrittenMoney, only: Option<Currency>) -> Option<Money> {
        let currency = self.in_currency(pointer, &written.currency, only)?;
        self.field(format!("{pointer}/amount"), Money::parse(&written.amount, currency))
    }

    /// The currency of new money: one in use, or the one where there must be one.
    pub fn in_currency(&mut self, pointer: &str, code: &str, only: Option<Currency>) -> Option<Currency> {
        let currency = match only {
            Some(_) => code.parse::<Currency>(),
            None => Currency::for_new(code),
        };
        let currency = self.field(format!("{pointer}/currency"), currency)?;
        if let Some(only) = only.filter(|only| *only != currency) {
            self.refuse(format!("{pointer}/currency"), format!("is {currency}: the invoice is in {only}"));
            return None;
        }
        Some(currency)
    }

    /// The refusal of what was found wrong.
    pub fn refused(self) -> AppError {
        AppError::Validation(self.errors)
    }

    /// The values, when nothing is wrong.
    pub fn finish<T>(self, values: Option<T>) -> Result<T, AppError> {
        match values {
            Some(values) if self.errors.is_empty() => Ok(values),
            _ => Err(self.refused()),
        }
    }
}

/// A decimal number of so many decimals, such as `1.5` → 1500 of three.
pub(crate) fn decimal(text: &str, places: u32, most: i64) -> Result<i64, String> {
    unsigned(text, places, most).ok_or_else(|| {
        format!("is not accepted: a number from 0 to {} with at most {places} decimals is", written(most, places, 0))
    })
}

/// The same of either sign.
pub(crate) fn signed_decimal(text: &str, places: u32, most: i64) -> Result<i64, String> {
    let (is_negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let number = unsigned(digits, places, most).map(|number| if is_negative { -number } else { number });
    let most = || written(most, places, 0);
    number
        .ok_or_else(|| format!("is not accepted: a number from -{0} to {0} with at most {places} decimals is", most()))
}

fn unsigned(text: &str, places: u32, most: i64) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let good = !whole.is_empty()
        && digits(whole)
        && digits(fraction)
        && (whole.len() == 1 || !whole.starts_with('0'))
        && fraction.len() <= places as usize
        && text.contains('.') != fraction.is_empty();
    let number = good.then(|| format!("{whole}{fraction:0<width$}", width = places as usize).parse::<i64>().ok());
    number.flatten().filter(|number| *number <= most)
}

/// Writes such a number, with at least so many decimals.
pub(crate) fn written(number: i64, places: u32, least: usize) -> String {
    let unit = 10_u64.pow(places);
    let (sign, number) = (if number < 0 { "-" } else { "" }, number.unsigned_abs());
    let decimals = format!("{:0width$}", number % unit, width = places as usize);
    let decimals = format!("{:0<least$}", decimals.trim_end_matches('0'));
    let point = if decimals.is_empty() { "" } else { "." };
    format!("{sign}{}{point}{decimals}", number / unit)
}

/// A field of a patch that can be changed and not emptied: absent or a value.
///
/// # Errors
/// Those of the value, and when it is null.
pub fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let value = Option::<T>::deserialize(deserializer)?;
    value.map(Some).ok_or_else(|| serde::de::Error::custom("is null: this field can be changed, and not emptied"))
}

/// A field of a patch: absent, null or a value.
///
/// # Errors
/// Those of the value.
pub fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_are_read() {
        for (text, places, least, number, again) in [
            ("1.5", 6, 3, 1_500_000, "1.500"),
            ("0.000001", 6, 3, 1, "0.000001"),
            ("-12", 6, 3, -12_000_000, "-12.000"),
            ("8.875", 4, 2, 88_750, "8.875"),
            ("19", 4, 2, 190_000, "19.00"),
            ("100", 4, 0, 1_000_000, "100"),
            ("999999999999.999999", 6, 3, 999_999_999_999_999_999, "999999999999.999999"),
        ] {
            assert_eq!(signed_decimal(text, places, i64::MAX), Ok(number), "{text}");
            assert_eq!(written(number, places, least), again);
        }
        for bad in ["", "-", "--1", "+1", "01", "1.", ".5", "1e2", "1,5", "1.0000001", "1000000000000", "NaN"] {
            assert!(signed_decimal(bad, 6, 999_999_999_999_999_999).is_err(), "{bad}");
        }
        assert!(decimal("-1", 6, 10).is_err());
    }
}
