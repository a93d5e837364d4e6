//! Applies migrations in their order, takes them back, and records both in a table of the database.
//!
//! The table has the name and the columns of SeaORM's migrator, which applied the first migrations: databases of that
//! time go on with it.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement};

use super::{NO_TABLE, STEPS, of};
use crate::{dialect::Dialect, errors::mysql_number};

/// One migration. Both ways can run again after an interruption.
#[async_trait::async_trait]
pub(super) trait Step: Send + Sync {
    /// Its name, which the database keeps.
    fn name(&self) -> &'static str;

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr>;

    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr>;
}

/// Applies those that are missing, at most `most` of them.
pub(super) async fn up(db: &DatabaseTransaction, most: Option<u32>) -> Result<(), DbErr> {
    let dialect = of(db).await?;
    super::run(db, &[TABLE]).await?;
    let applied = applied(db).await?;
    refuse_unknown(&applied)?;
    let now = match dialect {
        Dialect::Sqlite => "CAST(strftime('%s','now') AS INTEGER)",
        _ => "UNIX_TIMESTAMP()",
    };
    let missing = STEPS.iter().filter(|step| !applied.contains(step.name()));
    for step in missing.take(limit(most)) {
        step.up(db).await?;
        let insert = format!("INSERT INTO seaql_migrations (version, applied_at) VALUES (?, {now})");
        db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), insert, [step.name().into()])).await?;
    }
    Ok(())
}

/// Takes back the last ones, at most `most` of them.
pub(super) async fn down(db: &DatabaseTransaction, most: Option<u32>) -> Result<(), DbErr> {
    super::run(db, &[TABLE]).await?;
    let applied = applied(db).await?;
    refuse_unknown(&applied)?;
    for step in STEPS.iter().rev().filter(|step| applied.contains(step.name())).take(limit(most)) {
        step.down(db).await?;
        let delete = "DELETE FROM seaql_migrations WHERE version=?";
        db.execute_raw(Statement::from_sql_and_values(db.get_database_backend(), delete, [step.name().into()])).await?;
    }
    Ok(())
}

/// The names of those that the database has had; none where no migration has ever run.
pub(super) async fn applied(db: &impl ConnectionTrait) -> Result<BTreeSet<String>, DbErr> {
    let backend = db.get_database_backend();
    if backend == sea_orm::DbBackend::Sqlite {
        let known = "SELECT 1 FROM sqlite_master WHERE type='table' AND name='seaql_migrations'";
        if db.query_one_raw(Statement::from_string(backend, known)).await?.is_none() {
            return Ok(BTreeSet::new());
        }
    }
    match db.query_all_raw(Statement::from_string(backend, "SELECT version FROM seaql_migrations")).await {
        Ok(rows) => rows.iter().map(|row| row.try_get_by_index(0)).collect(),
        Err(error) if mysql_number(&error) == Some(NO_TABLE) => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

/// Migrations of a newer release are neither applied nor taken back by this one.
pub(super) fn unknown(applied: &BTreeSet<String>) -> Option<String> {
    let newer: Vec<&str> =
        applied.iter().map(String::as_str).filter(|name| !STEPS.iter().any(|step| step.name() == *name)).collect();
    let message = || {
        format!(
            "the tables were migrated by a newer release ({}): that one, or a later one, is accepted",
            newer.join(", ")
        )
    };
    (!newer.is_empty()).then(message)
}

fn refuse_unknown(applied: &BTreeSet<String>) -> Result<(), DbErr> {
    unknown(applied).map_or(Ok(()), |why| Err(DbErr::Custom(why)))
}

fn limit(most: Option<u32>) -> usize {
    most.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX))
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS seaql_migrations (
        version VARCHAR(255) NOT NULL PRIMARY KEY,
        applied_at BIGINT NOT NULL
    ){options}";
