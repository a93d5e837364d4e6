//! A borrowed connection. Every statement has a deadline, and whatever its borrower does, the connection goes back in
//! order or is closed, and its place is free again within that deadline.

use std::time::{Duration, Instant};

use deadpool::managed::Object;
use futures::TryStreamExt as _;
use sea_orm::{DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Values};
use sea_query_sqlx::SqlxValues;
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, MySql, MySqlConnection,
    mysql::{MySqlQueryResult, MySqlRow},
    query::Query,
};
use tokio::{runtime::Handle, time::timeout};

use super::{
    Limits,
    link::{Link, Opener, silence},
};
use crate::classes::{Class, Code, of_driver};

/// A command to a server: a statement, and what it returns.
#[derive(Clone, Copy)]
pub(crate) enum Command<'a> {
    /// Runs a text as it stands.
    Text(&'a str),
    /// Runs a statement.
    Execute(&'a Statement),
    /// Reads one row.
    One(&'a Statement),
    /// Reads all rows.
    All(&'a Statement),
}

/// What a server answered.
pub(crate) enum Answer {
    /// It was done.
    Done(MySqlQueryResult),
    /// One row, if there is one.
    One(Option<MySqlRow>),
    /// The rows.
    All(Vec<MySqlRow>),
}

impl Command<'_> {
    /// The text of it.
    pub fn sql(&self) -> &str {
        match self {
            Self::Text(sql) => sql,
            Self::Execute(statement) | Self::One(statement) | Self::All(statement) => &statement.sql,
        }
    }

    /// Whether it changes nothing, however often it is asked.
    pub fn only_reads(&self) -> bool {
        let sql = self.sql().trim_start();
        sql.get(..6).is_some_and(|word| word.eq_ignore_ascii_case("SELECT"))
    }

    /// The failure of it as the ORM has it.
    pub fn failed(&self, error: sqlx::Error) -> DbErr {
        let error = RuntimeErr::SqlxError(error.into());
        match self {
            Self::Text(_) | Self::Execute(_) => DbErr::Exec(error),
            Self::One(_) | Self::All(_) => DbErr::Query(error),
        }
    }

    /// Asks, and counts the statements of a text that were carried out.
    async fn ask(&self, sql: &mut MySqlConnection, completed: &mut usize) -> Result<Answer, sqlx::Error> {
        match *self {
            Self::Text(text) => {
                let (mut results, mut all) = (sql.fetch_many(AssertSqlSafe(text)), MySqlQueryResult::default());
                while let Some(result) = results.try_next().await? {
                    if let sqlx::Either::Left(done) = result {
                        *completed += 1;
                        all.extend([done]);
                    }
                }
                Ok(Answer::Done(all))
            }
            Self::Execute(statement) => query(statement).execute(sql).await.map(Answer::Done),
            Self::One(statement) => query(statement).fetch_optional(sql).await.map(Answer::One),
            Self::All(statement) => query(statement).fetch_all(sql).await.map(Answer::All),
        }
    }
}

impl Answer {
    /// What was done.
    pub fn done(self) -> ExecResult {
        match self {
            Self::Done(result) => result.into(),
            Self::One(_) | Self::All(_) => MySqlQueryResult::default().into(),
        }
    }

    /// The first row.
    pub fn one(self) -> Option<QueryResult> {
        self.all().into_iter().next()
    }

    /// The rows.
    pub fn all(self) -> Vec<QueryResult> {
        match self {
            Self::Done(_) => Vec::new(),
            Self::One(row) => row.into_iter().map(Into::into).collect(),
            Self::All(rows) => rows.into_iter().map(Into::into).collect(),
        }
    }
}

fn query(statement: &Statement) -> Query<'static, MySql, SqlxValues> {
    let values = statement.values.clone().unwrap_or_else(|| Values(Vec::new()));
    sqlx::query_with(AssertSqlSafe(statement.sql.clone()), SqlxValues(values))
}

/// A connection that is in use.
pub(crate) struct Borrowed {
    /// None only while it is being given back.
    link: Option<Object<Opener>>,
    limits: Limits,
    /// Whether the last answer has not been read to its end.
    asking: bool,
    /// Whether a transaction may be open.
    pub open: bool,
    /// How many statements of the last text were carried out.
    pub completed: usize,
}

impl Borrowed {
    pub fn new(link: Object<Opener>, limits: Limits) -> Self {
        Self { link: Some(link), limits, asking: false, open: false, completed: 0 }
    }

    /// Asks, within the deadline. What the server has forgotten of its prepared statements is prepared anew once.
    pub async fn ask(&mut self, command: Command<'_>) -> Result<Answer, sqlx::Error> {
        let first = self.ask_once(command).await;
        match first {
            Err(error) if of_driver(&error) == Class::Statement => {
                self.forget_statements().await?;
                self.ask_once(command).await
            }
            other => other,
        }
    }

    async fn ask_once(&mut self, command: Command<'_>) -> Result<Answer, sqlx::Error> {
        self.asking = true;
        self.completed = 0;
        let link = self.link.as_mut().expect("it is given back by being dropped");
        let asked = Box::pin(command.ask(link.sql(), &mut self.completed));
        let result = in_time(self.limits.statement, asked).await;
        self.answered(result.as_ref().err());
        result
    }

    async fn forget_statements(&mut self) -> Result<(), sqlx::Error> {
        self.asking = true;
        let link = self.link.as_mut().expect("it is given back by being dropped");
        let result = in_time(self.limits.statement, link.sql().clear_cached_statements()).await;
        self.answered(result.as_ref().err());
        result
    }

    /// Updates the state of the connection after an answer.
    fn answered(&mut self, error: Option<&sqlx::Error>) {
        self.asking = false;
        let Some(error) = error else { return };
        let link = self.link.as_mut().expect("it is given back by being dropped");
        link.broken |= closes(error);
        if of_driver(error) == Class::Moved
            && let Some(pool) = Object::pool(link)
        {
            pool.manager().trust.moved(Instant::now());
        }
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let Some(mut link) = self.link.take() else { return };
        if link.broken {
            return drop(Object::take(link));
        }
        if !self.asking && !self.open {
            link.used = Instant::now();
            return drop(link);
        }
        let Ok(runtime) = Handle::try_current() else {
            // A server undoes what a closed connection has begun.
            return close(link);
        };
        let patience = self.limits.back;
        let text = if self.open { "ROLLBACK" } else { "DO 0" };
        drop(runtime.spawn(async move {
            // An unread answer is read to its end first.
            match timeout(patience, link.sql().execute(text)).await {
                Ok(Ok(_)) => link.used = Instant::now(),
                Ok(Err(_)) | Err(_) => close(link),
            }
        }));
    }
}

fn close(mut link: Object<Opener>) {
    link.broken = true;
    drop::<Link>(Object::take(link));
}

async fn in_time<T>(
    patience: Option<Duration>,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    match patience {
        Some(patience) => timeout(patience, work).await.unwrap_or_else(|_| Err(silence(patience))),
        None => work.await,
    }
}

/// Whether a connection is unusable after this error.
fn closes(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(_) => {
            matches!(of_driver(error), Class::Elsewhere | Class::Moved | Class::Lost)
                || Code::of(error).is_some_and(Code::leads_astray)
        }
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}
