//! Migrations: frozen statements, one file each, that never refer to entities. Every statement can run again, for
//! MySQL commits each by itself and a start may be interrupted between two. On SQLite all of them are one transaction.

mod everywhere;
mod m0001_models;
mod m0002_accounts;
mod m0003_sync;
mod m0004_resuming;
mod m0005_payers;
mod m0006_runs;
mod m0007_revisions;
mod m0008_reads;
mod m0011_values;
mod m0013_references;
mod m0014_jobs;
mod m0015_events;
mod m0016_payments;
mod m0017_claims;
mod m0018_lines;
mod m0019_parties;
mod m0020_number_series;
mod m0021_invoice_lists;
mod m0022_party_names;
mod m0023_quotes;
mod m0024_reminders;
mod m0025_proposals;
mod m0026_disputes;
mod m0027_reviews;
mod m0028_skills;
mod m0029_escrow;
mod m0030_mints;

mod lock;
mod reshape;
mod runner;

use std::collections::BTreeSet;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};

use crate::{
    Connections, Records, RecordsError, connect::for_migrations, connections::Server, dialect::Dialect,
    errors::mysql_number,
};

use runner::Step;

/// One migration as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Its name.
    pub name: String,
    /// Whether it was applied.
    pub applied: bool,
}

/// All of them, in their order.
static STEPS: &[&dyn Step] = &[
    &m0001_models::Migration,
    &m0002_accounts::Migration,
    &m0003_sync::Migration,
    &m0004_resuming::Migration,
    &m0005_payers::Migration,
    &m0006_runs::Migration,
    &m0007_revisions::Migration,
    &m0008_reads::Migration,
    &m0011_values::Migration,
    &m0013_references::Migration,
    &m0014_jobs::Migration,
    &m0015_events::Migration,
    &m0016_payments::Migration,
    &m0017_claims::Migration,
    &m0018_lines::Migration,
    &m0019_parties::Migration,
    &m0020_number_series::Migration,
    &m0021_invoice_lists::Migration,
    &m0022_party_names::Migration,
    &m0023_quotes::Migration,
    &m0024_reminders::Migration,
    &m0025_proposals::Migration,
    &m0026_disputes::Migration,
    &m0027_reviews::Migration,
    &m0028_skills::Migration,
    &m0029_escrow::Migration,
    &m0030_mints::Migration,
];

/// Which way to go, and how many steps; all when no number is given.
#[derive(Clone, Copy)]
enum Way {
    Up(Option<u32>),
    Down(Option<u32>),
}

impl Way {
    async fn go(self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        match self {
            Self::Up(steps) => runner::up(db, steps).await,
            Self::Down(steps) => runner::down(db, steps).await,
        }
    }
}

/// Applies all that are missing, or so many. Where none is, a server is asked for no lock and no right to change tables.
///
/// # Errors
/// When the database refuses.
pub async fn up(records: &Records, steps: Option<u32>) -> Result<(), RecordsError> {
    let (db, dialect) = (records.db(), records.dialect());
    if db.of_server().is_some() && runner::applied(db).await? == names() {
        return Ok(());
    }
    alone(db, dialect, Way::Up(steps)).await
}

/// Takes back the last so many; all when no number is given. The tables and what is in them are gone.
///
/// # Errors
/// When the database refuses.
pub async fn down(records: &Records, steps: Option<u32>) -> Result<(), RecordsError> {
    alone(records.db(), records.dialect(), Way::Down(steps)).await
}

/// All migrations in their order.
///
/// # Errors
/// When the database does not answer, or a newer release has migrated it.
pub async fn status(records: &Records) -> Result<Vec<Migration>, RecordsError> {
    let applied = runner::applied(records.db()).await?;
    if let Some(why) = runner::unknown(&applied) {
        return Err(RecordsError::Corrupt(why));
    }
    let step = |step: &&dyn Step| Migration { name: step.name().to_owned(), applied: applied.contains(step.name()) };
    Ok(STEPS.iter().map(step).collect())
}

/// ER_NO_SUCH_TABLE.
const NO_TABLE: u16 = 1146;

fn names() -> BTreeSet<String> {
    STEPS.iter().map(|step| step.name().to_owned()).collect()
}

