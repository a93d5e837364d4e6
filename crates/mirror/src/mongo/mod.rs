//! The second database on MongoDB 6 or later and on servers that speak its protocol.
//!
//! It needs no transactions, no change streams and no client-level bulk writes, so that older servers and compatible
//! engines serve as well. Every request ends within a deadline of its own, whatever the driver does.

mod activity;
mod answer;
mod apply;
mod beyond;
mod client;
mod decode;
mod encode;
mod errors;
mod events;
mod foreign;
mod logs;
mod prepare;
mod read;
mod search;

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use chainbill_domain::{Model, Timestamp, Value};
use tokio::sync::OnceCell;

use self::client::Lazy;
pub use self::client::MongoSettings;
use crate::{
    limits::{Deadlines, within},
    logs::LogFilter,
    port::{
        Activity, Guard, Hit, LogLine, Mirror, MirrorError, Outcome, Page, Retention, Stamp, Stored, Tracked, Write,
    },
};

/// Collection of what the copy knows about itself.
const OWN: &str = "_chainbill";
/// Collection of tracked happenings.
const ANALYTICS: &str = "analytics";
/// Collection of log lines.
const LOGS: &str = "app_logs";
/// Where a tombstone says when it was made.
const DELETED_AT: &str = "_sync.deletedAt";

/// The second database on a MongoDB server.
#[derive(Debug)]
pub struct MongoMirror {
    client: Lazy,
    deadlines: Deadlines,
    prepared: Mutex<BTreeSet<&'static str>>,
    guesses_counts: OnceCell<bool>,
}

impl MongoMirror {
    /// Takes the address without talking to the server, which may be down for now. The database is the one that the
    /// address names, else `chainbill`.
    ///
    /// # Errors
    /// When the address is no MongoDB connection string.
    pub fn connect(uri: &str, settings: MongoSettings) -> Result<Self, MirrorError> {
        let deadlines = settings.deadlines;
        Ok(Self {
            client: Lazy::new(uri, settings)?,
            deadlines,
            prepared: Mutex::default(),
            guesses_counts: OnceCell::new(),
        })
    }

    /// The name of the database.
    #[must_use]
    pub fn database_name(&self) -> &str {
        self.client.database_name()
    }
}

