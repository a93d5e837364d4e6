//! When issuers have their clients reminded, and which reminders there were: each once.

use sea_orm::{DatabaseTransaction, DbErr};

pub struct Migration;

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0024_reminders"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::run(db, REMINDERS).await
    }

    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::drop_tables(db, &["reminders", "reminder_rules"]).await
    }
}

const REMINDERS: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS reminder_rules (
        issuer_id VARCHAR(36) NOT NULL,
        offset_days BIGINT NOT NULL,
        created_at {time} NOT NULL,
        PRIMARY KEY (issuer_id, offset_days)
    ){options}",
    "CREATE TABLE IF NOT EXISTS reminders (
        invoice_id VARCHAR(36) NOT NULL,
        offset_days BIGINT NOT NULL,
        due_date VARCHAR(10) NOT NULL,
        created_at {time} NOT NULL,
        PRIMARY KEY (invoice_id, offset_days)
    ){options}",
];
