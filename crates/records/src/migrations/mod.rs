//! Migrations: frozen statements, one file each, that never refer to entities. Every statement can run again, for
//! MySQL commits each by itself and a start may be interrupted between two. On SQLite all of them are one transaction.

mod m0001_models;
mod m0002_accounts;
mod m0003_sync;
mod m0004_resuming;
mod m0005_payers;
mod m0006_runs;
mod m0014_jobs;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use sea_orm_migration::{IntoSchemaManagerConnection, MigrationStatus, MigrationTrait, MigratorTrait, SchemaManager};

use crate::{RecordsError, dialect::Dialect, errors::mysql_number};

/// One migration as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Its name.
    pub name: String,
    /// Whether it was applied.
    pub applied: bool,
}

struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_models::Migration),
            Box::new(m0002_accounts::Migration),
            Box::new(m0003_sync::Migration),
            Box::new(m0004_resuming::Migration),
            Box::new(m0005_payers::Migration),
            Box::new(m0006_runs::Migration),
            Box::new(m0014_jobs::Migration),
        ]
    }
}

/// Which way to go, and how many steps; all when no number is given.
#[derive(Clone, Copy)]
enum Way {
    Up(Option<u32>),
    Down(Option<u32>),
}

impl Way {
    async fn go<'c>(self, db: impl IntoSchemaManagerConnection<'c>) -> Result<(), DbErr> {
        match self {
            Self::Up(steps) => Migrator::up(db, steps).await,
            Self::Down(steps) => Migrator::down(db, steps).await,
        }
    }
}

/// Applies all that are missing, or so many.
///
/// # Errors
/// When the database refuses.
pub async fn up(db: &DatabaseConnection, dialect: Dialect, steps: Option<u32>) -> Result<(), RecordsError> {
    alone(db, dialect, Way::Up(steps)).await
}

/// Takes back the last so many; all when no number is given. The tables and what is in them are gone.
///
/// # Errors
/// When the database refuses.
pub async fn down(db: &DatabaseConnection, dialect: Dialect, steps: Option<u32>) -> Result<(), RecordsError> {
    alone(db, dialect, Way::Down(steps)).await
}

/// All migrations in their order.
///
/// # Errors
/// When the database does not answer.
pub async fn status(db: &DatabaseConnection) -> Result<Vec<Migration>, RecordsError> {
    let all = Migrator::get_migration_with_status(db).await?;
    Ok(all
        .iter()
        .map(|migration| Migration {
            name: migration.name().to_owned(),
            applied: migration.status() == MigrationStatus::Applied,
        })
        .collect())
}

/// Two processes that start together must not migrate together: the second waits, and finds the work done.
async fn alone(db: &DatabaseConnection, dialect: Dialect, way: Way) -> Result<(), RecordsError> {
    match dialect {
        Dialect::Sqlite => at_once(db, way).await,
        Dialect::MySql | Dialect::TiDb | Dialect::MariaDb => under_lock(db, way).await,
    }
}

/// SQLite undoes changes of tables too: one transaction, which holds the write lock from its beginning, makes a start that
/// is killed leave nothing half done. The second process waits for the lock as for any other, and somewhat longer.
async fn at_once(db: &DatabaseConnection, way: Way) -> Result<(), RecordsError> {
    let begin = || {
        db.begin_with_options(TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        })
    };
    let mut attempt = 0;
    let tx = loop {
        attempt += 1;
        match begin().await.map_err(RecordsError::from) {
            Err(RecordsError::Again(_)) if attempt < PATIENT_ATTEMPTS => {}
            other => break other?,
        }
    };
    way.go(&tx).await?;
    tx.commit().await.map_err(RecordsError::at_commit)
}

/// How often SQLite's write lock is waited for; each time until the connection's own deadline.
const PATIENT_ATTEMPTS: u32 = 10;
/// How long another process may migrate before this one gives up.
const LOCK_SECONDS: u32 = 120;

