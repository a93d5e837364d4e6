//! Open transactions of the primary, to be read and written through like any connection.
//!
//! On MySQL and compatible servers they are managed here and not by the driver: it does not notice that a text of
//! statements has ended its transaction, and would send another ROLLBACK after each of them.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError},
};

use async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait as _,
};
use tokio::sync::Mutex;

use crate::{
    RecordsError,
    classes::undone,
    connections::{Answer, Borrowed, Command, Connections, Server, Within, is_undone, tables_of},
};

/// An open transaction. Dropping it undoes everything.
pub struct Transaction(Kind);

enum Kind {
    Server(Box<Open>),
    Sqlite(DatabaseTransaction),
}

/// A connection with an open transaction. Dropped before its end, it is undone within a deadline or closed.
struct Open {
    link: Mutex<Borrowed>,
    server: Arc<Server>,
    /// Statements that travel with the next one.
    waiting: std::sync::Mutex<Vec<String>>,
    /// Tables that it has been at.
    known: std::sync::Mutex<BTreeSet<Box<str>>>,
}

/// What a transaction is begun for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Reading, all of one moment.
    Reading,
    /// Writing: SQLite takes the write lock at once, so that it never fails half-way for it.
    Writing,
}

/// How often BEGIN is asked again on another connection.
const ATTEMPTS: u32 = 3;

impl Transaction {
    pub(crate) async fn begin(db: &Connections, purpose: Purpose) -> Result<Self, DbErr> {
        if let Some(server) = db.of_server() {
            return Ok(Self(Kind::Server(Box::new(Box::pin(Open::begin(server)).await?))));
        }
        let db = db.of_sqlite().expect("what is no server's is SQLite's");
        let mode = (purpose == Purpose::Writing).then_some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions { sqlite_transaction_mode: mode, ..TransactionOptions::default() };
        Ok(Self(Kind::Sqlite(db.begin_with_options(options).await?)))
    }

    /// Makes it durable.
    ///
    /// # Errors
    /// When the database answers one: it may be durable or not.
    pub async fn commit(self) -> Result<(), DbErr> {
        match self.0 {
            Kind::Server(open) => {
                let text = open.with_waiting("COMMIT");
                Box::pin(open.end(&text)).await
            }
            Kind::Sqlite(transaction) => transaction.commit().await,
        }
    }

    /// Runs a statement with the next one, or with COMMIT, where a server takes several at once: it costs no round trip. Whatever
    /// is read or written after it sees what it did, and an error of it is the error of what it travels with.
    ///
    /// # Errors
    /// When it is run at once and fails.
    pub(crate) async fn execute_later(&self, statement: String) -> Result<(), DbErr> {
        match &self.0 {
            Kind::Server(open) => {
                open.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(statement);
                Ok(())
            }
            Kind::Sqlite(transaction) => transaction.execute_unprepared(&statement).await.map(drop),
        }
    }

    /// Makes it durable, after statements that are sent together with COMMIT to servers that take them so. The first that fails
    /// ends them: then there is no COMMIT, which the error says.
    pub(crate) async fn commit_after(self, statements: Vec<String>) -> Result<(), RecordsError> {
        match self.0 {
            Kind::Server(open) => Box::pin(open.commit(statements)).await,
            Kind::Sqlite(transaction) => {
                for statement in &statements {
                    transaction.execute_unprepared(statement).await?;
                }
                transaction.commit().await.map_err(RecordsError::at_commit)
            }
        }
    }

    /// Runs statements as a transaction. A server that takes several statements at once gets all of it in one text, BEGIN and COMMIT
    /// included, and no process can fall asleep within it.
    pub(crate) async fn whole(db: &Connections, statements: &str) -> Result<(), DbErr> {
        let Some(server) = db.of_server() else {
            let transaction = Self::begin(db, Purpose::Writing).await?;
            transaction.execute_unprepared(statements).await?;
            return transaction.commit().await;
        };
        let mut link = server.borrow().await?;
        link.open = true;
        let open = Open::on(link, server);
        Box::pin(open.end(&format!("BEGIN;{statements};COMMIT"))).await
    }

    /// Undoes it at once instead of when dropped.
    ///
    /// # Errors
    /// When the connection broke; the database then undoes it by itself.
    pub async fn rollback(self) -> Result<(), DbErr> {
        match self.0 {
            Kind::Server(open) => open.end("ROLLBACK").await,
            Kind::Sqlite(transaction) => transaction.rollback().await,
        }
    }
}

