//! The port: what ChainBill asks of a second database.

use std::time::Duration;

use async_trait::async_trait;
use chainbill_domain::{Digest, Document, Model, Revision, Timestamp, Value};

use crate::logs::LogFilter;

/// What went wrong with the second database. Nothing of it ever reaches the person who asked.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// Not reachable, refusing, or silent past its deadline. Trying again later is right; whether the last request had
    /// its effect is unknown.
    #[error("the second database is not reachable: {0}")]
    Unavailable(String),
    /// It answers, and asks for less at once: its limits, its locks, its time. Asking for less and more slowly is right; no
    /// document is the reason, and nobody needs to do anything.
    #[error("the second database asks for less at once: {0}")]
    Throttled(String),
    /// It answered that the request is wrong (rights, syntax, limits). Trying again changes nothing by itself.
    #[error("the second database refused: {0}")]
    Refused(String),
}

/// One write of one document.
#[derive(Debug, Clone)]
pub struct Write {
    /// `_id`.
    pub id: String,
    /// `_sync.version`.
    pub version: i64,
    /// What becomes of the document.
    pub content: Content,
    /// Whether nothing is expected to be there: an engine may try a plain insert first, which costs a fraction of a
    /// guarded replacement. The guard decides all the same when something is.
    pub fresh: bool,
}

/// What a write leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The document with its digest.
    Document {
        /// All fields but `_id` and `_sync`.
        body: Document,
        /// `_sync.digest`.
        digest: Digest,
    },
    /// Only `_id` and `_sync` with `deletedAt`, so that an older write arriving late cannot bring the document back.
    Tombstone,
}

/// When a write may replace what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Only an older version, or nothing (the relay, the initial copy).
    Newer,
    /// The same, and a document of the same version that is of another revision than the model's, or of none: whoever makes
    /// documents anew after another description. Tombstones of the same version stay.
    Outdated,
    /// Whatever is there, the same version and documents without a usable one included, but nothing newer: repair of
    /// proven drift, safe beside a relay that is ahead of it.
    NotNewer,
}

/// What became of one write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is in place.
    Applied,
    /// The same or a newer version was there already.
    Stale,
    /// This document can never be stored as it is (too large, …); the reason.
    Rejected(String),
    /// The collection takes no such document (a validator, a shard key, rights, a quota), which is for an operator and not
    /// this document's fault; the reason.
    Refused(String),
    /// The server asks for less at once; what it said. The document can be written later.
    Throttled(String),
}

/// What a document says of itself: cheap to read for a whole page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// What its `_id` is called: a text by itself, anything else by its value and its type, so that no two have the same name.
    pub id: String,
    /// `_sync.version`; `None` when the document carries no usable `_sync` (somebody else wrote it): one with a member that
    /// no engine writes, with one of another type or twice, without its moment, or with what is of tombstones and what is of
    /// documents. In a `_sync` of another revision members may stand that this release does not know.
    pub version: Option<i64>,
    /// `_sync.digest`; `None` on tombstones and on foreign documents.
    pub digest: Option<Digest>,
    /// `_sync.revision`: the revision of the description that the document was made by. `None` on tombstones, on foreign
    /// documents, and on those from before there were revisions.
    pub revision: Option<Revision>,
    /// Whether it is a tombstone.
    pub tombstone: bool,
}

impl Stamp {
    /// Keeps what the document says of itself when all of it is as an engine writes it. Of other documents nothing is
    /// believed.
    pub(crate) fn keep_if_ours(&mut self, ours: bool) {
        if !ours || self.version.is_none() {
            (self.version, self.digest, self.revision, self.tombstone) = (None, None, None, false);
        }
    }
}

/// A whole document as it stands, read back into canonical values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// What it says of itself.
    pub stamp: Stamp,
    /// `_sync.appliedAt` in milliseconds.
    pub applied_at: Option<i64>,
    /// All fields but `_id` and `_sync`, in the stored order; empty for a tombstone.
    pub body: Document,
}

/// A page of ids: those strictly after `after`, at most `up_to` (inclusive), ascending by bytes, at most `limit`.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// Begin after this id; `None` from the start.
    pub after: Option<&'a str>,
    /// End with this id; `None` to the end.
    pub up_to: Option<&'a str>,
    /// At most this many, 1 to 10,000.
    pub limit: u32,
}

