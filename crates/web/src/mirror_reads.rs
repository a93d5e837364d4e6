//! What the API reads from the mirror.

use async_trait::async_trait;
use chainbill_domain::{Model, Timestamp, Value};
use chainbill_mirror::{
    Activity, Hit, LogFilter, LogLine, MirrorError, MirrorHealth, MirrorQuery, SearchQuery, Stored,
};

/// Reads of the mirror. Every call ends within a few seconds, also when the mirror hangs.
#[async_trait]
pub trait MirrorReads: Send + Sync + 'static {
    /// The kind of the mirror's database.
    fn engine(&self) -> &'static str;
    /// An error, without a round trip, while the mirror is known to be unreachable.
    fn reachable(&self) -> Result<(), MirrorError>;
    /// A small round trip, below a second.
    async fn ping(&self) -> Result<(), MirrorError>;
    /// Names of the collections.
    async fn collections(&self) -> Result<Vec<String>, MirrorError>;
    /// Ranked full-text search.
    async fn search(&self, model: &'static Model, question: SearchQuery<'_>) -> Result<Vec<Hit>, MirrorError>;
    /// Documents whose field has the value, newest first, after the given id, without their large fields.
    async fn find(
        &self,
        model: &'static Model,
        field: &'static str,
        value: &Value,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Stored>, MirrorError>;
    /// Statistics since a moment.
    async fn activity(&self, user: Option<&str>, since: Timestamp) -> Result<Activity, MirrorError>;
    /// Log lines, newest first, before the one with this id.
    async fn logs(&self, filter: &LogFilter, before: Option<&str>, limit: u32) -> Result<Vec<LogLine>, MirrorError>;
}

#[async_trait]
impl<M: MirrorQuery + ?Sized> MirrorReads for std::sync::Arc<M> {
    fn engine(&self) -> &'static str {
        MirrorHealth::engine(self.as_ref())
    }
    fn reachable(&self) -> Result<(), MirrorError> {
        MirrorHealth::reachable(self.as_ref())
    }
    async fn ping(&self) -> Result<(), MirrorError> {
        MirrorHealth::ping(self.as_ref()).await
    }
    async fn collections(&self) -> Result<Vec<String>, MirrorError> {
        MirrorQuery::collections(self.as_ref()).await
    }
    async fn search(&self, model: &'static Model, question: SearchQuery<'_>) -> Result<Vec<Hit>, MirrorError> {
        MirrorQuery::search(self.as_ref(), model, question).await
    }
    async fn find(
        &self,
        model: &'static Model,
        field: &'static str,
        value: &Value,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Stored>, MirrorError> {
        MirrorQuery::find(self.as_ref(), model, field, value, before, limit).await
    }
    async fn activity(&self, user: Option<&str>, since: Timestamp) -> Result<Activity, MirrorError> {
        MirrorQuery::activity(self.as_ref(), user, since).await
    }
    async fn logs(&self, filter: &LogFilter, before: Option<&str>, limit: u32) -> Result<Vec<LogLine>, MirrorError> {
        MirrorQuery::logs(self.as_ref(), filter, before, limit).await
    }
}
