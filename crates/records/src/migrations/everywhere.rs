//! Waiting until a change of the tables shows on whichever server a connection is led to.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, Statement, TransactionTrait as _};
use tokio::time::Instant;

use crate::errors::mysql_number;

/// Connections that are asked, all open at once: a proxy that takes servers in turn leads them to different ones.
const ASKED: u32 = 4;
/// How long servers may be behind.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);
/// The table is not there.
const NO_TABLE: u16 = 1146;

/// How many migrations a connection's server has seen.
pub(super) async fn applied(db: &impl ConnectionTrait) -> Result<i64, DbErr> {
    let count = Statement::from_string(db.get_database_backend(), "SELECT COUNT(*) FROM seaql_migrations");
    match db.query_one_raw(count).await {
        Ok(row) => row.map_or(Ok(0), |row| row.try_get_by_index(0)),
        Err(error) if mysql_number(&error) == Some(NO_TABLE) => Ok(0),
        Err(error) => Err(error),
    }
}

/// Waits until every connection that is asked shows so many.
pub(super) async fn show(db: &DatabaseConnection, expected: i64) -> Result<(), DbErr> {
    let most = db.get_mysql_connection_pool().options().get_max_connections().min(ASKED);
    let began = Instant::now();
    loop {
        let (mut open, mut all) = (Vec::new(), true);
        for _ in 0..most {
            let connection = db.begin().await?;
            all &= applied(&connection).await? == expected;
            open.push(connection);
        }
        for connection in open {
            connection.rollback().await?;
        }
        if all {
            return Ok(());
        }
        if began.elapsed() >= PATIENCE {
            return Err(DbErr::Custom(format!(
                "the tables were brought up to date, and a server of the primary's cluster has not heard of it for {} s",
                PATIENCE.as_secs()
            )));
        }
        tokio::time::sleep(PAUSE).await;
    }
}
