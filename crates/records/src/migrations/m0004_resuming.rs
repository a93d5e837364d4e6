//! How far a run over a model is, so that one that was interrupted can go on; and what hinders a model, by who met it.

use sea_orm::{DatabaseTransaction, DbErr};

pub struct Migration;

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0004_resuming"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::run(db, TABLES).await
    }

    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::drop_tables(db, &["sync_resume", "sync_faults"]).await
    }
}

const TABLES: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS sync_resume (
        run_id VARCHAR(36) NOT NULL PRIMARY KEY,
        `cursor` VARCHAR(255) NOT NULL,
        state {long} NOT NULL,
        at {time} NOT NULL
    ){options}",
    "CREATE TABLE IF NOT EXISTS sync_faults (
        model VARCHAR(32) NOT NULL,
        source VARCHAR(16) NOT NULL,
        reason {long} NOT NULL,
        hint {long} NOT NULL,
        at {time} NOT NULL,
        PRIMARY KEY (model, source)
    ){options}",
];
