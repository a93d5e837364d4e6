//! The store: documents of the synchronised models, written under guards and read back.

use async_trait::async_trait;
use chainbill_domain::{Model, Timestamp};

use crate::port::{
    documents::{Guard, MirrorError, Outcome, Page, Retention, Stamp, Stored, Unprepared, Write},
    health::MirrorHealth,
};

/// The documents of the synchronised models. Every call ends within the implementation's deadline, also when the server hangs.
#[async_trait]
pub trait MirrorStore: MirrorHealth {
    /// Whether writes of several models at once gain anything. An engine with one writer answers no.
    fn writes_side_by_side(&self) -> bool {
        true
    }

    /// Creates collections and indexes (for searches and TTL too) for these models and for analytics and logs, side by side.
    /// Idempotent. A refusal concerns its own collection and is returned; an error means that the server does not answer.
    async fn prepare(&self, models: &[&'static Model], retention: Retention) -> Result<Vec<Unprepared>, MirrorError>;

    /// The identity of the primary that this mirror belongs to; `None` for a new or emptied database.
    async fn identity(&self) -> Result<Option<String>, MirrorError>;

    /// Saves the identity of the primary that this mirror belongs to.
    async fn set_identity(&self, primary: &str) -> Result<(), MirrorError>;

    /// Writes many documents of one model, each under its own guard, in any order. Returns one outcome per write, in the order
    /// given. When it fails, all or some may have been applied: calling again is always right. `at` becomes `_sync.appliedAt`
    /// (and `_sync.deletedAt` of tombstones), the model's revision `_sync.revision` of documents.
    async fn apply(
        &self,
        model: &'static Model,
        guard: Guard,
        writes: &[Write],
        at: Timestamp,
    ) -> Result<Vec<Outcome>, MirrorError>;

    /// Deletes documents physically: phantoms whose `_id` no tombstone can have.
    async fn remove(&self, model: &'static Model, ids: &[String]) -> Result<u64, MirrorError>;

    /// Whether writes are taken and confirmed at the moment, probed by writing beside the model's documents. A server may answer
    /// reads and not confirm writes, and a full disk takes writes that change nothing.
    async fn takes_writes(&self, model: &'static Model) -> Result<(), MirrorError>;

    /// One document, tombstones included.
    async fn get(&self, model: &'static Model, id: &str) -> Result<Option<Stored>, MirrorError>;

    /// The documents with these ids (at most 1,000), tombstones included, in no particular order.
    async fn get_many(&self, model: &'static Model, ids: &[String]) -> Result<Vec<Stored>, MirrorError>;

    /// The sync metadata of one document, without its fields, which may be megabytes.
    async fn stamp(&self, model: &'static Model, id: &str) -> Result<Option<Stamp>, MirrorError>;

    /// The sync metadata of a page, tombstones included.
    async fn stamps(&self, model: &'static Model, page: Page<'_>) -> Result<Vec<Stamp>, MirrorError>;

    /// Whole documents of a page, tombstones included.
    async fn documents(&self, model: &'static Model, page: Page<'_>) -> Result<Vec<Stored>, MirrorError>;

    /// The number of documents that are not tombstones.
    async fn count(&self, model: &'static Model) -> Result<u64, MirrorError>;

    /// Whether the engine's own search index does not match the documents; with `rebuild` it is rebuilt then. An engine whose server
    /// maintains its indexes has none.
    async fn search_is_off(&self, _model: &'static Model, _rebuild: bool) -> Result<bool, MirrorError> {
        Ok(false)
    }

    /// Deletes what is past its retention. MongoDB's TTL indexes do it by themselves; the embedded engine does it here.
    async fn expire(&self, retention: Retention, now: Timestamp) -> Result<u64, MirrorError>;
}
