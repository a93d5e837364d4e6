//! A wrapper of a mirror: it counts, fails, or changes what passes.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use async_trait::async_trait;
use chainbill_domain::{Model, Timestamp, Value};
use chainbill_mirror::{
    Activity, Guard, Hit, LogFilter, LogLine, Mirror, MirrorError, MirrorHealth, MirrorQuery, MirrorStore,
    MirrorTelemetry, Outcome, Page, Retention, SearchQuery, Selection, Stamp, Stored, Tracked, Unprepared, Write,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// What a wrapper does with requests; by default it passes them on.
#[async_trait]
pub trait Writing: Send + Sync + 'static {
    /// Applies writes.
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

    /// Reads the sync metadata of a page.
    async fn stamps(
        &self,
        inner: &dyn Mirror,
        model: &'static Model,
        page: Page<'_>,
    ) -> Result<Vec<Stamp>, MirrorError> {
        inner.stamps(model, page).await
    }

    /// Reads the documents of a page.
    async fn documents(
        &self,
        inner: &dyn Mirror,
        model: &'static Model,
        page: Page<'_>,
    ) -> Result<Vec<Stored>, MirrorError> {
        inner.documents(model, page).await
    }

    /// Reads documents by their ids.
    async fn get_many(
        &self,
        inner: &dyn Mirror,
        model: &'static Model,
        ids: &[String],
    ) -> Result<Vec<Stored>, MirrorError> {
        inner.get_many(model, ids).await
    }
}

/// A wrapped mirror.
pub struct Between<W> {
    inner: Arc<dyn Mirror>,
    seen: Seen,
    _guard: DropGuard,
    /// The wrapper.
    pub writing: W,
}

impl<W> Between<W> {
    /// Wraps this mirror.
    #[must_use]
    pub fn before(inner: Arc<dyn Mirror>, writing: W) -> Arc<Self> {
        let seen = Seen::default();
        Arc::new(Self { inner, _guard: seen.dropped.clone().drop_guard(), seen, writing })
    }

    /// Observations of it, which outlive it.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.seen.clone()
    }
}

/// Observations of a wrapped mirror.
#[derive(Clone, Default)]
pub struct Seen {
    pages: Arc<AtomicUsize>,
    dropped: CancellationToken,
}

impl Seen {
    /// Pages of metadata or documents that were read.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.pages.load(SeqCst)
    }

    /// Waits until it is dropped.
    pub async fn dropped(&self) {
        self.dropped.cancelled().await;
    }
}

/// Records the size of the largest batch.
#[derive(Debug, Default)]
pub struct Largest(AtomicUsize);

impl Largest {
    /// Size of the largest write.
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
impl<W: Writing> MirrorHealth for Between<W> {
    fn engine(&self) -> &'static str {
        self.inner.engine()
    }

    fn reachable(&self) -> Result<(), MirrorError> {
        self.inner.reachable()
    }

    async fn ping(&self) -> Result<(), MirrorError> {
        self.inner.ping().await
    }
}

#[async_trait]
impl<W: Writing> MirrorStore for Between<W> {
    async fn prepare(&self, models: &[&'static Model], retention: Retention) -> Result<Vec<Unprepared>, MirrorError> {
        self.inner.prepare(models, retention).await
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

    async fn takes_writes(&self, model: &'static Model) -> Result<(), MirrorError> {
        self.writing.takes_writes(self.inner.as_ref(), model).await
    }

    async fn get(&self, model: &'static Model, id: &str) -> Result<Option<Stored>, MirrorError> {
        self.inner.get(model, id).await
    }

    async fn get_many(&self, model: &'static Model, ids: &[String]) -> Result<Vec<Stored>, MirrorError> {
        self.writing.get_many(self.inner.as_ref(), model, ids).await
    }

    async fn stamp(&self, model: &'static Model, id: &str) -> Result<Option<Stamp>, MirrorError> {
        self.inner.stamp(model, id).await
    }

    async fn stamps(&self, model: &'static Model, page: Page<'_>) -> Result<Vec<Stamp>, MirrorError> {
        self.seen.pages.fetch_add(1, SeqCst);
        self.writing.stamps(self.inner.as_ref(), model, page).await
    }

    async fn documents(&self, model: &'static Model, page: Page<'_>) -> Result<Vec<Stored>, MirrorError> {
        self.seen.pages.fetch_add(1, SeqCst);
        self.writing.documents(self.inner.as_ref(), model, page).await
    }

    async fn count(&self, model: &'static Model) -> Result<u64, MirrorError> {
        self.writing.count(self.inner.as_ref(), model).await
    }

    async fn expire(&self, retention: Retention, now: Timestamp) -> Result<u64, MirrorError> {
        self.inner.expire(retention, now).await
    }
}

#[async_trait]
impl<W: Writing> MirrorQuery for Between<W> {
    async fn collections(&self) -> Result<Vec<String>, MirrorError> {
        self.inner.collections().await
    }

    async fn search(&self, model: &'static Model, query: SearchQuery<'_>) -> Result<Vec<Hit>, MirrorError> {
        self.inner.search(model, query).await
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

    async fn select(&self, model: &'static Model, selection: Selection<'_>) -> Result<Vec<Stored>, MirrorError> {
        self.inner.select(model, selection).await
    }

    async fn activity(&self, user: Option<&str>, since: Timestamp) -> Result<Activity, MirrorError> {
        self.inner.activity(user, since).await
    }

    async fn logs(&self, filter: &LogFilter, before: Option<&str>, limit: u32) -> Result<Vec<LogLine>, MirrorError> {
        self.inner.logs(filter, before, limit).await
    }
}

#[async_trait]
impl<W: Writing> MirrorTelemetry for Between<W> {
    async fn track(&self, events: &[Tracked]) -> Result<(), MirrorError> {
        self.writing.track(self.inner.as_ref(), events).await
    }

    async fn has_tracked(&self, id: &str) -> Result<bool, MirrorError> {
        self.inner.has_tracked(id).await
    }

    async fn log(&self, lines: &[LogLine]) -> Result<(), MirrorError> {
        self.inner.log(lines).await
    }
}
