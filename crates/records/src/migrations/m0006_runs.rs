//! What a run over a model found beyond drift, how much there was to compare, and what it certified; and evidence by its
//! age, so that old evidence can go.

use sea_orm::{DatabaseTransaction, DbErr};

use crate::dialect::Dialect;

pub struct Migration;

const COLUMNS: &[(&str, &str)] = &[
    ("total", "BIGINT NOT NULL DEFAULT 0"),
    ("waiting", "BIGINT NOT NULL DEFAULT 0"),
    ("parked", "BIGINT NOT NULL DEFAULT 0"),
    ("unreadable", "BIGINT NOT NULL DEFAULT 0"),
    ("certificate", "VARCHAR(64) NULL"),
];

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0006_runs"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        for (name, kind) in COLUMNS {
            super::run(db, &[&format!("ALTER TABLE sync_runs ADD COLUMN {name} {kind}")]).await?;
        }
        super::run(db, &["CREATE INDEX sync_evidence_at ON sync_evidence (at)"]).await
    }

    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        let on = if super::of(db).await? == Dialect::Sqlite { "" } else { " ON sync_evidence" };
        super::drop(db, &format!("DROP INDEX sync_evidence_at{on}")).await?;
        for (name, _) in COLUMNS {
            super::drop(db, &format!("ALTER TABLE sync_runs DROP COLUMN {name}")).await?;
        }
        Ok(())
    }
}
