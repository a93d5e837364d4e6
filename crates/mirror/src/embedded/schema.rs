//! Tables and indexes. Whatever the engine keeps for itself has a name that begins with `_`.

use chainbill_domain::{Model, words};
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection, SqlitePool};

use super::{failed, or_nothing, search_index};
use crate::port::MirrorError;

/// The key of the identity of the primary that the mirror belongs to.
pub(super) const IDENTITY: &str = "identity";

/// The column that tables from before there were revisions do not have.
const REVISION: &str = "revision TEXT";

const BASE: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS _chainbill (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS analytics (id TEXT PRIMARY KEY NOT NULL, at INTEGER, event TEXT, user_id TEXT, \
     currency TEXT, minor INTEGER, body TEXT NOT NULL) STRICT",
    "CREATE INDEX IF NOT EXISTS _analytics_at ON analytics(at)",
    "CREATE INDEX IF NOT EXISTS _analytics_user ON analytics(user_id, at)",
    "CREATE INDEX IF NOT EXISTS _analytics_receiver ON analytics(body ->> '$.receiverId', at)",
    "CREATE TABLE IF NOT EXISTS app_logs (id TEXT PRIMARY KEY NOT NULL, at INTEGER NOT NULL, level TEXT NOT NULL, \
     target TEXT NOT NULL, message TEXT NOT NULL, fields TEXT NOT NULL) STRICT",
    "CREATE INDEX IF NOT EXISTS _app_logs_at ON app_logs(at, level)",
];

/// The full-text table of a model.
pub(super) fn fts(model: &Model) -> String {
    format!("_fts_{}", model.name)
}

/// The columns of a model's full-text table, one for each weight that a word can have, the heaviest first.
pub(super) fn word_columns(model: &Model) -> Vec<(String, u8)> {
    words::weights(model).into_iter().enumerate().map(|(place, weight)| (format!("c{place}"), weight)).collect()
}

/// Tables that exist whatever the models are.
pub(super) async fn base(writer: &SqlitePool) -> Result<(), MirrorError> {
    for statement in BASE {
        sqlx::query(*statement).execute(writer).await.map_err(|e| failed(&e))?;
    }
    Ok(())
}

/// Brings the tables of models that an earlier release has made to what this one reads and writes, before either is done.
pub(super) async fn bring_up(writer: &SqlitePool) -> Result<(), MirrorError> {
    let models = models(writer).await?;
    let mut connection = writer.acquire().await.map_err(|e| failed(&e))?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(|e| failed(&e))?;
    for table in models {
        add_column(&mut transaction, &table, REVISION).await?;
    }
    transaction.commit().await.map_err(|e| failed(&e))
}

/// Table, indexes and full-text index of one model; a full-text index of other columns is made anew from the bodies.
pub(super) async fn prepare(writer: &SqlitePool, model: &'static Model) -> Result<(), MirrorError> {
    let mut connection = writer.acquire().await.map_err(|e| failed(&e))?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(|e| failed(&e))?;
    create(&mut transaction, model).await?;
    transaction.commit().await.map_err(|e| failed(&e))
}

/// What [`prepare`] does, inside a transaction of the caller.
pub(super) async fn create(connection: &mut SqliteConnection, model: &'static Model) -> Result<(), MirrorError> {
    let name = model.name;
    run(
        connection,
        format!(
            "CREATE TABLE IF NOT EXISTS \"{name}\" (\"row\" INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, version \
             INTEGER, digest TEXT, revision TEXT, applied_at INTEGER, deleted_at INTEGER, body TEXT) STRICT"
        ),
    )
    .await?;
    run(
        connection,
        format!(
            "CREATE INDEX IF NOT EXISTS \"_{name}_deleted\" ON \"{name}\"(deleted_at) WHERE deleted_at IS NOT NULL"
        ),
    )
    .await?;
    for (index, columns) in finders(model) {
        run(connection, format!("CREATE INDEX IF NOT EXISTS \"{index}\" ON \"{name}\"({columns})")).await?;
    }
    forget_indexes(connection, model).await?;
    search_index::prepare(connection, model).await
}

/// Adds a column to a table that an earlier release has made.
async fn add_column(connection: &mut SqliteConnection, table: &str, column: &str) -> Result<(), MirrorError> {
    let name = column.split(' ').next();
    let known = sqlx::query("SELECT 1 FROM pragma_table_info(?) WHERE name = ?").bind(table).bind(name);
    if known.fetch_optional(&mut *connection).await.map_err(|e| failed(&e))?.is_some() {
        return Ok(());
    }
    run(connection, format!("ALTER TABLE \"{table}\" ADD COLUMN {column}")).await
}

