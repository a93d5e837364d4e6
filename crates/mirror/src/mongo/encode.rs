//! Commands as BSON, written straight into one buffer: no tree of values in between, for the relay spends most of its
//! processor time here.

use chainbill_domain::{Model, Timestamp};
use mongodb::bson::RawDocumentBuf;

use super::writer::{Position, Writer};
use crate::{
    port::{Content, Guard, Write},
    search_terms::WORDS,
};

/// A write, and what its document is found by.
type Worded<'a> = (&'a Write, &'a [String]);

/// An `update` command of guarded replacements.
pub(super) fn update(
    model: &'static Model,
    guard: Guard,
    writes: &[Worded<'_>],
    at: Timestamp,
    bytes: usize,
) -> RawDocumentBuf {
    let mut command = Writer::with_capacity(bytes + writes.len() * 160);
    let made = Made { revision: &model.revision().to_hex(), at: at.timestamp_millis() };
    command.text("update", model.name);
    unordered_majority(&mut command);
    let list = command.open_list("updates");
    let mut position = Position::default();
    for write in writes {
        let statement = command.open(position.next());
        replacement(&mut command, guard, *write, made);
        command.close(statement);
    }
    command.close(list);
    command.finish()
}

/// An `insert` command of whole documents.
pub(super) fn insert(model: &'static Model, writes: &[Worded<'_>], at: Timestamp, bytes: usize) -> RawDocumentBuf {
    let mut command = Writer::with_capacity(bytes + writes.len() * 16);
    let made = Made { revision: &model.revision().to_hex(), at: at.timestamp_millis() };
    command.text("insert", model.name);
    unordered_majority(&mut command);
    let list = command.open_list("documents");
    let mut position = Position::default();
    for write in writes {
        let document = command.open(position.next());
        stored(&mut command, *write, made);
        command.close(document);
    }
    command.close(list);
    command.finish()
}

/// Each statement by itself, and acknowledged by the majority: what only one member holds can be rolled back.
pub(super) fn unordered_majority(command: &mut Writer) {
    command.flag("ordered", false);
    let concern = command.open("writeConcern");
    command.text("w", "majority");
    command.close(concern);
}

/// Only a 64-bit integer is a version: whatever else stands there is not newer, as [`crate::Stamp::version`] says. A filter
/// sees into lists and past strange members all the same; what it takes for newer there is read and replaced by itself.
fn not_newer(command: &mut Writer, than: i64) {
    let none_of = command.open_list("$nor");
    let newer = command.open("0");
    let version = command.open("_sync.version");
    command.int("$gt", than);
    command.text("$type", "long");
    command.close(version);
    command.close(newer);
    command.close(none_of);
}

/// How and when documents are made.
#[derive(Clone, Copy)]
struct Made<'m> {
    revision: &'m str,
    at: i64,
}

/// What is older, or is a document of this version and another revision.
fn outdated(command: &mut Writer, version: i64, revision: &str) {
    let any_of = command.open_list("$or");
    let older = command.open("0");
    older_than(command, version);
    command.close(older);
    let other = command.open("1");
    command.int("_sync.version", version);
    let differs = command.open("_sync.revision");
    command.text("$ne", revision);
    command.close(differs);
    let alive = command.open(super::DELETED_AT);
    command.flag("$exists", false);
    command.close(alive);
    command.close(other);
    command.close(any_of);
}

fn older_than(command: &mut Writer, version: i64) {
    let condition = command.open("_sync.version");
    command.int("$lt", version);
    command.close(condition);
}

fn replacement(command: &mut Writer, guard: Guard, (write, words): Worded<'_>, made: Made<'_>) {
    let query = command.open("q");
    command.text("_id", &write.id);
    match guard {
        Guard::Newer => older_than(command, write.version),
        Guard::Outdated => outdated(command, write.version, made.revision),
        Guard::NotNewer => not_newer(command, write.version),
    }
    command.close(query);
    let document = command.open("u");
    stored(command, (write, words), made);
    command.close(document);
    command.flag("upsert", true);
}

/// An `update` command that replaces a document whose `_sync` is this, byte for byte, or not there.
pub(super) fn replace(
    model: &'static Model,
    (write, words): Worded<'_>,
    sync: Option<(u8, &[u8])>,
    at: Timestamp,
) -> RawDocumentBuf {
    let mut command = Writer::with_capacity(512);
    let made = Made { revision: &model.revision().to_hex(), at: at.timestamp_millis() };
    command.text("update", model.name);
    unordered_majority(&mut command);
    let list = command.open_list("updates");
    let statement = command.open("0");
    let query = command.open("q");
    command.text("_id", &write.id);
    let seen = command.open("_sync");
    match sync {
        Some((kind, value)) => command.raw("$eq", kind, value),
        None => command.flag("$exists", false),
    }
    command.close(seen);
    command.close(query);
    let document = command.open("u");
    stored(&mut command, (write, words), made);
    command.close(document);
    command.close(statement);
    command.close(list);
    command.finish()
}

