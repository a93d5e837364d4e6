//! The embedded second database: one SQLite file beside the primary's, nothing to install.
//!
//! Every model is a table of versioned JSON documents and, when it is searched, an FTS5 index over its search fields.
//! One connection writes, a few read. What was committed is on the disk (WAL with `synchronous=FULL`): an entry leaves the
//! outbox once it is carried out, and happenings and log lines are kept nowhere else, so what a power loss took here would
//! be gone for good.

mod activity;
mod apply;
mod events;
mod logs;
mod read;
mod schema;
mod search;

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use chainbill_domain::{Model, Timestamp, Value};
use chainbill_sqlite::Usage;
use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};

use crate::{
    limits::{Deadlines, within},
    logs::LogFilter,
    port::{
        Activity, Guard, Hit, LogLine, Mirror, MirrorError, Outcome, Page, Question, Retention, Stamp, Stored, Tracked,
        Unprepared, Write,
    },
    room::{self, ROOM},
};

const READERS: u32 = 4;

/// How long to wait for another process that has the file.
const BUSY: Duration = Duration::from_secs(5);

/// The second database in a file of its own.
#[derive(Debug, Clone)]
pub struct EmbeddedMirror {
    writer: SqlitePool,
    readers: SqlitePool,
    deadlines: Deadlines,
}

impl EmbeddedMirror {
    /// Opens the file, making it and its folder when absent.
    ///
    /// # Errors
    /// When the file cannot be made or opened, or is not an SQLite database.
    pub async fn open(path: &Path) -> Result<Self, MirrorError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            tokio::fs::create_dir_all(folder)
                .await
                .map_err(|cause| MirrorError::Unavailable(format!("{}: {cause}", folder.display())))?;
        }
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let usage = |max_connections| Usage { max_connections, patience: BUSY };
        let writer = chainbill_sqlite::open(options.clone(), usage(1)).await.map_err(|cause| failed(&cause))?;
        schema::base(&writer).await?;
        schema::bring_up(&writer).await?;
        let readers = chainbill_sqlite::open(options.pragma("query_only", "1"), usage(READERS));
        let readers = readers.await.map_err(|cause| failed(&cause))?;
        Ok(Self { writer, readers, deadlines: Deadlines::default() })
    }

    /// Ends all connections; what was written is in the file itself then.
    pub async fn close(&self) {
        self.readers.close().await;
        chainbill_sqlite::close(&self.writer).await;
    }
}

/// SQLite's own number of an error, without what extends it.
fn primary_code(cause: &sqlx::Error) -> Option<i32> {
    cause.as_database_error()?.code()?.parse::<i32>().ok().map(|code| code & 0xff)
}

/// What an SQLite error means to the caller.
fn failed(cause: &sqlx::Error) -> MirrorError {
    const PASSING: [i32; 6] = [5, 6, 10, 13, 14, 15];
    let text = cause.to_string();
    match cause {
        sqlx::Error::Database(_) if primary_code(cause).is_some_and(|code| PASSING.contains(&code)) => {
            MirrorError::Unavailable(text)
        }
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            MirrorError::Unavailable(text)
        }
        _ => MirrorError::Refused(text),
    }
}

/// Whether a statement failed because a table is not there (yet, or any more).
fn table_is_missing(cause: &sqlx::Error) -> bool {
    matches!(cause, sqlx::Error::Database(database) if database.message().starts_with("no such table"))
}

/// Reading what does not exist is reading nothing, as with any document database.
fn or_nothing<T: Default>(answer: Result<T, sqlx::Error>) -> Result<T, MirrorError> {
    match answer {
        Ok(value) => Ok(value),
        Err(cause) if table_is_missing(&cause) => Ok(T::default()),
        Err(cause) => Err(failed(&cause)),
    }
}

