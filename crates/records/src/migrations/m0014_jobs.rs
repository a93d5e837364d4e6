//! The queue of durable jobs.

use sea_orm::{DatabaseTransaction, DbErr};

pub struct Migration;

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0014_jobs"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::run(db, JOBS).await
    }

    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::drop_tables(db, &["jobs"]).await
    }
}

const JOBS: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS jobs (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        kind VARCHAR(32) NOT NULL,
        dedupe_key VARCHAR(200) NOT NULL,
        payload {long} NOT NULL,
        state VARCHAR(8) NOT NULL,
        run_at {time} NOT NULL,
        owner VARCHAR(64) NULL,
        epoch BIGINT NOT NULL,
        failures BIGINT NOT NULL,
        error {long} NULL,
        created_at {time} NOT NULL,
        updated_at {time} NOT NULL,
        CONSTRAINT jobs_key UNIQUE (kind, dedupe_key)
    ){options}",
    "CREATE INDEX jobs_due ON jobs (state, run_at, id)",
];