/// Two processes that start together must not migrate together: the second waits, and finds the work done.
async fn alone(db: &Connections, dialect: Dialect, way: Way) -> Result<(), RecordsError> {
    match (dialect, db.of_sqlite(), db.of_server()) {
        (Dialect::Sqlite, Some(db), _) => at_once(db, way).await,
        (_, _, Some(server)) => under_lock(server, way).await,
        (_, _, None) => Err(RecordsError::Corrupt(format!("these connections lead to no {dialect}"))),
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
/// How often a table in use is waited for; each time until the session's own timeout. Between two attempts the sessions
/// that wait behind this one get their turn.
const TABLE_ATTEMPTS: u32 = 4;

/// Servers commit every change of a table by itself. A lock keeps others out.
async fn under_lock(server: &Server, way: Way) -> Result<(), RecordsError> {
    let db = for_migrations(server);
    let result = async {
        let held = lock::hold(&db).await?;
        let result = on_one_connection(&db, way).await;
        held.release(&db).await?;
        let (before, after) = result?;
        // Other servers may still have the old tables.
        if after != before {
            everywhere::show(&db, after).await?;
        }
        Ok(())
    };
    let result = result.await;
    db.close().await?;
    result
}

/// Migrates on one connection: another server of a cluster may not have received the last change yet. Returns the
/// number of applied migrations before and after.
async fn on_one_connection(db: &DatabaseConnection, way: Way) -> Result<(i64, i64), RecordsError> {
    let connection = db.begin().await?;
    let before = everywhere::applied(&connection).await?;
    let mut attempt = 0;
    loop {
        attempt += 1;
        match way.go(&connection).await.map_err(RecordsError::from) {
            Err(error) if error.is_locked() && attempt < TABLE_ATTEMPTS => {}
            other => break other?,
        }
    }
    let after = everywhere::applied(&connection).await?;
    connection.commit().await?;
    Ok((before, after))
}

/// Runs statements in their order, spelled for the database.
async fn run(db: &DatabaseTransaction, statements: &[&str]) -> Result<(), DbErr> {
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
/// A column or an index that is not there: it was dropped before the migration was interrupted.
const NOT_THERE: u16 = 1091;

/// Adds a column, which may be there already. SQLite has no error code for that, so its schema is queried.
async fn add_column(db: &DatabaseTransaction, table: &str, name: &str, kind: &str) -> Result<(), DbErr> {
    if of(db).await? == Dialect::Sqlite && has_column(db, table, name).await? {
        return Ok(());
    }
    run(db, &[&format!("ALTER TABLE {table} ADD COLUMN {name} {kind}")]).await
}

async fn has_column(db: &DatabaseTransaction, table: &str, name: &str) -> Result<bool, DbErr> {
    let ask = match of(db).await? {
        Dialect::Sqlite => "SELECT 1 FROM pragma_table_info(?) WHERE name=?",
        _ => {
            "SELECT 1 FROM information_schema.columns WHERE table_schema=DATABASE() AND table_name=? AND column_name=?"
        }
    };
    let ask = Statement::from_sql_and_values(db.get_database_backend(), ask, [table.into(), name.into()]);
    Ok(db.query_one_raw(ask).await?.is_some())
}

/// The only number that a statement selects.
async fn count(db: &DatabaseTransaction, sql: &str) -> Result<i64, DbErr> {
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await?;
    row.map_or(Ok(0), |row| row.try_get_by_index(0))
}

/// Takes a column or an index away, which may be gone already.
async fn drop(db: &DatabaseTransaction, statement: &str) -> Result<(), DbErr> {
    match db.execute_unprepared(statement).await {
        Err(error) if mysql_number(&error) == Some(NOT_THERE) => Ok(()),
        other => other.map(|_| ()),
    }
}

/// Takes an index away, which may be gone already.
async fn drop_index(db: &DatabaseTransaction, table: &str, name: &str) -> Result<(), DbErr> {
    let sqlite = of(db).await? == Dialect::Sqlite;
    let (when, on) = if sqlite { (" IF EXISTS", String::new()) } else { ("", format!(" ON {table}")) };
    drop(db, &format!("DROP INDEX{when} {name}{on}")).await
}

/// Spells a statement so that it may run again. MySQL has no `CREATE INDEX IF NOT EXISTS`: there the error is looked at.
fn rerunnable(dialect: Dialect, statement: &str) -> String {
    let sql = dialect.spell(statement);
    if !matches!(dialect, Dialect::Sqlite | Dialect::MariaDb | Dialect::TiDb) {
        return sql;
    }
    let spelled = ["CREATE INDEX ", "CREATE UNIQUE INDEX "]
        .iter()
        .find_map(|create| sql.strip_prefix(create).map(|rest| format!("{create}IF NOT EXISTS {rest}")));
    spelled.unwrap_or(sql)
}

async fn of(db: &impl ConnectionTrait) -> Result<Dialect, DbErr> {
    if db.get_database_backend() == sea_orm::DbBackend::Sqlite {
        return Ok(Dialect::Sqlite);
    }
    let version = Statement::from_string(db.get_database_backend(), "SELECT VERSION()");
    let version: String = db.query_one_raw(version).await?.map_or(Ok(String::new()), |row| row.try_get_by_index(0))?;
    Ok(Dialect::of_server(&version))
}

async fn drop_tables(db: &DatabaseTransaction, tables: &[&str]) -> Result<(), DbErr> {
    for table in tables {
        db.execute_unprepared(&format!("DROP TABLE IF EXISTS {table}")).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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
