//! Open transactions of the primary, to be read and written through like any connection.
//!
//! On MySQL and what speaks its language they are kept here and not by the driver: it cannot be told that a text which it
//! carried has ended its transaction, and would send another ROLLBACK after each of them.

use async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait as _, Values,
};
use sea_query_sqlx::SqlxValues;
use sqlx::{AssertSqlSafe, Executor as _, MySql, pool::PoolConnection, query::Query};
use tokio::{runtime::Handle, sync::Mutex};

/// An open transaction. Dropping it undoes everything.
pub struct Transaction(Kind);

enum Kind {
    MySql(Open),
    Sqlite(DatabaseTransaction),
}

/// A connection with an open transaction; none when that has ended.
struct Open(Option<Mutex<PoolConnection<MySql>>>);

/// What a transaction is begun for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Reading, all of one moment.
    Reading,
    /// Writing: SQLite takes the write lock at once, so that it never fails half-way for it.
    Writing,
}

impl Transaction {
    pub(crate) async fn begin(db: &DatabaseConnection, purpose: Purpose) -> Result<Self, DbErr> {
        if db.get_database_backend() == DbBackend::MySql {
            let connection = db.get_mysql_connection_pool().acquire().await.map_err(unreachable)?;
            // From here on: whoever stops waiting for the answer must not leave it open.
            let open = Open(Some(Mutex::new(connection)));
            open.connection()?.lock().await.execute("BEGIN").await.map_err(failed)?;
            return Ok(Self(Kind::MySql(open)));
        }
        let mode = (purpose == Purpose::Writing).then_some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions { sqlite_transaction_mode: mode, ..TransactionOptions::default() };
        Ok(Self(Kind::Sqlite(db.begin_with_options(options).await?)))
    }

    pub(crate) async fn commit(self) -> Result<(), DbErr> {
        match self.0 {
            Kind::MySql(open) => open.end("COMMIT").await,
            Kind::Sqlite(transaction) => transaction.commit().await,
        }
    }

    /// Sends statements together with COMMIT; whoever asks for it knows a server that takes them so. It stops at the first
    /// that fails: then there is no COMMIT.
    pub(crate) async fn commit_after(self, statements: &str) -> Result<(), DbErr> {
        match self.0 {
            Kind::MySql(open) => open.end(&format!("{statements};COMMIT")).await,
            Kind::Sqlite(transaction) => {
                transaction.execute_unprepared(statements).await?;
                transaction.commit().await
            }
        }
    }

    pub(crate) async fn rollback(self) -> Result<(), DbErr> {
        match self.0 {
            Kind::MySql(open) => open.end("ROLLBACK").await,
            Kind::Sqlite(transaction) => transaction.rollback().await,
        }
    }
}

impl Open {
    fn connection(&self) -> Result<&Mutex<PoolConnection<MySql>>, DbErr> {
        self.0.as_ref().ok_or_else(|| DbErr::Custom("the transaction has ended".to_owned()))
    }

    /// Sends the text that ends it. When that fails it may be open still, and is undone.
    async fn end(mut self, text: &str) -> Result<(), DbErr> {
        self.connection()?.lock().await.execute(AssertSqlSafe(text)).await.map_err(failed)?;
        self.0 = None;
        Ok(())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let Some(connection) = self.0.take() else { return };
        let mut connection = connection.into_inner();
        match Handle::try_current() {
            // Whatever was asked and not waited for is read to its end first.
            Ok(runtime) => drop(runtime.spawn(async move {
                if connection.execute("ROLLBACK").await.is_err() {
                    connection.close_on_drop();
                }
            })),
            // A server undoes what a closed connection has begun.
            Err(_) => connection.close_on_drop(),
        }
    }
}

#[async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        match &self.0 {
            Kind::MySql(_) => DbBackend::MySql,
            Kind::Sqlite(transaction) => transaction.get_database_backend(),
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match &self.0 {
            Kind::MySql(open) => {
                let done = query(statement).execute(&mut **open.connection()?.lock().await).await;
                done.map(Into::into).map_err(failed)
            }
            Kind::Sqlite(transaction) => transaction.execute_raw(statement).await,
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match &self.0 {
            Kind::MySql(open) => {
                let done = open.connection()?.lock().await.execute(AssertSqlSafe(sql)).await;
                done.map(Into::into).map_err(failed)
            }
            Kind::Sqlite(transaction) => transaction.execute_unprepared(sql).await,
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match &self.0 {
            Kind::MySql(open) => {
                let found = query(statement).fetch_optional(&mut **open.connection()?.lock().await).await;
                found.map(|row| row.map(Into::into)).map_err(asked)
            }
            Kind::Sqlite(transaction) => transaction.query_one_raw(statement).await,
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match &self.0 {
            Kind::MySql(open) => {
                let found = query(statement).fetch_all(&mut **open.connection()?.lock().await).await;
                found.map(|rows| rows.into_iter().map(Into::into).collect()).map_err(asked)
            }
            Kind::Sqlite(transaction) => transaction.query_all_raw(statement).await,
        }
    }
}

fn query(statement: Statement) -> Query<'static, MySql, SqlxValues> {
    let values = statement.values.unwrap_or_else(|| Values(Vec::new()));
    sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(values))
}

fn unreachable(error: sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(error.into()))
}

fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(error.into()))
}

fn asked(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}
