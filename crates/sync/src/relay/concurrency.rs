//! How many workers are active. While little is pending, the first worker serves the shards of all: few batches of several entries
//! cost both databases less than many batches of one. When much is pending, every worker serves its own shard.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use tokio::sync::{Mutex, OwnedMutexGuard, watch};

/// A batch of so many entries activates all workers.
pub(crate) const PARALLEL_FROM: usize = 100;
/// When the last batch of every worker had fewer entries than this, the first worker serves all shards again.
const ALONE_BELOW: usize = 25;

/// Which worker serves which shard. A shard is a share of the partitions; there are as many as workers.
pub(crate) struct Concurrency {
    parallel: watch::Sender<bool>,
    /// Locked by the worker that serves the shard: its own one, or the first.
    shards: Vec<Arc<Mutex<()>>>,
    /// Whether the worker's last batch was large.
    busy: Vec<AtomicBool>,
}

/// The exclusive right to serve a shard.
pub(crate) struct ShardPermit {
    pub shard: usize,
    _guard: OwnedMutexGuard<()>,
}

impl Concurrency {
    /// For so many workers, of which the first begins alone.
    pub fn of(workers: usize) -> Arc<Self> {
        let shards = (0..workers).map(|_| Arc::default()).collect();
        let busy = (0..workers).map(|_| AtomicBool::new(false)).collect();
        Arc::new(Self { parallel: watch::Sender::new(false), shards, busy })
    }

    /// The shard of a partition.
    pub fn shard_of(&self, partition: u16) -> usize {
        usize::from(partition) % self.shards.len()
    }

    /// Whether every worker serves its own shard.
    pub fn is_parallel(&self) -> bool {
        *self.parallel.borrow()
    }

    /// Notifies of changes of [`Self::is_parallel`].
    pub fn changes(&self) -> watch::Receiver<bool> {
        self.parallel.subscribe()
    }

    /// The shards that a worker should serve at present.
    pub fn shards_of(&self, worker: usize) -> Range<usize> {
        match (worker, self.is_parallel()) {
            (0, false) => 0..self.shards.len(),
            (_, true) => worker..worker + 1,
            (_, false) => worker..worker,
        }
    }

    /// Acquires a shard, unless another worker serves it.
    pub fn acquire(&self, shard: usize) -> Option<ShardPermit> {
        let guard = self.shards[shard].clone().try_lock_owned().ok()?;
        Some(ShardPermit { shard, _guard: guard })
    }

    /// Activates every worker. Each counts as busy until its first batch.
    pub fn activate_all(&self) {
        self.busy.iter().for_each(|busy| busy.store(true, Relaxed));
        self.parallel.send_replace(true);
    }

    /// Notes the size of a worker's batch; when no worker is busy, the first serves all shards again.
    pub fn note_batch(&self, worker: usize, entries: usize) {
        self.busy[worker].store(entries >= ALONE_BELOW, Relaxed);
        if self.is_parallel() && !self.busy.iter().any(|busy| busy.load(Relaxed)) {
            self.parallel.send_replace(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_worker_is_active_until_much_is_pending_and_again_when_no_worker_is_busy() {
        let concurrency = Concurrency::of(3);
        assert_eq!([0, 1, 2].map(|worker| concurrency.shards_of(worker)), [0..3, 1..1, 2..2]);
        concurrency.activate_all();
        assert_eq!([0, 1, 2].map(|worker| concurrency.shards_of(worker)), [0..1, 1..2, 2..3]);
        concurrency.note_batch(0, 0);
        concurrency.note_batch(1, ALONE_BELOW);
        concurrency.note_batch(2, 0);
        assert!(concurrency.is_parallel(), "the second worker is busy");
        concurrency.note_batch(1, ALONE_BELOW - 1);
        assert!(!concurrency.is_parallel());
    }

    #[test]
    fn a_shard_is_served_by_one_worker_at_a_time() {
        let concurrency = Concurrency::of(2);
        let permit = concurrency.acquire(1);
        assert!(permit.is_some() && concurrency.acquire(1).is_none());
        drop(permit);
        assert!(concurrency.acquire(1).is_some());
    }

    #[test]
    fn every_partition_belongs_to_one_shard() {
        let concurrency = Concurrency::of(3);
        assert_eq!([0, 1, 2, 3, 15].map(|partition| concurrency.shard_of(partition)), [0, 1, 2, 0, 0]);
    }
}
