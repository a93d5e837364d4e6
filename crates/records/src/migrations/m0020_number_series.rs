//! Series of numbers. The built-in series of invoices keeps its counter in `invoice_counters`, which earlier releases beside this
//! one go on counting with; all other sequences are rows of `number_counters`.

use sea_orm::{DatabaseTransaction, DbErr};

pub struct Migration;

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0020_number_series"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::run(db, TABLES).await?;
        super::run(db, &[CREDIT_NOTES]).await?;
        super::add_column(db, "invoices", "series", "VARCHAR(36) NULL").await?;
        super::add_column(db, "invoices", "number_year", "BIGINT NULL").await
    }

    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::drop(db, "ALTER TABLE invoices DROP COLUMN number_year").await?;
        super::drop(db, "ALTER TABLE invoices DROP COLUMN series").await?;
        super::drop_tables(db, &["number_counters", "number_series"]).await
    }
}

/// The counters of credit notes that the migrations before numbered.
const CREDIT_NOTES: &str = "INSERT INTO number_counters (issuer_id, kind, series, year, first_seq, next_seq) SELECT n.freelancer_id, \
     'CREDIT_NOTE', n.series, 0, 1, MAX(n.number_seq) + 1 FROM credit_notes n WHERE n.series = 'built-in' AND NOT EXISTS (SELECT 1 \
     FROM number_counters c WHERE c.issuer_id = n.freelancer_id AND c.kind = 'CREDIT_NOTE') GROUP BY n.freelancer_id, n.series";

/// `default_of` names issuer and kind in the one series that is their default. `year` is 0 in series that do not restart.
const TABLES: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS number_series (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        version BIGINT NOT NULL CHECK (version > 0),
        issuer_id VARCHAR(36) NOT NULL,
        kind VARCHAR(16) NOT NULL,
        name VARCHAR(100) NOT NULL,
        pattern VARCHAR(100) NOT NULL,
        yearly {flag} NOT NULL,
        start_seq BIGINT NOT NULL CHECK (start_seq > 0),
        used {flag} NOT NULL,
        default_of VARCHAR(60) NULL,
        created_at {time} NOT NULL,
        updated_at {time} NOT NULL,
        CONSTRAINT number_series_name UNIQUE (issuer_id, kind, name),
        CONSTRAINT number_series_default UNIQUE (default_of)
    ){options}",
    "CREATE TABLE IF NOT EXISTS number_counters (
        issuer_id VARCHAR(36) NOT NULL,
        kind VARCHAR(16) NOT NULL,
        series VARCHAR(36) NOT NULL,
        year BIGINT NOT NULL,
        first_seq BIGINT NOT NULL CHECK (first_seq > 0),
        next_seq BIGINT NOT NULL,
        PRIMARY KEY (issuer_id, kind, series, year),
        CONSTRAINT number_counters_ahead CHECK (next_seq > first_seq)
    ){options}",
];
