//! Tracked events and log lines, and their retention.

use std::time::Duration;

use chainbill_domain::{Document, Timestamp, Value};
use mongodb::{
    Database,
    bson::{DateTime, RawDocumentBuf, doc},
};

use super::{
    ANALYTICS, DELETED_AT, LOGS,
    answer::write_errors,
    encode::unordered_majority,
    errors::{failed, refused},
    writer::{Position, Writer},
};
use crate::port::{LogLine, MirrorError, Retention, Tracked};

const MAX_STATEMENTS: usize = 1000;

/// Stores events; known ids are skipped. They are written in the order of ids, as documents are.
pub(super) async fn track(database: &Database, events: &[Tracked]) -> Result<(), MirrorError> {
    let mut events: Vec<&Tracked> = events.iter().collect();
    events.sort_by(|a, b| a.id.cmp(&b.id));
    for chunk in events.chunks(MAX_STATEMENTS) {
        insert(database, ANALYTICS, chunk.iter().map(|event| (event.id.as_str(), &event.body))).await?;
    }
    Ok(())
}

/// Whether an event is stored.
pub(super) async fn has_tracked(database: &Database, id: &str) -> Result<bool, MirrorError> {
    let collection = database.collection::<RawDocumentBuf>(ANALYTICS);
    let found = collection.find_one(doc! { "_id": id }).projection(doc! { "_id": 1 }).await;
    Ok(found.map_err(|cause| failed(&cause))?.is_some())
}

/// Keeps log lines; known ids are left alone.
pub(super) async fn log(database: &Database, lines: &[LogLine]) -> Result<(), MirrorError> {
    for chunk in lines.chunks(MAX_STATEMENTS) {
        let bodies: Vec<(&str, Document)> = chunk.iter().map(|line| (line.id.as_str(), line_body(line))).collect();
        insert(database, LOGS, bodies.iter().map(|(id, body)| (*id, body))).await?;
    }
    Ok(())
}

fn line_body(line: &LogLine) -> Document {
    let text = |text: &str| Value::Text(text.to_owned());
    let field = |(name, value): &(String, String)| {
        Value::Map(Document(vec![("name".into(), text(name)), ("value".into(), text(value))]))
    };
    Document(vec![
        ("at".into(), Value::Time(line.at.timestamp_millis())),
        ("level".into(), text(&line.level)),
        ("target".into(), text(&line.target)),
        ("message".into(), text(&line.message)),
        ("fields".into(), Value::List(line.fields.iter().map(field).collect())),
    ])
}

async fn insert<'a>(
    database: &Database,
    collection: &str,
    documents: impl Iterator<Item = (&'a str, &'a Document)>,
) -> Result<(), MirrorError> {
    let mut command = Writer::with_capacity(64 * 1024);
    command.text("insert", collection);
    unordered_majority(&mut command);
    let list = command.open_list("documents");
    let mut position = Position::default();
    for (id, body) in documents {
        let document = command.open(position.next());
        command.text("_id", id);
        command.fields(body);
        command.close(document);
    }
    command.close(list);
    let answer = database.run_raw_command(command.finish()).await.map_err(|cause| failed(&cause))?;
    match write_errors(&answer)?.into_iter().find(|error| !error.id_is_taken()) {
        None => Ok(()),
        Some(error) => Err(refused(error.code, &error.message)),
    }
}

/// Deletes what is past its retention, for servers whose TTL indexes are slow or absent.
pub(super) async fn expire(
    database: &Database,
    models: &[&'static str],
    retention: Retention,
    now: Timestamp,
) -> Result<u64, MirrorError> {
    let mut gone = delete(database, ANALYTICS, "at", retention.analytics, now).await?
        + delete(database, LOGS, "at", retention.logs, now).await?;
    for model in models {
        gone += delete(database, model, DELETED_AT, retention.tombstones, now).await?;
    }
    Ok(gone)
}

async fn delete(
    database: &Database,
    collection: &str,
    field: &str,
    kept: Duration,
    now: Timestamp,
) -> Result<u64, MirrorError> {
    let kept = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
    let before = DateTime::from_millis(now.timestamp_millis().saturating_sub(kept));
    let collection = database.collection::<mongodb::bson::Document>(collection);
    let done = collection.delete_many(doc! { field: { "$lt": before } }).await.map_err(|cause| failed(&cause))?;
    Ok(done.deleted_count)
}
