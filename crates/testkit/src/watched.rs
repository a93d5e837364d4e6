//! A second database that is watched.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use async_trait::async_trait;
use chainbill_domain::{Model, Timestamp, Value};
use chainbill_mirror::{
    Activity, Guard, Hit, LogLine, Mirror, MirrorError, Outcome, Page, Retention, Stamp, Stored, Tracked, Write,
};

/// Passes everything on and remembers how much was written at once.
pub struct Watched {
    inner: Arc<dyn Mirror>,
    largest: AtomicUsize,
}

impl Watched {
    /// Stands before this one.
    #[must_use]
    pub fn before(inner: Arc<dyn Mirror>) -> Arc<Self> {
        Arc::new(Self { inner, largest: AtomicUsize::new(0) })
    }

    /// The most documents that were written at once.
    #[must_use]
    pub fn largest(&self) -> usize {
        self.largest.load(SeqCst)
    }
}

#[async_trait]
impl Mirror for Watched {
    fn engine(&self) -> &'static str {
        self.inner.engine()
    }

    async fn prepare(&self, models: &[&'static Model], retention: Retention) -> Result<(), MirrorError> {
        self.inner.prepare(models, retention).await
    }

    async fn ping(&self) -> Result<(), MirrorError> {
        self.inner.ping().await
    }

    async fn collections(&self) -> Result<Vec<String>, MirrorError> {
        self.inner.collections().await
    }

    async fn identity(&self) -> Result<Option<String>, MirrorError> {
        self.inner.identity().await
    }

    async fn set_identity(&self, primary: &str) -> Result<(), MirrorError> {
        self.inner.set_identity(primary).await
    }

    async fn apply(
        &self,
        model: &'static Model,
        guard: Guard,
        writes: &[Write],
        at: Timestamp,
    ) -> Result<Vec<Outcome>, MirrorError> {
        self.largest.fetch_max(writes.len(), SeqCst);
        self.inner.apply(model, guard, writes, at).await
    }

    async fn remove(&self, model: &'static Model, ids: &[String]) -> Result<u64, MirrorError> {
        self.inner.remove(model, ids).await
    }

    async fn get(&self, model: &'static Model, id: &str) -> Result<Option<Stored>, MirrorError> {
        self.inner.get(model, id).await
    }

    async fn stamps(&self, model: &'static Model, page: Page<'_>) -> Result<Vec<Stamp>, MirrorError> {
        self.inner.stamps(model, page).await
    }

    async fn documents(&self, model: &'static Model, page: Page<'_>) -> Result<Vec<Stored>, MirrorError> {
        self.inner.documents(model, page).await
    }

    async fn count(&self, model: &'static Model) -> Result<u64, MirrorError> {
        self.inner.count(model).await
    }

    async fn search(&self, model: &'static Model, words: &str, skip: u32, limit: u32) -> Result<Vec<Hit>, MirrorError> {
        self.inner.search(model, words, skip, limit).await
    }

    async fn find(
        &self,
        model: &'static Model,
        field: &'static str,
        value: &Value,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Stored>, MirrorError> {
        self.inner.find(model, field, value, before, limit).await
    }

    async fn track(&self, events: &[Tracked]) -> Result<(), MirrorError> {
        self.inner.track(events).await
    }

    async fn log(&self, lines: &[LogLine]) -> Result<(), MirrorError> {
        self.inner.log(lines).await
    }

    async fn activity(&self, user: Option<&str>, since: Timestamp) -> Result<Activity, MirrorError> {
        self.inner.activity(user, since).await
    }

    async fn expire(&self, retention: Retention, now: Timestamp) -> Result<u64, MirrorError> {
        self.inner.expire(retention, now).await
    }
}
