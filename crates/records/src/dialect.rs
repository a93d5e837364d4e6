//! The few differences between the databases that ChainBill runs on.

use std::fmt;

use chainbill_domain::Timestamp;
use sea_orm::{DbBackend, Statement, Value};

/// The kind of database behind the primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Embedded.
    Sqlite,
    /// MySQL 8.0 or later, and clusters that are made of it.
    MySql,
    /// TiDB: MySQL's language without `JSON_TABLE`, and without locks on gaps.
    TiDb,
    /// MariaDB 10.6 or later.
    MariaDb,
}

impl Dialect {
    /// `sqlite`, `mysql` or `mariadb`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::MySql => "mysql",
            Self::TiDb => "tidb",
            Self::MariaDb => "mariadb",
        }
    }

    /// By what a server says to `SELECT VERSION()`.
    #[must_use]
    pub fn of_server(version: &str) -> Self {
        match version {
            version if version.contains("MariaDB") => Self::MariaDb,
            version if version.contains("TiDB") => Self::TiDb,
            _ => Self::MySql,
        }
    }

    /// Replaces what differs in a table's description: `{time}` moments in milliseconds, `{long}` texts of any length,
    /// `{flag}` flags, `{options}` what follows the closing bracket.
    ///
    /// Text is compared by its bytes and without padding everywhere: 😀 and 😁 differ, so do `a` and `a `, and a page by
    /// key has the same order in both databases.
    #[must_use]
    pub fn spell(self, sql: &str) -> String {
        let (time, long, flag, options) = match self {
            Self::Sqlite => ("DATETIME", "TEXT", "BOOLEAN", ""),
            Self::MySql | Self::TiDb => ("DATETIME(3)", "LONGTEXT", "BOOLEAN", MYSQL),
            Self::MariaDb => ("DATETIME(3)", "LONGTEXT", "BOOLEAN", MARIADB),
        };
        sql.replace("{time}", time).replace("{long}", long).replace("{flag}", flag).replace("{options}", options)
    }

    /// Binds moments as date and time without a zone where the server would take them for a `TIMESTAMP`, which ends in 2038
    /// (MariaDB before 11.5 turns a later one into NULL). Every session counts in UTC, so nothing else changes.
    pub(crate) fn timeless(self, mut statement: Statement) -> Statement {
        if self == Self::Sqlite {
            return statement;
        }
        for value in statement.values.iter_mut().flat_map(|values| &mut values.0) {
            if let Value::ChronoDateTimeUtc(at) = value {
                *value = Value::ChronoDateTime(at.map(|at| at.naive_utc()));
            }
        }
        statement
    }

    /// Whether several statements are sent as one text, so that they cost one round trip. An embedded primary has no round trips;
    /// there, prepared statements are cheaper.
    pub(crate) const fn takes_texts(self) -> bool {
        matches!(self, Self::MySql | Self::MariaDb)
    }

    /// What follows a reading statement whose rows must stay as they are until the transaction ends. SQLite has its
    /// whole database locked by then.
    #[must_use]
    pub const fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::MySql | Self::TiDb | Self::MariaDb => " FOR UPDATE",
        }
    }
}

/// A moment as its column holds it: servers compare it without a zone, of which `TIMESTAMP` knows none after 2038.
pub(crate) fn moment(backend: DbBackend, at: Timestamp) -> Value {
    match backend {
        DbBackend::Sqlite => at.into(),
        _ => at.naive_utc().into(),
    }
}

const MYSQL: &str = " ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin";
const MARIADB: &str = " ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin";

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::MySql => "MySQL",
            Self::TiDb => "TiDB",
            Self::MariaDb => "MariaDB",
        })
    }
}