#[async_trait]
impl Mirror for EmbeddedMirror {
    fn engine(&self) -> &'static str {
        "embedded"
    }

    fn writes_side_by_side(&self) -> bool {
        false
    }

    async fn prepare(&self, models: &[&'static Model], _retention: Retention) -> Result<Vec<Unprepared>, MirrorError> {
        within(self.deadlines.bulk * 10, "prepare", async {
            schema::base(&self.writer).await?;
            let mut refused = Vec::new();
            for model in models {
                match schema::prepare(&self.writer, model).await {
                    Ok(()) => {}
                    Err(error @ MirrorError::Unavailable(_)) => return Err(error),
                    Err(error) => refused.push(Unprepared { collection: model.name, error }),
                }
            }
            Ok(refused)
        })
        .await
    }

    async fn ping(&self) -> Result<(), MirrorError> {
        within(self.deadlines.ping, "ping", async {
            sqlx::query("SELECT count(*) FROM sqlite_schema").execute(&self.readers).await.map_err(|e| failed(&e))?;
            Ok(())
        })
        .await
    }

    async fn collections(&self) -> Result<Vec<String>, MirrorError> {
        within(self.deadlines.request, "collections", schema::collections(&self.readers)).await
    }

    async fn identity(&self) -> Result<Option<String>, MirrorError> {
        within(self.deadlines.request, "identity", schema::fact(&self.readers, schema::IDENTITY)).await
    }

    async fn set_identity(&self, primary: &str) -> Result<(), MirrorError> {
        within(self.deadlines.request, "set identity", async {
            let mut connection = self.writer.acquire().await.map_err(|e| failed(&e))?;
            schema::set_fact(&mut connection, schema::IDENTITY, primary).await
        })
        .await
    }

    async fn apply(
        &self,
        model: &'static Model,
        guard: Guard,
        writes: &[Write],
        at: Timestamp,
    ) -> Result<Vec<Outcome>, MirrorError> {
        within(self.deadlines.bulk, "apply", apply::apply(&self.writer, model, guard, writes, at)).await
    }

    async fn remove(&self, model: &'static Model, ids: &[String]) -> Result<u64, MirrorError> {
        within(self.deadlines.bulk, "remove", apply::remove(&self.writer, model, ids)).await
    }

    async fn get(&self, model: &'static Model, id: &str) -> Result<Option<Stored>, MirrorError> {
        within(self.deadlines.request, "get", read::get(&self.readers, model, id)).await
    }

    async fn stamp(&self, model: &'static Model, id: &str) -> Result<Option<Stamp>, MirrorError> {
        within(self.deadlines.request, "stamp", read::stamp_of(&self.readers, model, id)).await
    }

    async fn get_many(&self, model: &'static Model, ids: &[String]) -> Result<Vec<Stored>, MirrorError> {
        within(self.deadlines.bulk, "get many", read::get_many(&self.readers, model, ids)).await
    }

    async fn takes_writes(&self, _model: &'static Model) -> Result<(), MirrorError> {
        within(self.deadlines.request, "takes writes", async {
            let mut connection = self.writer.acquire().await.map_err(|e| failed(&e))?;
            schema::set_fact(&mut connection, ROOM, &room::filling()).await
        })
        .await
    }

    async fn stamps(&self, model: &'static Model, page: Page<'_>) -> Result<Vec<Stamp>, MirrorError> {
        within(self.deadlines.bulk, "stamps", read::stamps(&self.readers, model, page)).await
    }

    async fn documents(&self, model: &'static Model, page: Page<'_>) -> Result<Vec<Stored>, MirrorError> {
        within(self.deadlines.bulk, "documents", read::documents(&self.readers, model, page)).await
    }

    async fn count(&self, model: &'static Model) -> Result<u64, MirrorError> {
        within(self.deadlines.request, "count", read::count(&self.readers, model)).await
    }

    async fn search(&self, model: &'static Model, question: Question<'_>) -> Result<Vec<Hit>, MirrorError> {
        within(self.deadlines.request, "search", search::search(&self.readers, model, question)).await
    }

    async fn search_is_off(&self, model: &'static Model, mend: bool) -> Result<bool, MirrorError> {
        within(self.deadlines.bulk * 10, "search index", async {
            let off = schema::search_is_off(&self.readers, model).await?;
            if off && mend {
                schema::make_search_anew(&self.writer, model).await?;
            }
            Ok(off)
        })
        .await
    }

    async fn find(
        &self,
        model: &'static Model,
        field: &'static str,
        value: &Value,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Stored>, MirrorError> {
        within(self.deadlines.request, "find", read::find(&self.readers, model, field, value, before, limit)).await
    }

    async fn track(&self, events: &[Tracked]) -> Result<(), MirrorError> {
        within(self.deadlines.bulk, "track", events::track(&self.writer, events)).await
    }

    async fn has_tracked(&self, id: &str) -> Result<bool, MirrorError> {
        within(self.deadlines.request, "has tracked", events::has_tracked(&self.readers, id)).await
    }

    async fn log(&self, lines: &[LogLine]) -> Result<(), MirrorError> {
        within(self.deadlines.bulk, "log", events::log(&self.writer, lines)).await
    }

    async fn logs(&self, filter: &LogFilter, before: Option<&str>, limit: u32) -> Result<Vec<LogLine>, MirrorError> {
        within(self.deadlines.request, "logs", logs::logs(&self.readers, filter, before, limit)).await
    }

    async fn activity(&self, user: Option<&str>, since: Timestamp) -> Result<Activity, MirrorError> {
        within(self.deadlines.request, "activity", activity::activity(&self.readers, user, since)).await
    }

    async fn expire(&self, retention: Retention, now: Timestamp) -> Result<u64, MirrorError> {
        within(self.deadlines.bulk, "expire", events::expire(&self.writer, retention, now)).await
    }

    async fn close(&self) {
        Self::close(self).await;
    }
}

#[cfg(test)]
mod tests {
    use super::EmbeddedMirror;

    #[tokio::test]
    async fn a_commit_of_the_writer_reaches_the_disk() {
        const FULL: i64 = 2;
        let folder = tempfile::tempdir().unwrap();
        let mirror = EmbeddedMirror::open(&folder.path().join("mirror.db")).await.unwrap();
        let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mirror.writer).await.unwrap();
        assert_eq!(synchronous, FULL);
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mirror.writer).await.unwrap();
        assert_eq!(mode, "wal");
        mirror.close().await;
    }
}
