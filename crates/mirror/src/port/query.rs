//! Queries of people and pages: search, lists, statistics and logs.

use async_trait::async_trait;
use chainbill_domain::{Document, Model, Timestamp, Value};

use crate::port::{
    documents::{MirrorError, Stored},
    health::MirrorHealth,
    telemetry::LogLine,
};

/// Reading for people. Every call ends within the implementation's deadline, also when the server hangs.
#[async_trait]
pub trait MirrorQuery: MirrorHealth {
    /// Names of the collections that exist, ascending.
    async fn collections(&self) -> Result<Vec<String>, MirrorError>;

    /// Ranked search over the model's search fields. Every hit holds at least one word. Documents with more of the words and in
    /// heavier fields come first; see [`Hit::score`] and [`SearchPosition`].
    async fn search(&self, model: &'static Model, query: SearchQuery<'_>) -> Result<Vec<Hit>, MirrorError>;

    /// Documents where the top-level field equals the value, newest `_id` first, before the given id. Fields that the description
    /// calls large are left out: a list needs none of them, and a page of them may be a gigabyte. The digest is still that of the
    /// whole document. Documents with non-string ids are left out, since no page could continue after them.
    async fn find(
        &self,
        model: &'static Model,
        field: &'static str,
        value: &Value,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Stored>, MirrorError>;

    /// Documents that a selection names, newest `_id` first, without their large fields. Documents with non-string ids are left out.
    async fn select(&self, model: &'static Model, selection: Selection<'_>) -> Result<Vec<Stored>, MirrorError>;

    /// Statistics since a moment: of one user, or of the whole system.
    async fn activity(&self, user: Option<&str>, since: Timestamp) -> Result<Activity, MirrorError>;

    /// Log lines that pass the filter, newest first, before the one of this id, at most so many.
    async fn logs(&self, filter: &LogFilter, before: Option<&str>, limit: u32) -> Result<Vec<LogLine>, MirrorError>;
}

/// Documents by texts that they hold.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'a> {
    /// A top-level field, or a field of the items of a list, as `skills.skillId`.
    pub path: &'static str,
    /// One of these texts stands there.
    pub any_of: &'a [String],
    /// These top-level fields have these texts.
    pub with: &'a [(&'static str, &'static str)],
    /// At most so many documents.
    pub limit: u32,
}

/// A search.
#[derive(Debug, Clone, Copy)]
pub struct SearchQuery<'a> {
    /// The searched words, which are data and never syntax; see [`chainbill_domain::words`].
    pub words: &'a str,
    /// Only documents where one of these top-level fields has this text; all documents when the list is empty.
    pub among: &'a [(&'static str, String)],
    /// No document where one of these top-level fields has this text.
    pub except: &'a [(&'static str, String)],
    /// Only hits after this position.
    pub after: Option<&'a SearchPosition>,
    /// At most so many hits.
    pub limit: u32,
}

impl<'a> SearchQuery<'a> {
    /// The first hits among all documents.
    #[must_use]
    pub const fn of(words: &'a str, limit: u32) -> Self {
        Self { words, among: &[], except: &[], after: None, limit }
    }
}

/// The position of a hit in its answer: by descending score, then by descending id. It depends on the hit alone, so that a page
/// stays correct while documents change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchPosition {
    /// See [`Hit::score`].
    pub score: u32,
    /// The document's id.
    pub id: String,
}

/// A hit of a search. Hits are ordered by [`SearchPosition`], the best first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The document's id.
    pub id: String,
    /// Each matched word counts [`chainbill_domain::words::PER_WORD`] and the weight of the heaviest field that holds it; the same
    /// in all engines.
    pub score: u32,
    /// The document.
    pub body: Document,
}

/// Statistics over a span of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Activity {
    /// Number of events.
    pub events: u64,
    /// Distinct users who caused them.
    pub users: u64,
    /// Per kind of event: count.
    pub by_kind: Vec<(String, u64)>,
    /// Per UTC day (`2026-11-24`), ascending, days without events left out: events and distinct users.
    pub by_day: Vec<(String, u64, u64)>,
    /// Per currency: minor units of PAYMENT_RECEIVED; of one user, those that the user received.
    pub received: Vec<(String, i64)>,
    /// Per currency: minor units of PAYMENT_RECEIVED that the user paid (of a user only).
    pub paid: Vec<(String, i64)>,
    /// Per log level: lines (of the whole system only).
    pub log_levels: Vec<(String, u64)>,
    /// The newest events, newest first, at most 20 (of a user only): their documents.
    pub recent: Vec<Document>,
}

/// A filter of log lines. Absent members match everything.
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    /// Of one of these levels.
    pub levels: Option<Vec<&'static str>>,
    /// Of a module whose path begins so.
    pub target: Option<String>,
    /// With this text in the message or in the value of a field; ASCII letters may be small or large.
    pub text: Option<String>,
    /// Not before this moment.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}