/// What is searched for.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Words, which are data and never syntax; see [`chainbill_domain::words`].
    pub words: &'a str,
    /// Only documents where one of these top-level fields is this text; all where none is named. What it leaves out is as if
    /// it were not there.
    pub among: &'a [(&'static str, String)],
    /// Only hits that stand behind this one.
    pub after: Option<&'a Place>,
    /// At most so many hits.
    pub limit: u32,
}

impl<'a> Question<'a> {
    /// The first hits among all documents.
    #[must_use]
    pub const fn of(words: &'a str, limit: u32) -> Self {
        Self { words, among: &[], after: None, limit }
    }
}

/// Where a hit stands in its answer: those of a higher score first, of one score those of higher ids. It depends on nothing but
/// the hit, so that it is the same whatever comes and goes around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// See [`Hit::score`].
    pub score: u32,
    /// The document's id.
    pub id: String,
}

/// A search answer, best first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The document's id.
    pub id: String,
    /// Each word of the question that the document holds counts [`chainbill_domain::words::PER_WORD`] and the weight of the
    /// heaviest field that holds it; the same of all engines.
    pub score: u32,
    /// The document.
    pub body: Document,
}

/// A collection that is not as it should be: an index of it was refused, say. What it lacks costs time, or what nobody needs
/// stays; reading and writing work.
#[derive(Debug)]
pub struct Unprepared {
    /// Its name: a model's, `analytics` or `app_logs`.
    pub collection: &'static str,
    /// What the server said.
    pub error: MirrorError,
}

/// A line of the application's log.
#[derive(Debug, Clone)]
pub struct LogLine {
    /// Unique; writing it twice keeps one.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// `ERROR`, `WARN`, `INFO`, …
    pub level: String,
    /// The module that spoke.
    pub target: String,
    /// The text.
    pub message: String,
    /// Further fields as text.
    pub fields: Vec<(String, String)>,
}

/// A tracked happening on its way into `analytics`: its id and its fields (see `domain::event::Event::document`).
#[derive(Debug, Clone)]
pub struct Tracked {
    /// `_id`; inserting it twice keeps one.
    pub id: String,
    /// Its fields.
    pub body: Document,
}

/// Figures over a span of time.
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
    /// Per currency: minor units of PAYMENT_RECEIVED that the user paid (per-user figures only).
    pub paid: Vec<(String, i64)>,
    /// Per log level: lines (system-wide figures only).
    pub log_levels: Vec<(String, u64)>,
    /// The newest events, newest first, at most 20 (per-user figures only): their documents.
    pub recent: Vec<Document>,
}

/// How long things are kept in the second database.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Analytics events.
    pub analytics: Duration,
    /// Log lines.
    pub logs: Duration,
    /// Tombstones; must outlive every replay.
    pub tombstones: Duration,
}

