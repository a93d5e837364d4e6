//! Documents read back, exactly: whatever our encoder does not write shows by its type.

use std::borrow::Cow;

use chainbill_domain::{
    Digest, Document, Model, Revision, Value,
    document::digest,
    mapping::{Column, Kind},
};
use mongodb::bson::{RawArray, RawBsonRef, RawDocument, error::Error};

use super::ids;
use crate::{
    id_codec::hex,
    port::{Stamp, Stored},
    search_terms::{WORDS, words_in},
};

/// The names that a model's fields have, in the order of its documents: fields that are found by them need no text of
/// their own.
#[derive(Default)]
pub(super) struct Names {
    /// The model, where its documents come with the words that they are found by.
    model: Option<&'static Model>,
    known: Vec<&'static str>,
    /// How many of them stand at the top.
    top: usize,
    /// The revision of the model, where it is known.
    revision: Option<Revision>,
    /// Where the next is expected.
    next: usize,
    /// How deeply nested what is read is.
    depth: usize,
}

/// Ours are nested three deep, and servers refuse what is nested some hundred deep; of what one keeps all the same no more is
/// read, for each level takes its part of the stack.
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

    /// The same of documents that come without the words that they are found by.
    pub fn unsearched(model: &'static Model) -> Self {
        Self { model: None, ..Self::of(model) }
    }

    fn within<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
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

/// A stored document. A name that stands there twice, which some servers keep, stands twice in what is read, so that it is
/// equal to nothing that we write.
pub(super) fn stored(raw: &RawDocument, names: &mut Names) -> Stored {
    names.next = 0;
    let mut stored = Stored {
        stamp: Stamp { id: String::new(), version: None, digest: None, revision: None, tombstone: false },
        applied_at: None,
        body: Document(Vec::with_capacity(names.top)),
    };
    let (mut named, mut stamps) = (false, 0);
    // Whether all fields stand in their order, the last of which is known by its place; and whether some stand behind the stamp.
    let (mut ordered, mut place, mut behind) = (true, 0, false);
    let mut found_by = FoundBy::Nothing;
    for element in raw.iter_elements() {
        let element = match element {
            Ok(element) => element,
            Err(cause) => {
                stored.body.push("", unreadable(&cause));
                continue;
            }
        };
        match (element.key().as_str(), element.value()) {
            ("_id", value) if !named => {
                named = true;
                match value {
                    Ok(RawBsonRef::String(id)) => ids::name_of_text(id).as_ref().clone_into(&mut stored.stamp.id),
                    Ok(other) => stored.stamp.id = ids::name(other),
                    Err(_) => stored.stamp.id = ids::name_in(raw),
                }
            }
            ("_sync", Ok(RawBsonRef::Document(sync))) => {
                stamps += 1;
                read_sync(sync, names.revision, &mut stored);
            }
            ("_sync", _) => stamps += 1,
            (WORDS, value) if names.model.is_some() => found_by = found_by.then(value, stamps > 0),
            (name, value) => {
                found_by = found_by.followed();
                let name = names.name(name);
                ordered &= names.next > place;
                (place, behind) = (names.next, stamps > 0);
                stored.body.push(name, self::value(value, names));
            }
        }
    }
    stored.stamp.keep_if_ours(stamps == 1);
    // The stamp is the last of a document. Where other fields are wrong too, it is they that somebody moved.
    if behind && ordered && stored.body.0.len() == names.top {
        stored.body.push("_sync", Value::Foreign("place:before other fields".to_owned()));
    }
    if let Some(model) = names.model
        && !found_by.is(&words_in(model, &stored.body))
        && is_whole(model, &stored)
    {
        stored.body.push(WORDS, Value::Foreign("words:not those of the document".to_owned()));
    }
    stored
}

/// Whether nothing but its words may be wrong about a document: where its fields are not those of its digest, or it says
/// nothing of itself, that is what is wrong, and one of another revision may have other words.
fn is_whole(model: &'static Model, stored: &Stored) -> bool {
    let Stored { stamp, body, .. } = stored;
    match stamp.version {
        Some(_) if stamp.tombstone => body.0.is_empty(),
        Some(version) => {
            stamp.revision == Some(model.revision()) && stamp.digest == Some(digest(model, &stamp.id, version, body))
        }
        None => false,
    }
}

/// The words that a document says it is found by.
enum FoundBy<'r> {
    Nothing,
    Words(Vec<&'r str>),
    /// No list of texts, or one that stands where no engine writes it.
    Strange,
}

