//! Reading documents back, one by one and in pages.

use chainbill_domain::{Digest, Document, Model, Revision, Value, wire};
use serde_json::Value as Json;
use sqlx::{
    AssertSqlSafe, Row as _, Sqlite, SqlitePool, TypeInfo as _, ValueRef as _,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

use super::{or_nothing, schema};
use crate::{
    id_codec::{self, Named},
    port::{MirrorError, Page, Selection, Stamp, Stored},
};

const STAMP: &str = "id, version, digest, revision, deleted_at, applied_at";
const WHOLE: &str = "id, version, digest, revision, deleted_at, applied_at, body";
// Their places.
const ID: usize = 0;
const VERSION: usize = 1;
const DIGEST: usize = 2;
const REVISION: usize = 3;
const DELETED_AT: usize = 4;
const APPLIED_AT: usize = 5;
const BODY: usize = 6;

/// An id in the file: a string as rows have, or what another program wrote, since SQLite takes any bytes for text.
#[derive(Debug)]
pub(super) enum Id {
    Text(String),
    /// A text that is no UTF-8.
    Bytes(Vec<u8>),
    /// No text at all: only a table that another program created can hold one.
    Blob(Vec<u8>),
}

const BLOB: &str = "blob";

impl Id {
    /// The id behind a name; none where no row can have that name.
    pub fn named(name: &str) -> Option<Self> {
        match id_codec::named(name)? {
            Named::Text(text) => Some(Self::Text(text.to_owned())),
            Named::Bytes(bytes) => Some(Self::Bytes(bytes)),
            Named::Other { value, kind: BLOB } => id_codec::from_hex(value).map(Self::Blob),
            Named::Other { .. } => None,
        }
    }

    /// Its placeholder in a statement.
    pub fn place(&self) -> &'static str {
        match self {
            Self::Bytes(_) => "CAST(? AS TEXT)",
            Self::Text(_) | Self::Blob(_) => "?",
        }
    }

    pub fn bind<'q>(self, query: Query<'q, Sqlite, SqliteArguments>) -> Query<'q, Sqlite, SqliteArguments> {
        match self {
            Self::Text(text) => query.bind(text),
            Self::Bytes(bytes) | Self::Blob(bytes) => query.bind(bytes),
        }
    }
}

/// One document.
pub(super) async fn get(readers: &SqlitePool, model: &Model, id: &str) -> Result<Option<Stored>, MirrorError> {
    Ok(row_of(readers, model, WHOLE, id).await?.map(|row| stored(&row)))
}

/// The stamp of one document.
pub(super) async fn stamp_of(readers: &SqlitePool, model: &Model, id: &str) -> Result<Option<Stamp>, MirrorError> {
    Ok(row_of(readers, model, STAMP, id).await?.map(|row| stamp(&row)))
}

/// The row under what an id is called.
async fn row_of(
    readers: &SqlitePool,
    model: &Model,
    columns: &str,
    id: &str,
) -> Result<Option<SqliteRow>, MirrorError> {
    let Some(id) = Id::named(id) else { return Ok(None) };
    let sql = format!("SELECT {columns} FROM \"{}\" WHERE id = {}", model.name, id.place());
    or_nothing(id.bind(sqlx::query(AssertSqlSafe(sql))).fetch_optional(readers).await)
}

/// Some documents.
pub(super) async fn get_many(readers: &SqlitePool, model: &Model, ids: &[String]) -> Result<Vec<Stored>, MirrorError> {
    let (mut texts, mut found) = (Vec::with_capacity(ids.len()), Vec::new());
    for name in ids {
        match Id::named(name) {
            // A list in JSON ends a text at a NUL.
            Some(Id::Text(text)) if !text.contains('\0') => texts.push(text),
            Some(_) => found.extend(get(readers, model, name).await?),
            None => {}
        }
    }
    let list = Json::from(texts).to_string();
    let sql = format!("SELECT {WHOLE} FROM \"{}\" WHERE id IN (SELECT value FROM json_each(?))", model.name);
    let rows = or_nothing(sqlx::query(AssertSqlSafe(sql)).bind(list).fetch_all(readers).await)?;
    found.extend(rows.iter().map(stored));
    Ok(found)
}

/// The stamps of a page.
pub(super) async fn stamps(readers: &SqlitePool, model: &Model, page: Page<'_>) -> Result<Vec<Stamp>, MirrorError> {
    Ok(rows(readers, model, STAMP, page).await?.iter().map(stamp).collect())
}

/// The documents of a page.
pub(super) async fn documents(readers: &SqlitePool, model: &Model, page: Page<'_>) -> Result<Vec<Stored>, MirrorError> {
    Ok(rows(readers, model, WHOLE, page).await?.iter().map(stored).collect())
}

