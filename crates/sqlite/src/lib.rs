#![doc = include_str!("../README.md")]

mod log;

use std::{sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions as _, Connection as _, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::time::{Instant, sleep};

use crate::log::Log;
pub use crate::log::MOST_LOG_BYTES;

/// Memory of all connections of the process together, pages and statements, above which pages are freed.
pub const MOST_MEMORY_BYTES: u64 = 48 << 20;
/// Pages that one connection keeps, in KiB: a transaction that changes more of them writes the first ones to the log early.
const CACHE_KIB: u32 = 8000;
/// The log is merged beside the work whenever it has so many pages (16 MiB).
const MERGED_EVERY_PAGES: u32 = 4000;
/// A log that is begun anew is cut to this.
const KEPT_LOG_BYTES: u64 = 16 << 20;

/// How a file is used.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Most connections.
    pub max_connections: u32,
    /// How long to wait for a connection, and for a lock that another one holds.
    pub patience: Duration,
}

/// Opens the file of `options`, which may contain further options of its connections.
///
/// While other connections switch a new file to write-ahead logging, it waits for them: each reads before it writes then, and SQLite
/// refuses all but one of those at once, whatever the busy timeout.
///
/// # Errors
/// When it cannot be opened, or is no SQLite database.
pub async fn open(options: SqliteConnectOptions, usage: Usage) -> Result<SqlitePool, sqlx::Error> {
    let options = options
        .disable_statement_logging()
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(usage.patience)
        .pragma("soft_heap_limit", MOST_MEMORY_BYTES.to_string())
        .pragma("cache_size", format!("-{CACHE_KIB}"))
        .pragma("temp_store", "MEMORY")
        .pragma("wal_autocheckpoint", MERGED_EVERY_PAGES.to_string())
        .pragma("journal_size_limit", KEPT_LOG_BYTES.to_string());
    let log = Arc::new(Log::of(options.get_filename(), usage.patience));
    let merging = log.clone();
    let pool = SqlitePoolOptions::new()
        .max_connections(usage.max_connections)
        .min_connections(1)
        .acquire_timeout(usage.patience)
        // Connections are tested when they are released.
        .test_before_acquire(false)
        .before_acquire(move |_, _| {
            let log = merging.clone();
            Box::pin(async move {
                log.settled().await;
                Ok(true)
            })
        })
        .after_release(move |connection, _| {
            let log = log.clone();
            Box::pin(async move {
                let is_free = is_free(connection).await?;
                if is_free {
                    log.tend(connection).await?;
                }
                Ok(is_free)
            })
        });
    let until = Instant::now() + usage.patience;
    loop {
        match pool.clone().connect_with(options.clone()).await {
            Err(error) if is_locked(&error) && Instant::now() < until => sleep(Duration::from_millis(10)).await,
            other => return other,
        }
    }
}

/// Merges the log into the file and ends all connections, once those in use have come back.
pub async fn close(pool: &SqlitePool) {
    if let Ok(mut connection) = pool.acquire().await {
        // Where it cannot be merged now, because another process reads it, the next one to open the file does.
        let _ = log::merge(&mut connection).await;
    }
    pool.close().await;
}

/// Whether a connection may be used again. A full disk makes SQLite end a transaction by itself, which the driver takes for
/// still open: what it begins next would be a part of it.
async fn is_free(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // A rollback that was begun is finished by then.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// SQLITE_BUSY and SQLITE_LOCKED, with whatever extends them.
fn is_locked(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()).and_then(|code| code.parse::<i32>().ok());
    matches!(code.map(|code| code & 0xff), Some(5 | 6))
}
