//! The outbox and what the synchronisation knows of itself.

use sea_orm::{DatabaseTransaction, DbErr};

pub struct Migration;

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0003_sync"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::run(db, QUEUE).await?;
        super::run(db, KNOWLEDGE).await
    }

    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::drop_tables(db, TABLES).await
    }
}

const TABLES: &[&str] = &[
    "outbox",
    "sync_parked",
    "sync_leases",
    "sync_workers",
    "sync_models",
    "sync_runs",
    "sync_evidence",
    "sync_certificates",
    "sync_tiles",
    "facts",
];

const QUEUE: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS outbox (
        part SMALLINT NOT NULL,
        id VARCHAR(36) NOT NULL,
        model VARCHAR(32) NOT NULL,
        entity_id VARCHAR(36) NOT NULL,
        version BIGINT NOT NULL,
        op VARCHAR(8) NOT NULL,
        body {long} NULL,
        created_at {time} NOT NULL,
        PRIMARY KEY (part, id)
    ){options}",
    "CREATE INDEX outbox_entity ON outbox (entity_id)",
    "CREATE TABLE IF NOT EXISTS sync_parked (
        model VARCHAR(32) NOT NULL,
        entity_id VARCHAR(36) NOT NULL,
        version BIGINT NOT NULL,
        op VARCHAR(8) NOT NULL,
        body {long} NULL,
        cause {long} NOT NULL,
        attempts BIGINT NOT NULL,
        first_at {time} NOT NULL,
        last_at {time} NOT NULL,
        PRIMARY KEY (model, entity_id)
    ){options}",
    "CREATE TABLE IF NOT EXISTS sync_leases (
        name VARCHAR(64) NOT NULL PRIMARY KEY,
        owner VARCHAR(64) NULL,
        epoch BIGINT NOT NULL,
        until_at {time} NOT NULL
    ){options}",
    "CREATE TABLE IF NOT EXISTS sync_workers (
        id VARCHAR(64) NOT NULL PRIMARY KEY,
        seen_at {time} NOT NULL,
        name VARCHAR(100) NOT NULL
    ){options}",
];

const KNOWLEDGE: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS sync_models (
        model VARCHAR(32) NOT NULL PRIMARY KEY,
        state VARCHAR(16) NOT NULL,
        `cursor` VARCHAR(36) NULL,
        reason {long} NULL,
        hint {long} NULL,
        copied BIGINT NOT NULL,
        total BIGINT NOT NULL,
        started_at {time} NULL,
        finished_at {time} NULL,
        last_run_at {time} NULL,
        last_result {long} NULL,
        rate BIGINT NOT NULL,
        updated_at {time} NOT NULL
    ){options}",
    "CREATE TABLE IF NOT EXISTS sync_runs (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        kind VARCHAR(16) NOT NULL,
        model VARCHAR(32) NOT NULL,
        level VARCHAR(8) NOT NULL,
        started_at {time} NOT NULL,
        finished_at {time} NULL,
        outcome VARCHAR(16) NOT NULL,
        compared BIGINT NOT NULL,
        drift BIGINT NOT NULL,
        repaired BIGINT NOT NULL,
        in_flight BIGINT NOT NULL,
        error {long} NULL,
        cut {time} NULL,
        findings {long} NULL
    ){options}",
    "CREATE INDEX sync_runs_model ON sync_runs (model, id)",
    "CREATE TABLE IF NOT EXISTS sync_evidence (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        run_id VARCHAR(36) NOT NULL,
        model VARCHAR(32) NOT NULL,
        entity_id VARCHAR(255) NOT NULL,
        class VARCHAR(16) NOT NULL,
        before_doc {long} NULL,
        expected_doc {long} NULL,
        after_doc {long} NULL,
        fields {long} NOT NULL,
        cut {time} NOT NULL,
        journal {long} NULL,
        at {time} NOT NULL,
        action VARCHAR(64) NOT NULL
    ){options}",
    "CREATE INDEX sync_evidence_entity ON sync_evidence (model, entity_id, at)",
    "CREATE TABLE IF NOT EXISTS sync_certificates (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        model VARCHAR(32) NOT NULL,
        cut_text VARCHAR(32) NOT NULL,
        count BIGINT NOT NULL,
        encoder_version BIGINT NOT NULL,
        root VARCHAR(64) NOT NULL,
        previous VARCHAR(64) NULL,
        chain VARCHAR(100) NOT NULL,
        hash VARCHAR(64) NOT NULL,
        at {time} NOT NULL,
        CONSTRAINT sync_certificates_chain UNIQUE (chain)
    ){options}",
    "CREATE INDEX sync_certificates_model ON sync_certificates (model, id)",
    "CREATE TABLE IF NOT EXISTS sync_tiles (
        certificate_id VARCHAR(36) NOT NULL,
        number BIGINT NOT NULL,
        model VARCHAR(32) NOT NULL,
        first_id VARCHAR(36) NOT NULL,
        hash VARCHAR(64) NOT NULL,
        leaves {long} NOT NULL,
        PRIMARY KEY (certificate_id, number)
    ){options}",
    "CREATE INDEX sync_tiles_model ON sync_tiles (model)",
    "CREATE TABLE IF NOT EXISTS facts (
        name VARCHAR(64) NOT NULL PRIMARY KEY,
        value VARCHAR(255) NOT NULL
    ){options}",
];