/// The second database. Every call ends within the implementation's deadline, also when the server hangs.
#[async_trait]
pub trait Mirror: Send + Sync + 'static {
    /// `mongodb` or `embedded`.
    fn engine(&self) -> &'static str;

    /// Whether writes of several models at once gain anything. An engine with one writer answers no.
    fn writes_side_by_side(&self) -> bool {
        true
    }

    /// Makes collections, indexes (also for searches, and TTL) for these models and for analytics and logs, all side by side.
    /// Idempotent. What is refused of one collection stops no other, and is told; an error means that the server does not
    /// answer.
    async fn prepare(&self, models: &[&'static Model], retention: Retention) -> Result<Vec<Unprepared>, MirrorError>;

    /// An error while it is known that nobody answers. Nobody is asked, so it is said at once.
    ///
    /// # Errors
    /// [`MirrorError::Unavailable`].
    fn reachable(&self) -> Result<(), MirrorError> {
        Ok(())
    }

    /// A small round trip with a deadline of its own (below one second).
    async fn ping(&self) -> Result<(), MirrorError>;

    /// Names of the collections that exist, ascending.
    async fn collections(&self) -> Result<Vec<String>, MirrorError>;

    /// Which primary this copy belongs to; `None` when it was never said (a new or emptied database).
    async fn identity(&self) -> Result<Option<String>, MirrorError>;

    /// Says which primary this copy belongs to.
    async fn set_identity(&self, primary: &str) -> Result<(), MirrorError>;

    /// Writes many documents of one model, each guarded by itself, in any order; one outcome per write, in the order
    /// given. All or some may have been applied when it fails: calling again is always right. `at` becomes
    /// `_sync.appliedAt` (and `_sync.deletedAt` of tombstones), the model's revision `_sync.revision` of documents.
    async fn apply(
        &self,
        model: &'static Model,
        guard: Guard,
        writes: &[Write],
        at: Timestamp,
    ) -> Result<Vec<Outcome>, MirrorError>;

    /// Physically removes documents (phantoms whose `_id` no tombstone could name).
    async fn remove(&self, model: &'static Model, ids: &[String]) -> Result<u64, MirrorError>;

    /// One document, tombstones included.
    async fn get(&self, model: &'static Model, id: &str) -> Result<Option<Stored>, MirrorError>;

    /// What one document says of itself, without reading its fields, which may be megabytes.
    async fn stamp(&self, model: &'static Model, id: &str) -> Result<Option<Stamp>, MirrorError>;

    /// The documents under these ids (at most 1,000), tombstones included, in no particular order.
    async fn get_many(&self, model: &'static Model, ids: &[String]) -> Result<Vec<Stored>, MirrorError>;

    /// Whether writes are taken and confirmed at the moment, seen by writing beside the model's documents. A server may
    /// answer reads and not confirm writes, and a full disk takes what changes nothing.
    async fn takes_writes(&self, model: &'static Model) -> Result<(), MirrorError>;

    /// Stamps of a page, tombstones included.
    async fn stamps(&self, model: &'static Model, page: Page<'_>) -> Result<Vec<Stamp>, MirrorError>;

    /// Whole documents of a page, tombstones included.
    async fn documents(&self, model: &'static Model, page: Page<'_>) -> Result<Vec<Stored>, MirrorError>;

    /// Number of documents that are not tombstones.
    async fn count(&self, model: &'static Model) -> Result<u64, MirrorError>;

    /// Ranked search over the model's search fields. Every hit holds at least one word. Documents holding more of the words
    /// and in heavier fields come first; see [`Hit::score`] and [`Place`].
    async fn search(&self, model: &'static Model, question: Question<'_>) -> Result<Vec<Hit>, MirrorError>;

    /// Whether the engine keeps an index for searches that is not of exactly the documents that are there, and may be made anew
    /// from them; where it shall be mended, it is by then. Engines whose server keeps its indexes itself have none.
    async fn search_is_off(&self, _model: &'static Model, _mend: bool) -> Result<bool, MirrorError> {
        Ok(false)
    }

    /// Documents where the top-level field equals the value, newest `_id` first, after the given id. The fields that the
    /// description calls large are left where they are: whoever makes a list needs none of them, and a page of them may be
    /// a gigabyte. The digest is still the whole document's. Documents whose `_id` is not text are left out, for no page
    /// could go on after them.
    async fn find(
        &self,
        model: &'static Model,
        field: &'static str,
        value: &Value,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Stored>, MirrorError>;

    /// Keeps tracked happenings in `analytics`; known ids are left alone.
    async fn track(&self, events: &[Tracked]) -> Result<(), MirrorError>;

    /// Whether a happening is kept.
    async fn has_tracked(&self, id: &str) -> Result<bool, MirrorError>;

    /// Keeps log lines in `app_logs`; known ids are left alone.
    async fn log(&self, lines: &[LogLine]) -> Result<(), MirrorError>;

    /// Log lines that pass the filter, newest first, before the one of this id, at most so many.
    async fn logs(&self, filter: &LogFilter, before: Option<&str>, limit: u32) -> Result<Vec<LogLine>, MirrorError>;

    /// Figures since a moment: of one user, or of the whole system.
    async fn activity(&self, user: Option<&str>, since: Timestamp) -> Result<Activity, MirrorError>;

    /// Removes what is past its retention. MongoDB's TTL indexes do it by themselves; the embedded engine does it here.
    async fn expire(&self, retention: Retention, now: Timestamp) -> Result<u64, MirrorError>;

    /// Ends all connections on a clean stop. Engines that keep nothing to be brought to an end need not do anything.
    async fn close(&self) {}
}
