//! Collections and indexes, brought to what the models ask for. An index of ours that says something else is changed, one that
//! is no longer asked for goes; indexes of others are left alone.

use std::time::Duration;

use chainbill_domain::Model;
use futures::future::join_all;
use mongodb::{
    Database,
    bson::{Bson, Document, doc},
    error::ErrorKind,
};

use super::{
    ANALYTICS, DELETED_AT, LOGS,
    answer::integer,
    errors::{code, failed},
    read,
};
use crate::{
    limits::{Deadlines, within},
    port::{MirrorError, Retention, Unprepared},
    search_terms::WORDS,
};

const TTL: &str = "cb_ttl";
/// Building an index over a large collection takes long; the server continues after our deadline.
const BUILDING: Duration = Duration::from_secs(600);

/// A collection and its wanted indexes and options.
struct Wanted {
    collection: &'static str,
    indexes: Vec<Document>,
}

/// Creates what is missing, all collections side by side; see [`crate::MirrorStore::prepare`].
pub(super) async fn prepare(
    database: &Database,
    models: &[&'static Model],
    retention: Retention,
    deadlines: Deadlines,
) -> Result<Vec<Unprepared>, MirrorError> {
    let present = within(deadlines.request, "prepare", read::collections(database)).await?;
    let own = [(ANALYTICS, analytics_indexes(retention.analytics)), (LOGS, log_indexes(retention.logs))];
    let of_models = models.iter().map(|model| (model.name, model_indexes(model, retention.tombstones)));
    let all = own.into_iter().chain(of_models).map(|(collection, indexes)| Wanted { collection, indexes });
    let present = &present;
    let works: Vec<_> = all
        .map(|wanted| async move {
            let is_there = present.iter().any(|name| name == wanted.collection);
            (wanted.collection, collection(database, &wanted, is_there, deadlines).await)
        })
        .collect();
    let mut refused = Vec::new();
    for (collection, answer) in join_all(works).await {
        match answer {
            Ok(()) => {}
            Err(error @ MirrorError::Unavailable(_)) => return Err(error),
            Err(error) => refused.push(Unprepared { collection, error }),
        }
    }
    Ok(refused)
}

/// Prepares one collection.
async fn collection(
    database: &Database,
    wanted: &Wanted,
    is_there: bool,
    deadlines: Deadlines,
) -> Result<(), MirrorError> {
    let Wanted { collection, indexes } = wanted;
    let there = if is_there {
        within(deadlines.request, "prepare", list(database, collection)).await?
    } else {
        within(deadlines.bulk, "prepare", create(database, collection)).await?;
        Vec::new()
    };
    for old in there.iter().filter(|old| is_obsolete(old, indexes)) {
        within(deadlines.bulk, "prepare", drop_index(database, collection, old)).await?;
    }
    let mut missing = Vec::new();
    for index in indexes {
        let old = there.iter().find(|old| old.get("name") == index.get("name"));
        if within(deadlines.bulk, "prepare", settle(database, collection, index, old)).await? {
            missing.push(index.clone());
        }
    }
    within(BUILDING, "prepare", build(database, collection, missing)).await
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
        indexes.push(doc! { "key": { WORDS: 1 }, "name": "cb_words", "sparse": true });
    }
    indexes
}

async fn create(database: &Database, collection: &str) -> Result<(), MirrorError> {
    const EXISTS: i32 = 48;
    match database.create_collection(collection).await {
        Err(cause) if code(&cause) != Some(EXISTS) => Err(failed(&cause)),
        _ => Ok(()),
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

/// Alters or drops an index that has the name of a wanted one. Returns whether the wanted one is to be built.
async fn settle(
    database: &Database,
    collection: &str,
    index: &Document,
    old: Option<&Document>,
) -> Result<bool, MirrorError> {
    match old {
        Some(old) if same(old, index) => Ok(false),
        Some(old) if old.contains_key("expireAfterSeconds") && index.contains_key("expireAfterSeconds") => {
            let period = index.get("expireAfterSeconds").cloned().unwrap_or(Bson::Null);
            let change = doc! { "collMod": collection, "index": { "name": TTL, "expireAfterSeconds": period } };
            database.run_command(change).await.map_err(|cause| failed(&cause))?;
            Ok(false)
        }
        Some(old) => {
            drop_index(database, collection, old).await?;
            Ok(true)
        }
        None => Ok(true),
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

/// Builds indexes in one command. Where that is refused, each by itself, so that one alone is missing; the first refusal is
/// the answer then.
async fn build(database: &Database, collection: &str, indexes: Vec<Document>) -> Result<(), MirrorError> {
    if indexes.is_empty() {
        return Ok(());
    }
    match build_at_once(database, collection, &indexes).await {
        Err(MirrorError::Refused(_)) if indexes.len() > 1 => {}
        answer => return answer.map_err(|error| named(error, &indexes)),
    }
    let mut first = None;
    for index in &indexes {
        match build_at_once(database, collection, std::slice::from_ref(index)).await {
            Ok(()) => {}
            Err(error @ MirrorError::Refused(_)) => {
                first.get_or_insert(named(error, std::slice::from_ref(index)));
            }
            Err(error) => return Err(error),
        }
    }
    first.map_or(Ok(()), Err)
}

/// A refusal that says which index it is about.
fn named(error: MirrorError, indexes: &[Document]) -> MirrorError {
    let names: Vec<&str> = indexes.iter().filter_map(|index| index.get_str("name").ok()).collect();
    match error {
        MirrorError::Refused(why) => MirrorError::Refused(format!("the index {}: {why}", names.join(", "))),
        error => error,
    }
}

/// Each index compares by bytes, whatever the collation of its collection, because queries do. Servers without
/// collations refuse the option, and compare by bytes in any case.
async fn build_at_once(database: &Database, collection: &str, indexes: &[Document]) -> Result<(), MirrorError> {
    let simple = |index: &Document| {
        let mut index = index.clone();
        index.insert("collation", doc! { "locale": "simple" });
        index
    };
    let command = |indexes: Vec<Document>| doc! { "createIndexes": collection, "indexes": indexes };
    let answer = match database.run_command(command(indexes.iter().map(simple).collect())).await {
        Err(cause) if matches!(*cause.kind, ErrorKind::Command(_)) => match failed(&cause) {
            MirrorError::Refused(_) => database.run_command(command(indexes.to_vec())).await,
            _ => Err(cause),
        },
        answer => answer,
    };
    answer.map(|_| ()).map_err(|cause| failed(&cause))
}

/// Whether an index that is there is the one that is wanted.
fn same(old: &Document, wanted: &Document) -> bool {
    let key = |index: &Document| -> Vec<(String, Option<i64>)> {
        let key = index.get_document("key").ok();
        key.into_iter().flatten().map(|(name, number)| (name.clone(), integer(number))).collect()
    };
    let period = |index: &Document| index.get("expireAfterSeconds").and_then(integer);
    // Servers omit the simple collation.
    key(old) == key(wanted) && period(old) == period(wanted) && !old.contains_key("collation")
}
