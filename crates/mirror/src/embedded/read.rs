//! Reading documents back, one by one and in pages.

use chainbill_domain::{Digest, Document, Model, Value, wire};
use serde_json::Value as Json;
use sqlx::{AssertSqlSafe, Row as _, SqlitePool, sqlite::SqliteRow};

use super::{or_nothing, schema};
use crate::port::{MirrorError, Page, Stamp, Stored};

const STAMP: &str = "id, version, digest, deleted_at, applied_at";
const WHOLE: &str = "id, version, digest, deleted_at, applied_at, body";

/// One document.
pub(super) async fn get(readers: &SqlitePool, model: &Model, id: &str) -> Result<Option<Stored>, MirrorError> {
    let sql = format!("SELECT {WHOLE} FROM \"{}\" WHERE id = ?", model.name);
    let row = or_nothing(sqlx::query(AssertSqlSafe(sql)).bind(id).fetch_optional(readers).await)?;
    Ok(row.map(|row| stored(&row)))
}

/// The stamp of one document.
pub(super) async fn stamp_of(readers: &SqlitePool, model: &Model, id: &str) -> Result<Option<Stamp>, MirrorError> {
    let sql = format!("SELECT {STAMP} FROM \"{}\" WHERE id = ?", model.name);
    let row = or_nothing(sqlx::query(AssertSqlSafe(sql)).bind(id).fetch_optional(readers).await)?;
    Ok(row.map(|row| stamp(&row)))
}

/// Some documents.
pub(super) async fn get_many(readers: &SqlitePool, model: &Model, ids: &[String]) -> Result<Vec<Stored>, MirrorError> {
    let list = Json::from(ids.to_vec()).to_string();
    let sql = format!("SELECT {WHOLE} FROM \"{}\" WHERE id IN (SELECT value FROM json_each(?))", model.name);
    Ok(or_nothing(sqlx::query(AssertSqlSafe(sql)).bind(list).fetch_all(readers).await)?.iter().map(stored).collect())
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
    let mut sql = format!("SELECT {columns} FROM \"{}\" WHERE 1", model.name);
    if page.after.is_some() {
        sql.push_str(" AND id > ?");
    }
    if page.up_to.is_some() {
        sql.push_str(" AND id <= ?");
    }
    sql.push_str(" ORDER BY id LIMIT ?");
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for bound in [page.after, page.up_to].into_iter().flatten() {
        query = query.bind(bound);
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

/// The text that a value has inside a stored body.
fn json_text(value: &Value) -> String {
    let wrapped = Document(vec![("v".into(), value.clone())]);
    wire::to_json(&wrapped).get("v").map_or_else(|| "null".to_owned(), Json::to_string)
}

/// As in MongoDB: without a moment, or with what is of tombstones and what is of documents, it is somebody else's.
fn stamp(row: &SqliteRow) -> Stamp {
    let (deleted, applied): (Option<i64>, Option<i64>) =
        (row.get_unchecked("deleted_at"), row.get_unchecked("applied_at"));
    let digest: Option<String> = row.get_unchecked("digest");
    let both = deleted.is_some() && digest.is_some();
    let mut stamp = Stamp {
        id: row.get_unchecked("id"),
        version: row.get_unchecked("version"),
        digest: digest.and_then(|text| Digest::from_hex(&text)),
        tombstone: deleted.is_some(),
    };
    stamp.keep_if_ours(applied.is_some() && !both);
    stamp
}

fn stored(row: &SqliteRow) -> Stored {
    let text: Option<&str> = row.get_unchecked("body");
    Stored { stamp: stamp(row), applied_at: row.get_unchecked("applied_at"), body: body(text) }
}

/// The body as a document; text that is no JSON object shows as one foreign field.
pub(super) fn body(text: Option<&str>) -> Document {
    match text.map(serde_json::from_str::<Json>) {
        None => Document::default(),
        Some(Ok(Json::Object(object))) => wire::from_json(object),
        Some(_) => Document(vec![("".into(), Value::Foreign("text:not a JSON object".to_owned()))]),
    }
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
