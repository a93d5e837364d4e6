//! The write-ahead log, kept from growing.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{AssertSqlSafe, SqliteConnection};
use tokio::sync::RwLock;

/// A log that is larger is merged at the cost of a moment in which writers wait.
pub const MOST_LOG_BYTES: u64 = 32 << 20;
/// How long writers may be held back for readers that still use it.
const MOMENT: Duration = Duration::from_millis(500);
/// After a reader was in the way for longer, it is tried again when the log has grown by so much: whoever reads for long costs
/// writers a moment now and then, and not all the time.
const GROWN_BYTES: u64 = 16 << 20;

/// The log of one file.
pub(crate) struct Log {
    path: PathBuf,
    /// The connections' own busy timeout.
    patience: Duration,
    /// The size that is too large. Whoever holds it for writing is merging, and nobody begins anything meanwhile: SQLite lets
    /// those who wait for its locks ask again and again, so that one who comes late may never get them.
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
        // Most of it can be merged without holding anybody back.
        sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(&mut *connection).await?;
        wait_for(connection, MOMENT).await?;
        let merged = merge(connection).await;
        wait_for(connection, self.patience).await?;
        *most = if merged? { MOST_LOG_BYTES } else { size + GROWN_BYTES };
        Ok(())
    }
}

/// Merges all of the log and empties it; `false` when readers or writers were in the way for too long.
pub(crate) async fn merge(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let busy: i64 = sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(connection).await?;
    Ok(busy == 0)
}

async fn wait_for(connection: &mut SqliteConnection, patience: Duration) -> Result<(), sqlx::Error> {
    let sql = format!("PRAGMA busy_timeout = {}", patience.as_millis());
    sqlx::query(AssertSqlSafe(sql)).persistent(false).execute(connection).await?;
    Ok(())
}
