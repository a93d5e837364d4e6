//! Guarded writes, many rows in one statement, all statements of a batch in one transaction.

use std::{collections::HashMap, fmt::Write as _};

use chainbill_domain::{Document, Model, Timestamp, wire, words::indexed};
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection, SqlitePool};

use super::{failed, read, schema, table_is_missing};
use crate::{
    limits::{MAX_COMMAND_BYTES, storable},
    port::{Content, Guard, MirrorError, Outcome, Write},
    search_terms::words_of,
};

/// Rows in one statement; full chunks share one prepared statement.
const CHUNK: usize = 200;

/// A write in the form of its table's row.
struct Prepared<'a> {
    /// Its place among the caller's writes.
    index: usize,
    write: &'a Write,
    body: Option<String>,
    digest: Option<String>,
}

/// Applies the writes; see [`crate::MirrorStore::apply`].
pub(super) async fn apply(
    writer: &SqlitePool,
    model: &'static Model,
    guard: Guard,
    writes: &[Write],
    at: Timestamp,
) -> Result<Vec<Outcome>, MirrorError> {
    if writes.is_empty() {
        return Ok(Vec::new());
    }
    let mut connection = writer.acquire().await.map_err(|e| failed(&e))?;
    match attempt(&mut connection, model, guard, writes, at).await {
        Err(cause) if table_is_missing(&cause) => {
            drop(connection);
            schema::base(writer).await?;
            schema::prepare(writer, model).await?;
            let mut connection = writer.acquire().await.map_err(|e| failed(&e))?;
            attempt(&mut connection, model, guard, writes, at).await.map_err(|e| failed(&e))
        }
        answer => answer.map_err(|e| failed(&e)),
    }
}

async fn attempt(
    connection: &mut SqliteConnection,
    model: &'static Model,
    guard: Guard,
    writes: &[Write],
    at: Timestamp,
) -> Result<Vec<Outcome>, sqlx::Error> {
    let mut outcomes = vec![Outcome::Stale; writes.len()];
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut chunk = Vec::with_capacity(CHUNK.min(writes.len()));
    let mut bytes = 0;
    for (index, write) in writes.iter().enumerate() {
        let size = match storable(write, &words_of(model, write)) {
            Ok(bytes) => bytes,
            Err(why) => {
                outcomes[index] = Outcome::Rejected(why);
                continue;
            }
        };
        if chunk.len() == CHUNK || (bytes + size > MAX_COMMAND_BYTES && !chunk.is_empty()) {
            write_chunk(&mut transaction, model, guard, &chunk, at, &mut outcomes).await?;
            chunk.clear();
            bytes = 0;
        }
        bytes += size;
        chunk.push(prepare(index, write));
    }
    if !chunk.is_empty() {
        write_chunk(&mut transaction, model, guard, &chunk, at, &mut outcomes).await?;
    }
    transaction.commit().await?;
    Ok(outcomes)
}

fn prepare(index: usize, write: &Write) -> Prepared<'_> {
    let (body, digest) = match &write.content {
        Content::Document { body, digest } => (Some(wire::to_json(body).to_string()), Some(digest.to_hex())),
        Content::Tombstone => (None, None),
    };
    Prepared { index, write, body, digest }
}

