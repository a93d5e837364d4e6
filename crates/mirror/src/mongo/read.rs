//! Reading documents back, one by one and in pages.

use std::collections::{BTreeSet, HashMap};

use chainbill_domain::{Model, Value};
use mongodb::{
    Collection, Cursor, Database,
    action::Find,
    bson::{Bson, Document, RawDocumentBuf, doc},
    options::Collation,
};

use super::{
    DELETED_AT, OWN,
    answer::integer,
    decode,
    errors::failed,
    ids::{self, Id, Place},
    non_string_ids,
    values::Names,
    writer::Writer,
};
use crate::port::{MirrorError, Page, Selection, Stamp, Stored};

/// How much of each document is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// `_id` and `_sync`.
    Stamps,
    /// Everything.
    Documents,
}

fn collection(database: &Database, name: &str) -> Collection<RawDocumentBuf> {
    database.collection(name)
}

/// What a cursor holds.
pub(super) async fn all(
    model: &'static Model,
    cursor: mongodb::error::Result<Cursor<RawDocumentBuf>>,
) -> Result<Vec<Stored>, MirrorError> {
    let mut cursor = cursor.map_err(|cause| failed(&cause))?;
    let (mut found, mut names) = (Vec::new(), Names::of(model));
    while cursor.advance().await.map_err(|cause| failed(&cause))? {
        found.push(decode::stored(cursor.current(), &mut names));
    }
    Ok(found)
}

/// One document.
pub(super) async fn get(
    database: &Database,
    model: &'static Model,
    id: &str,
    depth: Depth,
) -> Result<Option<Stored>, MirrorError> {
    let found = match ids::id(id) {
        None => return Ok(None),
        Some(Id::Text(text)) => {
            let filter = doc! { "_id": non_string_ids::texts_alone(vec![text]) };
            let collection = collection(database, model.name);
            let find = at_depth(collection.find(filter).limit(1), depth);
            all(model, find.await).await?
        }
        Some(other) => non_string_ids::get(database, model, &other).await?,
    };
    Ok(found.into_iter().next())
}

/// Some documents, by the names of their ids.
pub(super) async fn get_many(
    database: &Database,
    model: &'static Model,
    ids: &[String],
) -> Result<Vec<Stored>, MirrorError> {
    let (texts, others) = sorted_out(ids);
    let filter = doc! { "_id": non_string_ids::texts_alone(texts) };
    let mut found = all(model, collection(database, model.name).find(filter).await).await?;
    for other in &others {
        found.extend(non_string_ids::get(database, model, other).await?);
    }
    Ok(found)
}

/// The ids behind the names: texts, and ids of other types.
pub(super) fn sorted_out(names: &[String]) -> (Vec<String>, Vec<Id>) {
    let (mut texts, mut others) = (Vec::with_capacity(names.len()), Vec::new());
    for id in names.iter().filter_map(|name| ids::id(name)) {
        match id {
            Id::Text(text) => texts.push(text),
            other => others.push(other),
        }
    }
    (texts, others)
}

/// A page of documents. Those whose `_id` sorts before or after all strings follow after all others, on pages without an upper
/// end.
pub(super) async fn page(
    database: &Database,
    model: &'static Model,
    page: Page<'_>,
    depth: Depth,
) -> Result<Vec<Stored>, MirrorError> {
    let limit = page.limit as usize;
    let after = page.after.map(|after| ids::id(after).unwrap_or_else(|| Id::Text(after.to_owned())));
    let mut found = match &after {
        Some(after) if after.place() != Place::Among => {
            return match page.up_to {
                Some(_) => Ok(Vec::new()),
                None => non_string_ids::page(database, model, Some(after), limit, depth).await,
            };
        }
        Some(after @ Id::Other(..)) => {
            non_string_ids::texts(database, model, (after, page.up_to), limit, depth).await?
        }
        Some(Id::Text(after)) => texts(database, model, Page { after: Some(after), ..page }, depth).await?,
        None => texts(database, model, page, depth).await?,
    };
    if page.up_to.is_none() && found.len() < limit {
        found.extend(non_string_ids::page(database, model, None, limit - found.len(), depth).await?);
    }
    Ok(found)
}

async fn texts(
    database: &Database,
    model: &'static Model,
    page: Page<'_>,
    depth: Depth,
) -> Result<Vec<Stored>, MirrorError> {
    let mut range = doc! {};
    match page.after {
        Some(after) => range.insert("$gt", after),
        None => range.insert("$gte", ""),
    };
    if let Some(up_to) = page.up_to {
        range.insert("$lte", up_to);
    }
    all(model, ranged(database, model, range, page.limit, depth).await).await
}

async fn ranged(
    database: &Database,
    model: &'static Model,
    range: Document,
    limit: u32,
    depth: Depth,
) -> mongodb::error::Result<Cursor<RawDocumentBuf>> {
    let collection = collection(database, model.name);
    let find = collection.find(doc! { "_id": range }).sort(doc! { "_id": 1 }).limit(limit.into()).batch_size(limit);
    at_depth(find, depth).await
}

