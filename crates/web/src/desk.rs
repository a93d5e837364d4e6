//! What the pages ask of the copies and of the synchronisation.

use std::time::Duration;

use async_trait::async_trait;
use chainbill_domain::{Model, Timestamp, Value, freshness::Token};
use chainbill_mirror::{
    Activity, Hit, LogFilter, LogLine, MirrorError, MirrorHealth, MirrorQuery, SearchQuery, Stored,
};
use serde::Deserialize;
use serde_json::Value as Json;

/// Reading the copies. Every call ends within a few seconds, also when the second database hangs.
#[async_trait]
pub trait Copies: Send + Sync + 'static {
    /// The kind of the second database.
    fn engine(&self) -> &'static str;
    /// An error, at once, while it is known that nobody answers.
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
    /// Figures since a moment.
    async fn activity(&self, user: Option<&str>, since: Timestamp) -> Result<Activity, MirrorError>;
    /// Log lines, newest first, before the one of this id.
    async fn logs(&self, filter: &LogFilter, before: Option<&str>, limit: u32) -> Result<Vec<LogLine>, MirrorError>;
}

/// Any second database can be read.
#[async_trait]
impl<M: MirrorQuery + ?Sized> Copies for std::sync::Arc<M> {
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

/// Why an operator's wish was not met.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// No such model, entity or certificate.
    #[error("{0}")]
    NotFound(String),
    /// Somebody else does it at the moment, or too much differs to repair.
    #[error("{0}")]
    Conflict(String),
    /// A database does not answer.
    #[error("{0}")]
    Unavailable(String),
}

/// Work that was asked for.
#[derive(Debug, Clone)]
pub enum Desk {
    /// It is done; the result.
    Done(Json),
    /// It goes on; what is known so far.
    Running(Json),
}

/// What is compared, and what becomes of drift.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Verification {
    /// One model; all when absent.
    pub model: Option<String>,
    /// Whether every document is read and encoded anew; otherwise their stamps are compared.
    pub deep: bool,
    /// Whether drift is repaired.
    pub repair: bool,
    /// Whether a verification that was interrupted is gone on with; it then certifies nothing.
    pub resume: bool,
}

impl Default for Verification {
    fn default() -> Self {
        Self { model: None, deep: true, repair: false, resume: false }
    }
}

/// A part of a list: at most so many rows, after the one of this key.
#[derive(Debug, Clone)]
pub struct Part {
    /// The key of the last row before; none from the start.
    pub after: Option<String>,
    /// At most so many.
    pub limit: u32,
}

/// A row of a list and its key.
pub type Row = (String, Json);

/// What an operator asks of the synchronisation. Answers are JSON as the command line prints it.
#[async_trait]
pub trait SyncDesk: Send + Sync + 'static {
    /// Everything, within a second.
    async fn status(&self) -> Json;
    /// The same without the counts of both sides, which cost most; within a second.
    async fn pulse(&self) -> Json;
    /// Brings the gauges up to date, counts of both sides among them; within a second.
    async fn gauges(&self);
    /// Copies all models anew.
    async fn initial(&self) -> Result<Desk, DeskError>;
    /// Compares and repairs one model, or copies it when it never was.
    async fn model(&self, model: &str) -> Result<Desk, DeskError>;
    /// Compares and repairs what has changed in one model since a moment.
    async fn since(&self, model: &str, since: Timestamp) -> Result<Desk, DeskError>;
    /// Brings one entity's document in step.
    async fn one(&self, model: &str, id: &str) -> Result<Json, DeskError>;
    /// Why a document is as it is.
    async fn why(&self, model: &str, id: &str) -> Result<Json, DeskError>;
    /// Parked entities, by model and id.
    async fn failures(&self, model: Option<&str>, part: &Part) -> Result<Vec<Row>, DeskError>;
    /// Puts one back on the queue.
    async fn retry(&self, model: &str, id: &str) -> Result<(), DeskError>;
    /// Forgets one.
    async fn forget(&self, model: &str, id: &str) -> Result<(), DeskError>;
    /// Verifies one model or all.
    async fn verify(&self, wish: Verification) -> Result<Desk, DeskError>;
    /// Verifications, newest first.
    async fn verifications(&self, part: &Part) -> Result<Vec<Row>, DeskError>;
    /// One verification: how far it is, or how it ended.
    async fn verification(&self, id: &str) -> Result<Json, DeskError>;
    /// The differences that a verification found, in the order of ids.
    async fn differences(&self, id: &str, part: &Part) -> Result<Vec<Row>, DeskError>;
    /// Evidence of repairs, newest first, of one model or all, of one entity or all.
    async fn evidence(&self, model: Option<&str>, entity: Option<&str>, part: &Part) -> Result<Vec<Row>, DeskError>;
    /// Certificates, newest first.
    async fn certificates(&self, part: &Part) -> Result<Vec<Row>, DeskError>;
    /// A proof from the newest certificate.
    async fn proof(&self, model: &str, id: &str) -> Result<Json, DeskError>;
    /// Whether what a token names is in the second database, waiting a little.
    async fn fresh(&self, token: &Token, bound: Duration) -> Result<bool, DeskError>;
}
