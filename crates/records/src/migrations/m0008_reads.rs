//! Fences by which a read proves its freshness, and the quarantined documents.

use sea_orm::{DatabaseTransaction, DbErr};

pub struct Migration;

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0008_reads"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::run(db, TABLES).await
    }

    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::drop_tables(db, &["sync_fences", "sync_quarantine"]).await
    }
}

const TABLES: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS sync_fences (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        at {time} NOT NULL
    ){options}",
    "CREATE TABLE IF NOT EXISTS sync_quarantine (
        model VARCHAR(32) NOT NULL,
        entity_id VARCHAR(255) NOT NULL,
        class VARCHAR(16) NOT NULL,
        cause VARCHAR(255) NOT NULL,
        since_at {time} NOT NULL,
        PRIMARY KEY (model, entity_id)
    ){options}",
];
