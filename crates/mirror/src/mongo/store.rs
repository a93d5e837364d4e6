//! The MongoDB engine as a [`MirrorStore`].

use std::sync::PoisonError;

use async_trait::async_trait;
use chainbill_domain::{Model, Timestamp};

use super::{MongoMirror, apply, events, prepare, read};
use crate::{
    limits::within,
    port::{Guard, MirrorError, MirrorStore, Outcome, Page, Retention, Stamp, Stored, Unprepared, Write},
};

#[async_trait]
impl MirrorStore for MongoMirror {
    async fn prepare(&self, models: &[&'static Model], retention: Retention) -> Result<Vec<Unprepared>, MirrorError> {
        let database = within(self.deadlines.request, "prepare", self.client.database()).await?;
        let refused = prepare::prepare(database, models, retention, self.deadlines).await?;
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        prepared.extend(models.iter().map(|model| model.name));
        Ok(refused)
    }

    async fn identity(&self) -> Result<Option<String>, MirrorError> {
        self.request(self.deadlines.request, "identity", async {
            read::fact(self.client.database().await?, "identity").await
        })
        .await
    }

    async fn set_identity(&self, primary: &str) -> Result<(), MirrorError> {
        self.request(self.deadlines.request, "set identity", async {
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
        self.request(self.deadlines.bulk, "apply", async {
            apply::apply(self.client.database().await?, model, guard, writes, at).await
        })
        .await
    }

    async fn remove(&self, model: &'static Model, ids: &[String]) -> Result<u64, MirrorError> {
        self.request(self.deadlines.bulk, "remove", async {
            apply::remove(self.client.database().await?, model, ids).await
        })
        .await
    }

    async fn takes_writes(&self, model: &'static Model) -> Result<(), MirrorError> {
        self.request(self.deadlines.request, "takes writes", async {
            apply::takes_writes(self.client.database().await?, model).await
        })
        .await
    }

    async fn get(&self, model: &'static Model, id: &str) -> Result<Option<Stored>, MirrorError> {
        self.request(self.deadlines.request, "get", async {
            read::get(self.client.database().await?, model, id, read::Depth::Documents).await
        })
        .await
    }

    async fn get_many(&self, model: &'static Model, ids: &[String]) -> Result<Vec<Stored>, MirrorError> {
        self.request(self.deadlines.bulk, "get many", async {
            read::get_many(self.client.database().await?, model, ids).await
        })
        .await
    }

    async fn stamp(&self, model: &'static Model, id: &str) -> Result<Option<Stamp>, MirrorError> {
        self.request(self.deadlines.request, "stamp", async {
            let database = self.client.database().await?;
            let found = read::get(database, model, id, read::Depth::Stamps).await?;
            Ok(found.map(|stored| stored.stamp))
        })
        .await
    }

    async fn stamps(&self, model: &'static Model, page: Page<'_>) -> Result<Vec<Stamp>, MirrorError> {
        self.request(self.deadlines.bulk, "stamps", async {
            let stored = read::page(self.client.database().await?, model, page, read::Depth::Stamps).await?;
            Ok(stored.into_iter().map(|stored| stored.stamp).collect())
        })
        .await
    }

    async fn documents(&self, model: &'static Model, page: Page<'_>) -> Result<Vec<Stored>, MirrorError> {
        self.request(self.deadlines.bulk, "documents", async {
            read::page(self.client.database().await?, model, page, read::Depth::Documents).await
        })
        .await
    }

    async fn count(&self, model: &'static Model) -> Result<u64, MirrorError> {
        self.request(self.deadlines.request, "count", async {
            let database = self.client.database().await?;
            let guesses = self.guesses_counts.get_or_try_init(|| read::guesses_counts(database)).await?;
            read::count(database, model, *guesses).await
        })
        .await
    }

    async fn expire(&self, retention: Retention, now: Timestamp) -> Result<u64, MirrorError> {
        let models: Vec<_> = self.prepared.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        self.request(self.deadlines.bulk, "expire", async {
            events::expire(self.client.database().await?, &models, retention, now).await
        })
        .await
    }
}
