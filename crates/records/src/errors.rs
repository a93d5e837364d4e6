//! What can go wrong with the primary, sorted by what the caller may do about it.

use sea_orm::{DbErr, RuntimeErr};
use sqlx::mysql::MySqlDatabaseError;

/// A failure of the primary.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// Somebody else changed or removed the row since it was read; nothing was done.
    #[error("{model} {id} has changed since it was read")]
    Changed {
        /// Table.
        model: &'static str,
        /// Row.
        id: String,
    },
    /// A unique value is taken; nothing was done. The text is the database's and names the constraint or the columns.
    #[error("a unique value is taken: {0}")]
    Duplicate(String),
    /// A deadlock, a lock wait or a serialization failure: the whole unit of work was undone and may run again.
    #[error("the database asked to run the transaction again: {0}")]
    Again(#[source] DbErr),
    /// COMMIT answered an error: the transaction may be durable or not. Never retried blindly.
    #[error("the outcome of a commit is unknown: {0}")]
    Unknown(#[source] DbErr),
    /// Not reachable, shutting down, or no connection free within the deadline.
    #[error("the primary database is not reachable: {0}")]
    Unavailable(#[source] DbErr),
    /// A stored value that this program could not have written.
    #[error("{0}")]
    Corrupt(String),
    /// Anything else.
    #[error("the primary database refused: {0}")]
    Refused(#[source] DbErr),
}

impl RecordsError {
    /// Whether running the whole unit of work again is right.
    #[must_use]
    pub fn is_again(&self) -> bool {
        matches!(self, Self::Again(_))
    }

    /// The same failure, met at COMMIT: only what certainly undid the transaction keeps its meaning.
    pub(crate) fn at_commit(error: DbErr) -> Self {
        match Self::from(error) {
            Self::Again(cause) => Self::Again(cause),
            Self::Duplicate(text) => Self::Duplicate(text),
            Self::Unavailable(cause) | Self::Refused(cause) | Self::Unknown(cause) => Self::Unknown(cause),
            other => other,
        }
    }
}

impl From<DbErr> for RecordsError {
    fn from(error: DbErr) -> Self {
        match class(&error) {
            Class::Duplicate(text) => Self::Duplicate(text),
            Class::Again => Self::Again(error),
            Class::Unavailable => Self::Unavailable(error),
            Class::Refused => Self::Refused(error),
        }
    }
}

enum Class {
    Duplicate(String),
    Again,
    Unavailable,
    Refused,
}

fn class(error: &DbErr) -> Class {
    let cause = match error {
        DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause)) => cause.as_ref(),
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => return Class::Unavailable,
        _ => return Class::Refused,
    };
    let sqlx::Error::Database(database) = cause else {
        return match cause {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Class::Unavailable,
            _ => Class::Refused,
        };
    };
    if database.is_unique_violation() {
        return Class::Duplicate(database.message().to_owned());
    }
    match database.try_downcast_ref::<MySqlDatabaseError>() {
        Some(mysql) => of_mysql(mysql.number()),
        None => of_sqlite(database.code().as_deref().unwrap_or("")),
    }
}

/// 1213 deadlock, 1205 lock wait, 1020 snapshot conflict (MariaDB), 3101 and 1180 a commit that a cluster refused;
/// 1040, 1053, 1158 to 1161, 1290, 1836, 1927 and 3100 a server that is full, leaving, read-only or cut off.
fn of_mysql(number: u16) -> Class {
    match number {
        1020 | 1180 | 1205 | 1213 | 3101 => Class::Again,
        1040 | 1053 | 1158..=1161 | 1290 | 1836 | 1927 | 3100 => Class::Unavailable,
        _ => Class::Refused,
    }
}

/// The primary result code is the low byte of the extended one: 5 busy, 6 locked, 10 I/O, 13 full, 14 cannot open.
fn of_sqlite(code: &str) -> Class {
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(5 | 6) => Class::Again,
        Ok(10 | 13 | 14) => Class::Unavailable,
        _ => Class::Refused,
    }
}
