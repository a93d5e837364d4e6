//! Workers: each claims batches from its shard of the partitions and relays them. A batch is acked after its documents are in
//! place ([`crate::relay::acks`]), while the next one is claimed. [`crate::relay::concurrency`] decides which workers are active.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chainbill_records::{RecordsError, outbox::Queued};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    backoff::Backoff,
    engine::{context::Engine, metrics::Metrics},
    errors::{Retry, SyncError, retry},
    panics::catch_panic,
    relay::{
        acks::PendingAcks,
        batch::{self, RelayedBatch},
        concurrency::{Concurrency, PARALLEL_FROM, ShardPermit},
        plan::BatchResult,
        queue::Queue,
    },
};

/// One worker of the relay.
pub(crate) struct Worker {
    engine: Arc<Engine>,
    index: usize,
    concurrency: Arc<Concurrency>,
    parallel: watch::Receiver<bool>,
    /// The shards that it serves at present.
    permits: Vec<ShardPermit>,
    queue: Queue,
    /// The next pause after a batch of which all reads were late.
    late_pause: Duration,
    /// Models that rest after a failure of their own, and until when.
    resting: HashMap<&'static str, (Backoff, Instant)>,
    acks: PendingAcks,
}

impl Worker {
    pub fn new(
        engine: Arc<Engine>,
        index: usize,
        concurrency: Arc<Concurrency>,
        partitions: watch::Receiver<Vec<u16>>,
    ) -> Self {
        Self {
            index,
            parallel: concurrency.changes(),
            concurrency,
            permits: Vec::new(),
            queue: Queue::new(engine.clone(), partitions),
            late_pause: engine.settings.poll.0,
            resting: HashMap::new(),
            acks: PendingAcks::default(),
            engine,
        }
    }

