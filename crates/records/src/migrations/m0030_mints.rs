//! The notarisations of paid invoices: what was signed, before it is sent, and what the chain answered.
//!
//! Invoices that were paid before are not queued: a later migration or a command may do so, a start does not.

use sea_orm::{DatabaseTransaction, DbErr};

pub struct Migration;

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0030_mints"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::run(db, TABLES).await
    }

    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::drop_tables(db, &["mints"]).await
    }
}

const TABLES: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS mints (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        version BIGINT NOT NULL CHECK (version > 0),
        invoice_id VARCHAR(36) NOT NULL,
        status VARCHAR(16) NOT NULL,
        token_id VARCHAR(20) NULL,
        canonical_hash VARCHAR(64) NOT NULL,
        canonical_form {long} NOT NULL,
        chain VARCHAR(100) NULL,
        tx_hash VARCHAR(128) NULL,
        signed_bytes {long} NULL,
        expires_at {time} NULL,
        builds BIGINT NOT NULL CHECK (builds >= 0),
        position BIGINT NULL,
        digest VARCHAR(128) NULL,
        gas_used BIGINT NULL,
        confirmed_at {time} NULL,
        error VARCHAR(1000) NULL,
        created_at {time} NOT NULL,
        updated_at {time} NOT NULL,
        CONSTRAINT mints_invoice UNIQUE (invoice_id),
        CONSTRAINT mints_token UNIQUE (token_id),
        CONSTRAINT mints_transaction UNIQUE (tx_hash),
        CONSTRAINT mints_submitted CHECK (status NOT IN ('SUBMITTED','CONFIRMED') OR (token_id IS NOT NULL AND tx_hash IS NOT \
     NULL AND signed_bytes IS NOT NULL)),
        CONSTRAINT mints_confirmed CHECK (status <> 'CONFIRMED' OR (position IS NOT NULL AND confirmed_at IS NOT NULL))
    ){options}",
    "CREATE INDEX mints_status ON mints (status, id)",
];
