//! Migrations: frozen statements, one file each, that never refer to entities. Every statement can run again, for
//! MySQL commits each by itself and a start may be interrupted between two.

mod m0001_models;
mod m0002_accounts;
mod m0003_sync;
mod m0004_resuming;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, Statement, TransactionTrait};
use sea_orm_migration::{MigrationStatus, MigrationTrait, MigratorTrait, SchemaManager};

use crate::{RecordsError, dialect::Dialect};

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
        ]
    }
}

/// Applies all that are missing, or so many.
///
/// # Errors
/// When the database refuses.
pub async fn up(db: &DatabaseConnection, dialect: Dialect, steps: Option<u32>) -> Result<(), RecordsError> {
    alone(db, dialect, async || Migrator::up(db, steps).await).await
}

/// Takes back the last so many; all when no number is given. The tables and what is in them are gone.
///
/// # Errors
/// When the database refuses.
pub async fn down(db: &DatabaseConnection, dialect: Dialect, steps: Option<u32>) -> Result<(), RecordsError> {
    alone(db, dialect, async || Migrator::down(db, steps).await).await
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

/// Two processes that start together must not migrate together. On servers the second waits for a named lock; on SQLite
/// the one that loses finds the work done when it looks again.
async fn alone(
    db: &DatabaseConnection,
    dialect: Dialect,
    work: impl AsyncFn() -> Result<(), DbErr>,
) -> Result<(), RecordsError> {
    if dialect == Dialect::Sqlite {
        for _ in 0..5 {
            match work().await.map_err(RecordsError::from) {
                Err(RecordsError::Again(_) | RecordsError::Duplicate(_)) => {}
                other => return other,
            }
        }
        return Ok(work().await?);
    }
    let guard = db.begin().await?;
    let lock = Statement::from_string(guard.get_database_backend(), "SELECT GET_LOCK('chainbill_migrations', 120)");
    guard.query_one_raw(lock).await?;
    let result = work().await;
    let unlock = Statement::from_string(guard.get_database_backend(), "SELECT RELEASE_LOCK('chainbill_migrations')");
    guard.query_one_raw(unlock).await?;
    guard.rollback().await?;
    Ok(result?)
}

/// Runs statements in their order, spelled for the database.
async fn run(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    let db = manager.get_connection();
    let dialect = of(db).await?;
    for statement in statements {
        match db.execute_unprepared(&dialect.spell(statement)).await {
            Err(error) if index_exists(&error) => {}
            other => {
                other?;
            }
        }
    }
    Ok(())
}

/// MySQL has no `CREATE INDEX IF NOT EXISTS`.
fn index_exists(error: &DbErr) -> bool {
    error.to_string().contains("Duplicate key name")
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
