//! Collections and indexes, brought to what the models ask for. An index of ours that says something else is changed, one that
//! is no longer asked for goes; indexes of others are left alone.

use std::time::Duration;

use chainbill_domain::{Model, mapping::Search};
use mongodb::{
    Database,
    bson::{Bson, Document, doc},
    error::{Error, ErrorKind},
};

use super::{ANALYTICS, DELETED_AT, LOGS, answer::integer, errors::failed, read};
use crate::{
    limits::{Deadlines, within},
    port::{MirrorError, Retention},
};

const SEARCH: &str = "cb_search";
const TTL: &str = "cb_ttl";
/// Building an index over a large collection takes its time; the server works on when we stop waiting.
const BUILDING: Duration = Duration::from_secs(600);

/// Makes what is missing; see [`crate::Mirror::prepare`].
pub(super) async fn prepare(
    database: &Database,
    models: &[&'static Model],
    retention: Retention,
    deadlines: Deadlines,
) -> Result<(), MirrorError> {
    let present = within(deadlines.request, "prepare", read::collections(database)).await?;
    let mut wanted = vec![(ANALYTICS, analytics_indexes(retention.analytics)), (LOGS, log_indexes(retention.logs))];
    wanted.extend(models.iter().map(|model| (model.name, model_indexes(model, retention.tombstones))));
    for (collection, indexes) in wanted {
        let there = if present.iter().any(|name| name == collection) {
            within(deadlines.request, "prepare", list(database, collection)).await?
        } else {
            within(deadlines.bulk, "prepare", create(database, collection)).await?;
            Vec::new()
        };
        for old in there.iter().filter(|old| is_obsolete(old, &indexes)) {
            within(deadlines.bulk, "prepare", drop_index(database, collection, old)).await?;
        }
        for index in indexes {
            let old = there.iter().find(|old| old.get("name") == index.get("name"));
            within(BUILDING, "prepare", settle(database, collection, index, old)).await?;
        }
    }
    Ok(())
}

/// Whether an index is ours by its name, and not among those that are wanted.
fn is_obsolete(old: &Document, wanted: &[Document]) -> bool {
    let ours = old.get_str("name").is_ok_and(|name| name.starts_with("cb_"));
    ours && wanted.iter().all(|index| index.get("name") != old.get("name"))
}

fn seconds(kept: Duration) -> i32 {
    i32::try_from(kept.as_secs()).unwrap_or(i32::MAX)
}

fn ttl(field: &str, kept: Duration) -> Document {
    doc! { "key": { field: 1 }, "name": TTL, "expireAfterSeconds": seconds(kept) }
}

fn plain(fields: &[&str]) -> Document {
    let key: Document = fields.iter().map(|field| ((*field).to_owned(), Bson::Int32(1))).collect();
    doc! { "key": key, "name": format!("cb_{}", fields.join("_").replace('.', "_")) }
}

fn analytics_indexes(kept: Duration) -> Vec<Document> {
    vec![ttl("at", kept), plain(&["userId", "at"]), plain(&["receiverId", "at"]), plain(&["event", "at"])]
}

fn log_indexes(kept: Duration) -> Vec<Document> {
    vec![ttl("at", kept), plain(&["level", "at"])]
}

fn model_indexes(model: &Model, tombstones: Duration) -> Vec<Document> {
    let mut indexes: Vec<Document> = model.indexes.iter().map(|fields| plain(fields)).collect();
    let mut dead = ttl(DELETED_AT, tombstones);
    dead.insert("sparse", true);
    indexes.push(dead);
    if !model.search.is_empty() {
        indexes.push(text_index(model.search));
    }
    indexes
}

fn text_index(fields: &[Search]) -> Document {
    let key: Document = fields.iter().map(|field| (field.path.to_owned(), Bson::String("text".to_owned()))).collect();
    let weights: Document =
        fields.iter().map(|field| (field.path.to_owned(), Bson::Int32(field.weight.into()))).collect();
    doc! {
        "key": key, "name": SEARCH, "weights": weights, "default_language": "none",
        // A field called `language` is data, not an instruction to the index.
        "language_override": "_language",
    }
}

/// The same text index with the three heaviest weights kept and the others made 1: servers on PostgreSQL know no more.
fn coarser(index: &Document) -> Option<Document> {
    let mut weights: Vec<i64> = index.get_document("weights").ok()?.values().filter_map(integer).collect();
    weights.sort_unstable_by(|a, b| b.cmp(a));
    weights.dedup();
    let lightest = *weights.get(2)?;
    let mut index = index.clone();
    for (_, weight) in index.get_document_mut("weights").ok()?.iter_mut() {
        if integer(weight).is_some_and(|weight| weight < lightest) {
            *weight = Bson::Int32(1);
        }
    }
    Some(index)
}

async fn create(database: &Database, collection: &str) -> Result<(), MirrorError> {
    const EXISTS: i32 = 48;
    match database.create_collection(collection).await {
        Err(cause) if code(&cause) != Some(EXISTS) => Err(failed(&cause)),
        _ => Ok(()),
    }
}

fn code(cause: &Error) -> Option<i32> {
    match cause.kind.as_ref() {
        ErrorKind::Command(refusal) => Some(refusal.code),
        _ => None,
    }
}

async fn list(database: &Database, collection: &str) -> Result<Vec<Document>, MirrorError> {
    let mut cursor =
        database.run_cursor_command(doc! { "listIndexes": collection }).await.map_err(|cause| failed(&cause))?;
    let mut found = Vec::new();
    while cursor.advance().await.map_err(|cause| failed(&cause))? {
        found.push(cursor.deserialize_current().map_err(|cause| failed(&cause))?);
    }
    Ok(found)
}

/// Makes an index what it should be.
async fn settle(
    database: &Database,
    collection: &str,
    index: Document,
    old: Option<&Document>,
) -> Result<(), MirrorError> {
    match old {
        Some(old) if same(old, &index) => Ok(()),
        Some(old) if old.contains_key("expireAfterSeconds") && index.contains_key("expireAfterSeconds") => {
            let period = index.get("expireAfterSeconds").cloned().unwrap_or(Bson::Null);
            let change = doc! { "collMod": collection, "index": { "name": TTL, "expireAfterSeconds": period } };
            database.run_command(change).await.map_err(|cause| failed(&cause))?;
            Ok(())
        }
        Some(old) => {
            drop_index(database, collection, old).await?;
            build(database, collection, index).await
        }
        None => build(database, collection, index).await,
    }
}

async fn drop_index(database: &Database, collection: &str, index: &Document) -> Result<(), MirrorError> {
    let name = index.get("name").cloned().unwrap_or(Bson::Null);
    match database.run_command(doc! { "dropIndexes": collection, "index": name }).await {
        // Some servers answer `ok: true`, which the driver does not take for an answer.
        Err(cause) if !matches!(*cause.kind, ErrorKind::InvalidResponse { .. }) => Err(failed(&cause)),
        _ => Ok(()),
    }
}

async fn build(database: &Database, collection: &str, index: Document) -> Result<(), MirrorError> {
    const NOT_SUPPORTED: i32 = 115;
    let command = |index: &Document| doc! { "createIndexes": collection, "indexes": [index.clone()] };
    let answer = match (database.run_command(command(&index)).await, coarser(&index)) {
        (Err(cause), Some(coarser)) if code(&cause) == Some(NOT_SUPPORTED) => {
            database.run_command(command(&coarser)).await
        }
        (answer, _) => answer,
    };
    answer.map(|_| ()).map_err(|cause| failed(&cause))
}

/// Whether an index that is there is the one that is wanted. The key of a text index reads back differently: its
/// weights say the same.
fn same(old: &Document, wanted: &Document) -> bool {
    let numbers = |index: &Document, field: &str| {
        let mut numbers: Vec<(String, Option<i64>)> = index
            .get_document(field)
            .map(|inner| inner.iter().map(|(name, number)| (name.clone(), integer(number))).collect())
            .unwrap_or_default();
        if field == "weights" {
            numbers.sort();
        }
        numbers
    };
    let period = |index: &Document| index.get("expireAfterSeconds").and_then(integer);
    if wanted.contains_key("weights") {
        let present = numbers(old, "weights");
        return present == numbers(wanted, "weights")
            || coarser(wanted).is_some_and(|coarser| present == numbers(&coarser, "weights"));
    }
    numbers(old, "key") == numbers(wanted, "key") && period(old) == period(wanted)
}
