//! The write-ahead log, kept from growing.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{AssertSqlSafe, SqliteConnection};
use tokio::sync::RwLock;

/// A larger log is merged at the cost of a moment in which writers wait.
pub const MOST_LOG_BYTES: u64 = 32 << 20;
/// How long writers may wait for readers that still use the log.
const MOMENT: Duration = Duration::from_millis(500);
/// After a longer reader has prevented a merge, the next one is tried when the log has grown by so much: long reads delay writers now
/// and then, not all the time.
const GROWN_BYTES: u64 = 16 << 20;

/// The log of one file.
pub(crate) struct Log {
    path: PathBuf,
    /// The connections' own busy timeout.
    patience: Duration,
    /// The size from which the log is merged. Locked for writing during a merge, so that no connection is handed out meanwhile: SQLite's
    /// waiters poll for its locks, so a merge beside them might never get them.
    most: RwLock<u64>,
}

impl Log {
    pub(crate) fn of(file: &Path, patience: Duration) -> Self {
        let mut path = OsString::from(file);
        path.push("-wal");
        Self { path: path.into(), patience, most: RwLock::new(MOST_LOG_BYTES) }
    }

    /// Waits while it is merged.
    pub(crate) async fn settled(&self) {
        drop(self.most.read().await);
    }

    /// Merges a log that has grown too large.
    pub(crate) async fn tend(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let size = std::fs::metadata(&self.path).map_or(0, |file| file.len());
        if size <= MOST_LOG_BYTES {
            return Ok(());
        }
        let Ok(mut most) = self.most.try_write() else { return Ok(()) };
        if size <= *most {
            return Ok(());
        }
        // Most of it can be merged without delaying writers.
        sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&mut *connection).await?;
        wait_for(connection, MOMENT).await?;
        let merged = merge(connection).await;
        wait_for(connection, self.patience).await?;
        *most = if merged? { MOST_LOG_BYTES } else { size + GROWN_BYTES };
        Ok(())
    }
}

/// Merges the whole log and empties it; `false` when readers or writers prevented it for too long.
pub(crate) async fn merge(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let busy: i64 = sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(connection).await?;
    Ok(busy == 0)
}

async fn wait_for(connection: &mut SqliteConnection, patience: Duration) -> Result<(), sqlx::Error> {
    let sql = format!("PRAGMA busy_timeout = {}", patience.as_millis());
    sqlx::query(AssertSqlSafe(sql)).persistent(false).execute(connection).await?;
    Ok(())
}
