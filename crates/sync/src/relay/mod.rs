//! The relay: workers take batches off the outbox, re-read the rows, and apply guarded writes to the mirror.

pub(crate) mod acks;
pub(crate) mod batch;
pub(crate) mod concurrency;
pub(crate) mod dead_letters;
pub(crate) mod heartbeat;
pub mod plan;
pub(crate) mod poison;
pub(crate) mod portion;
pub(crate) mod queue;
pub(crate) mod rows;
pub(crate) mod stale;
pub(crate) mod worker;
