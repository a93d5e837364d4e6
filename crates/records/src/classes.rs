//! The table of what databases answer, and what is to be done about it: by number or SQLSTATE, never by text. Requests and
//! the synchronisation follow the same table.

use sqlx::mysql::MySqlDatabaseError;

/// What is to be done about an error of the primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Nothing: a unique value is taken, and the caller knows what that means.
    Duplicate,
    /// The same statement again on the same connection, once what it had prepared is forgotten.
    Statement,
    /// The whole unit of work again: it was undone, or can be.
    Unit,
    /// The same on another connection: this one ended before the statement began, so nothing was done.
    Elsewhere,
    /// The same on another connection, and none that was opened before: this server takes no writes any more, so nothing
    /// was done. After a planned switch-over new connections lead to the new primary.
    Moved,
    /// The connection is lost. What only read may be asked again on another one, and so may a unit that had not come to its
    /// COMMIT; of anything else the outcome is unknown.
    Lost,
    /// Come back later: the database is full, busy, or took too long.
    Later,
    /// An operator has to repair the database: the advice.
    Operator(&'static str),
    /// Whether it was done is unknown.
    Unknown,
    /// ChainBill asked for something that it should not have.
    Bug,
}

/// An error that servers are known to answer.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// Its number.
    pub number: u16,
    /// Its SQLSTATE, as the server sends it.
    pub state: &'static str,
    /// What is to be done.
    pub class: Class,
    /// Its name and who answers it: the source of the class.
    pub source: &'static str,
}

const fn known(number: u16, state: &'static str, class: Class, source: &'static str) -> Known {
    Known { number, state, class, source }
}

const MIGRATE: &str = "tables or columns are missing: `chainbill migrate status` says whether migrations are, `chainbill migrate up` applies them";
const GRANT: &str = "the database user of DATABASE_URL lacks rights: GRANT ALL PRIVILEGES ON its database TO it";
const SPACE: &str = "the primary's disk or a table space is full: make room; it goes on by itself";
const HOST: &str = "the server refuses this host: `mysqladmin flush-hosts`, or a user for this host";
const GROUP: &str = "the cluster node is no part of its group: look at the cluster's state";