impl<'r> FoundBy<'r> {
    fn then(self, value: Result<RawBsonRef<'r>, Error>, behind_stamp: bool) -> Self {
        let Ok(RawBsonRef::Array(list)) = value else { return Self::Strange };
        if behind_stamp || !matches!(self, Self::Nothing) {
            return Self::Strange;
        }
        let mut words = Vec::new();
        for element in list.iter_elements() {
            let Ok(element) = element else { return Self::Strange };
            match element.value() {
                Ok(RawBsonRef::String(word)) if counts(element.key().as_str(), words.len()) => words.push(word),
                _ => return Self::Strange,
            }
        }
        Self::Words(words)
    }

    /// A field of the document stands behind them.
    fn followed(self) -> Self {
        match self {
            Self::Nothing => Self::Nothing,
            Self::Words(_) | Self::Strange => Self::Strange,
        }
    }

    fn is(&self, words: &[String]) -> bool {
        match self {
            Self::Nothing => words.is_empty(),
            Self::Words(found) => !words.is_empty() && found == words,
            Self::Strange => false,
        }
    }
}

/// What a document says of itself.
pub(super) fn stamp(model: &'static Model, raw: &RawDocument) -> Stamp {
    stored(raw, &mut Names::of(model)).stamp
}

/// The members of `_sync` that our encoder writes.
const MEMBERS: [&str; 5] = ["version", "digest", "revision", "appliedAt", "deletedAt"];

/// Reads `_sync`. One member that our encoder does not write there, or not in that place, makes it somebody else's: a moment
/// that is text, say, hides a document from searches though its version and digest are right. Another release may write others
/// there, and says so by its revision.
fn read_sync(sync: &RawDocument, own: Option<Revision>, stored: &mut Stored) {
    let Stored { stamp, applied_at, .. } = stored;
    let (mut version, mut strange, mut with_digest, mut deleted_at) = (None, false, false, None);
    let mut unknown = false;
    let mut last = 0;
    for member in sync {
        let place = match member.as_ref().map(|(name, value)| (name.as_str(), *value)) {
            Ok(("version", RawBsonRef::Int64(number))) => {
                version = Some(number);
                1
            }
            Ok(("digest", RawBsonRef::String(text))) => {
                (stamp.digest, with_digest) = (Digest::from_hex(text), true);
                2
            }
            Ok(("revision", RawBsonRef::String(text))) => {
                stamp.revision = Revision::from_hex(text);
                // What names no revision is nobody's.
                if stamp.revision.is_some() { 3 } else { 0 }
            }
            Ok(("appliedAt", RawBsonRef::DateTime(at))) => {
                *applied_at = Some(at.timestamp_millis());
                4
            }
            Ok(("deletedAt", RawBsonRef::DateTime(at))) => {
                deleted_at = Some(at.timestamp_millis());
                5
            }
            Ok((name, _)) if !MEMBERS.contains(&name) => {
                unknown = true;
                continue;
            }
            _ => 0,
        };
        // Neither anything else, nor the same again, nor in another order.
        strange |= place <= last;
        last = place;
    }
    stamp.version = version;
    stamp.tombstone = deleted_at.is_some();
    let of_a_document = with_digest || stamp.revision.is_some();
    let ended = deleted_at.is_none_or(|at| !of_a_document && *applied_at == Some(at));
    strange |= unknown && (stamp.revision.is_none() || stamp.revision == own);
    stamp.keep_if_ours(!strange && applied_at.is_some() && ended);
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
    for element in raw.iter_elements() {
        match element {
            Ok(element) => document.push(names.name(element.key().as_str()), value(element.value(), names)),
            Err(cause) => document.push("", unreadable(&cause)),
        }
    }
    document
}

/// All items. Their names count from 0; a list whose names do not is none of ours.
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
fn counts(name: &str, number: usize) -> bool {
    let mut rest = number;
    let digits = name.bytes().rev().all(|byte| {
        let digit = rest % 10;
        rest /= 10;
        usize::from(byte.wrapping_sub(b'0')) == digit
    });
    digits && rest == 0 && !name.is_empty() && (name.len() == 1 || !name.starts_with('0'))
}

/// What cannot be read: bytes that are no text, say.
fn unreadable(cause: &Error) -> Value {
    Value::Foreign(format!("unreadable:{cause}"))
}

/// One value.
fn value(raw: Result<RawBsonRef<'_>, Error>, names: &mut Names) -> Value {
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
