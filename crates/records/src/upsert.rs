//! Writing a row whether it is there or not, in one statement. Looking first and writing then is not enough where the look
//! may land on a server that is behind: what it did not see would be written again, or over what is there.

use sea_orm::Value;

use crate::{Records, RecordsError, dialect::Dialect};

/// A row of a table of the synchronisation's own.
pub(crate) struct Upsert<'u> {
    pub table: &'u str,
    /// Its primary key.
    pub key: &'u [&'u str],
    /// All columns that a new row gets, the key among them.
    pub columns: &'u [&'u str],
    /// Those that a row which is there gets.
    pub updated: &'u [&'u str],
}

impl Upsert<'_> {
    fn sql(&self, dialect: Dialect) -> String {
        let Self { table, key, columns, updated } = self;
        let names = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(",");
        let set = |value: fn(&str) -> String| {
            updated.iter().map(|name| format!("`{name}`={}", value(name))).collect::<Vec<_>>().join(",")
        };
        let marks = vec!["?"; columns.len()].join(",");
        let insert = format!("INSERT INTO {table} ({}) VALUES ({marks})", names(columns));
        match dialect {
            Dialect::Sqlite => {
                let set = set(|name| format!("excluded.`{name}`"));
                format!("{insert} ON CONFLICT ({}) DO UPDATE SET {set}", names(key))
            }
            Dialect::MySql | Dialect::TiDb | Dialect::MariaDb => {
                format!("{insert} ON DUPLICATE KEY UPDATE {}", set(|name| format!("VALUES(`{name}`)")))
            }
        }
    }
}

impl Records {
    /// Writes it; the values are of all columns, in their order.
    pub(crate) async fn put(
        &self,
        upsert: &Upsert<'_>,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<(), RecordsError> {
        self.run(&upsert.sql(self.dialect()), values).await.map(drop)
    }
}
