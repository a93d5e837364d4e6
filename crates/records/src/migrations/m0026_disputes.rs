//! Disputes with their plan, evidence, deadlines, decisions and appeals; users whom an operator has verified.
//!
//! Disputes from before, which only the demo made, get the plan that their text named: all to the client on FOR, nothing on AGAINST. They
//! have no deadlines, so that no clock decides them.

use sea_orm::{DatabaseTransaction, DbErr};

pub struct Migration;

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0026_disputes"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::add_column(db, "users", "verified_at", "{time} NULL").await?;
        for (name, kind) in COLUMNS {
            super::add_column(db, "disputes", name, kind).await?;
        }
        super::run(db, &[EVIDENCE]).await?;
        super::run(db, INDEXES).await?;
        super::run(db, FILLING).await?;
        if super::has_column(db, "disputes", "plan").await? {
            super::drop(db, "ALTER TABLE disputes DROP COLUMN plan").await?;
        }
        Ok(())
    }

    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::add_column(db, "disputes", "plan", "{long} NULL").await?;
        for index in ["disputes_client", "disputes_freelancer", "disputes_status"] {
            super::drop_index(db, "disputes", index).await?;
        }
        super::drop_index(db, "dispute_votes", "dispute_votes_of").await?;
        for (name, _) in COLUMNS.iter().rev() {
            if super::has_column(db, "disputes", name).await? {
                super::drop(db, &format!("ALTER TABLE disputes DROP COLUMN {name}")).await?;
            }
        }
        super::drop_tables(db, &["dispute_evidence"]).await?;
        if super::has_column(db, "users", "verified_at").await? {
            super::drop(db, "ALTER TABLE users DROP COLUMN verified_at").await?;
        }
        Ok(())
    }
}

const COLUMNS: &[(&str, &str)] = &[
    ("client_id", "VARCHAR(36) NOT NULL DEFAULT ''"),
    ("freelancer_id", "VARCHAR(36) NOT NULL DEFAULT ''"),
    ("held_minor", "BIGINT NOT NULL DEFAULT 0"),
    ("currency", "VARCHAR(3) NOT NULL DEFAULT 'XXX'"),
    ("for_client_minor", "BIGINT NOT NULL DEFAULT 0"),
    ("against_client_minor", "BIGINT NOT NULL DEFAULT 0"),
    ("answer", "{long} NULL"),
    ("answered_at", "{time} NULL"),
    ("quorum", "BIGINT NULL"),
    ("resolved_by", "VARCHAR(16) NULL"),
    ("to_client_minor", "BIGINT NULL"),
    ("decided_by", "VARCHAR(36) NULL"),
    ("decision_reason", "{long} NULL"),
    ("appealed_by", "VARCHAR(36) NULL"),
    ("appeal_reason", "{long} NULL"),
    ("appealed_at", "{time} NULL"),
    ("appeal_decided_at", "{time} NULL"),
    ("offered_by", "VARCHAR(36) NULL"),
    ("offered_minor", "BIGINT NULL"),
    ("offered_at", "{time} NULL"),
    ("answer_until", "{time} NULL"),
    ("vote_until", "{time} NULL"),
    ("decision_until", "{time} NULL"),
    ("appeal_until", "{time} NULL"),
    ("ended_at", "{time} NULL"),
    ("changes", "BIGINT NOT NULL DEFAULT 1"),
];

const EVIDENCE: &str = "CREATE TABLE IF NOT EXISTS dispute_evidence (
        dispute_id VARCHAR(36) NOT NULL,
        position BIGINT NOT NULL,
        given_by VARCHAR(36) NOT NULL,
        url VARCHAR(1000) NOT NULL,
        note VARCHAR(500) NOT NULL,
        created_at {time} NOT NULL,
        PRIMARY KEY (dispute_id, position)
    ){options}";

const INDEXES: &[&str] = &[
    "CREATE INDEX disputes_client ON disputes (client_id, id)",
    "CREATE INDEX disputes_freelancer ON disputes (freelancer_id, id)",
    "CREATE INDEX disputes_status ON disputes (status, id)",
    "CREATE INDEX dispute_votes_of ON dispute_votes (voter_id, dispute_id)",
];

/// What an active dispute is over is still held; of one that has ended, all that was paid was.
const FILLING: &[&str] = &[
    "UPDATE disputes SET client_id = COALESCE((SELECT i.client_id FROM invoices i WHERE i.id = invoice_id), ''), \
     freelancer_id = COALESCE((SELECT i.freelancer_id FROM invoices i WHERE i.id = invoice_id), ''), currency = \
     COALESCE((SELECT i.currency FROM invoices i WHERE i.id = invoice_id), 'XXX'), held_minor = COALESCE((SELECT CASE WHEN \
     disputes.active_invoice_id IS NULL THEN i.paid_minor ELSE i.paid_minor - i.refunded_minor - i.released_minor - \
     i.external_minor END FROM invoices i WHERE i.id = invoice_id), 0) WHERE client_id = ''",
    "UPDATE disputes SET for_client_minor = held_minor WHERE for_client_minor = 0 AND against_client_minor = 0",
    "UPDATE disputes SET to_client_minor = 0 WHERE to_client_minor IS NULL AND status IN ('EXECUTED','SETTLED') AND ended_at IS NULL",
];
