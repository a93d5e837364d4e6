//! Documents read back, exactly: whatever our encoder does not write shows by its type.

use std::fmt::Write as _;

use chainbill_domain::{Digest, Document, Value};
use mongodb::bson::{RawBsonRef, RawDocument};

use super::foreign;
use crate::port::{Stamp, Stored};

/// A stored document.
pub(super) fn stored(raw: &RawDocument) -> Stored {
    let mut stored = Stored {
        stamp: Stamp { id: String::new(), version: None, digest: None, tombstone: false },
        applied_at: None,
        body: Document::default(),
    };
    for element in raw {
        match element {
            Ok((name, value)) => match (name.as_str(), value) {
                ("_id", RawBsonRef::String(id)) => id.clone_into(&mut stored.stamp.id),
                ("_id", other) => stored.stamp.id = foreign::name(other),
                ("_sync", RawBsonRef::Document(sync)) => read_sync(sync, &mut stored),
                ("_sync", _) => {}
                (name, value) => stored.body.push(name.to_owned(), self::value(value)),
            },
            Err(cause) => stored.body.push("", Value::Foreign(format!("unreadable:{cause}"))),
        }
    }
    stored
}

fn read_sync(sync: &RawDocument, stored: &mut Stored) {
    let mut digest = None;
    for (name, value) in sync.iter().filter_map(Result::ok) {
        match (name.as_str(), value) {
            ("version", RawBsonRef::Int64(version)) => stored.stamp.version = Some(version),
            ("digest", RawBsonRef::String(text)) => digest = Digest::from_hex(text),
            ("appliedAt", RawBsonRef::DateTime(at)) => stored.applied_at = Some(at.timestamp_millis()),
            ("deletedAt", RawBsonRef::DateTime(_)) => stored.stamp.tombstone = true,
            _ => {}
        }
    }
    stored.stamp.digest = digest.filter(|_| !stored.stamp.tombstone);
}

/// All fields but the named ones.
pub(super) fn fields(raw: &RawDocument, without: &[&str]) -> Document {
    let mut document = Document::default();
    for element in raw {
        match element {
            Ok((name, _)) if without.contains(&name.as_str()) => {}
            Ok((name, value)) => document.push(name.as_str().to_owned(), self::value(value)),
            Err(cause) => document.push("", Value::Foreign(format!("unreadable:{cause}"))),
        }
    }
    document
}

/// One value.
pub(super) fn value(raw: RawBsonRef<'_>) -> Value {
    match raw {
        RawBsonRef::Null => Value::Null,
        RawBsonRef::Boolean(flag) => Value::Bool(flag),
        RawBsonRef::Int64(number) => Value::Int(number),
        RawBsonRef::String(text) => Value::Text(text.to_owned()),
        RawBsonRef::DateTime(at) => Value::Time(at.timestamp_millis()),
        RawBsonRef::Document(inner) => Value::Map(fields(inner, &[])),
        RawBsonRef::Array(items) => Value::List(
            items
                .into_iter()
                .map(|item| item.map_or_else(|cause| Value::Foreign(format!("unreadable:{cause}")), value))
                .collect(),
        ),
        other => Value::Foreign(other_type(other)),
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

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
