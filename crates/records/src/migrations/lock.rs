//! The lock that lets one process migrate a server at a time: a named lock where the server has them, else a row that is
//! leased.
//!
//! Percona XtraDB Cluster forbids `GET_LOCK` (`pxc_strict_mode`), Vitess and proxies that share connections may not have it.
//! Every migration can run again beside itself, so a lease that runs out does no harm; a lock saves work and confusion.

use std::time::{Duration, Instant};

use chainbill_domain::{Random, SystemRandom};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, Statement, TransactionTrait, Value};
use tokio::task::JoinHandle;

use crate::{RecordsError, errors::mysql_number};

/// How long another process may migrate before this one gives up.
const LOCK_SECONDS: u32 = 120;
/// The lifetime of a lease that is not renewed.
const LEASE_SECONDS: u32 = 60;
/// How often a lease is renewed.
const PROLONG_EVERY: Duration = Duration::from_secs(15);
/// How often the lease of another process is polled.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Names of locks are the server's, so this one names the database; MySQL takes 64 characters.
const LOCK: &str = "LEFT(CONCAT('chainbill_migrations:', DATABASE()), 64)";

/// The lock, held.
pub(super) enum Held {
    /// By name; it ends with its connection.
    Name(DatabaseTransaction),
    /// By a row.
    Row { owner: String, prolonging: JoinHandle<()> },
}

/// Takes the lock.
pub(super) async fn hold(db: &DatabaseConnection) -> Result<Held, RecordsError> {
    let guard = db.begin().await?;
    let asked = guard.query_one_raw(ask(format!("SELECT GET_LOCK({LOCK}, {LOCK_SECONDS})"))).await;
    match asked {
        Ok(row) => {
            is_taken(row.map_or(Ok(None), |row| row.try_get_by_index(0))?)?;
            Ok(Held::Name(guard))
        }
        Err(refusal) if is_refused(&refusal) => {
            guard.rollback().await?;
            by_row(db).await.map_err(|error| {
                let both = format!(
                    "the migrations cannot be locked: GET_LOCK is refused ({refusal}; on Percona XtraDB Cluster pxc_strict_mode \
                     forbids it), and the row in chainbill_migrating cannot be leased: {error}"
                );
                RecordsError::Corrupt(both)
            })
        }
        Err(error) => Err(error.into()),
    }
}

impl Held {
    /// Releases the lock.
    pub async fn release(self, db: &DatabaseConnection) -> Result<(), DbErr> {
        match self {
            Self::Name(guard) => {
                guard.query_one_raw(ask(format!("SELECT RELEASE_LOCK({LOCK})"))).await?;
                guard.rollback().await
            }
            Self::Row { owner, prolonging } => {
                prolonging.abort();
                let free = "UPDATE chainbill_migrating SET owner=NULL WHERE id=1 AND owner=?";
                run(db, free, [owner.into()]).await.map(drop)
            }
        }
    }
}

/// Whether the server answered that it will not, and not that it is gone.
fn is_refused(error: &DbErr) -> bool {
    mysql_number(error).is_some()
        && matches!(
            error_class(error),
            RecordsError::Refused(_) | RecordsError::Operator { .. } | RecordsError::Later(_)
        )
}

fn error_class(error: &DbErr) -> RecordsError {
    RecordsError::from(error.clone())
}

/// What `GET_LOCK` answered: 1 taken, 0 not in time, NULL neither (a statement that was killed, memory that ran out).
fn is_taken(answer: Option<i64>) -> Result<(), DbErr> {
    match answer {
        Some(1) => Ok(()),
        Some(_) => Err(late()),
        None => Err(DbErr::Custom("GET_LOCK gave neither the lock nor a refusal; try again".to_owned())),
    }
}

fn late() -> DbErr {
    DbErr::Custom(format!(
        "another process has been migrating the tables for more than {LOCK_SECONDS} s; try again when it has ended"
    ))
}

/// Leases the row, by the server's clock.
async fn by_row(db: &DatabaseConnection) -> Result<Held, DbErr> {
    db.execute_unprepared(
        "CREATE TABLE IF NOT EXISTS chainbill_migrating \
         (id INT NOT NULL PRIMARY KEY, owner VARCHAR(32) NULL, until_at DATETIME(3) NOT NULL) ENGINE=InnoDB",
    )
    .await?;
    match run(db, "INSERT INTO chainbill_migrating (id, owner, until_at) VALUES (1, NULL, UTC_TIMESTAMP(3))", []).await
    {
        Err(error) if !matches!(error_class(&error), RecordsError::Duplicate(_)) => return Err(error),
        Ok(_) | Err(_) => {}
    }
    let random: &dyn Random = &SystemRandom;
    let owner = hex::encode(random.bytes::<16>());
    let until = Instant::now() + Duration::from_secs(LOCK_SECONDS.into());
    while !lease(db, &owner).await? {
        if Instant::now() >= until {
            return Err(late());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let (db, own) = (db.clone(), owner.clone());
    let prolonging = tokio::spawn(async move {
        loop {
            tokio::time::sleep(PROLONG_EVERY).await;
            // The next time may go better; if none does, the lease runs out, which harms nothing.
            let _ = lease(&db, &own).await;
        }
    });
    Ok(Held::Row { owner, prolonging })
}

/// Takes or renews the lease; false when another process has it.
async fn lease(db: &DatabaseConnection, owner: &str) -> Result<bool, DbErr> {
    let sql = format!(
        "UPDATE chainbill_migrating SET owner=?, until_at=UTC_TIMESTAMP(3) + INTERVAL {LEASE_SECONDS} SECOND \
         WHERE id=1 AND (owner IS NULL OR owner=? OR until_at<UTC_TIMESTAMP(3))"
    );
    match run(db, &sql, [owner.into(), owner.into()]).await {
        Ok(changed) => Ok(changed == 1),
        // Another node of the cluster was faster.
        Err(error) if matches!(error_class(&error), RecordsError::Again(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn run(db: &DatabaseConnection, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<u64, DbErr> {
    Ok(db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), sql, values)).await?.rows_affected())
}

fn ask(sql: String) -> Statement {
    Statement::from_string(sea_orm::DbBackend::MySql, sql)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_was_not_given_is_an_error_that_says_so() {
        assert!(is_taken(Some(1)).is_ok());
        let late = is_taken(Some(0)).expect_err("another process has it").to_string();
        assert!(late.contains("another process"), "{late}");
        assert!(is_taken(None).is_err());
    }
}