/// What MySQL 8.0 to 9.x, MariaDB 10.6 and later, Percona XtraDB Cluster, Galera, Group Replication, TiDB and ProxySQL
/// answer. Numbers below 2000 and from 3000 on: the servers' error references (MySQL 9 "Server Error Message Reference",
/// MariaDB "Error Codes"); 2000 to 2999: their client library's, which proxies pass on.
pub const SERVER_ERRORS: &[Known] = &[
    // The same statement again.
    known(1615, "HY000", Class::Statement, "ER_NEED_REPREPARE: a table changed or its definition left the cache"),
    known(
        1461,
        "42000",
        Class::Statement,
        "ER_MAX_PREPARED_STMT_COUNT_REACHED: the server's prepared statements are all taken",
    ),
    known(1243, "HY000", Class::Statement, "ER_UNKNOWN_STMT_HANDLER: a proxy changed the server behind the connection"),
    // The whole unit again.
    known(1213, "40001", Class::Unit, "ER_LOCK_DEADLOCK; a failed certification on Galera"),
    known(1020, "HY000", Class::Unit, "ER_CHECKREAD: MariaDB's innodb_snapshot_isolation"),
    known(3101, "40000", Class::Unit, "ER_TRANSACTION_ROLLBACK_DURING_COMMIT: Group Replication did not certify it"),
    known(1412, "HY000", Class::Unit, "ER_TABLE_DEF_CHANGED: ALTER TABLE since the snapshot"),
    known(1637, "HY000", Class::Unit, "ER_TOO_MANY_CONCURRENT_TRXS"),
    known(8002, "HY000", Class::Unit, "TiDB ErrForUpdateCantRetry"),
    known(8022, "HY000", Class::Unit, "TiDB ErrTxnRetryable: a commit that was undone"),
    known(8028, "HY000", Class::Unit, "TiDB ErrInfoSchemaChanged"),
    known(9007, "HY000", Class::Unit, "TiDB ErrWriteConflict"),
    // Another connection; nothing was done.
    known(4031, "HY000", Class::Elsewhere, "ER_CLIENT_INTERACTION_TIMEOUT: MySQL 8.0.24 closed it after wait_timeout"),
    known(1047, "08S01", Class::Elsewhere, "ER_UNKNOWN_COM_ERROR: Galera, WSREP has not yet prepared the node"),
    // Another connection, and no older one.
    known(1290, "HY000", Class::Moved, "ER_OPTION_PREVENTS_STATEMENT: --read-only or --super-read-only"),
    known(1792, "25006", Class::Moved, "ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION: a proxy's reader"),
    known(1836, "HY000", Class::Moved, "ER_READ_ONLY_MODE: innodb_read_only, a cloud's reader"),
    // The connection is lost.
    known(3100, "HY000", Class::Lost, "ER_RUN_HOOK_ERROR: a member left its Group Replication during the commit"),
    known(1053, "08S01", Class::Lost, "ER_SERVER_SHUTDOWN"),
    known(1077, "HY000", Class::Lost, "ER_NORMAL_SHUTDOWN"),
    known(1079, "HY000", Class::Lost, "ER_SHUTDOWN_COMPLETE"),
    known(1152, "08S01", Class::Lost, "ER_ABORTING_CONNECTION"),
    known(1158, "08S01", Class::Lost, "ER_NET_READ_ERROR"),
    known(1159, "08S01", Class::Lost, "ER_NET_READ_INTERRUPTED"),
    known(1160, "08S01", Class::Lost, "ER_NET_ERROR_ON_WRITE"),
    known(1161, "08S01", Class::Lost, "ER_NET_WRITE_INTERRUPTED"),
    known(1184, "08S01", Class::Lost, "ER_NEW_ABORTING_CONNECTION"),
    known(1927, "70100", Class::Lost, "ER_CONNECTION_KILLED: MariaDB"),
    known(3169, "HY000", Class::Lost, "ER_SESSION_WAS_KILLED: MySQL"),
    known(2003, "HY000", Class::Lost, "CR_CONN_HOST_ERROR: a proxy could not reach the server"),
    known(2006, "HY000", Class::Lost, "CR_SERVER_GONE_ERROR: a proxy lost the server"),
    known(2013, "HY000", Class::Lost, "CR_SERVER_LOST: a proxy lost the server during the statement"),
    known(2055, "HY000", Class::Lost, "CR_SERVER_LOST_EXTENDED"),
    // Later.
    known(
        1205,
        "HY000",
        Class::Later,
        "ER_LOCK_WAIT_TIMEOUT: rows or a table are locked for longer than the session waits",
    ),
    known(3572, "HY000", Class::Later, "ER_LOCK_NOWAIT"),
    known(1206, "HY000", Class::Later, "ER_LOCK_TABLE_FULL"),
    known(1317, "70100", Class::Later, "ER_QUERY_INTERRUPTED: KILL QUERY"),
    known(3024, "HY000", Class::Later, "ER_QUERY_TIMEOUT: MySQL's max_execution_time"),
    known(1969, "70100", Class::Later, "ER_STATEMENT_TIMEOUT: MariaDB's max_statement_time"),
    known(1907, "HY000", Class::Later, "ER_QUERY_TIMEOUT of older MySQL"),
    known(1040, "08004", Class::Later, "ER_CON_COUNT_ERROR: too many connections"),
    known(1203, "42000", Class::Later, "ER_TOO_MANY_USER_CONNECTIONS"),
    known(1226, "42000", Class::Later, "ER_USER_LIMIT_REACHED"),
    known(1135, "HY000", Class::Later, "ER_CANT_CREATE_THREAD"),
    known(1037, "HY001", Class::Later, "ER_OUTOFMEMORY"),
    known(1038, "HY001", Class::Later, "ER_OUT_OF_SORTMEMORY"),
    known(1041, "HY000", Class::Later, "ER_OUT_OF_RESOURCES"),
    known(1023, "HY000", Class::Later, "ER_ERROR_ON_CLOSE"),
    known(1030, "HY000", Class::Later, "ER_GET_ERRNO: the storage engine failed"),
    known(1105, "HY000", Class::Later, "ER_UNKNOWN_ERROR: Vitess, TiDB and proxies for what has no number"),
    known(
        9001,
        "HY000",
        Class::Later,
        "TiDB ErrPDServerTimeout; ProxySQL: no server of the host group within its time",
    ),
    known(9002, "HY000", Class::Later, "TiDB ErrTiKVServerTimeout"),
    known(9003, "HY000", Class::Later, "TiDB ErrTiKVServerBusy"),
    known(9004, "HY000", Class::Later, "TiDB ErrResolveLockTimeout"),
    known(9005, "HY000", Class::Later, "TiDB ErrRegionUnavailable"),
    // Operators.
    known(1044, "42000", Class::Operator(GRANT), "ER_DBACCESS_DENIED_ERROR"),
    known(1045, "28000", Class::Operator(GRANT), "ER_ACCESS_DENIED_ERROR"),
    known(1142, "42000", Class::Operator(GRANT), "ER_TABLEACCESS_DENIED_ERROR"),
    known(1143, "42000", Class::Operator(GRANT), "ER_COLUMNACCESS_DENIED_ERROR"),
    known(1227, "42000", Class::Operator(GRANT), "ER_SPECIFIC_ACCESS_DENIED_ERROR"),
    known(1370, "42000", Class::Operator(GRANT), "ER_PROCACCESS_DENIED_ERROR"),
    known(1129, "HY000", Class::Operator(HOST), "ER_HOST_IS_BLOCKED"),
    known(1130, "HY000", Class::Operator(HOST), "ER_HOST_NOT_PRIVILEGED"),
    known(1049, "42000", Class::Operator(MIGRATE), "ER_BAD_DB_ERROR"),
    known(1054, "42S22", Class::Operator(MIGRATE), "ER_BAD_FIELD_ERROR"),
    known(1146, "42S02", Class::Operator(MIGRATE), "ER_NO_SUCH_TABLE"),
    known(1021, "HY000", Class::Operator(SPACE), "ER_DISK_FULL"),
    known(1114, "HY000", Class::Operator(SPACE), "ER_RECORD_FILE_FULL"),
    known(1534, "HY000", Class::Operator(GROUP), "ER_BINLOG_ROW_LOGGING_FAILED"),
    known(
        3098,
        "HY000",
        Class::Operator(GROUP),
        "ER_BEFORE_DML_VALIDATION_ERROR: Group Replication's demands on tables",
    ),
    // Unknown.
    known(
        1180,
        "HY000",
        Class::Unknown,
        "ER_ERROR_DURING_COMMIT: an engine failed within a commit, an autocommitted statement's too",
    ),
    known(1181, "HY000", Class::Unknown, "ER_ERROR_DURING_ROLLBACK"),
    known(8141, "HY000", Class::Unknown, "TiDB ErrAssertionFailed at commit"),
];

