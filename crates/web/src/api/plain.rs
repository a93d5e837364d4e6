//! Documents of the copies as the API writes things: moments as RFC 3339, money as a decimal with its currency.

use chainbill_app::{MoneyView, moment};
use chainbill_domain::{Document, Value, money::Money};
use chrono::DateTime;
use serde_json::{Map, Value as Json, json};

/// A document in the API's form.
pub(crate) fn plain(document: &Document) -> Map<String, Json> {
    document.0.iter().map(|(name, value)| (name.to_string(), of(value))).collect()
}

fn of(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Int(number) => json!(number),
        Value::Text(text) | Value::Foreign(text) => Json::String(text.clone()),
        Value::Time(millis) => DateTime::from_timestamp_millis(*millis).map_or(Json::Null, |at| moment(at).into()),
        Value::List(items) => items.iter().map(of).collect(),
        Value::Map(inner) => money(inner).unwrap_or_else(|| Json::Object(plain(inner))),
    }
}

fn money(document: &Document) -> Option<Json> {
    let (Some(Value::Int(minor)), Some(Value::Text(currency)), 2) =
        (document.get("minor"), document.get("currency"), document.0.len())
    else {
        return None;
    };
    let MoneyView { amount, currency } = Money { minor: *minor, currency: currency.parse().ok()? }.into();
    Some(json!({"amount": amount, "currency": currency}))
}
