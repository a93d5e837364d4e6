//! Documents as JSON text, for the embedded mirror and waiting events.
//!
//! Integers, texts, flags, nulls, lists and maps are themselves; a moment is `{"$date": milliseconds}`. Field names come
//! from descriptions and never begin with `$`, so the reading is unambiguous.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value as Json};

use crate::document::{Document, Value};

const DATE: &str = "$date";
const DOUBLED: &str = "$doubled";

/// A document as a JSON object, fields in order. A duplicate field, which only foreign writers leave, shows both values
/// as a list under the name `$doubled` within the field.
#[must_use]
pub fn to_json(document: &Document) -> Json {
    let mut object = Map::with_capacity(document.0.len());
    for (name, value) in &document.0 {
        if let Some(before) = object.insert(name.to_string(), value_to_json(value))
            && let Some(value) = object.get_mut(&**name)
        {
            let both = Json::Array(vec![before, value.take()]);
            *value = Json::Object(Map::from_iter([(DOUBLED.to_owned(), both)]));
        }
    }
    Json::Object(object)
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

/// Reads a stored document; `None` when the text is no JSON object. A duplicate field is read as a duplicate, so that
/// the document equals none of ours: readers of JSON disagree on which value counts.
#[must_use]
pub fn read(text: &[u8]) -> Option<Document> {
    match str::from_utf8(text) {
        Ok(text) => parse(text),
        Err(_) => read_broken(text),
    }
}

fn parse(text: &str) -> Option<Document> {
    match serde_json::from_str(text).ok()? {
        Read(Value::Map(document)) => Some(document),
        // At the top level, an object in the form of a moment is a document.
        Read(Value::Time(millis)) => Some(Document(vec![(DATE.into(), Value::Int(millis))])),
        Read(_) => None,
    }
}

/// Reads text that is not UTF-8, which SQLite stores too: strings with invalid bytes become foreign values, and the
/// others are read as they are.
fn read_broken(text: &[u8]) -> Option<Document> {
    let plain = String::from_utf8_lossy(text).to_ascii_lowercase();
    let unused = |mark: &char| !plain.contains(*mark) && !plain.contains(&format!("\\u{:04x}", u32::from(*mark)));
    let mark = ('\u{e000}'..'\u{f8ff}').find(unused)?;
    let mut marked = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        marked.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            marked.push(mark);
        }
    }
    let mut document = parse(&marked)?;
    document.0.iter_mut().for_each(|(_, value)| show_broken(value, mark));
    Some(document)
}

fn show_broken(value: &mut Value, mark: char) {
    match value {
        Value::Text(text) if text.contains(mark) => {
            *value = Value::Foreign(format!("unreadable:{}", text.replace(mark, "\u{fffd}")));
        }
        Value::List(items) => items.iter_mut().for_each(|item| show_broken(item, mark)),
        Value::Map(inner) => inner.0.iter_mut().for_each(|(_, value)| show_broken(value, mark)),
        _ => {}
    }
}

/// A value as read from JSON.
struct Read(Value);

impl<'de> Deserialize<'de> for Read {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Read)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(i64::try_from(number).map_or_else(|_| Value::Foreign(format!("number:{number}")), Value::Int))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        let text = Number::from_f64(number).map_or_else(|| number.to_string(), |number| number.to_string());
        Ok(Value::Foreign(format!("number:{text}")))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Read(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut document = Document::default();
        while let Some((name, Read(value))) = fields.next_entry::<String, Read>()? {
            document.0.push((Cow::Owned(name), value));
        }
        Ok(match document.0.as_slice() {
            [(name, Value::Int(millis))] if name == DATE => Value::Time(*millis),
            _ => Value::Map(document),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{from_json, read, to_json};
    use crate::document::{Document, Value};

    fn by_way_of_json(text: &str) -> Option<Document> {
        match serde_json::from_str(text).ok()? {
            serde_json::Value::Object(object) => Some(from_json(object)),
            _ => None,
        }
    }

    #[test]
    fn a_text_is_read_as_its_json_is() {
        for text in [
            r#"{"a":1,"b":null,"c":[true,"x",{"$date":-5},[]],"d":{"e":{}},"f":-9223372036854775808}"#,
            r#"{"a":1.5,"b":1e3,"c":-0,"d":1.0,"e":9223372036854775808,"f":1e300,"g":-0.0}"#,
            r#"{"$date":5}"#,
            r#"{"a":{"$date":5,"x":1},"b":{"$date":"5"},"c":{"$date":5.0},"d":{"$date":9223372036854775808}}"#,
            r#" { "\u0061" : "\ud83d\ude00\u0000" } "#,
            "{}",
            "[1]",
            "5",
            "",
            "{",
            "{} x",
            r#"{"a":1e999}"#,
        ] {
            assert_eq!(read(text.as_bytes()), by_way_of_json(text), "{text}");
        }
        assert_eq!(read(b"{\"a\":\xff}"), None);
        let deep = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
        assert_eq!(read(deep.as_bytes()), None);
    }

    #[test]
    fn a_text_of_other_bytes_is_foreign_and_its_neighbours_are_not() {
        let bytes =
            [br#"{"a":"x\ue000\uE001","b":["y"#, &b"\xff\xfe"[..], "\",\"\u{fffd}\u{e002}\"]}".as_bytes()].concat();
        let list =
            vec![Value::Foreign("unreadable:y\u{fffd}\u{fffd}".to_owned()), Value::Text("\u{fffd}\u{e002}".to_owned())];
        let fields = vec![("a".into(), Value::Text("x\u{e000}\u{e001}".to_owned())), ("b".into(), Value::List(list))];
        assert_eq!(read(&bytes), Some(Document(fields)));
    }

    #[test]
    fn a_field_that_stands_there_twice_is_read_and_shown_twice() {
        let text = |text: &str| Value::Text(text.to_owned());
        let document = read(br#"{"a":"x","b":{"$date":1,"$date":1},"a":"y","a":"x"}"#).unwrap();
        let moment = Document(vec![("$date".into(), Value::Int(1)), ("$date".into(), Value::Int(1))]);
        let fields = vec![
            ("a".into(), text("x")),
            ("b".into(), Value::Map(moment)),
            ("a".into(), text("y")),
            ("a".into(), text("x")),
        ];
        assert_eq!(document, Document(fields));
        let shown = r#"{"a":{"$doubled":[{"$doubled":["x","y"]},"x"]},"b":{"$date":{"$doubled":[1,1]}}}"#;
        assert_eq!(to_json(&document).to_string(), shown);
    }
}