impl Open {
    fn on(link: Borrowed, server: &Arc<Server>) -> Self {
        Self { link: Mutex::new(link), server: server.clone(), waiting: Default::default(), known: Default::default() }
    }

    /// Begins on any connection, and on another where that one turns out to be gone: nothing was done yet.
    async fn begin(server: &Arc<Server>) -> Result<Self, DbErr> {
        let begin = Command::Text("BEGIN");
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut link = server.borrow().await?;
            // From here on: a caller that stops waiting for the answer must not leave it open.
            link.open = true;
            match link.ask(begin).await {
                Ok(_) => return Ok(Self::on(link, server)),
                Err(error) if attempt < ATTEMPTS && is_undone(&error, true) => {}
                Err(error) => return Err(begin.failed(undone(error))),
            }
        }
    }

    async fn ask(&self, command: Command<'_>) -> Result<Answer, DbErr> {
        let new = self.new_tables(command.sql());
        let _places = self.server.places(&new, Within::Transaction).await?;
        let mut link = self.link.lock().await;
        let waiting = self.take_waiting();
        if !waiting.is_empty() {
            let text = waiting.join(";");
            let first = Command::Text(&text);
            link.ask(first).await.map_err(|error| first.failed(undone(error)))?;
        }
        let answer = link.ask(command).await.map_err(|error| command.failed(undone(error)))?;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).extend(new.into_iter().map(Box::from));
        Ok(answer)
    }

    /// Tables of a statement that it has not been at. At the others it may hold locks: who has a place there waits for it, and it must
    /// not wait for a place.
    fn new_tables<'s>(&self, sql: &'s str) -> Vec<&'s str> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        tables_of(sql).into_iter().filter(|table| !known.contains(*table)).collect()
    }

    fn take_waiting(&self) -> Vec<String> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What waits, and the statement that it travels with.
    fn with_waiting(&self, statement: &str) -> String {
        let mut all = self.take_waiting();
        all.push(statement.to_owned());
        all.join(";")
    }

    /// Sends what waits, further statements and COMMIT as one text. What fails before COMMIT has certainly not been committed: only
    /// of a failed COMMIT, and of a connection that was lost meanwhile, the outcome is unknown.
    async fn commit(self, statements: Vec<String>) -> Result<(), RecordsError> {
        let mut all = self.take_waiting();
        all.extend(statements);
        let before = all.len();
        all.push("COMMIT".to_owned());
        let text = all.join(";");
        let command = Command::Text(&text);
        let mut link = self.link.lock().await;
        match link.ask(command).await {
            Ok(_) => {
                link.open = false;
                Ok(())
            }
            Err(error @ sqlx::Error::Database(_)) if link.completed < before => {
                Err(command.failed(undone(error)).into())
            }
            Err(error) => Err(RecordsError::at_commit(command.failed(error))),
        }
    }

    /// Sends the text that ends it. When that fails it may be open still, and is undone.
    async fn end(self, text: &str) -> Result<(), DbErr> {
        let command = Command::Text(text);
        let mut link = self.link.lock().await;
        link.ask(command).await.map_err(|error| command.failed(error))?;
        link.open = false;
        Ok(())
    }
}

#[async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        match &self.0 {
            Kind::Server(_) => DbBackend::MySql,
            Kind::Sqlite(transaction) => transaction.get_database_backend(),
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match &self.0 {
            Kind::Server(open) => open.ask(Command::Execute(&statement)).await.map(Answer::done),
            Kind::Sqlite(transaction) => transaction.execute_raw(statement).await,
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match &self.0 {
            Kind::Server(open) => open.ask(Command::Text(sql)).await.map(Answer::done),
            Kind::Sqlite(transaction) => transaction.execute_unprepared(sql).await,
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match &self.0 {
            Kind::Server(open) => open.ask(Command::One(&statement)).await.map(Answer::one),
            Kind::Sqlite(transaction) => transaction.query_one_raw(statement).await,
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match &self.0 {
            Kind::Server(open) => open.ask(Command::All(&statement)).await.map(Answer::all),
            Kind::Sqlite(transaction) => transaction.query_all_raw(statement).await,
        }
    }
}
