//! Documents as JSON text, for places that keep text: the embedded second database and waiting events.
//!
//! Integers, texts, flags, nulls, lists and maps are themselves; a moment is `{"$date": milliseconds}`. Field names come
//! from descriptions and never begin with `$`, so the reading is unambiguous.

use serde_json::{Map, Number, Value as Json};

use crate::document::{Document, Value};

const DATE: &str = "$date";

/// A document as a JSON object, fields in order.
#[must_use]
pub fn to_json(document: &Document) -> Json {
    Json::Object(document.0.iter().map(|(name, value)| (name.to_string(), value_to_json(value))).collect())
}

fn value_to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Int(number) => Json::Number(Number::from(*number)),
        Value::Text(text) => Json::String(text.clone()),
        Value::Time(millis) => Json::Object(Map::from_iter([(DATE.to_owned(), Json::from(*millis))])),
        Value::List(items) => Json::Array(items.iter().map(value_to_json).collect()),
        Value::Map(inner) => to_json(inner),
        Value::Foreign(text) => Json::String(text.clone()),
    }
}

/// Reads a JSON object back; whatever no encoder writes becomes [`Value::Foreign`].
#[must_use]
pub fn from_json(object: Map<String, Json>) -> Document {
    Document(object.into_iter().map(|(name, json)| (name.into(), value_from_json(json))).collect())
}

fn value_from_json(json: Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(flag),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => Value::Int(integer),
            None => Value::Foreign(format!("number:{number}")),
        },
        Json::String(text) => Value::Text(text),
        Json::Array(items) => Value::List(items.into_iter().map(value_from_json).collect()),
        Json::Object(object) => match (object.len(), object.get(DATE).and_then(Json::as_i64)) {
            (1, Some(millis)) => Value::Time(millis),
            _ => Value::Map(from_json(object)),
        },
    }
}
