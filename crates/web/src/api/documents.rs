//! Fields of mirrored documents in the API's form: moments as RFC 3339, money as a decimal with its currency. A field of
//! another type than the synchronisation writes reads as absent; the next comparison repairs it.

use std::collections::BTreeMap;

use chainbill_app::{MoneyView, moment};
use chainbill_domain::{Document, Value, money::Money};
use chrono::DateTime;
use serde::Serialize;

/// Money as a mirrored document holds it.
#[derive(Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct StoredMoney {
    /// A decimal number with all decimals of the currency; null for a currency whose decimals this release does not know.
    pub amount: Option<String>,
    /// The ISO 4217 code.
    pub currency: String,
}

pub(crate) fn text(document: &Document, field: &str) -> Option<String> {
    match document.get(field) {
        Some(Value::Text(text) | Value::Foreign(text)) => Some(text.clone()),
        _ => None,
    }
}

pub(crate) fn integer(document: &Document, field: &str) -> Option<i64> {
    match document.get(field) {
        Some(Value::Int(number)) => Some(*number),
        _ => None,
    }
}

pub(crate) fn flag(document: &Document, field: &str) -> Option<bool> {
    match document.get(field) {
        Some(Value::Bool(flag)) => Some(*flag),
        _ => None,
    }
}

pub(crate) fn moment_of(document: &Document, field: &str) -> Option<String> {
    match document.get(field) {
        Some(Value::Time(millis)) => DateTime::from_timestamp_millis(*millis).map(moment),
        _ => None,
    }
}

/// An embedded document.
pub(crate) fn fields<'d>(document: &'d Document, field: &str) -> Option<&'d Document> {
    match document.get(field) {
        Some(Value::Map(inner)) => Some(inner),
        _ => None,
    }
}

/// The embedded documents of a list.
pub(crate) fn items<'d>(document: &'d Document, field: &str) -> impl Iterator<Item = &'d Document> {
    let items = match document.get(field) {
        Some(Value::List(items)) => items.as_slice(),
        _ => &[],
    };
    items.iter().filter_map(|item| match item {
        Value::Map(inner) => Some(inner),
        _ => None,
    })
}

/// Every text of a document by name.
pub(crate) fn texts(document: &Document) -> BTreeMap<String, String> {
    document.0.iter().filter_map(|(name, _)| Some((name.to_string(), text(document, name)?))).collect()
}

pub(crate) fn money(document: &Document, field: &str) -> Option<StoredMoney> {
    let inner = fields(document, field)?;
    let (minor, currency) = (integer(inner, "minor")?, text(inner, "currency")?);
    // The decimals of an unknown currency are unknown: no amount is better than a wrong one.
    let Ok(known) = currency.parse() else { return Some(StoredMoney { amount: None, currency }) };
    let MoneyView { amount, currency } = Money { minor, currency: known }.into();
    Some(StoredMoney { amount: Some(amount), currency })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_keeps_its_shape_whatever_its_currency_is() {
        let written = |currency: &str| {
            let fields = [("minor", Value::Int(12345)), ("currency", Value::Text(currency.to_owned()))];
            let inner = Document(fields.into_iter().map(|(name, value)| (name.into(), value)).collect());
            money(&Document(vec![("budget".into(), Value::Map(inner))]), "budget").unwrap()
        };
        let stored = |amount: Option<&str>, currency: &str| StoredMoney {
            amount: amount.map(str::to_owned),
            currency: currency.to_owned(),
        };
        assert_eq!(written("EUR"), stored(Some("123.45"), "EUR"));
        assert_eq!(written("BGN"), stored(Some("123.45"), "BGN"));
        assert_eq!(written("QQQ"), stored(None, "QQQ"));
    }
}