/// Servers commit every change of a table by itself. A named lock keeps others out; it is the database's own and ends with
/// its connection.
async fn under_lock(db: &DatabaseConnection, way: Way) -> Result<(), RecordsError> {
    let guard = db.begin().await?;
    let ask = |sql: String| Statement::from_string(guard.get_database_backend(), sql);
    let lock = ask(format!("SELECT GET_LOCK({LOCK}, {LOCK_SECONDS})"));
    let answer = guard.query_one_raw(lock).await?.map_or(Ok(None), |row| row.try_get_by_index(0))?;
    is_taken(answer)?;
    let result = way.go(db).await;
    guard.query_one_raw(ask(format!("SELECT RELEASE_LOCK({LOCK})"))).await?;
    guard.rollback().await?;
    Ok(result?)
}

/// Names of locks are the server's, so this one names the database; MySQL takes 64 characters.
const LOCK: &str = "LEFT(CONCAT('chainbill_migrations:', DATABASE()), 64)";

/// What `GET_LOCK` answered: 1 taken, 0 not in time, NULL neither (a statement that was killed, memory that ran out).
fn is_taken(answer: Option<i64>) -> Result<(), DbErr> {
    match answer {
        Some(1) => Ok(()),
        Some(_) => Err(DbErr::Custom(format!(
            "another process has been migrating the tables for more than {LOCK_SECONDS} s; try again when it has ended"
        ))),
        None => Err(DbErr::Custom("GET_LOCK gave neither the lock nor a refusal; try again".to_owned())),
    }
}

/// Runs statements in their order, spelled for the database.
async fn run(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    let db = manager.get_connection();
    let dialect = of(db).await?;
    for statement in statements {
        match db.execute_unprepared(&rerunnable(dialect, statement)).await {
            Err(error) if mysql_number(&error).is_some_and(|number| ALREADY_THERE.contains(&number)) => {}
            other => {
                other?;
            }
        }
    }
    Ok(())
}

/// A column or an index that is there already: the statement was run before.
const ALREADY_THERE: [u16; 2] = [1060, 1061];
/// A column or an index that is not there: it was given up before the migration was interrupted.
const NOT_THERE: u16 = 1091;

/// Takes a column or an index away, which may be gone already.
async fn drop(manager: &SchemaManager<'_>, statement: &str) -> Result<(), DbErr> {
    match manager.get_connection().execute_unprepared(statement).await {
        Err(error) if mysql_number(&error) == Some(NOT_THERE) => Ok(()),
        other => other.map(|_| ()),
    }
}

/// Spells a statement so that it may run again. MySQL has no `CREATE INDEX IF NOT EXISTS`: there the error is looked at.
fn rerunnable(dialect: Dialect, statement: &str) -> String {
    let sql = dialect.spell(statement);
    match (dialect, sql.strip_prefix("CREATE INDEX ")) {
        (Dialect::Sqlite | Dialect::MariaDb | Dialect::TiDb, Some(rest)) => {
            format!("CREATE INDEX IF NOT EXISTS {rest}")
        }
        _ => sql,
    }
}

async fn of(db: &impl ConnectionTrait) -> Result<Dialect, DbErr> {
    if db.get_database_backend() == sea_orm::DbBackend::Sqlite {
        return Ok(Dialect::Sqlite);
    }
    let version = Statement::from_string(db.get_database_backend(), "SELECT VERSION()");
    let version: String = db.query_one_raw(version).await?.map_or(Ok(String::new()), |row| row.try_get_by_index(0))?;
    Ok(Dialect::of_server(&version))
}

async fn drop_tables(manager: &SchemaManager<'_>, tables: &[&str]) -> Result<(), DbErr> {
    for table in tables {
        manager.get_connection().execute_unprepared(&format!("DROP TABLE IF EXISTS {table}")).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_was_not_given_is_an_error_that_says_so() {
        assert!(is_taken(Some(1)).is_ok());
        let late = is_taken(Some(0)).expect_err("somebody else has it").to_string();
        assert!(late.contains("another process"), "{late}");
        assert!(is_taken(None).is_err());
    }

    #[test]
    fn every_statement_can_run_again() {
        let index = "CREATE INDEX users_name ON users (name)";
        let again = "CREATE INDEX IF NOT EXISTS users_name ON users (name)";
        for dialect in [Dialect::Sqlite, Dialect::MariaDb, Dialect::TiDb] {
            assert_eq!(rerunnable(dialect, index), again);
        }
        assert_eq!(rerunnable(Dialect::MySql, index), index, "it answers 1061, which counts as done");
    }
}