async fn write_chunk(
    connection: &mut SqliteConnection,
    model: &'static Model,
    guard: Guard,
    chunk: &[Prepared<'_>],
    at: Timestamp,
    outcomes: &mut [Outcome],
) -> Result<(), sqlx::Error> {
    let (millis, revision) = (at.timestamp_millis(), model.revision().to_hex());
    let mut query = sqlx::query(AssertSqlSafe(upsert(model, guard, chunk.len())))
        .persistent(chunk.len() == CHUNK || chunk.len() == 1);
    for prepared in chunk {
        query = query
            .bind(prepared.write.id.as_str())
            .bind(prepared.write.version)
            .bind(prepared.digest.as_deref())
            .bind(prepared.body.is_some().then_some(revision.as_str()))
            .bind(millis)
            .bind(prepared.body.is_none().then_some(millis))
            .bind(prepared.body.as_deref());
    }
    let rows = query.fetch_all(&mut *connection).await?;
    let mut written: HashMap<(&str, i64), i64> = HashMap::with_capacity(rows.len());
    for row in &rows {
        written.insert((row.get_unchecked(1), row.get_unchecked(2)), row.get_unchecked(0));
    }
    let mut to_index: HashMap<i64, Option<&Document>> = HashMap::new();
    for prepared in chunk {
        let Some(row) = written.get(&(prepared.write.id.as_str(), prepared.write.version)) else { continue };
        outcomes[prepared.index] = Outcome::Applied;
        to_index.insert(
            *row,
            match &prepared.write.content {
                Content::Document { body, .. } => Some(body),
                Content::Tombstone => None,
            },
        );
    }
    index(connection, model, to_index.into_iter().collect()).await
}

fn upsert(model: &Model, guard: Guard, rows: usize) -> String {
    let name = model.name;
    let mut sql =
        format!("INSERT INTO \"{name}\"(id, version, digest, revision, applied_at, deleted_at, body) VALUES ");
    for row in 0..rows {
        sql.push_str(if row == 0 { "(?,?,?,?,?,?,?)" } else { ",(?,?,?,?,?,?,?)" });
    }
    sql.push_str(
        " ON CONFLICT(id) DO UPDATE SET version = excluded.version, digest = excluded.digest, revision = \
         excluded.revision, applied_at = excluded.applied_at, deleted_at = excluded.deleted_at, body = excluded.body",
    );
    let _ = match guard {
        Guard::Newer => write!(sql, " WHERE excluded.version > \"{name}\".version"),
        Guard::Outdated => write!(
            sql,
            " WHERE excluded.version > \"{name}\".version OR (excluded.version = \"{name}\".version AND \
             \"{name}\".deleted_at IS NULL AND excluded.revision IS NOT \"{name}\".revision)"
        ),
        Guard::NotNewer => {
            // The second half: a document with unusable metadata has no version.
            write!(
                sql,
                " WHERE excluded.version >= \"{name}\".version OR typeof(\"{name}\".version) <> 'integer' OR \
                 typeof(\"{name}\".applied_at) <> 'integer' OR typeof(\"{name}\".digest) NOT IN ('text', 'null') OR \
                 typeof(\"{name}\".deleted_at) NOT IN ('integer', 'null') OR (\"{name}\".deleted_at IS NOT NULL AND \
                 (\"{name}\".digest IS NOT NULL OR \"{name}\".revision IS NOT NULL OR \"{name}\".deleted_at <> \
                 \"{name}\".applied_at)) OR typeof(\"{name}\".revision) NOT IN ('text', 'null') OR \
                 length(\"{name}\".revision) <> 16 OR \"{name}\".revision GLOB '*[^0-9a-f]*'"
            )
        }
    };
    sql.push_str(" RETURNING \"row\", id, version");
    sql
}

/// Brings the full-text index in step: `None` takes a row out of it.
async fn index(
    connection: &mut SqliteConnection,
    model: &'static Model,
    mut rows: Vec<(i64, Option<&Document>)>,
) -> Result<(), sqlx::Error> {
    if model.search.is_empty() || rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|(row, _)| *row);
    let table = schema::fts(model);
    for (row, _) in rows.iter().filter(|(_, body)| body.is_none()) {
        let sql = format!("DELETE FROM \"{table}\" WHERE rowid = ?");
        sqlx::query(AssertSqlSafe(sql)).bind(row).execute(&mut *connection).await?;
    }
    let shown: Vec<(i64, &Document)> = rows.into_iter().filter_map(|(row, body)| Some((row, body?))).collect();
    if shown.is_empty() {
        return Ok(());
    }
    let columns = schema::word_columns(model);
    let places = format!("(?{})", ",?".repeat(columns.len()));
    let all = vec![places; shown.len()].join(",");
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let sql = format!("INSERT OR REPLACE INTO \"{table}\"(rowid, {}) VALUES {all}", names.join(", "));
    let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(shown.len() == CHUNK || shown.len() == 1);
    for (row, body) in shown {
        query = query.bind(row);
        let words = indexed(model, body);
        for (_, weight) in &columns {
            let of_weight = words.iter().filter(|word| word.weight == *weight).map(|word| word.text.as_str());
            query = query.bind(of_weight.collect::<Vec<_>>().join(" "));
        }
    }
    query.execute(connection).await?;
    Ok(())
}

/// Fills a new full-text index from the bodies.
pub(super) async fn index_everything(
    connection: &mut SqliteConnection,
    model: &'static Model,
) -> Result<(), MirrorError> {
    let sql = format!(
        "SELECT \"row\", body FROM \"{}\" WHERE \"row\" > ? AND body IS NOT NULL ORDER BY \"row\" LIMIT {CHUNK}",
        model.name
    );
    let mut last = i64::MIN;
    loop {
        let page: Vec<(i64, Vec<u8>)> = sqlx::query_as(AssertSqlSafe(sql.clone()))
            .bind(last)
            .fetch_all(&mut *connection)
            .await
            .map_err(|e| failed(&e))?;
        let Some((row, _)) = page.last() else { return Ok(()) };
        last = *row;
        let documents: Vec<(i64, Document)> = page.iter().map(|(row, body)| (*row, read::body(Some(body)))).collect();
        let rows = documents.iter().map(|(row, body)| (*row, Some(body))).collect();
        index(connection, model, rows).await.map_err(|e| failed(&e))?;
    }
}

/// Physically removes documents; see [`crate::MirrorStore::remove`].
pub(super) async fn remove(writer: &SqlitePool, model: &'static Model, ids: &[String]) -> Result<u64, MirrorError> {
    let mut connection = writer.acquire().await.map_err(|e| failed(&e))?;
    match remove_all(&mut connection, model, ids).await {
        Err(cause) if table_is_missing(&cause) => Ok(0),
        answer => answer.map_err(|e| failed(&e)),
    }
}

async fn remove_all(
    connection: &mut SqliteConnection,
    model: &'static Model,
    ids: &[String],
) -> Result<u64, sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut gone = Vec::new();
    for id in ids.iter().filter_map(|id| read::Id::named(id)) {
        let sql = format!("DELETE FROM \"{}\" WHERE id = {} RETURNING \"row\"", model.name, id.place());
        let row = id.bind(sqlx::query(AssertSqlSafe(sql))).fetch_optional(&mut *transaction).await?;
        gone.extend(row.map(|row| (row.get::<i64, _>(0), None)));
    }
    let count = gone.len() as u64;
    index(&mut transaction, model, gone).await?;
    transaction.commit().await?;
    Ok(count)
}
