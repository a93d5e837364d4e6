//! Logins, keys of programs, replays and the audit.

use sea_orm::{DatabaseTransaction, DbErr};

pub struct Migration;

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0002_accounts"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::run(db, STATEMENTS).await
    }

    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::drop_tables(db, &["sessions", "api_keys", "idempotency_keys", "audit_entries"]).await
    }
}

const STATEMENTS: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS sessions (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        user_id VARCHAR(36) NOT NULL,
        token_hash VARCHAR(64) NOT NULL,
        csrf_hash VARCHAR(64) NULL,
        user_agent VARCHAR(300) NULL,
        address VARCHAR(64) NULL,
        created_at {time} NOT NULL,
        expires_at {time} NOT NULL,
        last_seen_at {time} NULL,
        revoked_at {time} NULL,
        CONSTRAINT sessions_token UNIQUE (token_hash)
    ){options}",
    "CREATE INDEX sessions_user ON sessions (user_id, id)",
    "CREATE INDEX sessions_expiry ON sessions (expires_at)",
    "CREATE TABLE IF NOT EXISTS api_keys (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        user_id VARCHAR(36) NOT NULL,
        name VARCHAR(100) NOT NULL,
        prefix VARCHAR(16) NOT NULL,
        key_hash VARCHAR(64) NOT NULL,
        scopes {long} NOT NULL,
        created_at {time} NOT NULL,
        expires_at {time} NULL,
        revoked_at {time} NULL,
        CONSTRAINT api_keys_hash UNIQUE (key_hash)
    ){options}",
    "CREATE INDEX api_keys_user ON api_keys (user_id, id)",
    "CREATE TABLE IF NOT EXISTS idempotency_keys (
        user_id VARCHAR(36) NOT NULL,
        idem_key VARCHAR(200) NOT NULL,
        fingerprint VARCHAR(64) NOT NULL,
        status BIGINT NULL,
        answer {long} NULL,
        created_at {time} NOT NULL,
        expires_at {time} NOT NULL,
        PRIMARY KEY (user_id, idem_key)
    ){options}",
    "CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at)",
    "CREATE TABLE IF NOT EXISTS audit_entries (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        at {time} NOT NULL,
        actor_id VARCHAR(36) NULL,
        action VARCHAR(64) NOT NULL,
        subject_model VARCHAR(32) NOT NULL,
        subject_id VARCHAR(36) NOT NULL,
        before_doc {long} NULL,
        after_doc {long} NULL,
        request_id VARCHAR(64) NULL,
        address VARCHAR(64) NULL
    ){options}",
    "CREATE INDEX audit_entries_subject ON audit_entries (subject_model, subject_id, id)",
    "CREATE INDEX audit_entries_actor ON audit_entries (actor_id, id)",
];