    /// Works until cancelled. A batch that has begun is finished.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut backoff = Backoff::new(self.engine.settings.backoff);
        while !stop.is_cancelled() {
            self.acquire_permits(&stop).await;
            let began = Instant::now();
            match catch_panic(self.turn()).await {
                Ok(0) => self.flush().await,
                Ok(count) => {
                    backoff.succeeded();
                    if count < PARALLEL_FROM {
                        // Changes of the next few milliseconds make one batch instead of several.
                        tokio::time::sleep_until(began + self.engine.settings.pace).await;
                    }
                    continue;
                }
                Err(error) => {
                    // Entries that were read were not relayed: all are read again.
                    self.queue.look_at(Instant::now());
                    self.flush().await;
                    self.back_off(&error, &mut backoff, &stop).await;
                    continue;
                }
            }
            let wake = if self.lacks_permits() { began + self.engine.settings.poll.0 } else { self.queue.next_look() };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep_until(wake) => {}
                _ = self.parallel.changed() => {}
                open = self.queue.changed() => if !open { break },
            }
        }
        self.flush_all().await;
    }

    /// Acquires the permits of the shards that it should serve at present: the first worker those that are free, while little is
    /// pending. The others stand by until much is.
    async fn acquire_permits(&mut self, stop: &CancellationToken) {
        if self.index > 0 && !self.concurrency.is_parallel() {
            self.flush_all().await;
            self.permits.clear();
            tokio::select! { () = stop.cancelled() => {}, _ = self.parallel.wait_for(|parallel| *parallel) => {} }
        }
        for shard in self.concurrency.shards_of(self.index) {
            if self.serves(shard) {
                continue;
            }
            if let Some(permit) = self.concurrency.acquire(shard) {
                self.permits.push(permit);
                // The entries that its last worker has left are unknown here.
                self.queue.look_at(Instant::now());
            }
        }
    }

    /// Whether another worker still has a permit that the first one should have.
    fn lacks_permits(&self) -> bool {
        self.index == 0 && self.permits.len() < self.concurrency.shards_of(0).len()
    }

    fn serves(&self, shard: usize) -> bool {
        self.permits.iter().any(|permit| permit.shard == shard)
    }

    async fn back_off(&mut self, error: &SyncError, backoff: &mut Backoff, stop: &CancellationToken) {
        Metrics::add(&self.engine.metrics.failures, 1);
        metrics::counter!("chainbill_sync_failures_total").increment(1);
        let wait = backoff.failed(self.engine.records.random());
        if backoff.failures() == 1 {
            tracing::warn!(worker = self.index, "Sync waits: {error}");
        }
        self.engine.metrics.set_trouble(self.engine.now(), Some(error.to_string()));
        tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(wait) => {} }
    }

    /// Claims and relays one batch. Returns its number of entries; zero when there is nothing to do before the next look.
    async fn turn(&mut self) -> Result<usize, SyncError> {
        let queued = self.claim().await?;
        let count = queued.len();
        if count == 0 {
            return Ok(0);
        }
        let RelayedBatch { result, models } = batch::relay(&self.engine, queued).await?;
        self.engine.metrics.note_writes(self.engine.now(), result.applied, result.stale, &result.since);
        let waits = self.wait_for_reads(&result);
        let mut first_error = None;
        for (model, ended) in models {
            if let Err(error) = self.rest_or_fail(model, ended) {
                first_error.get_or_insert(error);
            }
        }
        self.acks.add(&self.engine, result).await?;
        // What a failed model left undone is retried after a pause; what the others did stays done.
        first_error.map_or(Ok(if waits { 0 } else { count }), Err)
    }

    /// Claims a batch from the shards that it serves.
    async fn claim(&mut self) -> Result<Vec<Queued>, SyncError> {
        self.acks.check().await?;
        let now = Instant::now();
        let Self { engine, index, concurrency, permits, queue, resting, acks, .. } = self;
        let resting: Vec<&str> =
            resting.iter().filter(|(_, (_, until))| *until > now).map(|(model, _)| *model).collect();
        let serves = |partition| permits.iter().any(|permit| permit.shard == concurrency.shard_of(partition));
        let Some(mut claimed) = queue.claim(serves, &resting, acks).await? else {
            concurrency.note_batch(*index, 0);
            return Ok(Vec::new());
        };
        if permits.len() > 1 && claimed.entries.len() >= PARALLEL_FROM {
            // The other workers must not find entries whose acks are pending here.
            acks.flush_all(engine).await?;
            permits.retain(|permit| permit.shard == *index);
            claimed.entries.retain(|queued| concurrency.shard_of(queued.partition) == *index);
            concurrency.activate_all();
        } else {
            concurrency.note_batch(*index, claimed.entries.len());
        }
        Ok(claimed.into_batch())
    }

    /// Where all reads were late, the next look waits, longer each time. Returns whether it does.
    fn wait_for_reads(&mut self, result: &BatchResult) -> bool {
        let (shortest, longest) = self.engine.settings.poll;
        if result.late == 0 {
            self.late_pause = shortest;
            return false;
        }
        let trouble = format!(
            "{} changes wait for a read that has reached them: servers of the primary's cluster are behind",
            result.late
        );
        self.engine.metrics.set_trouble(self.engine.now(), Some(trouble));
        if !result.done.is_empty() || !result.dead_letters.is_empty() {
            return false;
        }
        self.queue.look_at(Instant::now() + self.late_pause);
        self.late_pause = (self.late_pause * 2).min(longest);
        true
    }

    /// A failure of one model, or of the events, that needs an operator does not hold up the others: the model rests.
    fn rest_or_fail(&mut self, model: &'static str, ended: Result<(), SyncError>) -> Result<(), SyncError> {
        let Err(error) = ended else {
            self.resting.remove(model);
            return Ok(());
        };
        // A locked or slow table concerns its own model as well.
        let is_busy = matches!(error, SyncError::Records(RecordsError::Later(_)));
        if !is_busy && !matches!(retry(&error), Retry::Operator(_)) {
            return Err(error);
        }
        let bounds = self.engine.settings.backoff;
        let (backoff, until) = self.resting.entry(model).or_insert_with(|| (Backoff::new(bounds), Instant::now()));
        if backoff.failures() == 0 {
            if is_busy {
                tracing::warn!(model, "Sync of {model} rests: {error}");
            } else {
                tracing::error!(model, "Sync of {model} rests: {error}");
            }
        }
        *until = Instant::now() + backoff.failed(self.engine.records.random());
        self.engine.metrics.set_trouble(self.engine.now(), Some(error.to_string()));
        Ok(())
    }

    /// Flushes pending acks without waiting: nothing is coming soon that they could be flushed with.
    async fn flush(&mut self) {
        let flushed = self.acks.flush(&self.engine).await;
        self.report_unacked(flushed);
    }

    /// Flushes pending acks and waits for it, before the worker stands by or ends.
    async fn flush_all(&mut self) {
        let flushed = self.acks.flush_all(&self.engine).await;
        self.report_unacked(flushed);
    }

    fn report_unacked(&self, flushed: Result<(), SyncError>) {
        if let Err(error) = flushed {
            tracing::warn!(
                worker = self.index,
                "Sync could not remove applied entries, which will be applied again: {error}"
            );
        }
    }
}
