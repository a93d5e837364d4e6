//! What a client declined, and indexes of the orders that lists of invoices have beside the newest first: each begins with the
//! party whose list it is, and ends with the id, which decides between equal values.

use sea_orm::{DatabaseTransaction, DbErr};

use crate::dialect::Dialect;

pub struct Migration;

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0021_invoice_lists"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::add_column(db, "invoices", "declined_at", "{time} NULL").await?;
        super::add_column(db, "invoices", "decline_reason", "VARCHAR(1000) NULL").await?;
        for (name, columns) in INDEXES {
            super::run(db, &[&format!("CREATE INDEX {name} ON invoices ({columns})")]).await?;
        }
        Ok(())
    }

    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        let sqlite = super::of(db).await? == Dialect::Sqlite;
        for (name, _) in INDEXES {
            let (when, on) = if sqlite { (" IF EXISTS", "") } else { ("", " ON invoices") };
            super::drop(db, &format!("DROP INDEX{when} {name}{on}")).await?;
        }
        super::drop(db, "ALTER TABLE invoices DROP COLUMN decline_reason").await?;
        super::drop(db, "ALTER TABLE invoices DROP COLUMN declined_at").await
    }
}

/// MariaDB does not order by the unique index of numbers, to which the id is added in silence.
const INDEXES: &[(&str, &str)] = &[
    ("invoices_freelancer_created", "freelancer_id, created_at, id"),
    ("invoices_freelancer_sent", "freelancer_id, sent_at, id"),
    ("invoices_freelancer_due", "freelancer_id, due_date, id"),
    ("invoices_freelancer_total", "freelancer_id, currency, total_minor, id"),
    ("invoices_freelancer_number", "freelancer_id, number, id"),
    ("invoices_client_created", "client_id, created_at, id"),
    ("invoices_client_sent", "client_id, sent_at, id"),
    ("invoices_client_due", "client_id, due_date, id"),
    ("invoices_client_total", "client_id, currency, total_minor, id"),
    ("invoices_client_number", "client_id, number, id"),
];