/// What a database calls its error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// MySQL and what speaks its language: the error's number.
    MySql(u16),
    /// SQLite: the primary result code, which is the low byte of the extended one.
    Sqlite(u32),
}

impl Code {
    pub fn of(error: &sqlx::Error) -> Option<Self> {
        let sqlx::Error::Database(database) = error else { return None };
        if let Some(mysql) = database.try_downcast_ref::<MySqlDatabaseError>() {
            return Some(Self::MySql(mysql.number()));
        }
        Some(Self::Sqlite(database.code()?.parse::<u32>().ok()? & 0xff))
    }

    /// By number. Of SQLite: 5 busy, 6 locked, 10 I/O, 13 full, 14 cannot open.
    pub fn class(self) -> Option<Class> {
        match self {
            Self::MySql(number) => SERVER_ERRORS.iter().find(|known| known.number == number).map(|known| known.class),
            Self::Sqlite(5 | 6) => Some(Class::Unit),
            Self::Sqlite(13) => Some(Class::Operator(SPACE)),
            Self::Sqlite(10 | 14) => Some(Class::Later),
            Self::Sqlite(_) => None,
        }
    }

    /// Whether a connection that answers this leads to a server that has left its group, beside those that say that it takes
    /// no writes: 3100 and 3101 come from a member of a Group Replication.
    pub const fn leads_astray(self) -> bool {
        matches!(self, Self::MySql(3100 | 3101))
    }

