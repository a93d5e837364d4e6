//! The time zone that an account's days follow, and keys that all processes share.

use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0011_values"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite has no error that says so alone.
        if !manager.has_column("users", "time_zone").await? {
            super::run(manager, &["ALTER TABLE users ADD COLUMN time_zone VARCHAR(64) NULL"]).await?;
        }
        super::run(manager, &[SHARED_KEYS]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        super::drop_tables(manager, &["shared_keys"]).await?;
        super::drop(manager, "ALTER TABLE users DROP COLUMN time_zone").await
    }
}

const SHARED_KEYS: &str = "CREATE TABLE IF NOT EXISTS shared_keys (
        name VARCHAR(32) NOT NULL PRIMARY KEY,
        value VARCHAR(64) NOT NULL,
        created_at {time} NOT NULL
    ){options}";
