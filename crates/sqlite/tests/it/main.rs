//! What is promised of embedded files: memory and log stay within bounds, and a clean stop leaves one file.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use std::{path::Path, time::Duration};

use chainbill_sqlite::{MOST_LOG_BYTES, MOST_MEMORY_BYTES, Usage, close, open};
use sqlx::{Connection as _, SqlitePool, sqlite::SqliteConnectOptions};
use tokio::{sync::watch, task::JoinSet};

const MANY: u32 = 16;

async fn opened(file: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let pool = open(options, Usage { max_connections: MANY, patience: Duration::from_secs(5) }).await.unwrap();
    sqlx::query("CREATE TABLE IF NOT EXISTS things (id INTEGER PRIMARY KEY, body BLOB)").execute(&pool).await.unwrap();
    pool
}

/// Commits so many times 2 MB.
async fn write(pool: &SqlitePool, times: usize, mut each: impl FnMut()) {
    for _ in 0..times {
        let mut connection = pool.acquire().await.unwrap();
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.unwrap();
        for _ in 0..20 {
            let sql = "INSERT INTO things (body) VALUES (randomblob(100000))";
            sqlx::query(sql).execute(&mut *transaction).await.unwrap();
        }
        transaction.commit().await.unwrap();
        drop(connection);
        each();
    }
}

fn log_bytes(file: &Path) -> u64 {
    std::fs::metadata(format!("{}-wal", file.display())).map_or(0, |log| log.len())
}

/// Reads in overlapping transactions, so that the log has a reader at any moment.
async fn read_on(pool: SqlitePool, begun: watch::Sender<u64>) {
    let mut seen = begun.subscribe();
    loop {
        let mut transaction = pool.begin().await.unwrap();
        sqlx::query("SELECT MAX(id) FROM things").execute(&mut *transaction).await.unwrap();
        let mut own = 0;
        begun.send_modify(|count| {
            *count += 1;
            own = *count;
        });
        seen.wait_for(|count| *count > own).await.unwrap();
        transaction.rollback().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_overlap_do_not_let_the_log_grow_without_bound() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.db");
    let pool = opened(&file).await;
    let mut readers = JoinSet::new();
    let begun = watch::Sender::new(0);
    for _ in 0..4 {
        readers.spawn(read_on(pool.clone(), begun.clone()));
    }
    let mut most = 0;
    write(&pool, 100, || most = most.max(log_bytes(&file))).await;
    readers.shutdown().await;
    // A connection merges it after it has come back, and others write meanwhile.
    assert!(most <= MOST_LOG_BYTES * 3, "{most} bytes of 200 MB that were written");
    close(&pool).await;
}

#[tokio::test]
async fn a_reader_that_stays_holds_writers_back_for_a_moment_only_and_the_log_shrinks_when_it_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.db");
    let pool = opened(&file).await;
    write(&pool, 1, || {}).await;
    let mut reader = pool.begin().await.unwrap();
    sqlx::query("SELECT MAX(id) FROM things").execute(&mut *reader).await.unwrap();
    write(&pool, 30, || {}).await;
    assert!(log_bytes(&file) > MOST_LOG_BYTES, "what the reader may still ask for is kept");
    reader.rollback().await.unwrap();
    // The first writer after the checkpoint restarts the log and truncates it.
    let mut tries = 0;
    while log_bytes(&file) > MOST_LOG_BYTES {
        write(&pool, 1, || {}).await;
        tries += 1;
        assert!(tries < 30, "{} bytes stay", log_bytes(&file));
    }
    close(&pool).await;
}

#[tokio::test]
async fn a_clean_stop_leaves_everything_in_the_file_itself() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.db");
    let pool = opened(&file).await;
    write(&pool, 3, || {}).await;
    assert!(log_bytes(&file) > 0);
    close(&pool).await;
    assert_eq!(log_bytes(&file), 0);
    assert!(std::fs::metadata(&file).unwrap().len() > 6_000_000);
}

/// Resident memory of this process.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn many_connections_that_have_read_everything_hold_little() {
    let folder = tempfile::tempdir().unwrap();
    let pool = opened(&folder.path().join("a.db")).await;
    write(&pool, 30, || {}).await;
    let before = resident_bytes();
    let mut connections = Vec::new();
    for _ in 0..MANY {
        let mut connection = pool.acquire().await.unwrap();
        let sum: i64 = sqlx::query_scalar("SELECT SUM(instr(body, x'00010203040506')) FROM things")
            .fetch_one(&mut *connection)
            .await
            .unwrap();
        assert!(sum >= 0);
        connections.push(connection);
    }
    let held = resident_bytes().saturating_sub(before);
    assert!(held <= MOST_MEMORY_BYTES + (32 << 20), "{MANY} connections hold {} MB", held >> 20);
    drop(connections);
    close(&pool).await;
}
