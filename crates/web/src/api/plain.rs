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
    // How many decimals a currency has that this release does not know is not known either: no amount is better than a wrong one.
    let Ok(known) = currency.parse() else { return Some(json!({"amount": null, "currency": currency})) };
    let MoneyView { amount, currency } = Money { minor: *minor, currency: known }.into();
    Some(json!({"amount": amount, "currency": currency}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_keeps_its_shape_whatever_its_currency_is() {
        let written = |currency: &str| {
            let fields = [("minor", Value::Int(12345)), ("currency", Value::Text(currency.to_owned()))];
            of(&Value::Map(Document(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())))
        };
        assert_eq!(written("EUR"), json!({"amount": "123.45", "currency": "EUR"}));
        assert_eq!(written("BGN"), json!({"amount": "123.45", "currency": "BGN"}));
        assert_eq!(written("QQQ"), json!({"amount": null, "currency": "QQQ"}));
    }
}