async fn rows(
    readers: &SqlitePool,
    model: &Model,
    columns: &str,
    page: Page<'_>,
) -> Result<Vec<SqliteRow>, MirrorError> {
    let bound = |id: &str| Id::named(id).unwrap_or_else(|| Id::Text(id.to_owned()));
    let (after, up_to) = (page.after.map(bound), page.up_to.map(bound));
    let mut sql = format!("SELECT {columns} FROM \"{}\" WHERE 1", model.name);
    for (id, how) in [(&after, ">"), (&up_to, "<=")] {
        if let Some(id) = id {
            sql.push_str(&format!(" AND id {how} {}", id.place()));
        }
    }
    sql.push_str(" ORDER BY id LIMIT ?");
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for id in [after, up_to].into_iter().flatten() {
        query = id.bind(query);
    }
    or_nothing(query.bind(page.limit).fetch_all(readers).await)
}

/// Documents that are not tombstones. Both counts walk narrow indexes, never the bodies.
pub(super) async fn count(readers: &SqlitePool, model: &Model) -> Result<u64, MirrorError> {
    let name = model.name;
    let sql = format!(
        "SELECT (SELECT count(*) FROM \"{name}\") - (SELECT count(*) FROM \"{name}\" WHERE deleted_at IS NOT NULL)"
    );
    let count: Option<i64> = or_nothing(sqlx::query_scalar(AssertSqlSafe(sql)).fetch_optional(readers).await)?;
    Ok(count.unwrap_or(0).unsigned_abs())
}

/// Documents whose field has the value, newest id first, without their large fields.
pub(super) async fn find(
    readers: &SqlitePool,
    model: &Model,
    field: &'static str,
    value: &Value,
    before: Option<&str>,
    limit: u32,
) -> Result<Vec<Stored>, MirrorError> {
    let mut query = sqlx::query(AssertSqlSafe(found(model, field, before.is_some()))).bind(json_text(value));
    if let Some(before) = before {
        query = query.bind(before);
    }
    Ok(or_nothing(query.bind(limit).fetch_all(readers).await)?.iter().map(stored).collect())
}

/// The statement of [`find`], with every expression written as in the index that it goes through.
fn found(model: &Model, field: &str, goes_on: bool) -> String {
    let columns = schema::small(model).map_or_else(|| WHOLE.to_owned(), |small| format!("{STAMP}, {small} AS body"));
    let upper = if goes_on { "AND id < ?" } else { "" };
    let name = model.name;
    format!("SELECT {columns} FROM \"{name}\" WHERE body -> '$.{field}' = ? {upper} ORDER BY id DESC LIMIT ?")
}

/// The documents of a selection, newest id first, without their large fields.
pub(super) async fn select(
    readers: &SqlitePool,
    model: &Model,
    selection: Selection<'_>,
) -> Result<Vec<Stored>, MirrorError> {
    if selection.any_of.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = sqlx::query(AssertSqlSafe(selected(model, &selection))).persistent(false);
    for text in selection.any_of {
        query = query.bind(text);
    }
    for (_, text) in selection.with {
        query = query.bind(*text);
    }
    Ok(or_nothing(query.bind(selection.limit).fetch_all(readers).await)?.iter().map(stored).collect())
}

/// The statement of [`select`]. Bodies and items that another program wrote may be no JSON.
fn selected(model: &Model, selection: &Selection<'_>) -> String {
    let columns = schema::small(model).map_or_else(|| WHOLE.to_owned(), |small| format!("{STAMP}, {small} AS body"));
    let marks = vec!["?"; selection.any_of.len()].join(",");
    let named = match selection.path.split_once('.') {
        Some((list, field)) => format!(
            "EXISTS (SELECT 1 FROM json_each(body, '$.{list}') AS item WHERE CASE WHEN item.type = 'object' THEN \
             item.value ->> '$.{field}' END IN ({marks}))"
        ),
        None => format!("body ->> '$.{}' IN ({marks})", selection.path),
    };
    let with: String = selection.with.iter().map(|(field, _)| format!(" AND body ->> '$.{field}' = ?")).collect();
    let name = model.name;
    format!(
        "SELECT {columns} FROM \"{name}\" WHERE CASE WHEN json_valid(body) THEN {named}{with} ELSE 0 END \
         ORDER BY id DESC LIMIT ?"
    )
}

/// The text that a value has inside a stored body.
fn json_text(value: &Value) -> String {
    let wrapped = Document(vec![("v".into(), value.clone())]);
    wire::to_json(&wrapped).get("v").map_or_else(|| "null".to_owned(), Json::to_string)
}