/// The fields of a document as it is stored.
fn stored(command: &mut Writer, (write, words): Worded<'_>, Made { revision, at }: Made<'_>) {
    command.text("_id", &write.id);
    if let Content::Document { body, .. } = &write.content {
        command.fields(body);
    }
    if !words.is_empty() {
        let list = command.open_list(WORDS);
        let mut position = Position::default();
        for word in words {
            command.text(position.next(), word);
        }
        command.close(list);
    }
    let sync = command.open("_sync");
    command.int("version", write.version);
    match &write.content {
        Content::Document { digest, .. } => {
            command.text("digest", &digest.to_hex());
            command.text("revision", revision);
            command.date("appliedAt", at);
        }
        Content::Tombstone => {
            command.date("appliedAt", at);
            command.date("deletedAt", at);
        }
    }
    command.close(sync);
}

/// An update that can match nothing: what the server says to it, it says to every update.
pub(super) fn probe(collection: &str) -> RawDocumentBuf {
    let mut command = Writer::with_capacity(256);
    command.text("update", collection);
    unordered_majority(&mut command);
    let list = command.open_list("updates");
    let statement = command.open("0");
    let query = command.open("q");
    command.text("_id", "\u{1}");
    let version = command.open("_sync.version");
    command.int("$lt", i64::MIN);
    command.close(version);
    command.close(query);
    let document = command.open("u");
    command.text("_id", "\u{1}");
    command.close(document);
    command.flag("upsert", false);
    command.close(statement);
    command.close(list);
    command.finish()
}

#[cfg(test)]
mod tests {
    use chainbill_domain::{Digest, Document, Timestamp, Value, models::USERS};
    use mongodb::bson::{DateTime, RawDocumentBuf, doc};

    use super::{Position, Writer, update};
    use crate::{
        limits::storable,
        port::{Content, Guard, Write},
    };

    #[test]
    fn what_is_written_is_what_the_driver_would_write() {
        let inner = Document(vec![("minor".into(), Value::Int(5)), ("currency".into(), Value::Text("USD".to_owned()))]);
        let document = Document(vec![
            ("text".into(), Value::Text("é😀".to_owned())),
            ("none".into(), Value::Null),
            ("yes".into(), Value::Bool(true)),
            ("at".into(), Value::Time(-1)),
            ("money".into(), Value::Map(inner)),
            ("list".into(), Value::List((0..12).map(Value::Int).collect())),
        ]);
        let mut writer = Writer::with_capacity(0);
        writer.fields(&document);
        let list: Vec<i64> = (0..12).collect();
        let expected = doc! {
            "text": "é😀", "none": null, "yes": true, "at": DateTime::from_millis(-1),
            "money": { "minor": 5_i64, "currency": "USD" }, "list": list,
        };
        assert_eq!(writer.finish(), RawDocumentBuf::try_from(&expected).unwrap());
    }

    #[test]
    fn the_size_is_known_before_writing() {
        let inner = Document(vec![("e".into(), Value::Text("é".to_owned())), ("n".into(), Value::Null)]);
        let body = Document(vec![
            ("list".into(), Value::List((0..1234).map(Value::Int).chain([Value::Bool(true)]).collect())),
            ("map".into(), Value::Map(inner)),
            ("none".into(), Value::List(vec![])),
            ("at".into(), Value::Time(0)),
        ]);
        let digest = Digest([7; 32]);
        for content in [Content::Document { body, digest }, Content::Tombstone] {
            let words: Vec<String> = match &content {
                Content::Document { .. } => (0..11).map(|n| format!("é{n} 10")).collect(),
                Content::Tombstone => Vec::new(),
            };
            let write = Write { id: "idé".to_owned(), version: 1, content, fresh: false };
            let command = update(&USERS, Guard::NotNewer, &[(&write, &words)], Timestamp::default(), 0);
            let updates = command.get_array("updates").unwrap();
            let document = updates.get_document(0).unwrap().get_document("u").unwrap();
            assert_eq!(storable(&write, &words), Ok(document.as_bytes().len()));
        }
    }

    #[test]
    fn positions_count_in_decimals() {
        let mut position = Position::default();
        for n in 0..1001 {
            assert_eq!(position.next(), n.to_string());
        }
    }
}
