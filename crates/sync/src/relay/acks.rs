//! Pending acks: entries whose documents are in place, on their way off the outbox. The worker does not wait for it: it skips these
//! entries when it reads the outbox meanwhile. A busy worker flushes several batches together, since each flush is a transaction
//! of the primary.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use chainbill_records::outbox::PARTITIONS;
use tokio::task::JoinHandle;

use crate::{
    engine::context::Engine,
    errors::SyncError,
    panics::cancelled,
    relay::plan::{BatchResult, Task},
};

/// A flush is due when so many entries are pending,
const FLUSH_FROM: usize = 100;
/// or when the oldest has been pending for so long.
const FLUSH_AFTER: Duration = Duration::from_millis(100);

/// Entries and their partitions.
type Ids = HashMap<String, u16>;

/// The pending acks of a worker.
#[derive(Default)]
pub(crate) struct PendingAcks {
    ids: Ids,
    result: BatchResult,
    since: Option<Instant>,
    flushing: Option<Flushing>,
}

/// A flush that is under way.
struct Flushing {
    ids: Ids,
    task: JoinHandle<Result<(), SyncError>>,
}

impl PendingAcks {
    /// The number of its entries in the partition of which it has most.
    pub fn most_of_a_partition(&self) -> usize {
        let mut counts = [0; PARTITIONS as usize];
        for partition in self.ids.values().chain(self.flushing.iter().flat_map(|flushing| flushing.ids.values())) {
            if let Some(count) = counts.get_mut(usize::from(*partition)) {
                *count += 1;
            }
        }
        counts.into_iter().max().unwrap_or(0)
    }

    /// Whether the entry of this id is among them.
    pub fn contains(&self, id: &str) -> bool {
        self.ids.contains_key(id) || self.flushing.as_ref().is_some_and(|flushing| flushing.ids.contains_key(id))
    }

    /// Adds the result of a batch, and flushes if that is due.
    pub async fn add(&mut self, engine: &Arc<Engine>, result: BatchResult) -> Result<(), SyncError> {
        let dead = result.dead_letters.iter().flat_map(|(task, _)| &task.entries);
        self.ids.extend(result.done.iter().chain(dead).map(|(partition, id)| (id.clone(), *partition)));
        let changes_dead_letters = !result.dead_letters.is_empty() || !result.healed.is_empty();
        self.result.merge(result);
        let since = *self.since.get_or_insert_with(Instant::now);
        if changes_dead_letters {
            // Awaited: a batch that is read meanwhile would not know which entities are dead letters.
            return self.flush_all(engine).await;
        }
        if self.ids.len() >= FLUSH_FROM || since.elapsed() >= FLUSH_AFTER {
            self.flush(engine).await?;
        }
        Ok(())
    }

    /// Starts a flush, after the one that is under way.
    pub async fn flush(&mut self, engine: &Arc<Engine>) -> Result<(), SyncError> {
        self.since = None;
        let (ids, result) = (std::mem::take(&mut self.ids), std::mem::take(&mut self.result));
        if ids.is_empty() {
            return Ok(());
        }
        let before = self.finish().await;
        self.flushing = Some(Flushing { ids, task: tokio::spawn(ack(engine.clone(), result)) });
        before
    }

    /// Takes the result of a flush that has ended. A failed one has left its entries in the outbox, where they are found again.
    pub async fn check(&mut self) -> Result<(), SyncError> {
        match &self.flushing {
            Some(flushing) if flushing.task.is_finished() => self.finish().await,
            _ => Ok(()),
        }
    }

    /// Flushes everything and waits for it.
    pub async fn flush_all(&mut self, engine: &Arc<Engine>) -> Result<(), SyncError> {
        let before = self.flush(engine).await;
        self.finish().await.and(before)
    }

    async fn finish(&mut self) -> Result<(), SyncError> {
        match self.flushing.take() {
            Some(flushing) => flushing.task.await.unwrap_or_else(|error| Err(cancelled(error))),
            None => Ok(()),
        }
    }
}

/// Removes finished entries from the outbox, adds dead letters, and deletes those that have healed.
async fn ack(engine: Arc<Engine>, result: BatchResult) -> Result<(), SyncError> {
    engine.records.dequeue(&result.done).await?;
    for (task, cause) in &result.dead_letters {
        let Task { newest, entries, .. } = task;
        tracing::error!(
            model = newest.model,
            id = newest.entity_id,
            "Sync parks {} {}: {cause}",
            newest.model,
            newest.entity_id
        );
        engine.dead_letters.adding();
        engine.records.add_dead_letter(newest, cause, entries).await?;
    }
    for (model, ids) in &result.healed {
        engine.records.delete_dead_letters(model, ids).await?;
    }
    Ok(())
}