#[async_trait]
impl Mirror for MongoMirror {
    fn engine(&self) -> &'static str {
        "mongodb"
    }

    async fn prepare(&self, models: &[&'static Model], retention: Retention) -> Result<(), MirrorError> {
        let database = within(self.deadlines.request, "prepare", self.client.database()).await?;
        prepare::prepare(database, models, retention, self.deadlines).await?;
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        prepared.extend(models.iter().map(|model| model.name));
        Ok(())
    }

    async fn ping(&self) -> Result<(), MirrorError> {
        within(self.deadlines.ping, "ping", async { read::fact(self.client.database().await?, "ping").await }).await?;
        Ok(())
    }

    async fn collections(&self) -> Result<Vec<String>, MirrorError> {
        within(self.deadlines.request, "collections", async { read::collections(self.client.database().await?).await })
            .await
    }

    async fn identity(&self) -> Result<Option<String>, MirrorError> {
        within(self.deadlines.request, "identity", async {
            read::fact(self.client.database().await?, "identity").await
        })
        .await
    }

    async fn set_identity(&self, primary: &str) -> Result<(), MirrorError> {
        within(self.deadlines.request, "set identity", async {
            apply::set_fact(self.client.database().await?, "identity", primary).await
        })
        .await
    }

    async fn apply(
        &self,
        model: &'static Model,
        guard: Guard,
        writes: &[Write],
        at: Timestamp,
    ) -> Result<Vec<Outcome>, MirrorError> {
        within(self.deadlines.bulk, "apply", async {
            apply::apply(self.client.database().await?, model, guard, writes, at).await
        })
        .await
    }

    async fn remove(&self, model: &'static Model, ids: &[String]) -> Result<u64, MirrorError> {
        within(self.deadlines.bulk, "remove", async { apply::remove(self.client.database().await?, model, ids).await })
            .await
    }

    async fn get(&self, model: &'static Model, id: &str) -> Result<Option<Stored>, MirrorError> {
        within(self.deadlines.request, "get", async {
            read::get(self.client.database().await?, model, id, read::Depth::Documents).await
        })
        .await
    }

    async fn stamp(&self, model: &'static Model, id: &str) -> Result<Option<Stamp>, MirrorError> {
        within(self.deadlines.request, "stamp", async {
            let found = read::get(self.client.database().await?, model, id, read::Depth::Stamps).await?;
            Ok(found.map(|stored| stored.stamp))
        })
        .await
    }

    async fn get_many(&self, model: &'static Model, ids: &[String]) -> Result<Vec<Stored>, MirrorError> {
        within(self.deadlines.bulk, "get many", async {
            read::get_many(self.client.database().await?, model, ids).await
        })
        .await
    }

    async fn takes_writes(&self, model: &'static Model) -> Result<(), MirrorError> {
        within(self.deadlines.request, "takes writes", async {
            apply::takes_writes(self.client.database().await?, model).await
        })
        .await
    }

    async fn stamps(&self, model: &'static Model, page: Page<'_>) -> Result<Vec<Stamp>, MirrorError> {
        within(self.deadlines.bulk, "stamps", async {
            let stored = read::page(self.client.database().await?, model, page, read::Depth::Stamps).await?;
            Ok(stored.into_iter().map(|stored| stored.stamp).collect())
        })
        .await
    }

    async fn documents(&self, model: &'static Model, page: Page<'_>) -> Result<Vec<Stored>, MirrorError> {
        within(self.deadlines.bulk, "documents", async {
            read::page(self.client.database().await?, model, page, read::Depth::Documents).await
        })
        .await
    }

    async fn count(&self, model: &'static Model) -> Result<u64, MirrorError> {
        within(self.deadlines.request, "count", async {
            let database = self.client.database().await?;
            let guesses = self.guesses_counts.get_or_try_init(|| read::guesses_counts(database)).await?;
            read::count(database, model, *guesses).await
        })
        .await
    }

    async fn search(&self, model: &'static Model, words: &str, skip: u32, limit: u32) -> Result<Vec<Hit>, MirrorError> {
        within(self.deadlines.request, "search", async {
            search::search(self.client.database().await?, model, words, skip, limit).await
        })
        .await
    }

    async fn find(
        &self,
        model: &'static Model,
        field: &'static str,
        value: &Value,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Stored>, MirrorError> {
        within(self.deadlines.request, "find", async {
            read::find(self.client.database().await?, model, field, value, before, limit).await
        })
        .await
    }

    async fn track(&self, events: &[Tracked]) -> Result<(), MirrorError> {
        within(self.deadlines.bulk, "track", async { events::track(self.client.database().await?, events).await }).await
    }

    async fn has_tracked(&self, id: &str) -> Result<bool, MirrorError> {
        within(self.deadlines.request, "has tracked", async {
            events::has_tracked(self.client.database().await?, id).await
        })
        .await
    }

    async fn log(&self, lines: &[LogLine]) -> Result<(), MirrorError> {
        within(self.deadlines.bulk, "log", async { events::log(self.client.database().await?, lines).await }).await
    }

    async fn logs(&self, filter: &LogFilter, before: Option<&str>, limit: u32) -> Result<Vec<LogLine>, MirrorError> {
        within(self.deadlines.request, "logs", async {
            logs::logs(self.client.database().await?, filter, before, limit).await
        })
        .await
    }

    async fn activity(&self, user: Option<&str>, since: Timestamp) -> Result<Activity, MirrorError> {
        within(self.deadlines.request, "activity", async {
            activity::activity(self.client.database().await?, user, since).await
        })
        .await
    }

    async fn expire(&self, retention: Retention, now: Timestamp) -> Result<u64, MirrorError> {
        let models: Vec<_> = self.prepared.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        within(self.deadlines.bulk, "expire", async {
            events::expire(self.client.database().await?, &models, retention, now).await
        })
        .await
    }
}
