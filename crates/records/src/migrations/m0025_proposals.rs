//! Proposals, milestones, the steps of a project's work, and the milestone that an invoice funds.
//!
//! One open proposal per project and freelancer, and one invoice per milestone that is not void: each is a column that holds the value
//! only while it counts, for no server has partial indexes beside the others.

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbErr};

use crate::dialect::Dialect;

pub struct Migration;

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0025_proposals"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::run(db, TABLES).await?;
        for (table, column, kind) in COLUMNS {
            super::add_column(db, table, column, kind).await?;
        }
        super::run(db, &["CREATE UNIQUE INDEX invoices_funds_milestone ON invoices (funds_milestone_id)"]).await
    }

    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        let sqlite = super::of(db).await? == Dialect::Sqlite;
        let on = if sqlite { "" } else { " ON invoices" };
        super::drop(db, &format!("DROP INDEX {}invoices_funds_milestone{on}", if sqlite { "IF EXISTS " } else { "" }))
            .await?;
        // A project of a state that releases before this one do not know is still in progress.
        db.execute_unprepared("UPDATE projects SET status = 'IN_PROGRESS' WHERE status = 'SUBMITTED'").await?;
        for (table, column, _) in COLUMNS.iter().rev() {
            super::drop(db, &format!("ALTER TABLE {table} DROP COLUMN {column}")).await?;
        }
        super::drop_tables(db, &["project_milestones", "proposals"]).await
    }
}

const COLUMNS: &[(&str, &str, &str)] = &[
    ("projects", "return_reason", "VARCHAR(500) NULL"),
    ("projects", "submitted_at", "{time} NULL"),
    ("projects", "cancelled_at", "{time} NULL"),
    ("invoices", "milestone_id", "VARCHAR(36) NULL"),
    ("invoices", "funds_milestone_id", "VARCHAR(36) NULL"),
];

const TABLES: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS proposals (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        version BIGINT NOT NULL CHECK (version > 0),
        project_id VARCHAR(36) NOT NULL,
        project_version BIGINT NOT NULL,
        client_id VARCHAR(36) NOT NULL,
        freelancer_id VARCHAR(36) NOT NULL,
        open_freelancer_id VARCHAR(36) NULL,
        kind VARCHAR(16) NOT NULL,
        message {long} NOT NULL,
        amount_minor BIGINT NULL CHECK (amount_minor > 0),
        amount_currency VARCHAR(3) NULL,
        rate_minor BIGINT NULL CHECK (rate_minor > 0),
        rate_currency VARCHAR(3) NULL,
        status VARCHAR(16) NOT NULL,
        decline_reason VARCHAR(1000) NULL,
        decided_at {time} NULL,
        created_at {time} NOT NULL,
        updated_at {time} NOT NULL,
        CONSTRAINT proposals_open UNIQUE (project_id, open_freelancer_id)
    ){options}",
    "CREATE INDEX proposals_project ON proposals (project_id, status, id)",
    "CREATE INDEX proposals_client ON proposals (client_id, id)",
    "CREATE INDEX proposals_freelancer ON proposals (freelancer_id, id)",
    "CREATE TABLE IF NOT EXISTS project_milestones (
        project_id VARCHAR(36) NOT NULL,
        position BIGINT NOT NULL,
        id VARCHAR(36) NOT NULL,
        title VARCHAR(200) NOT NULL,
        description {long} NULL,
        amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
        currency VARCHAR(3) NOT NULL,
        deadline VARCHAR(10) NULL,
        status VARCHAR(16) NOT NULL,
        proposed_by VARCHAR(36) NULL,
        replaces VARCHAR(36) NULL,
        return_reason VARCHAR(500) NULL,
        submitted_at {time} NULL,
        accepted_at {time} NULL,
        PRIMARY KEY (project_id, position),
        CONSTRAINT project_milestones_id UNIQUE (id)
    ){options}",
];
