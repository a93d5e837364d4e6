//! The second database on MongoDB 6 or later and on servers that speak its protocol.
//!
//! It needs no transactions, no change streams and no client-level bulk writes, so that older servers and compatible
//! engines serve as well. Every request ends within a deadline of its own, whatever the driver does.

mod activity;
mod answer;
mod apply;
mod beyond;
mod classes;
mod client;
mod decode;
mod encode;
mod errors;
mod events;
mod foreign;
mod logs;
mod prepare;
mod reach;
mod read;
mod search;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chainbill_domain::{Model, Timestamp, Value};
use mongodb::{Database, options::Collation};
use tokio::sync::OnceCell;

pub use self::client::MongoSettings;
use self::{client::Lazy, reach::Reach};
use crate::{
    limits::{Deadlines, within},
    logs::LogFilter,
    port::{
        Activity, Guard, Hit, LogLine, Mirror, MirrorError, Outcome, Page, Question, Retention, Stamp, Stored, Tracked,
        Unprepared, Write,
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
    client: Arc<Lazy>,
    deadlines: Deadlines,
    reach: Arc<Reach>,
    prepared: Mutex<BTreeSet<&'static str>>,
    guesses_counts: OnceCell<bool>,
    collated: OnceCell<BTreeSet<String>>,
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
            client: Arc::new(Lazy::new(uri, settings)?),
            deadlines,
            reach: Arc::default(),
            prepared: Mutex::default(),
            guesses_counts: OnceCell::new(),
            collated: OnceCell::new(),
        })
    }

    /// Asks for something that a person waits for: not at all while it is known that nobody answers.
    async fn asked<T>(&self, what: &str, work: impl Future<Output = Result<T, MirrorError>>) -> Result<T, MirrorError> {
        self.reach.known()?;
        self.told(self.deadlines.request, what, work).await
    }

    /// Does something in any case; where nobody answers, it is found out whether anybody is there.
    async fn told<T>(
        &self,
        deadline: Duration,
        what: &str,
        work: impl Future<Output = Result<T, MirrorError>>,
    ) -> Result<T, MirrorError> {
        let answer = within(deadline, what, work).await;
        if matches!(answer, Err(MirrorError::Unavailable(_))) {
            self.reach.find_out(&self.client, self.deadlines.ping);
        }
        answer
    }

    /// How to compare by bytes where a collection compares otherwise by itself; nothing where it does so anyhow, for some
    /// servers refuse the word.
    async fn simple_collation(&self, database: &Database, model: &Model) -> Result<Option<Collation>, MirrorError> {
        let collated = self.collated.get_or_try_init(|| read::collated(database)).await?;
        Ok(collated.contains(model.name).then(|| Collation::builder().locale("simple").build()))
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

    async fn prepare(&self, models: &[&'static Model], retention: Retention) -> Result<Vec<Unprepared>, MirrorError> {
        let database = within(self.deadlines.request, "prepare", self.client.database()).await?;
        let refused = prepare::prepare(database, models, retention, self.deadlines).await?;
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        prepared.extend(models.iter().map(|model| model.name));
        Ok(refused)
    }

    fn reachable(&self) -> Result<(), MirrorError> {
        self.reach.known()
    }

    async fn ping(&self) -> Result<(), MirrorError> {
        let answer = self.reach.ping(&self.client, self.deadlines.ping).await;
        if answer.is_err() {
            self.reach.find_out(&self.client, self.deadlines.ping);
        }
        answer
    }

    async fn collections(&self) -> Result<Vec<String>, MirrorError> {
        self.asked("collections", async { read::collections(self.client.database().await?).await }).await
    }

    async fn identity(&self) -> Result<Option<String>, MirrorError> {
        self.told(self.deadlines.request, "identity", async {
            read::fact(self.client.database().await?, "identity").await
        })
        .await
    }

    async fn set_identity(&self, primary: &str) -> Result<(), MirrorError> {
        self.told(self.deadlines.request, "set identity", async {
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
        self.told(self.deadlines.bulk, "apply", async {
            apply::apply(self.client.database().await?, model, guard, writes, at).await
        })
        .await
    }

    async fn remove(&self, model: &'static Model, ids: &[String]) -> Result<u64, MirrorError> {
        self.told(self.deadlines.bulk, "remove", async {
            apply::remove(self.client.database().await?, model, ids).await
        })
        .await
    }

    async fn get(&self, model: &'static Model, id: &str) -> Result<Option<Stored>, MirrorError> {
        self.told(self.deadlines.request, "get", async {
            read::get(self.client.database().await?, model, id, read::Depth::Documents).await
        })
        .await
    }

    async fn stamp(&self, model: &'static Model, id: &str) -> Result<Option<Stamp>, MirrorError> {
        self.told(self.deadlines.request, "stamp", async {
            let database = self.client.database().await?;
            let found = read::get(database, model, id, read::Depth::Stamps).await?;
            Ok(found.map(|stored| stored.stamp))
        })
        .await
    }

    async fn get_many(&self, model: &'static Model, ids: &[String]) -> Result<Vec<Stored>, MirrorError> {
        self.told(self.deadlines.bulk, "get many", async {
            read::get_many(self.client.database().await?, model, ids).await
        })
        .await
    }

    async fn takes_writes(&self, model: &'static Model) -> Result<(), MirrorError> {
        self.told(self.deadlines.request, "takes writes", async {
            apply::takes_writes(self.client.database().await?, model).await
        })
        .await
    }

    async fn stamps(&self, model: &'static Model, page: Page<'_>) -> Result<Vec<Stamp>, MirrorError> {
        self.told(self.deadlines.bulk, "stamps", async {
            let stored = read::page(self.client.database().await?, model, page, read::Depth::Stamps).await?;
            Ok(stored.into_iter().map(|stored| stored.stamp).collect())
        })
        .await
    }

    async fn documents(&self, model: &'static Model, page: Page<'_>) -> Result<Vec<Stored>, MirrorError> {
        self.told(self.deadlines.bulk, "documents", async {
            read::page(self.client.database().await?, model, page, read::Depth::Documents).await
        })
        .await
    }

    async fn count(&self, model: &'static Model) -> Result<u64, MirrorError> {
        self.told(self.deadlines.request, "count", async {
            let database = self.client.database().await?;
            let guesses = self.guesses_counts.get_or_try_init(|| read::guesses_counts(database)).await?;
            read::count(database, model, *guesses).await
        })
        .await
    }

    async fn search(&self, model: &'static Model, question: Question<'_>) -> Result<Vec<Hit>, MirrorError> {
        self.asked("search", async {
            let database = self.client.database().await?;
            let collation = self.simple_collation(database, model).await?;
            search::search(database, model, question, collation).await
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
        self.asked("find", async {
            let database = self.client.database().await?;
            let collation = self.simple_collation(database, model).await?;
            read::find(database, model, (field, value), before, limit, collation).await
        })
        .await
    }

    async fn track(&self, events: &[Tracked]) -> Result<(), MirrorError> {
        self.told(self.deadlines.bulk, "track", async { events::track(self.client.database().await?, events).await })
            .await
    }

    async fn has_tracked(&self, id: &str) -> Result<bool, MirrorError> {
        self.told(self.deadlines.request, "has tracked", async {
            events::has_tracked(self.client.database().await?, id).await
        })
        .await
    }

    async fn log(&self, lines: &[LogLine]) -> Result<(), MirrorError> {
        self.told(self.deadlines.bulk, "log", async { events::log(self.client.database().await?, lines).await }).await
    }

    async fn logs(&self, filter: &LogFilter, before: Option<&str>, limit: u32) -> Result<Vec<LogLine>, MirrorError> {
        within(self.deadlines.request, "logs", async {
            logs::logs(self.client.database().await?, filter, before, limit).await
        })
        .await
    }

    async fn activity(&self, user: Option<&str>, since: Timestamp) -> Result<Activity, MirrorError> {
        self.asked("activity", async { activity::activity(self.client.database().await?, user, since).await }).await
    }

    async fn expire(&self, retention: Retention, now: Timestamp) -> Result<u64, MirrorError> {
        let models: Vec<_> = self.prepared.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        self.told(self.deadlines.bulk, "expire", async {
            events::expire(self.client.database().await?, &models, retention, now).await
        })
        .await
    }
}
