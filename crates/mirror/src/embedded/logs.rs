//! Reading log lines back.

use chainbill_domain::Timestamp;
use serde_json::Value as Json;
use sqlx::{AssertSqlSafe, SqlitePool};

use super::or_nothing;
use crate::port::{LogFilter, LogLine, MirrorError};

/// Lines, newest first; see [`crate::MirrorQuery::logs`]. They are read in the order of their ids, which is that of their moments.
pub(super) async fn logs(
    readers: &SqlitePool,
    filter: &LogFilter,
    before: Option<&str>,
    limit: u32,
) -> Result<Vec<LogLine>, MirrorError> {
    let levels = filter.levels.as_ref().map_or(0, Vec::len);
    let marks = vec!["?"; levels].join(",");
    let mut clauses = Vec::new();
    if filter.levels.is_some() {
        clauses.push(format!("level IN ({marks})"));
    }
    for (asked, clause) in [
        (before.is_some(), "id < ?"),
        (filter.since.is_some(), "at >= ?"),
        (filter.until.is_some(), "at < ?"),
        (filter.target.is_some(), "substr(target, 1, length(?)) = ?"),
        (
            filter.text.is_some(),
            "(instr(lower(message), lower(?)) > 0 OR EXISTS (SELECT 1 FROM json_each(fields) AS field \
             WHERE instr(lower(field.value ->> 'value'), lower(?)) > 0))",
        ),
    ] {
        if asked {
            clauses.push(clause.to_owned());
        }
    }
    let whose = if clauses.is_empty() { "1".to_owned() } else { clauses.join(" AND ") };
    let sql = format!(
        "SELECT id, at, level, target, message, fields FROM app_logs WHERE {whose} ORDER BY id DESC LIMIT {limit}"
    );
    let mut query = sqlx::query_as(AssertSqlSafe(sql));
    for level in filter.levels.iter().flatten() {
        query = query.bind(*level);
    }
    if let Some(before) = before {
        query = query.bind(before);
    }
    for moment in [filter.since, filter.until].into_iter().flatten() {
        query = query.bind(moment.timestamp_millis());
    }
    for text in [&filter.target, &filter.text].into_iter().flatten() {
        query = query.bind(text.as_str()).bind(text.as_str());
    }
    let rows: Vec<(String, i64, String, String, String, String)> = or_nothing(query.fetch_all(readers).await)?;
    let line = |(id, at, level, target, message, fields): (String, i64, String, String, String, String)| LogLine {
        id,
        at: Timestamp::from_timestamp_millis(at).unwrap_or_default(),
        level,
        target,
        message,
        fields: self::fields(&fields),
    };
    Ok(rows.into_iter().map(line).collect())
}

fn fields(text: &str) -> Vec<(String, String)> {
    let Ok(Json::Array(all)) = serde_json::from_str(text) else { return Vec::new() };
    let word = |field: &Json, name: &str| field[name].as_str().unwrap_or("").to_owned();
    all.iter().map(|field| (word(field, "name"), word(field, "value"))).collect()
}