    /// Whether a COMMIT with this error has certainly changed nothing.
    ///
    /// 1213 is a deadlock (and a failed certification on Galera) and 3101 a failed certification in Group Replication: both
    /// roll the transaction back before they are returned. A server that has become read-only rolls writes back, then
    /// answers 1290 (`ha_commit_trans` of MySQL and MariaDB). SQLite's busy and locked leave it open, and it is then undone.
    /// The other errors prove nothing: 1205 and 1020 undo one statement and belong to no commit, and 1180 wraps an
    /// engine's error after the binary log may have been written, so that replicas may hold unconfirmed changes.
    pub const fn undoes_at_commit(self) -> bool {
        matches!(self, Self::MySql(1213 | 1290 | 3101) | Self::Sqlite(5 | 6))
    }
}

/// A connection that was lost within a transaction before its COMMIT: the server has undone all of it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Undone(#[source] sqlx::Error);

/// The error of a statement within a transaction.
pub(crate) fn undone(error: sqlx::Error) -> sqlx::Error {
    match of_driver(&error) {
        Class::Lost => sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::ConnectionAborted, Undone(error))),
        _ => error,
    }
}

/// What is to be done about an error of the driver.
pub(crate) fn of_driver(error: &sqlx::Error) -> Class {
    let database = match error {
        sqlx::Error::Database(database) => database,
        sqlx::Error::Io(cause) if cause.get_ref().is_some_and(|cause| cause.is::<Undone>()) => return Class::Elsewhere,
        // Our own deadline, and a server that does not come to answer.
        sqlx::Error::Io(cause) if cause.kind() == std::io::ErrorKind::TimedOut => return Class::Later,
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => {
            return Class::Lost;
        }
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => return Class::Later,
        _ => return Class::Bug,
    };
    if database.is_unique_violation() {
        return Class::Duplicate;
    }
    let by_number = Code::of(error).and_then(Code::class);
    by_number.unwrap_or_else(|| match database.code().as_deref().and_then(|state| state.get(..2)) {
        // SQLSTATE's classes (ISO 9075): a transaction that was rolled back, a connection, resources.
        Some("40") if database.try_downcast_ref::<MySqlDatabaseError>().is_some() => Class::Unit,
        Some("08") if database.try_downcast_ref::<MySqlDatabaseError>().is_some() => Class::Lost,
        _ => Class::Bug,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_number_stands_once_in_the_table_with_its_source() {
        let mut numbers = BTreeSet::new();
        for Known { number, state, source, .. } in SERVER_ERRORS {
            assert!(numbers.insert(number), "{number} stands there twice");
            assert!(state.len() == 5 && !source.is_empty(), "{number}");
        }
    }

    #[test]
    fn every_code_has_its_meaning() {
        for (code, class, undone) in [
            (Code::MySql(1213), Some(Class::Unit), true),
            (Code::MySql(3101), Some(Class::Unit), true),
            (Code::MySql(1205), Some(Class::Later), false),
            (Code::MySql(1020), Some(Class::Unit), false),
            (Code::MySql(1180), Some(Class::Unknown), false),
            (Code::MySql(1040), Some(Class::Later), false),
            (Code::MySql(1053), Some(Class::Lost), false),
            (Code::MySql(1290), Some(Class::Moved), true),
            (Code::MySql(3100), Some(Class::Lost), false),
            (Code::MySql(4031), Some(Class::Elsewhere), false),
            (Code::MySql(1064), None, false),
            (Code::Sqlite(5), Some(Class::Unit), true),
            (Code::Sqlite(6), Some(Class::Unit), true),
            (Code::Sqlite(10), Some(Class::Later), false),
            (Code::Sqlite(13), Some(Class::Operator(SPACE)), false),
            (Code::Sqlite(14), Some(Class::Later), false),
            (Code::Sqlite(1), None, false),
        ] {
            assert_eq!((code.class(), code.undoes_at_commit()), (class, undone), "{code:?}");
        }
    }
}