/// As in MongoDB, metadata is unusable without a time, or with members of both tombstones and documents. So is metadata with a value of
/// another type, which a table can hold that another program created.
fn stamp(row: &SqliteRow) -> Stamp {
    let (version, applied, deleted) = (integer(row, VERSION), integer(row, APPLIED_AT), integer(row, DELETED_AT));
    let (digest, revision) = (text(row, DIGEST), text(row, REVISION));
    let mut stamp = Stamp {
        id: name(row, ID),
        version: version.unwrap_or(None),
        digest: digest.ok().flatten().and_then(|text| Digest::from_hex(str::from_utf8(text).ok()?)),
        revision: revision.ok().flatten().and_then(|text| Revision::from_hex(str::from_utf8(text).ok()?)),
        tombstone: matches!(deleted, Ok(Some(_))),
    };
    let ended = match (deleted, digest) {
        (Ok(None), Ok(_)) => true,
        // A tombstone is of the moment that it was written at.
        (Ok(Some(deleted)), Ok(None)) => applied == Ok(Some(deleted)) && revision == Ok(None),
        _ => false,
    };
    // An invalid revision makes the metadata unusable.
    let named = revision == Ok(None) || stamp.revision.is_some();
    stamp.keep_if_ours(version.is_ok() && matches!(applied, Ok(Some(_))) && ended && named);
    stamp
}

fn stored(row: &SqliteRow) -> Stored {
    let stamp = stamp(row);
    let body = match text(row, BODY) {
        Err(Strange) => foreign("no text"),
        // A tombstone has no body, not even an empty one.
        Ok(Some(text)) if stamp.tombstone && read(text).0.is_empty() => foreign("fields of a tombstone"),
        Ok(text) => body(text),
    };
    Stored { stamp, applied_at: integer(row, APPLIED_AT).unwrap_or(None), body }
}

/// A value of a type that its column does not have here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Strange;

/// A value's type, as it is and not as its column was declared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Integer,
    Text,
    Blob,
    Other,
}

fn kind(row: &SqliteRow, place: usize) -> Kind {
    let Ok(value) = row.try_get_raw(place) else { return Kind::Other };
    if value.is_null() {
        return Kind::Null;
    }
    match value.type_info().name() {
        "INTEGER" => Kind::Integer,
        "TEXT" => Kind::Text,
        "BLOB" => Kind::Blob,
        _ => Kind::Other,
    }
}

fn integer(row: &SqliteRow, place: usize) -> Result<Option<i64>, Strange> {
    match kind(row, place) {
        Kind::Null => Ok(None),
        Kind::Integer => Ok(row.get_unchecked(place)),
        _ => Err(Strange),
    }
}

fn text(row: &SqliteRow, place: usize) -> Result<Option<&[u8]>, Strange> {
    match kind(row, place) {
        Kind::Null => Ok(None),
        Kind::Text => Ok(row.get_unchecked(place)),
        _ => Err(Strange),
    }
}

/// What the id of a row is called.
pub(super) fn name(row: &SqliteRow, place: usize) -> String {
    let bytes: &[u8] = row.try_get_unchecked(place).unwrap_or_default();
    match kind(row, place) {
        Kind::Blob => id_codec::other(&id_codec::hex(bytes), BLOB),
        _ => id_codec::of_bytes(bytes).into_owned(),
    }
}

/// The body as a document; text that is no JSON object shows as one foreign field.
pub(super) fn body(text: Option<&[u8]>) -> Document {
    text.map(read).unwrap_or_default()
}

fn read(text: &[u8]) -> Document {
    wire::read(text).unwrap_or_else(|| foreign("not a JSON object"))
}

fn foreign(what: &str) -> Document {
    Document(vec![("".into(), Value::Foreign(format!("text:{what}")))])
}

#[cfg(test)]
mod tests {
    use chainbill_domain::models::ALL;
    use sqlx::{AssertSqlSafe, Row as _, SqlitePool, sqlite::SqlitePoolOptions};

    use crate::embedded::schema;

    async fn plan(pool: &SqlitePool, sql: String) -> Vec<String> {
        let query = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")));
        query.fetch_all(pool).await.unwrap().iter().map(|row| row.get("detail")).collect()
    }

    #[tokio::test]
    async fn what_an_index_begins_with_is_found_through_it_and_neither_sorted_nor_read_whole() {
        let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
        schema::base(&pool).await.unwrap();
        for model in ALL {
            schema::prepare(&pool, model).await.unwrap();
            for index in model.indexes.iter().filter(|index| !index[0].contains('.')) {
                for goes_on in [false, true] {
                    let steps = plan(&pool, super::found(model, index[0], goes_on)).await;
                    let how = if model.is_large() { "USING COVERING INDEX" } else { "USING INDEX" };
                    let by = format!("{how} _{}_by_{}", model.name, index[0]);
                    assert!(steps.len() == 1 && steps[0].contains(&by), "{}: {steps:?}", model.name);
                }
            }
        }
    }
}
