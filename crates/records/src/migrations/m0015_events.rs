//! Events, and how far each of their consumers has come.

use sea_orm::{DatabaseTransaction, DbErr};

pub struct Migration;

#[async_trait::async_trait]
impl super::Step for Migration {
    fn name(&self) -> &'static str {
        "m0015_events"
    }

    async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::run(db, EVENTS).await
    }

    async fn down(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        super::drop_tables(db, &["events", "event_consumers"]).await
    }
}

/// A unique index takes any number of NULLs on every primary: `events_position` finds the events without a position as well.
const EVENTS: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS events (
        id VARCHAR(36) NOT NULL PRIMARY KEY,
        kind VARCHAR(32) NOT NULL,
        at {time} NOT NULL,
        user_id VARCHAR(36) NULL,
        receiver_id VARCHAR(36) NULL,
        invoice_id VARCHAR(36) NULL,
        project_id VARCHAR(36) NULL,
        amount_minor BIGINT NULL,
        currency VARCHAR(3) NULL,
        details {long} NOT NULL,
        recorded_at {time} NOT NULL,
        position BIGINT NULL,
        CONSTRAINT events_position UNIQUE (position)
    ){options}",
    "CREATE TABLE IF NOT EXISTS event_consumers (
        name VARCHAR(32) NOT NULL PRIMARY KEY,
        position BIGINT NOT NULL,
        owner VARCHAR(64) NULL,
        epoch BIGINT NOT NULL,
        until_at {time} NOT NULL
    ){options}",
];
