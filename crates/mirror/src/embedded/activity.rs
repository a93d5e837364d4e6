//! Statistics of tracked events and log lines.

use chainbill_domain::{Document, Timestamp};
use sqlx::{AssertSqlSafe, FromRow, SqlitePool, sqlite::SqliteRow};

use super::{or_nothing, read};
use crate::port::{Activity, MirrorError};

const RECENT: u32 = 20;

/// The user who caused the event.
const DOER: &str = "user_id = ?";
/// The user who received the money; its index is in `schema`.
const RECEIVER: &str = "body ->> '$.receiverId' = ?";

/// A query over the events of a span.
#[derive(Clone, Copy)]
struct Asked<'a> {
    readers: &'a SqlitePool,
    user: Option<&'a str>,
    /// The condition that makes an event the user's.
    by: &'static str,
    since: i64,
}

impl Asked<'_> {
    async fn rows<T>(&self, columns: &str, more: &str) -> Result<Vec<T>, MirrorError>
    where
        T: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    {
        let whose = self.user.map_or_else(String::new, |_| format!("AND {}", self.by));
        let sql = format!("SELECT {columns} FROM analytics WHERE at >= ? {whose} {more}");
        let mut query = sqlx::query_as(AssertSqlSafe(sql)).bind(self.since);
        if let Some(user) = self.user {
            query = query.bind(user);
        }
        or_nothing(query.fetch_all(self.readers).await)
    }
}

/// The statistics; see [`crate::MirrorQuery::activity`].
pub(super) async fn activity(
    readers: &SqlitePool,
    user: Option<&str>,
    since: Timestamp,
) -> Result<Activity, MirrorError> {
    let asked = Asked { readers, user, by: DOER, since: since.timestamp_millis() };
    let totals: Vec<(i64, i64)> = asked.rows("count(*), count(DISTINCT user_id)", "").await?;
    let (events, users) = totals.first().copied().unwrap_or_default();
    let by_kind: Vec<(String, i64)> =
        asked.rows("event, count(*)", "AND event IS NOT NULL GROUP BY event ORDER BY 2 DESC, 1").await?;
    let by_day: Vec<(String, i64, i64)> = asked
        .rows("date(at / 1000, 'unixepoch') AS day, count(*), count(DISTINCT user_id)", "GROUP BY day ORDER BY day")
        .await?;
    Ok(Activity {
        events: events.unsigned_abs(),
        users: users.unsigned_abs(),
        by_kind: by_kind.into_iter().map(|(kind, count)| (kind, count.unsigned_abs())).collect(),
        by_day: by_day.into_iter().map(|(day, n, users)| (day, n.unsigned_abs(), users.unsigned_abs())).collect(),
        received: if user.is_none() { moved(&asked).await? } else { moved(&Asked { by: RECEIVER, ..asked }).await? },
        paid: if user.is_some() { moved(&asked).await? } else { Vec::new() },
        log_levels: if user.is_none() { log_levels(readers, asked.since).await? } else { Vec::new() },
        recent: if user.is_some() { recent(&asked).await? } else { Vec::new() },
    })
}

/// Sums of both halves of the amounts: a sum of whole amounts could overflow an integer.
async fn moved(asked: &Asked<'_>) -> Result<Vec<(String, i64)>, MirrorError> {
    let rows: Vec<(String, i64, i64)> = asked
        .rows(
            "currency, sum(minor >> 32), sum(minor & 4294967295)",
            "AND event = 'PAYMENT_RECEIVED' AND currency IS NOT NULL AND minor IS NOT NULL GROUP BY currency ORDER BY 1",
        )
        .await?;
    Ok(rows
        .into_iter()
        .map(|(currency, high, low)| {
            let sum = (i128::from(high) << 32) + i128::from(low);
            (currency, i64::try_from(sum).unwrap_or(if sum < 0 { i64::MIN } else { i64::MAX }))
        })
        .collect())
}

async fn log_levels(readers: &SqlitePool, since: i64) -> Result<Vec<(String, u64)>, MirrorError> {
    let sql = "SELECT level, count(*) FROM app_logs WHERE at >= ? GROUP BY level ORDER BY 2 DESC, 1";
    let rows: Vec<(String, i64)> = or_nothing(sqlx::query_as(sql).bind(since).fetch_all(readers).await)?;
    Ok(rows.into_iter().map(|(level, count)| (level, count.unsigned_abs())).collect())
}

async fn recent(asked: &Asked<'_>) -> Result<Vec<Document>, MirrorError> {
    let rows: Vec<(Vec<u8>,)> = asked.rows("body", &format!("ORDER BY at DESC, id DESC LIMIT {RECENT}")).await?;
    Ok(rows.iter().map(|(text,)| read::body(Some(text))).collect())
}
