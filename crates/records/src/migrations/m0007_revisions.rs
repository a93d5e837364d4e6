//! Revisions of the models' descriptions: of each model's documents, of certificates, and what releases have been seen with.

use sea_orm::{DatabaseTransaction, DbErr};

pub struct Migration;

const COLUMNS: &[(&str, &str, &str)] = &[
    ("sync_models", "revision", "VARCHAR(16) NULL"),
    ("sync_certificates", "revision", "VARCHAR(16) NULL"),
    ("sync_runs", "outdated", "BIGINT NOT NULL DEFAULT 0"),
];

const SCHEMAS: &str = "CREATE TABLE IF NOT EXISTS sync_schemas (
        id VARCHAR(16) NOT NULL PRIMARY KEY,
        place BIGINT NOT NULL,
        revisions {long} NOT NULL,
        seen_at {time} NOT NULL,
        CONSTRAINT sync_schemas_place UNIQUE (place)
    ){options}";

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0007_revisions"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        for (table, name, kind) in COLUMNS {
            super::add_column(db, table, name, kind).await?;
        }
        super::run(db, &[SCHEMAS]).await
    }

    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::drop_tables(db, &["sync_schemas"]).await?;
        for (table, name, _) in COLUMNS {
            super::drop(db, &format!("ALTER TABLE {table} DROP COLUMN {name}")).await?;
        }
        Ok(())
    }
}
