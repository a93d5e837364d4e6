//! Inserting or updating a row in one statement. A read before the write is not enough where it may be late: a row that it does not
//! show would be inserted again.

use sea_orm::Value;

use crate::{Records, RecordsError, dialect::Dialect};

/// An upsert into a table of the synchronisation.
pub(crate) struct Upsert<'u> {
    pub table: &'u str,
    /// Its primary key.
    pub key: &'u [&'u str],
    /// All columns of a new row, the key among them.
    pub columns: &'u [&'u str],
    /// The columns that are updated in an existing row.
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
    /// Executes it; the values are those of all columns, in their order.
    pub(crate) async fn put(
        &self,
        upsert: &Upsert<'_>,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<(), RecordsError> {
        self.run(&upsert.sql(self.dialect()), values).await.map(drop)
    }
}