/// Indexes that are no longer asked for go.
async fn forget_indexes(connection: &mut SqliteConnection, model: &'static Model) -> Result<(), MirrorError> {
    let begin = format!("_{}_by_", model.name);
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ? AND substr(name, 1, length(?)) = ?";
    let query = sqlx::query_as(sql).bind(model.name).bind(&begin).bind(&begin);
    let present: Vec<(String,)> = query.fetch_all(&mut *connection).await.map_err(|e| failed(&e))?;
    let wanted = finders(model);
    for (name,) in present.iter().filter(|(name,)| wanted.iter().all(|(index, _)| index != name)) {
        run(connection, format!("DROP INDEX \"{name}\"")).await?;
    }
    Ok(())
}

/// The indexes through which `find` goes: names and columns. Of large documents they hold all that it answers, for otherwise
/// each would be read whole and taken apart (45 ms for one of 5 MB); their names say what they leave out, so that another
/// description makes others.
fn finders(model: &Model) -> Vec<(String, String)> {
    let large: Vec<&str> = model.large_fields().collect();
    let finder = |field| {
        let (name, key) = (format!("_{}_by_{field}", model.name), format!("body -> '$.{field}', id"));
        match small(model) {
            None => (name, key),
            Some(small) => (
                format!("{name}_with_revision_without_{}", large.join("_")),
                format!("{key}, version, digest, revision, deleted_at, applied_at, {small}"),
            ),
        }
    };
    found_by(model).into_iter().map(finder).collect()
}

/// What a body is without its large fields; none where it has none.
pub(super) fn small(model: &Model) -> Option<String> {
    let large: String = model.large_fields().map(|field| format!(", '$.{field}'")).collect();
    (!large.is_empty()).then(|| format!("json_remove(body{large})"))
}

/// The top-level fields that an index begins with: those that `find` answers quickly.
fn found_by(model: &Model) -> Vec<&'static str> {
    let mut fields: Vec<&'static str> =
        model.indexes.iter().filter_map(|index| index.first().copied()).filter(|field| !field.contains('.')).collect();
    fields.sort_unstable();
    fields.dedup();
    fields
}

pub(super) async fn exists(connection: &mut SqliteConnection, table: &str) -> Result<bool, MirrorError> {
    let row = sqlx::query("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?")
        .bind(table)
        .fetch_one(connection)
        .await
        .map_err(|e| failed(&e))?;
    Ok(row.get::<i64, _>(0) > 0)
}

pub(super) async fn run(connection: &mut SqliteConnection, sql: String) -> Result<(), MirrorError> {
    sqlx::query(AssertSqlSafe(sql)).persistent(false).execute(connection).await.map_err(|e| failed(&e))?;
    Ok(())
}

/// Names of the tables that are collections, ascending.
pub(super) async fn collections(readers: &SqlitePool) -> Result<Vec<String>, MirrorError> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 1) <> '_' \
               AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name";
    let rows: Vec<(String,)> = sqlx::query_as(sql).fetch_all(readers).await.map_err(|e| failed(&e))?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

/// Tables that hold a model: those with an index over their tombstones.
pub(super) async fn models(pool: &SqlitePool) -> Result<Vec<String>, MirrorError> {
    let sql = "SELECT tbl_name FROM sqlite_schema WHERE type = 'index' AND name = '_' || tbl_name || '_deleted'";
    let rows: Vec<(String,)> = sqlx::query_as(sql).fetch_all(pool).await.map_err(|e| failed(&e))?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

/// Something the engine remembers under a key.
pub(super) async fn fact(readers: &SqlitePool, key: &str) -> Result<Option<String>, MirrorError> {
    let row: Option<(String,)> = or_nothing(
        sqlx::query_as("SELECT value FROM _chainbill WHERE key = ?").bind(key).fetch_optional(readers).await,
    )?;
    Ok(row.map(|(value,)| value))
}

/// Remembers something under a key.
pub(super) async fn set_fact(connection: &mut SqliteConnection, key: &str, value: &str) -> Result<(), MirrorError> {
    let sql = "INSERT INTO _chainbill(key, value) VALUES (?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value";
    sqlx::query(sql).bind(key).bind(value).execute(connection).await.map_err(|e| failed(&e))?;
    Ok(())
}
