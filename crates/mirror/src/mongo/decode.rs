//! Documents read back exactly, with their sync metadata and search terms.

use chainbill_domain::{Digest, Document, Model, Revision, Value, document::digest};
use mongodb::bson::{RawBsonRef, RawDocument, error::Error};

use super::{
    ids,
    values::{Names, counts, fields, unreadable, value as read_value},
};
use crate::{
    port::{Stamp, Stored},
    search_terms::{WORDS, words_in},
};

/// A stored document. A duplicate name, which some servers keep, is read as a duplicate, so that it is
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
                stored.body.push(name, read_value(value, names));
            }
        }
    }
    stored.stamp.keep_if_ours(stamps == 1);
    // `_sync` is the last member of a document. Where other fields are wrong too, those were moved.
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

/// Whether a document is intact apart from its search terms, which are then to be checked. Those of another revision may be others.
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

/// The stored search terms of a document.
enum FoundBy<'r> {
    Nothing,
    Words(Vec<&'r str>),
    /// No list of strings, or one in the wrong place.
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

    /// A field of the document follows them.
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

/// The sync metadata of a document.
pub(super) fn stamp(model: &'static Model, raw: &RawDocument) -> Stamp {
    stored(raw, &mut Names::of(model)).stamp
}

/// The members of `_sync` that our encoder writes.
const MEMBERS: [&str; 5] = ["version", "digest", "revision", "appliedAt", "deletedAt"];

/// Reads `_sync`. A member that our encoder does not write, or not in that place, makes it unusable: a time that is a string, for
/// example, hides a document from searches although its version and digest are right. Another release may write other members,
/// and is recognised by its revision.
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
                // An invalid revision makes `_sync` unusable.
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

/// A tracked event, without its id.
pub(super) fn happening(raw: &RawDocument) -> Document {
    let mut document = fields(raw, &mut Names::default());
    document.0.retain(|(name, _)| name != "_id");
    document
}
