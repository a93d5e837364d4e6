//! The embedded mirror: one SQLite file beside the primary's, with nothing to install.
//!
//! Every model is a table of versioned JSON documents and, when it is searched, an FTS5 index over its search fields.
//! One connection writes, a few read. A commit is on the disk (WAL with `synchronous=FULL`): an entry leaves the outbox once it is
//! applied, and events and log lines are stored nowhere else, so a power loss must not lose them.

mod activity;
mod apply;
mod events;
mod health;
mod logs;
mod query;
mod read;
mod schema;
mod search;
mod search_index;
mod store;
mod telemetry;

use std::{path::Path, time::Duration};

use chainbill_sqlite::Usage;
use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};

use crate::{limits::Deadlines, port::MirrorError};

const READERS: u32 = 4;

/// How long to wait for another process that has locked the file.
const BUSY: Duration = Duration::from_secs(5);

/// A mirror in a file of its own.
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

    /// Closes all connections, and merges the log into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        chainbill_sqlite::close(&self.writer).await;
    }
}

/// SQLite's primary error code, without the extended bits.
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

/// A missing table reads as an empty one, as in any document database.
fn or_nothing<T: Default>(answer: Result<T, sqlx::Error>) -> Result<T, MirrorError> {
    match answer {
        Ok(value) => Ok(value),
        Err(cause) if table_is_missing(&cause) => Ok(T::default()),
        Err(cause) => Err(failed(&cause)),
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
