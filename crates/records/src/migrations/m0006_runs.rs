//! What a run over a model found beyond drift, how much there was to compare, and what it certified; and evidence by its
//! age, so that old evidence can go.

use sea_orm::DbErr;
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};

use crate::dialect::Dialect;

pub struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0006_runs"
    }
}

const COLUMNS: &[(&str, &str)] = &[
    ("total", "BIGINT NOT NULL DEFAULT 0"),
    ("waiting", "BIGINT NOT NULL DEFAULT 0"),
    ("parked", "BIGINT NOT NULL DEFAULT 0"),
    ("unreadable", "BIGINT NOT NULL DEFAULT 0"),
    ("certificate", "VARCHAR(64) NULL"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, kind) in COLUMNS {
            super::run(manager, &[&format!("ALTER TABLE sync_runs ADD COLUMN {name} {kind}")]).await?;
        }
        super::run(manager, &["CREATE INDEX sync_evidence_at ON sync_evidence (at)"]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let on = if super::of(manager.get_connection()).await? == Dialect::Sqlite { "" } else { " ON sync_evidence" };
        super::drop(manager, &format!("DROP INDEX sync_evidence_at{on}")).await?;
        for (name, _) in COLUMNS {
            super::drop(manager, &format!("ALTER TABLE sync_runs DROP COLUMN {name}")).await?;
        }
        Ok(())
    }
}
