//! The connection pools of the primary.
//!
//! SQLite's pool is the ORM's own. Connections to a server are in a pool of `deadpool`: the driver's pool pings each
//! connection when it is given back, without a deadline, so that a silent network takes every place for good, and it
//! has no way to discard a connection to the wrong server.

mod address;
mod borrowed;
mod link;
mod tables;
mod trust;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use deadpool::managed::{Pool, PoolConfig, PoolError, QueueMode};
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr,
    Statement,
};

use self::tables::{Places, Tables};
pub(crate) use self::{
    address::{check, host, options},
    borrowed::{Answer, Borrowed, Command},
    link::Opener,
    tables::{Within, tables_of},
    trust::Trust,
};
use crate::{
    Transaction,
    classes::{Class, of_driver},
    transaction::Purpose,
};

/// Connections to the primary. Cloning shares them.
#[derive(Clone)]
pub struct Connections(Kind);

#[derive(Clone)]
enum Kind {
    Sqlite(DatabaseConnection),
    Server(Arc<Server>),
}

/// Connections to a server.
pub(crate) struct Server {
    pool: Pool<Opener>,
    tables: Tables,
    limits: Limits,
    /// A few more connections for probes, which neither wait behind requests nor delay them; `None` in the pool of the
    /// probes itself.
    probes: Option<Connections>,
}

/// The deadlines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Getting a connection.
    pub acquire: Duration,
    /// A statement, from here; a little longer than the server takes before it ends it by itself.
    pub statement: Option<Duration>,
    /// Giving back a connection with an unread answer.
    pub back: Duration,
}

/// How often a statement is asked again on another connection.
const ATTEMPTS: u32 = 3;
/// How long a transaction, which has a connection, waits for a table that others are waiting for already.
const CROWD: Duration = Duration::from_secs(1);
/// Connections that have rested for too long are looked for in this part of the time that they may rest.
const SWEEPS: u32 = 4;

impl Connections {
    pub(crate) fn sqlite(db: DatabaseConnection) -> Self {
        Self(Kind::Sqlite(db))
    }

    /// Connections to a server, at most so many; none is opened yet.
    pub(crate) fn server(opener: Opener, most: u32, limits: Limits, probes: Option<Self>) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX).max(1);
        Self(Kind::Server(Arc::new(Server::new(opener, most, limits, probes))))
    }

    /// Those for probes.
    pub(crate) fn probes(&self) -> &Self {
        match &self.0 {
            Kind::Sqlite(_) => self,
            Kind::Server(server) => server.probes.as_ref().unwrap_or(self),
        }
    }

    pub(crate) fn of_server(&self) -> Option<&Arc<Server>> {
        match &self.0 {
            Kind::Sqlite(_) => None,
            Kind::Server(server) => Some(server),
        }
    }

    /// The connections of an embedded primary.
    #[must_use]
    pub fn of_sqlite(&self) -> Option<&DatabaseConnection> {
        match &self.0 {
            Kind::Sqlite(db) => Some(db),
            Kind::Server(_) => None,
        }
    }

    /// How many there may be at once.
    pub(crate) fn most(&self) -> usize {
        match &self.0 {
            Kind::Sqlite(_) => 1,
            Kind::Server(server) => server.pool.status().max_size,
        }
    }

    /// Begins a transaction, for tables that are not synchronised and for tests.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn begin(&self) -> Result<Transaction, DbErr> {
        Transaction::begin(self, Purpose::Writing).await
    }

    /// Closes all of them on a clean stop; what an embedded database has committed is in the file itself then.
    pub(crate) async fn end(&self) {
        match &self.0 {
            Kind::Sqlite(db) => chainbill_sqlite::close(db.get_sqlite_connection_pool()).await,
            Kind::Server(server) => server.close(),
        }
    }

    /// Closes all of them.
    ///
    /// # Errors
    /// When the embedded database cannot be closed.
    pub async fn close(self) -> Result<(), DbErr> {
        match self.0 {
            Kind::Sqlite(db) => db.close().await,
            Kind::Server(server) => {
                server.close();
                Ok(())
            }
        }
    }
}

