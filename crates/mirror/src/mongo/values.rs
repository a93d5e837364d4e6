//! BSON values as canonical values. A value that our encoder never writes is read as a foreign one of its type.

use std::borrow::Cow;

use chainbill_domain::{
    Document, Model, Revision, Value,
    mapping::{Column, Kind},
};
use mongodb::bson::{RawArray, RawBsonRef, RawDocument, error::Error};

use crate::id_codec::hex;

/// The names of a model's fields in the order of its documents: known names need no allocation.
#[derive(Default)]
pub(super) struct Names {
    /// The model, where its documents are read with their search terms.
    pub model: Option<&'static Model>,
    known: Vec<&'static str>,
    /// How many of them are top-level fields.
    pub top: usize,
    /// The revision of the model, where it is known.
    pub revision: Option<Revision>,
    /// The position of the next expected name.
    pub next: usize,
    /// The current depth.
    depth: usize,
}

/// Our documents are nested three deep, and servers refuse documents that are nested about a hundred deep. Deeper levels are not read,
/// since each takes stack.
const DEEPEST: usize = 200;

impl Names {
    pub fn of(model: &'static Model) -> Self {
        let columns = |columns: &'static [Column]| {
            columns.iter().flat_map(|column| {
                let parts: &[&str] =
                    if matches!(column.kind, Kind::Money { .. }) { &["minor", "currency"] } else { &[] };
                std::iter::once(column.path).chain(parts.iter().copied())
            })
        };
        let embeds = model.embeds.iter().flat_map(|embed| std::iter::once(embed.path).chain(columns(embed.columns)));
        Self {
            model: Some(model),
            known: columns(model.columns).chain(embeds).collect(),
            top: model.columns.len() + model.embeds.len(),
            revision: Some(model.revision()),
            next: 0,
            depth: 0,
        }
    }

    /// The names for documents that are read without their search terms.
    pub fn unsearched(model: &'static Model) -> Self {
        Self { model: None, ..Self::of(model) }
    }

    fn within<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    pub fn name(&mut self, found: &str) -> Cow<'static, str> {
        let (before, after) = self.known.split_at(self.next.min(self.known.len()));
        let place = after.iter().position(|name| *name == found).map(|place| place + before.len());
        match place.or_else(|| before.iter().position(|name| *name == found)) {
            Some(place) => {
                self.next = place + 1;
                Cow::Borrowed(self.known[place])
            }
            None => Cow::Owned(found.to_owned()),
        }
    }
}

/// All fields.
pub(super) fn fields(raw: &RawDocument, names: &mut Names) -> Document {
    let mut document = Document::default();
    for element in raw.iter_elements() {
        match element {
            Ok(element) => document.push(names.name(element.key().as_str()), value(element.value(), names)),
            Err(cause) => document.push("", unreadable(&cause)),
        }
    }
    document
}

/// All items. The names of a list's items count from 0.
fn items(raw: &RawArray, names: &mut Names) -> Vec<Value> {
    let mut items = Vec::new();
    for element in raw.iter_elements() {
        items.push(match element {
            Ok(element) if !counts(element.key().as_str(), items.len()) => {
                Value::Foreign(format!("named {}:{:?}", element.key().as_str(), value(element.value(), names)))
            }
            Ok(element) => value(element.value(), names),
            Err(cause) => unreadable(&cause),
        });
    }
    items
}

/// Whether a name is this number in decimals.
pub(super) fn counts(name: &str, number: usize) -> bool {
    let mut rest = number;
    let digits = name.bytes().rev().all(|byte| {
        let digit = rest % 10;
        rest /= 10;
        usize::from(byte.wrapping_sub(b'0')) == digit
    });
    digits && rest == 0 && !name.is_empty() && (name.len() == 1 || !name.starts_with('0'))
}

/// What cannot be read: bytes that are no text, say.
pub(super) fn unreadable(cause: &Error) -> Value {
    Value::Foreign(format!("unreadable:{cause}"))
}

/// One value.
pub(super) fn value(raw: Result<RawBsonRef<'_>, Error>, names: &mut Names) -> Value {
    match raw {
        Ok(RawBsonRef::Null) => Value::Null,
        Ok(RawBsonRef::Boolean(flag)) => Value::Bool(flag),
        Ok(RawBsonRef::Int64(number)) => Value::Int(number),
        Ok(RawBsonRef::String(text)) => Value::Text(text.to_owned()),
        Ok(RawBsonRef::DateTime(at)) => Value::Time(at.timestamp_millis()),
        Ok(RawBsonRef::Document(_) | RawBsonRef::Array(_)) if names.depth == DEEPEST => {
            Value::Foreign("nested:too deeply".to_owned())
        }
        Ok(RawBsonRef::Document(inner)) => names.within(|names| Value::Map(fields(inner, names))),
        Ok(RawBsonRef::Array(inner)) => names.within(|names| Value::List(items(inner, names))),
        Ok(other) => Value::Foreign(other_type(other)),
        Err(cause) => unreadable(&cause),
    }
}

/// `type:text` of a value that no encoder writes.
fn other_type(raw: RawBsonRef<'_>) -> String {
    match raw {
        RawBsonRef::Int32(number) => format!("int32:{number}"),
        RawBsonRef::Double(number) => format!("double:{number:?}"),
        RawBsonRef::Decimal128(number) => format!("decimal128:{number}"),
        RawBsonRef::ObjectId(id) => format!("objectId:{id}"),
        RawBsonRef::Binary(binary) => format!("binary:{:?}:{}", binary.subtype, hex(binary.bytes)),
        RawBsonRef::Timestamp(at) => format!("timestamp:{}:{}", at.time, at.increment),
        RawBsonRef::RegularExpression(regex) => format!("regex:/{:?}/{:?}", regex.pattern, regex.options),
        RawBsonRef::JavaScriptCode(code) => format!("javascript:{code}"),
        RawBsonRef::Symbol(text) => format!("symbol:{text}"),
        other => format!("{:?}:", other.element_type()),
    }
}

#[cfg(test)]
mod tests {
    use super::counts;

    #[test]
    fn items_are_named_by_their_places() {
        for number in (0..1100).chain([usize::MAX]) {
            assert!(counts(&number.to_string(), number));
            assert!(!counts(&(number - number / 2 + 1).to_string(), number / 2));
        }
        for (name, number) in
            [("", 0), ("00", 0), ("01", 1), ("1", 11), ("11", 1), ("x", 72), (":", 10), ("/", 0), ("-1", 1)]
        {
            assert!(!counts(name, number), "{name} {number}");
        }
    }
}
