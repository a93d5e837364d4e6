//! Tracked events and log lines, and their retention.

use chainbill_domain::{Document, Timestamp, Value, wire};
use serde_json::Value as Json;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection, SqlitePool};

use super::{failed, schema};
use crate::port::{LogLine, MirrorError, Retention, Tracked};

/// Stores events; known ids are skipped.
pub(super) async fn track(writer: &SqlitePool, events: &[Tracked]) -> Result<(), MirrorError> {
    let sql = "INSERT INTO analytics(id, at, event, user_id, currency, minor, body) VALUES (?, ?, ?, ?, ?, ?, ?) \
               ON CONFLICT(id) DO NOTHING";
    let mut connection = writer.acquire().await.map_err(|e| failed(&e))?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(|e| failed(&e))?;
    for event in events {
        sqlx::query(sql)
            .bind(event.id.as_str())
            .bind(time(&event.body, "at"))
            .bind(text(&event.body, "event"))
            .bind(text(&event.body, "userId"))
            .bind(text(&event.body, "amount.currency"))
            .bind(integer(&event.body, "amount.minor"))
            .bind(wire::to_json(&event.body).to_string())
            .execute(&mut *transaction)
            .await
            .map_err(|e| failed(&e))?;
    }
    transaction.commit().await.map_err(|e| failed(&e))
}

/// Whether an event is stored.
pub(super) async fn has_tracked(reader: &SqlitePool, id: &str) -> Result<bool, MirrorError> {
    let found = sqlx::query("SELECT 1 FROM analytics WHERE id = ?").bind(id).fetch_optional(reader).await;
    Ok(found.map_err(|e| failed(&e))?.is_some())
}

fn text<'a>(body: &'a Document, path: &str) -> Option<&'a str> {
    match body.at(path) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

fn time(body: &Document, path: &str) -> Option<i64> {
    match body.at(path) {
        Some(Value::Time(millis)) => Some(*millis),
        _ => None,
    }
}

fn integer(body: &Document, path: &str) -> Option<i64> {
    match body.at(path) {
        Some(Value::Int(number)) => Some(*number),
        _ => None,
    }
}

/// Stores log lines; known ids are skipped.
pub(super) async fn log(writer: &SqlitePool, lines: &[LogLine]) -> Result<(), MirrorError> {
    let sql = "INSERT INTO app_logs(id, at, level, target, message, fields) VALUES (?, ?, ?, ?, ?, ?) \
               ON CONFLICT(id) DO NOTHING";
    let mut connection = writer.acquire().await.map_err(|e| failed(&e))?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(|e| failed(&e))?;
    for line in lines {
        let fields: Vec<Json> = line
            .fields
            .iter()
            .map(|(name, value)| serde_json::json!({ "name": name.as_str(), "value": value.as_str() }))
            .collect();
        sqlx::query(sql)
            .bind(line.id.as_str())
            .bind(line.at.timestamp_millis())
            .bind(line.level.as_str())
            .bind(line.target.as_str())
            .bind(line.message.as_str())
            .bind(Json::Array(fields).to_string())
            .execute(&mut *transaction)
            .await
            .map_err(|e| failed(&e))?;
    }
    transaction.commit().await.map_err(|e| failed(&e))
}

/// Deletes events, log lines and tombstones of every model past their retention.
pub(super) async fn expire(writer: &SqlitePool, retention: Retention, now: Timestamp) -> Result<u64, MirrorError> {
    let before = |kept: std::time::Duration| {
        now.timestamp_millis().saturating_sub(i64::try_from(kept.as_millis()).unwrap_or(i64::MAX))
    };
    let models = schema::models(writer).await?;
    let mut connection = writer.acquire().await.map_err(|e| failed(&e))?;
    let mut gone = delete(&mut connection, "analytics", "at", before(retention.analytics)).await?
        + delete(&mut connection, "app_logs", "at", before(retention.logs)).await?;
    for table in models {
        gone += delete(&mut connection, &table, "deleted_at", before(retention.tombstones)).await?;
    }
    Ok(gone)
}

async fn delete(connection: &mut SqliteConnection, table: &str, column: &str, before: i64) -> Result<u64, MirrorError> {
    let sql = format!("DELETE FROM \"{table}\" WHERE {column} < ?");
    let done = sqlx::query(AssertSqlSafe(sql)).bind(before).execute(connection).await.map_err(|e| failed(&e))?;
    Ok(done.rows_affected())
}
