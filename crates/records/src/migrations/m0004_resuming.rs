//! How far a run over a model is, so that one that was interrupted can go on.

use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0004_resuming"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::run(
            manager,
            &["CREATE TABLE IF NOT EXISTS sync_resume (
            run_id VARCHAR(36) NOT NULL PRIMARY KEY,
            `cursor` VARCHAR(255) NOT NULL,
            state {long} NOT NULL,
            at {time} NOT NULL
        ){options}"],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::drop_tables(manager, &["sync_resume"]).await
    }
}
