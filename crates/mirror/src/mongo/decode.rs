//! Documents read back, exactly: whatever our encoder does not write shows by its type.

use std::{borrow::Cow, fmt::Write as _};

use chainbill_domain::{
    Digest, Document, Model, Value,
    mapping::{Column, Kind},
};
use mongodb::bson::{RawBsonRef, RawDocument};

use super::foreign;
use crate::port::{Stamp, Stored};

/// The names that a model's fields have, in the order of its documents: fields that are found by them need no text of
/// their own.
#[derive(Default)]
pub(super) struct Names {
    known: Vec<&'static str>,
    /// How many of them stand at the top.
    top: usize,
    /// Where the next is expected.
    next: usize,
}

impl Names {
    pub fn of(model: &Model) -> Self {
        let columns = |columns: &'static [Column]| {
            columns.iter().flat_map(|column| {
                let parts: &[&str] =
                    if matches!(column.kind, Kind::Money { .. }) { &["minor", "currency"] } else { &[] };
                std::iter::once(column.path).chain(parts.iter().copied())
            })
        };
        let embeds = model.embeds.iter().flat_map(|embed| std::iter::once(embed.path).chain(columns(embed.columns)));
        Self {
            known: columns(model.columns).chain(embeds).collect(),
            top: model.columns.len() + model.embeds.len(),
            next: 0,
        }
    }

    fn name(&mut self, found: &str) -> Cow<'static, str> {
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

/// A stored document.
pub(super) fn stored(raw: &RawDocument, names: &mut Names) -> Stored {
    names.next = 0;
    let mut stored = Stored {
        stamp: Stamp { id: String::new(), version: None, digest: None, tombstone: false },
        applied_at: None,
        body: Document(Vec::with_capacity(names.top)),
    };
    for element in raw {
        match element {
            Ok((name, value)) => match (name.as_str(), value) {
                ("_id", RawBsonRef::String(id)) => id.clone_into(&mut stored.stamp.id),
                ("_id", other) => stored.stamp.id = foreign::name(other),
                ("_sync", RawBsonRef::Document(sync)) => read_sync(sync, &mut stored),
                ("_sync", _) => {}
                (name, value) => stored.body.push(names.name(name), self::value(value, names)),
            },
            Err(cause) => stored.body.push("", Value::Foreign(format!("unreadable:{cause}"))),
        }
    }
    stored
}

/// What a document says of itself.
pub(super) fn stamp(raw: &RawDocument) -> Stamp {
    stored(raw, &mut Names::default()).stamp
}

/// Reads `_sync`. One member that our encoder does not write there makes it somebody else's: a moment
/// that is text, say, hides a document from searches though its version and digest are right.
fn read_sync(sync: &RawDocument, stored: &mut Stored) {
    let Stored { stamp, applied_at, .. } = stored;
    let (mut version, mut strange, mut with_digest) = (None, false, false);
    for member in sync {
        let Ok((name, value)) = member else {
            strange = true;
            continue;
        };
        match (name.as_str(), value) {
            ("version", RawBsonRef::Int64(number)) => version = Some(number),
            ("digest", RawBsonRef::String(text)) => (stamp.digest, with_digest) = (Digest::from_hex(text), true),
            ("appliedAt", RawBsonRef::DateTime(at)) => *applied_at = Some(at.timestamp_millis()),
            ("deletedAt", RawBsonRef::DateTime(_)) => stamp.tombstone = true,
            _ => strange = true,
        }
    }
    stamp.version = version;
    stamp.keep_if_ours(!strange && applied_at.is_some() && !(stamp.tombstone && with_digest));
}

/// A tracked happening, without its id.
pub(super) fn happening(raw: &RawDocument) -> Document {
    let mut document = fields(raw, &mut Names::default());
    document.0.retain(|(name, _)| name != "_id");
    document
}

/// All fields.
fn fields(raw: &RawDocument, names: &mut Names) -> Document {
    let mut document = Document::default();
    for element in raw {
        match element {
            Ok((name, value)) => document.push(names.name(name.as_str()), self::value(value, names)),
            Err(cause) => document.push("", Value::Foreign(format!("unreadable:{cause}"))),
        }
    }
    document
}

/// One value.
fn value(raw: RawBsonRef<'_>, names: &mut Names) -> Value {
    match raw {
        RawBsonRef::Null => Value::Null,
        RawBsonRef::Boolean(flag) => Value::Bool(flag),
        RawBsonRef::Int64(number) => Value::Int(number),
        RawBsonRef::String(text) => Value::Text(text.to_owned()),
        RawBsonRef::DateTime(at) => Value::Time(at.timestamp_millis()),
        RawBsonRef::Document(inner) => Value::Map(fields(inner, names)),
        RawBsonRef::Array(items) => Value::List(
            items
                .into_iter()
                .map(|item| match item {
                    Ok(item) => value(item, names),
                    Err(cause) => Value::Foreign(format!("unreadable:{cause}")),
                })
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
