//! The rules of escrow and what is known of the work, on each invoice; what is at users' disposal, and payouts of it.
//!
//! Invoices that were sent before were seen without a fee, and keep none.

use sea_orm::{DatabaseTransaction, DbErr};

pub struct Migration;

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0029_escrow"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        for (column, kind) in COLUMNS {
            super::add_column(db, "invoices", column, kind).await?;
        }
        super::add_column(db, "ledger_postings", "payout_id", "VARCHAR(36) NULL").await?;
        super::run(db, TABLES).await?;
        super::run(db, &[FILL]).await
    }

    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::drop_tables(db, &["payouts", "available_balances"]).await?;
        super::drop(db, "ALTER TABLE ledger_postings DROP COLUMN payout_id").await?;
        for (column, _) in COLUMNS.iter().rev() {
            super::drop(db, &format!("ALTER TABLE invoices DROP COLUMN {column}")).await?;
        }
        Ok(())
    }
}

const COLUMNS: &[(&str, &str)] = &[
    ("fee_minor", "BIGINT NOT NULL DEFAULT 0"),
    ("fee_bp", "BIGINT NOT NULL DEFAULT 0"),
    ("release_days", "BIGINT NOT NULL DEFAULT 14"),
    ("work_submitted_at", "{time} NULL"),
    ("work_note", "{long} NULL"),
    ("release_at", "{time} NULL"),
    ("work_returned_at", "{time} NULL"),
    ("work_return_reason", "{long} NULL"),
];

const TABLES: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS available_balances (
        user_id VARCHAR(36) NOT NULL,
        currency VARCHAR(3) NOT NULL,
        balance_minor BIGINT NOT NULL CHECK (balance_minor >= 0),
        PRIMARY KEY (user_id, currency)
    ){options}",
    "CREATE TABLE IF NOT EXISTS payouts (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        version BIGINT NOT NULL CHECK (version > 0),
        user_id VARCHAR(36) NOT NULL,
        amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
        currency VARCHAR(3) NOT NULL,
        method VARCHAR(16) NOT NULL,
        destination VARCHAR(500) NOT NULL,
        status VARCHAR(16) NOT NULL,
        external_ref VARCHAR(200) NULL,
        reason VARCHAR(1000) NULL,
        decided_by VARCHAR(36) NULL,
        decided_at {time} NULL,
        created_at {time} NOT NULL,
        updated_at {time} NOT NULL,
        CONSTRAINT payouts_reference UNIQUE (method, external_ref)
    ){options}",
    "CREATE INDEX payouts_user ON payouts (user_id, id)",
    "CREATE INDEX payouts_status ON payouts (status, id)",
];

/// One statement fills all or nothing: what is filled was filled before an interruption.
const FILL: &str = "INSERT INTO available_balances (user_id, currency, balance_minor) SELECT account_user_id, currency, \
                    SUM(amount_minor) FROM ledger_postings WHERE account_kind = 'AVAILABLE' AND NOT EXISTS (SELECT 1 FROM \
                    (SELECT user_id FROM available_balances LIMIT 1) filled) GROUP BY account_user_id, currency";
