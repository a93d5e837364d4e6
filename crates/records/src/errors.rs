//! What can go wrong with the primary, sorted by what the caller may do about it.

use sea_orm::{DbErr, RuntimeErr};

use crate::{
    classes::{Class, Code, of_driver},
    unreadable::Unreadable,
};

/// A failure of the primary.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// The row was changed or removed since it was read; nothing was done.
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
    /// Another unit of work saved the same row at this moment: the whole unit runs again, and finds it.
    #[error("another transaction saved the same row at this moment: {0}")]
    Raced(String),
    /// A deadlock or a serialization failure: the whole unit of work was undone and may run again.
    #[error("the database asked to run the transaction again: {0}")]
    Again(#[source] DbErr),
    /// The connection led to a server that takes no writes, or was lost before COMMIT: the whole unit of work was undone and
    /// may run again, on another connection. The old one is closed.
    #[error("the connection to the primary database is of no use any more: {0}")]
    Elsewhere(#[source] DbErr),
    /// COMMIT answered an error: the transaction may be durable or not. Never retried blindly.
    #[error("the outcome of a commit is unknown: {0}")]
    Unknown(#[source] DbErr),
    /// Not reachable, shutting down, or no connection free within the deadline.
    #[error("the primary database is not reachable: {0}")]
    Unavailable(#[source] DbErr),
    /// Full, locked or too slow: later it may work.
    #[error("the primary database is busy: {0}")]
    Later(#[source] DbErr),
    /// An operator has to see to the database.
    #[error("the primary database needs its operator: {cause}")]
    Operator {
        /// What can be done.
        hint: &'static str,
        /// What it answered.
        #[source]
        cause: DbErr,
    },
    /// For so many seconds no read has shown what had been committed before it: servers of the primary's cluster are
    /// behind.
    #[error("for {0} s no read has shown what was committed before it: servers of the primary's cluster are behind")]
    Late(u64),
    /// A stored value that this program could not have written.
    #[error("{0}")]
    Corrupt(String),
    /// A stored value that this release cannot read; another one may.
    #[error(transparent)]
    Unreadable(Unreadable),
    /// Anything else: ChainBill asked what it should not have.
    #[error("the primary database refused: {0}")]
    Refused(#[source] DbErr),
}

impl RecordsError {
    /// Whether running the whole unit of work again is right.
    #[must_use]
    pub fn is_again(&self) -> bool {
        matches!(self, Self::Again(_) | Self::Elsewhere(_) | Self::Raced(_))
    }

    /// Whether a row or a table was locked for longer than one waits.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Later(cause) if mysql_number(cause) == Some(LOCK_WAIT))
    }

    /// A taken value, where the row that has it can be used as well as the one that was to be saved.
    pub(crate) fn raced(self) -> Self {
        match self {
            Self::Duplicate(text) => Self::Raced(text),
            other => other,
        }
    }

    /// The same failure, met at COMMIT: only what certainly undid the transaction keeps its meaning.
    pub(crate) fn at_commit(error: DbErr) -> Self {
        let undone = code(&error).is_some_and(Code::undoes_at_commit);
        match Self::from(error) {
            Self::Again(cause) if undone => Self::Again(cause),
            Self::Elsewhere(cause) if undone => Self::Elsewhere(cause),
            // Clusters that commit optimistically look for taken values only now, and then commit nothing.
            Self::Duplicate(text) => Self::Duplicate(text),
            Self::Again(cause)
            | Self::Elsewhere(cause)
            | Self::Unavailable(cause)
            | Self::Later(cause)
            | Self::Operator { cause, .. }
            | Self::Refused(cause)
            | Self::Unknown(cause) => Self::Unknown(cause),
            other => other,
        }
    }
}

/// ER_LOCK_WAIT_TIMEOUT.
const LOCK_WAIT: u16 = 1205;

impl From<DbErr> for RecordsError {
    fn from(error: DbErr) -> Self {
        if let Some(value) = Unreadable::of(&error) {
            return Self::Unreadable(value);
        }
        let Some(cause) = driver(&error) else {
            return match error {
                DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => Self::Unavailable(error),
                other => Self::Refused(other),
            };
        };
        match of_driver(cause) {
            Class::Duplicate => Self::Duplicate(match cause {
                sqlx::Error::Database(database) => database.message().to_owned(),
                other => other.to_string(),
            }),
            Class::Unit => Self::Again(error),
            Class::Elsewhere | Class::Moved => Self::Elsewhere(error),
            Class::Lost => Self::Unavailable(error),
            // No answer within our own deadline.
            Class::Later if matches!(cause, sqlx::Error::Io(_)) => Self::Unavailable(error),
            Class::Statement | Class::Later => Self::Later(error),
            Class::Operator(hint) => Self::Operator { hint, cause: error },
            Class::Unknown => Self::Unknown(error),
            Class::Bug => Self::Refused(error),
        }
    }
}

pub(crate) fn driver(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause)) => Some(cause.as_ref()),
        _ => None,
    }
}

fn code(error: &DbErr) -> Option<Code> {
    Code::of(driver(error)?)
}

/// The number of a MySQL error.
pub(crate) fn mysql_number(error: &DbErr) -> Option<u16> {
    match code(error)? {
        Code::MySql(number) => Some(number),
        Code::Sqlite(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_without_an_answer_may_have_had_its_effect() {
        let lost = || {
            let cause = sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
            DbErr::Exec(RuntimeErr::SqlxError(std::sync::Arc::new(cause)))
        };
        assert!(matches!(RecordsError::from(lost()), RecordsError::Unavailable(_)));
        let before = || {
            DbErr::Exec(RuntimeErr::SqlxError(std::sync::Arc::new(crate::classes::undone(sqlx::Error::WorkerCrashed))))
        };
        assert!(matches!(RecordsError::from(before()), RecordsError::Elsewhere(_)), "nothing was committed");
        assert!(matches!(RecordsError::at_commit(lost()), RecordsError::Unknown(_)));
    }
}
