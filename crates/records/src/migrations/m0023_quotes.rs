//! Quotes and recurring invoices. Their content is the invoice that they make, as a caller would ask for it; what lists, states, numbers
//! and schedules need of it are columns. An occurrence is recorded by its day: one invoice each, whatever is killed when.

use sea_orm::{DatabaseTransaction, DbErr};

pub struct Migration;

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0023_quotes"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::run(db, QUOTES).await?;
        super::run(db, RECURRENCES).await
    }

    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::drop_tables(db, &["recurrence_occurrences", "recurrences", "quotes"]).await
    }
}

const QUOTES: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS quotes (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        version BIGINT NOT NULL CHECK (version > 0),
        freelancer_id VARCHAR(36) NOT NULL,
        client_id VARCHAR(36) NOT NULL,
        project_id VARCHAR(36) NULL,
        title VARCHAR(200) NOT NULL,
        invoice {long} NOT NULL,
        currency VARCHAR(3) NOT NULL,
        total_minor BIGINT NOT NULL,
        due_in_days BIGINT NULL,
        valid_until VARCHAR(10) NULL,
        status VARCHAR(16) NOT NULL,
        series VARCHAR(36) NULL,
        number VARCHAR(32) NULL,
        number_seq BIGINT NULL CHECK (number_seq > 0),
        number_year BIGINT NULL,
        invoice_id VARCHAR(36) NULL,
        decline_reason VARCHAR(1000) NULL,
        sent_at {time} NULL,
        answered_at {time} NULL,
        created_at {time} NOT NULL,
        updated_at {time} NOT NULL,
        CONSTRAINT quotes_number UNIQUE (freelancer_id, number),
        CONSTRAINT quotes_invoice UNIQUE (invoice_id),
        CONSTRAINT quotes_numbered CHECK (status = 'DRAFT' OR number IS NOT NULL),
        CONSTRAINT quotes_invoiced CHECK (status <> 'INVOICED' OR invoice_id IS NOT NULL)
    ){options}",
    "CREATE INDEX quotes_freelancer ON quotes (freelancer_id, id)",
    "CREATE INDEX quotes_client ON quotes (client_id, id)",
];

const RECURRENCES: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS recurrences (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        version BIGINT NOT NULL CHECK (version > 0),
        freelancer_id VARCHAR(36) NOT NULL,
        client_id VARCHAR(36) NOT NULL,
        template {long} NOT NULL,
        due_in_days BIGINT NULL,
        mode VARCHAR(8) NOT NULL,
        every_count BIGINT NOT NULL CHECK (every_count > 0),
        period VARCHAR(8) NOT NULL,
        start_day VARCHAR(10) NOT NULL,
        day_of_month BIGINT NULL CHECK (day_of_month >= 1 AND day_of_month <= 31),
        local_time VARCHAR(5) NOT NULL,
        end_day VARCHAR(10) NULL,
        end_count BIGINT NULL,
        status VARCHAR(8) NOT NULL,
        paused_because VARCHAR(1000) NULL,
        next_place BIGINT NOT NULL,
        made BIGINT NOT NULL,
        created_at {time} NOT NULL,
        updated_at {time} NOT NULL
    ){options}",
    "CREATE INDEX recurrences_freelancer ON recurrences (freelancer_id, id)",
    "CREATE TABLE IF NOT EXISTS recurrence_occurrences (
        recurrence_id VARCHAR(36) NOT NULL,
        day VARCHAR(10) NOT NULL,
        invoice_id VARCHAR(36) NOT NULL,
        created_at {time} NOT NULL,
        PRIMARY KEY (recurrence_id, day),
        CONSTRAINT recurrence_occurrences_invoice UNIQUE (invoice_id)
    ){options}",
];
