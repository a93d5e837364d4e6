//! The queue of durable jobs.

use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0014_jobs"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::run(manager, JOBS).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::drop_tables(manager, &["jobs"]).await
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