impl Server {
    fn new(opener: Opener, most: usize, limits: Limits, probes: Option<Connections>) -> Self {
        let rest = opener.rest;
        // The one that was used last goes out first: those that are not needed come to rest, and end.
        let config = PoolConfig { queue_mode: QueueMode::Lifo, ..PoolConfig::new(most) };
        let pool =
            Pool::builder(opener).config(config).build().expect("a pool without deadlines of its own needs no runtime");
        let weak = pool.weak();
        tokio::spawn(async move {
            let mut sweeps = tokio::time::interval((rest / SWEEPS).max(Duration::from_millis(100)));
            sweeps.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                sweeps.tick().await;
                let Some(pool) = weak.upgrade() else { return };
                let now = std::time::Instant::now();
                drop(pool.retain(|link, _| pool.manager().is_fresh(link, now)));
            }
        });
        Self { pool, tables: Tables::of(most), limits, probes }
    }

    /// A connection, within the deadline.
    pub async fn borrow(&self) -> Result<Borrowed, DbErr> {
        // Boxed, for it is part of every future that reaches the primary.
        match tokio::time::timeout(self.limits.acquire, Box::pin(self.pool.get())).await {
            Ok(Ok(link)) => Ok(Borrowed::new(link, self.limits)),
            Ok(Err(PoolError::Backend(error))) => Err(DbErr::Conn(RuntimeErr::SqlxError(error.into()))),
            Ok(Err(PoolError::Closed)) => Err(DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed)),
            Ok(Err(_)) | Err(_) => Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)),
        }
    }

    /// Places on a statement's tables. The server answers: it is its tables that are crowded.
    pub async fn places(&self, tables: &[&str], within: Within) -> Result<Places, DbErr> {
        let patience = match within {
            Within::Nothing => self.limits.acquire,
            Within::Transaction => CROWD.min(self.limits.acquire),
        };
        let crowded = || DbErr::Conn(RuntimeErr::SqlxError(sqlx::Error::PoolTimedOut.into()));
        self.tables.places(tables, within, patience).await.ok_or_else(crowded)
    }

    /// Sends it on any connection, and again on another where the first has certainly done nothing.
    async fn ask(&self, command: Command<'_>) -> Result<Answer, DbErr> {
        let _places = self.places(&tables_of(command.sql()), Within::Nothing).await?;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut link = self.borrow().await?;
            match link.ask(command).await {
                Err(error) if attempt < ATTEMPTS && is_undone(&error, command.only_reads()) => {}
                other => return other.map_err(|error| command.failed(error)),
            }
        }
    }

    /// How its connections are opened.
    pub fn opener(&self) -> &Opener {
        self.pool.manager()
    }

    fn close(&self) {
        self.pool.close();
        if let Some(server) = self.probes.as_ref().and_then(Connections::of_server) {
            server.close();
        }
    }
}

/// Whether a failed statement has done nothing for certain, so that it may be asked again on another connection.
pub(crate) fn is_undone(error: &sqlx::Error, only_reads: bool) -> bool {
    match of_driver(error) {
        Class::Elsewhere | Class::Moved => true,
        Class::Lost | Class::Unit => only_reads,
        _ => false,
    }
}

#[async_trait]
impl ConnectionTrait for Connections {
    fn get_database_backend(&self) -> DbBackend {
        match &self.0 {
            Kind::Sqlite(db) => db.get_database_backend(),
            Kind::Server(_) => DbBackend::MySql,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match &self.0 {
            Kind::Sqlite(db) => db.execute_raw(statement).await,
            Kind::Server(server) => server.ask(Command::Execute(&statement)).await.map(Answer::done),
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match &self.0 {
            Kind::Sqlite(db) => db.execute_unprepared(sql).await,
            Kind::Server(server) => server.ask(Command::Text(sql)).await.map(Answer::done),
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match &self.0 {
            Kind::Sqlite(db) => db.query_one_raw(statement).await,
            Kind::Server(server) => server.ask(Command::One(&statement)).await.map(Answer::one),
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match &self.0 {
            Kind::Sqlite(db) => db.query_all_raw(statement).await,
            Kind::Server(server) => server.ask(Command::All(&statement)).await.map(Answer::all),
        }
    }
}
