//! The time zone that an account's days follow, and keys that all processes share.

use sea_orm::{DatabaseTransaction, DbErr};

pub struct Migration;

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0011_values"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        // SQLite has no error that says so alone.
        if !super::has_column(db, "users", "time_zone").await? {
            super::run(db, &["ALTER TABLE users ADD COLUMN time_zone VARCHAR(64) NULL"]).await?;
        }
        super::run(db, &[SHARED_KEYS]).await
    }

    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::drop_tables(db, &["shared_keys"]).await?;
        super::drop(db, "ALTER TABLE users DROP COLUMN time_zone").await
    }
}

const SHARED_KEYS: &str = "CREATE TABLE IF NOT EXISTS shared_keys (
        name VARCHAR(32) NOT NULL PRIMARY KEY,
        value VARCHAR(64) NOT NULL,
        created_at {time} NOT NULL
    ){options}";
