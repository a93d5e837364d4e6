//! Documents and writes as every part of the port knows them.

use std::time::Duration;

use chainbill_domain::{Digest, Document, Revision};

/// A failure of the mirror. Its text is for operators, and is never shown to other users.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// It does not answer within the deadline. Retrying later is right; whether the last request took effect is unknown.
    #[error("the mirror is not reachable: {0}")]
    Unavailable(String),
    /// It throttles: limits, locks, time. Smaller and slower requests are right. No document is the cause, and no operator is
    /// needed.
    #[error("the mirror throttles: {0}")]
    Throttled(String),
    /// It refuses the request (rights, syntax, limits). Retrying changes nothing by itself.
    #[error("the mirror refused: {0}")]
    Refused(String),
}

/// One write of one document.
#[derive(Debug, Clone)]
pub struct Write {
    /// `_id`.
    pub id: String,
    /// `_sync.version`.
    pub version: i64,
    /// The new content.
    pub content: Content,
    /// Whether no document is expected: an engine may try a plain insert first, which costs a fraction of a guarded replacement. The
    /// guard decides if there is one after all.
    pub fresh: bool,
}

/// The content that a write leaves behind.
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

/// When a write may replace the stored document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Only an older version (the relay).
    Newer,
    /// The same, and a document of the same version and another revision than the model's (the backfill after a change of the
    /// revision). Tombstones of the same version stay.
    Outdated,
    /// Any document that is not newer, the same version and documents without a usable one included (the repair of proven drift,
    /// which is safe beside a relay that is ahead of it).
    NotNewer,
}

/// The outcome of one write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is in place.
    Applied,
    /// The same or a newer version was there already.
    Stale,
    /// This document can never be stored as it is (too large, …); the reason.
    Rejected(String),
    /// The collection refuses it (a validator, a shard key, rights, a quota), which needs an operator; the reason.
    Refused(String),
    /// The server throttles; its message. The document can be written later.
    Throttled(String),
}

/// The sync metadata of a document: cheap to read for a whole page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Its `_id`: a string by itself, any other by a reversible printable name of its value and type.
    pub id: String,
    /// `_sync.version`; `None` when `_sync` is not as an engine writes it: with an unknown member, one of another type or a duplicate
    /// one, without its time, or with members of both tombstones and documents. A `_sync` of another revision may have members
    /// that this release does not know.
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
    /// Clears the metadata unless all of it is as an engine writes it.
    pub(crate) fn keep_if_ours(&mut self, ours: bool) {
        if !ours || self.version.is_none() {
            (self.version, self.digest, self.revision, self.tombstone) = (None, None, None, false);
        }
    }
}

/// A whole document, read back into canonical values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its sync metadata.
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

/// A collection that is not fully prepared: an index was refused, for example. Reading and writing work, possibly slowly.
#[derive(Debug)]
pub struct Unprepared {
    /// Its name: a model's, `analytics` or `app_logs`.
    pub collection: &'static str,
    /// The server's message.
    pub error: MirrorError,
}

/// Retention in the mirror.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Analytics events.
    pub analytics: Duration,
    /// Log lines.
    pub logs: Duration,
    /// Tombstones; must outlive every replay.
    pub tombstones: Duration,
}
