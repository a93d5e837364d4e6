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
        let currency = match only {
            Some(_) => written.currency.parse::<Currency>(),
            None => Currency::for_new(&written.currency),
        };
        let currency = self.field(format!("{pointer}/currency"), currency)?;
        if let Some(only) = only.filter(|only| *only != currency) {
            self.refuse(format!("{pointer}/currency"), format!("is {currency}: the invoice is in {only}"));
            return None;
        }
        self.field(format!("{pointer}/amount"), Money::parse(&written.amount, currency))
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

/// A decimal number of thousandths or hundredths, such as `1.5` → 1500.
pub(crate) fn decimal(text: &str, places: u32, most: i64) -> Result<i64, String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let good = !whole.is_empty()
        && digits(whole)
        && digits(fraction)
        && (whole.len() == 1 || !whole.starts_with('0'))
        && fraction.len() <= places as usize
        && text.contains('.') != fraction.is_empty();
    let number = good.then(|| format!("{whole}{fraction:0<width$}", width = places as usize).parse::<i64>().ok());
    match number.flatten() {
        Some(number) if number <= most => Ok(number),
        _ => Err(format!(
            "is not accepted: a number from 0 to {} with at most {places} decimals is",
            most / 10_i64.pow(places)
        )),
    }
}

/// Writes such a number.
pub(crate) fn written(number: i64, places: u32) -> String {
    let unit = 10_i64.pow(places);
    format!("{}.{:0width$}", number / unit, number % unit, width = places as usize)
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