/// Reads no more of each document than is wanted.
fn at_depth(find: Find<'_, RawDocumentBuf>, depth: Depth) -> Find<'_, RawDocumentBuf> {
    match depth {
        Depth::Stamps => find.projection(doc! { "_sync": 1 }),
        Depth::Documents => find,
    }
}

/// The sync metadata of the documents with these ids.
pub(super) async fn stamps_of(
    database: &Database,
    model: &'static Model,
    ids: impl Iterator<Item = &str>,
) -> Result<HashMap<String, Stamp>, MirrorError> {
    let ids: Vec<&str> = ids.collect();
    let collection = collection(database, model.name);
    let found =
        all(model, collection.find(doc! { "_id": { "$in": ids } }).projection(doc! { "_sync": 1 }).await).await?;
    let of = |Stored { mut stamp, .. }: Stored| match ids::text_of_symbol(&stamp.id).map(str::to_owned) {
        // A foreign document occupies the `_id`.
        Some(text) => {
            stamp.version = None;
            (text, stamp)
        }
        None => (stamp.id.clone(), stamp),
    };
    Ok(found.into_iter().map(of).collect())
}

/// Documents that are not tombstones: the collection's own count less what the index of tombstones holds. Where the
/// collection's own count is a guess of the planner, its documents are counted.
pub(super) async fn count(database: &Database, model: &'static Model, guesses: bool) -> Result<u64, MirrorError> {
    let dead = doc! { DELETED_AT: { "$gte": mongodb::bson::DateTime::MIN } };
    let everything = if guesses {
        doc! { "count": model.name, "query": { "_id": { "$gte": Bson::MinKey } } }
    } else {
        doc! { "count": model.name }
    };
    let (all, tombstones) = futures::try_join!(
        counted(database, everything),
        counted(database, doc! { "count": model.name, "query": dead }),
    )?;
    Ok(u64::try_from(all.saturating_sub(tombstones)).unwrap_or(0))
}

/// Whether the server is based on PostgreSQL, whose quick counts are estimates of the last analysis.
pub(super) async fn guesses_counts(database: &Database) -> Result<bool, MirrorError> {
    let info = database.client().database("admin").run_command(doc! { "buildInfo": 1 }).await;
    Ok(info.map_err(|cause| failed(&cause))?.contains_key("ferretdb"))
}

async fn counted(database: &Database, command: Document) -> Result<i64, MirrorError> {
    let answer = database.run_command(command).await.map_err(|cause| failed(&cause))?;
    Ok(answer.get("n").and_then(integer).unwrap_or(0))
}

/// Documents whose field has the value, newest id first, without their large fields.
pub(super) async fn find(
    database: &Database,
    model: &'static Model,
    (field, value): (&'static str, &Value),
    before: Option<&str>,
    limit: u32,
    collation: Option<Collation>,
) -> Result<Vec<Stored>, MirrorError> {
    let mut filter = match value {
        Value::Null => doc! { field: { "$type": "null" } },
        value => doc! { field: { "$eq": bson(value) } },
    };
    // Either bound leaves out whatever is not text.
    filter.insert("_id", before.map_or_else(|| doc! { "$gte": "" }, |before| doc! { "$lt": before }));
    let collection = collection(database, model.name);
    let mut find = collection.find(filter).sort(doc! { "_id": -1 }).limit(limit.into());
    if model.is_large() {
        find = find.projection(without_large(model));
    }
    if let Some(collation) = collation {
        find = find.collation(collation);
    }
    all(model, find.await).await
}

/// The documents of a selection, newest id first, without their large fields.
pub(super) async fn select(
    database: &Database,
    model: &'static Model,
    selection: Selection<'_>,
    collation: Option<Collation>,
) -> Result<Vec<Stored>, MirrorError> {
    let mut filter = doc! { selection.path: { "$in": selection.any_of }, "_id": { "$gte": "" } };
    filter.extend(selection.with.iter().map(|(field, text)| ((*field).to_owned(), Bson::from(*text))));
    let collection = collection(database, model.name);
    let mut find = collection.find(filter).sort(doc! { "_id": -1 }).limit(selection.limit.into());
    if model.is_large() {
        find = find.projection(without_large(model));
    }
    if let Some(collation) = collation {
        find = find.collation(collation);
    }
    all(model, find.await).await
}

/// Everything but the large fields.
fn without_large(model: &'static Model) -> Document {
    model.large_fields().map(|field| (field.to_owned(), Bson::Int32(0))).collect()
}

/// A value for a filter, through the encoder that wrote the documents.
fn bson(value: &Value) -> Bson {
    let mut writer = Writer::with_capacity(64);
    writer.value("v", value);
    let document = Document::try_from(writer.finish()).expect("the encoder writes valid BSON");
    document.get("v").cloned().unwrap_or(Bson::Null)
}

/// A fact about the mirror itself.
pub(super) async fn fact(database: &Database, key: &str) -> Result<Option<String>, MirrorError> {
    let collection = database.collection::<Document>(OWN);
    let found = collection.find_one(doc! { "_id": key }).await.map_err(|cause| failed(&cause))?;
    Ok(found.and_then(|fact| fact.get_str("value").ok().map(str::to_owned)))
}

/// Names of the collections, ascending, without those that servers and the mirror keep for themselves.
pub(super) async fn collections(database: &Database) -> Result<Vec<String>, MirrorError> {
    let mut names = database.list_collection_names().await.map_err(|cause| failed(&cause))?;
    names.retain(|name| !name.starts_with('_') && !name.starts_with("system."));
    names.sort_unstable();
    Ok(names)
}

/// Names of the collections that compare texts otherwise than by their bytes.
pub(super) async fn collated(database: &Database) -> Result<BTreeSet<String>, MirrorError> {
    let mut cursor = database.list_collections().await.map_err(|cause| failed(&cause))?;
    let mut found = BTreeSet::new();
    while cursor.advance().await.map_err(|cause| failed(&cause))? {
        let told = cursor.deserialize_current().map_err(|cause| failed(&cause))?;
        if told.options.collation.is_some() {
            found.insert(told.name);
        }
    }
    Ok(found)
}
