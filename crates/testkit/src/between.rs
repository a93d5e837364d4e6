//! A second database with somebody between it and its writers: who counts, or who fails.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use async_trait::async_trait;
use chainbill_domain::{Model, Timestamp, Value};
use chainbill_mirror::{
    Activity, Guard, Hit, LogFilter, LogLine, Mirror, MirrorError, Outcome, Page, Question, Retention, Stamp, Stored,
    Tracked, Unprepared, Write,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// What becomes of writes on their way.
#[async_trait]
pub trait Writing: Send + Sync + 'static {
    /// Passes them on, or does otherwise.
    async fn apply(
        &self,
        inner: &dyn Mirror,
        model: &'static Model,
        guard: Guard,
        writes: &[Write],
        at: Timestamp,
    ) -> Result<Vec<Outcome>, MirrorError>;

    /// Counts documents.
    async fn count(&self, inner: &dyn Mirror, model: &'static Model) -> Result<u64, MirrorError> {
        inner.count(model).await
    }

    /// Keeps events.
    async fn track(&self, inner: &dyn Mirror, events: &[Tracked]) -> Result<(), MirrorError> {
        inner.track(events).await
    }

    /// Answers whether writes are taken at the moment.
    async fn takes_writes(&self, inner: &dyn Mirror, model: &'static Model) -> Result<(), MirrorError> {
        inner.takes_writes(model).await
    }
}

/// Passes everything on; writes go through somebody.
pub struct Between<W> {
    inner: Arc<dyn Mirror>,
    seen: Seen,
    _held: DropGuard,
    /// Whom writes go through.
    pub writing: W,
}

impl<W> Between<W> {
    /// Stands before this one.
    #[must_use]
    pub fn before(inner: Arc<dyn Mirror>, writing: W) -> Arc<Self> {
        let seen = Seen::default();
        Arc::new(Self { inner, _held: seen.let_go.clone().drop_guard(), seen, writing })
    }

    /// What is seen of it; outlives it.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.seen.clone()
    }
}

/// What is seen of a second database that somebody stands before.
#[derive(Clone, Default)]
pub struct Seen {
    pages: Arc<AtomicUsize>,
    let_go: CancellationToken,
}

impl Seen {
    /// How many pages of stamps or documents were asked for.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.pages.load(SeqCst)
    }

    /// Waits until nobody holds it any more.
    pub async fn let_go(&self) {
        self.let_go.cancelled().await;
    }
}

/// Remembers how much was written at once.
#[derive(Debug, Default)]
pub struct Largest(AtomicUsize);

impl Largest {
    /// The most documents that were written at once.
    #[must_use]
    pub fn most(&self) -> usize {
        self.0.load(SeqCst)
    }
}

#[async_trait]
impl Writing for Largest {
    async fn apply(
        &self,
        inner: &dyn Mirror,
        model: &'static Model,
        guard: Guard,
        writes: &[Write],
        at: Timestamp,
    ) -> Result<Vec<Outcome>, MirrorError> {
        self.0.fetch_max(writes.len(), SeqCst);
        inner.apply(model, guard, writes, at).await
    }
}

#[async_trait]
impl<W: Writing> Mirror for Between<W> {
    fn engine(&self) -> &'static str {
        self.inner.engine()
    }

    async fn prepare(&self, models: &[&'static Model], retention: Retention) -> Result<Vec<Unprepared>, MirrorError> {
        self.inner.prepare(models, retention).await
    }

    fn reachable(&self) -> Result<(), MirrorError> {
        self.inner.reachable()
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
        self.writing.apply(self.inner.as_ref(), model, guard, writes, at).await
    }

    async fn remove(&self, model: &'static Model, ids: &[String]) -> Result<u64, MirrorError> {
        self.inner.remove(model, ids).await
    }

    async fn get(&self, model: &'static Model, id: &str) -> Result<Option<Stored>, MirrorError> {
        self.inner.get(model, id).await
    }

    async fn stamp(&self, model: &'static Model, id: &str) -> Result<Option<Stamp>, MirrorError> {
        self.inner.stamp(model, id).await
    }

    async fn get_many(&self, model: &'static Model, ids: &[String]) -> Result<Vec<Stored>, MirrorError> {
        self.inner.get_many(model, ids).await
    }

    async fn takes_writes(&self, model: &'static Model) -> Result<(), MirrorError> {
        self.writing.takes_writes(self.inner.as_ref(), model).await
    }

    async fn stamps(&self, model: &'static Model, page: Page<'_>) -> Result<Vec<Stamp>, MirrorError> {
        self.seen.pages.fetch_add(1, SeqCst);
        self.inner.stamps(model, page).await
    }

    async fn documents(&self, model: &'static Model, page: Page<'_>) -> Result<Vec<Stored>, MirrorError> {
        self.seen.pages.fetch_add(1, SeqCst);
        self.inner.documents(model, page).await
    }

    async fn count(&self, model: &'static Model) -> Result<u64, MirrorError> {
        self.writing.count(self.inner.as_ref(), model).await
    }

    async fn search(&self, model: &'static Model, question: Question<'_>) -> Result<Vec<Hit>, MirrorError> {
        self.inner.search(model, question).await
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
        self.writing.track(self.inner.as_ref(), events).await
    }

    async fn has_tracked(&self, id: &str) -> Result<bool, MirrorError> {
        self.inner.has_tracked(id).await
    }

    async fn log(&self, lines: &[LogLine]) -> Result<(), MirrorError> {
        self.inner.log(lines).await
    }

    async fn logs(&self, filter: &LogFilter, before: Option<&str>, limit: u32) -> Result<Vec<LogLine>, MirrorError> {
        self.inner.logs(filter, before, limit).await
    }

    async fn activity(&self, user: Option<&str>, since: Timestamp) -> Result<Activity, MirrorError> {
        self.inner.activity(user, since).await
    }

    async fn expire(&self, retention: Retention, now: Timestamp) -> Result<u64, MirrorError> {
        self.inner.expire(retention, now).await
    }
}
