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
        let undone = code(&error).is_some_and(Code::undoes_at_commit);
        match Self::from(error) {
            Self::Again(cause) if undone => Self::Again(cause),
            // Clusters that commit optimistically look for taken values only now, and then commit nothing.
            Self::Duplicate(text) => Self::Duplicate(text),
            Self::Again(cause) | Self::Unavailable(cause) | Self::Refused(cause) | Self::Unknown(cause) => {
                Self::Unknown(cause)
            }
            other => other,
        }
    }
}

impl From<DbErr> for RecordsError {
    fn from(error: DbErr) -> Self {
        match class(&error) {
            Class::Duplicate(text) => Self::Duplicate(text),
            Class::Again => Self::Again(error),
            Class::Unknown => Self::Unknown(error),
            Class::Unavailable => Self::Unavailable(error),
            Class::Refused => Self::Refused(error),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Class {
    Duplicate(String),
    Again,
    Unknown,
    Unavailable,
    Refused,
}

fn driver(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause)) => Some(cause.as_ref()),
        _ => None,
    }
}

fn class(error: &DbErr) -> Class {
    let Some(cause) = driver(error) else {
        return match error {
            DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Class::Unavailable,
            _ => Class::Refused,
        };
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
    code(error).map_or(Class::Refused, Code::class)
}

/// What a database calls its error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    /// MySQL and what speaks its language: the error's number.
    MySql(u16),
    /// SQLite: the primary result code, which is the low byte of the extended one.
    Sqlite(u32),
}

fn code(error: &DbErr) -> Option<Code> {
    let sqlx::Error::Database(database) = driver(error)? else { return None };
    if let Some(mysql) = database.try_downcast_ref::<MySqlDatabaseError>() {
        return Some(Code::MySql(mysql.number()));
    }
    Some(Code::Sqlite(database.code()?.parse::<u32>().ok()? & 0xff))
}

/// The number of a MySQL error.
pub(crate) fn mysql_number(error: &DbErr) -> Option<u16> {
    match code(error)? {
        Code::MySql(number) => Some(number),
        Code::Sqlite(_) => None,
    }
}

impl Code {
    /// On MySQL: 1213 deadlock, 1205 lock wait, 1020 snapshot conflict (MariaDB), 3101 a transaction that a group did not
    /// certify; 1180 an engine that failed within a commit, an autocommitted statement's included; 1040, 1053, 1158 to
    /// 1161, 1290, 1836, 1927 and 3100 a server that is full, leaving, read-only or cut off.
    /// On SQLite: 5 busy, 6 locked, 10 I/O, 13 full, 14 cannot open.
    const fn class(self) -> Class {
        match self {
            Self::MySql(1020 | 1205 | 1213 | 3101) | Self::Sqlite(5 | 6) => Class::Again,
            Self::MySql(1180) => Class::Unknown,
            Self::MySql(1040 | 1053 | 1158..=1161 | 1290 | 1836 | 1927 | 3100) | Self::Sqlite(10 | 13 | 14) => {
                Class::Unavailable
            }
            Self::MySql(_) | Self::Sqlite(_) => Class::Refused,
        }
    }

    /// Whether COMMIT answering this certainly left nothing.
    ///
    /// 1213 is a deadlock (and a failed certification on Galera) and 3101 a failed certification in Group Replication: both
    /// roll the transaction back before they are told. SQLite's busy and locked leave it open, and it is then undone.
    /// Neither is certain of the others: 1205 and 1020 undo one statement and belong to no commit, and 1180 wraps whatever
    /// an engine said after the binary log may have been written, so that replicas may hold what this server has not told.
    const fn undoes_at_commit(self) -> bool {
        matches!(self, Self::MySql(1213 | 3101) | Self::Sqlite(5 | 6))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_meaning() {
        for (code, class, undone) in [
            (Code::MySql(1213), Class::Again, true),
            (Code::MySql(3101), Class::Again, true),
            (Code::MySql(1205), Class::Again, false),
            (Code::MySql(1020), Class::Again, false),
            (Code::MySql(1180), Class::Unknown, false),
            (Code::MySql(1040), Class::Unavailable, false),
            (Code::MySql(1053), Class::Unavailable, false),
            (Code::MySql(1158), Class::Unavailable, false),
            (Code::MySql(1161), Class::Unavailable, false),
            (Code::MySql(1290), Class::Unavailable, false),
            (Code::MySql(1836), Class::Unavailable, false),
            (Code::MySql(1927), Class::Unavailable, false),
            (Code::MySql(3100), Class::Unavailable, false),
            (Code::MySql(1146), Class::Refused, false),
            (Code::Sqlite(5), Class::Again, true),
            (Code::Sqlite(6), Class::Again, true),
            (Code::Sqlite(10), Class::Unavailable, false),
            (Code::Sqlite(13), Class::Unavailable, false),
            (Code::Sqlite(14), Class::Unavailable, false),
            (Code::Sqlite(1), Class::Refused, false),
        ] {
            assert_eq!((code.class(), code.undoes_at_commit()), (class, undone), "{code:?}");
        }
    }

    #[test]
    fn a_commit_without_an_answer_may_have_had_its_effect() {
        let lost = || {
            let cause = sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
            DbErr::Exec(RuntimeErr::SqlxError(std::sync::Arc::new(cause)))
        };
        assert!(matches!(RecordsError::from(lost()), RecordsError::Unavailable(_)));
        assert!(matches!(RecordsError::at_commit(lost()), RecordsError::Unknown(_)));
    }
}
