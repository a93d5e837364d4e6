//! The outbox as one worker reads it: what this process has committed since the last look, and now and then everything, for what
//! other processes have committed.

use std::{sync::Arc, time::Duration};

use chainbill_records::{
    Commits,
    outbox::{PARTITIONS, Queued},
};
use tokio::{sync::watch, time::Instant};

use crate::{engine::context::Engine, errors::SyncError, relay::acks::PendingAcks};

/// A worker's view of the outbox.
pub(crate) struct Queue {
    engine: Arc<Engine>,
    /// The partitions that this process has leased.
    partitions: watch::Receiver<Vec<u16>>,
    commits: watch::Receiver<Commits>,
    /// The commits of this process whose entries were read.
    seen: Commits,
    /// When all partitions are read again, and how long to wait after that.
    next_look: Instant,
    pause: Duration,
}

/// Entries that were found.
pub(crate) struct Claimed {
    pub entries: Vec<Queued>,
    /// How many of them a batch takes from each partition.
    each: u32,
}

impl Claimed {
    /// The entries that make one batch. The others are found again.
    pub fn into_batch(self) -> Vec<Queued> {
        let Self { mut entries, each } = self;
        let mut taken = [0; PARTITIONS as usize];
        entries.retain(|queued| {
            let count = &mut taken[usize::from(queued.partition)];
            *count += 1;
            *count <= each
        });
        entries
    }
}

impl Queue {
    pub fn new(engine: Arc<Engine>, partitions: watch::Receiver<Vec<u16>>) -> Self {
        let commits = engine.records.commits();
        let (seen, pause) = (*commits.borrow(), engine.settings.poll.0);
        Self { engine, partitions, commits, seen, next_look: Instant::now(), pause }
    }

    /// When all partitions are read again, whatever is committed here.
    pub fn next_look(&self) -> Instant {
        self.next_look
    }

    /// Reads all partitions at that time.
    pub fn look_at(&mut self, at: Instant) {
        self.next_look = at;
    }

    /// Completes when there may be new entries; `false` when partitions are no longer shared, because the process stops.
    pub async fn changed(&mut self) -> bool {
        tokio::select! {
            _ = self.commits.changed() => true,
            changed = self.partitions.changed() => {
                self.next_look = Instant::now();
                changed.is_ok()
            }
        }
    }

    /// The next entries of the partitions that pass `serves`, without those of resting models and those with pending acks;
    /// `None` when no partition was to be read.
    pub async fn claim(
        &mut self,
        serves: impl Fn(u16) -> bool,
        resting: &[&str],
        acks: &PendingAcks,
    ) -> Result<Option<Claimed>, SyncError> {
        let (commits, now) = (*self.commits.borrow_and_update(), Instant::now());
        let everywhere = now >= self.next_look;
        let partitions: Vec<u16> = {
            let leased = self.partitions.borrow_and_update();
            let changed = |partition: &u16| commits[usize::from(*partition)] != self.seen[usize::from(*partition)];
            leased.iter().copied().filter(|part| serves(*part) && (everywhere || changed(part))).collect()
        };
        if partitions.is_empty() {
            self.next_look = if everywhere { now + self.pause } else { self.next_look };
            return Ok(None);
        }
        let each = self.engine.settings.batch.div_ceil(u32::try_from(partitions.len()).unwrap_or(1));
        let (mut entries, unknown) = self.recent(&partitions, &commits, everywhere);
        entries.retain(|queued| !resting.contains(&queued.entry.model.as_str()));
        if !unknown.is_empty() {
            // Entries with pending acks are still in the table: the limit reads past them.
            let limit = each.saturating_add(u32::try_from(acks.most_of_a_partition()).unwrap_or(each));
            entries.extend(self.engine.records.queued(&unknown, limit, resting).await?);
        }
        entries.retain(|queued| !acks.contains(&queued.id));
        self.note(&partitions, &commits, &entries, each, everywhere);
        Ok(Some(Claimed { entries, each }))
    }

    /// Entries of these partitions from the recent-commit buffer, and the partitions that must be read from the table: all of
    /// them when entries of other processes are looked for, or while there are dead letters, which the buffer does not mark.
    fn recent(&self, partitions: &[u16], commits: &Commits, everywhere: bool) -> (Vec<Queued>, Vec<u16>) {
        let (mut entries, mut unknown) = (Vec::new(), Vec::new());
        let read_all = everywhere || self.engine.dead_letters.may_be_any();
        for &partition in partitions {
            let place = usize::from(partition);
            match self.engine.records.recent_commits(partition, self.seen[place], commits[place]) {
                Some(known) if !read_all => entries.extend(known),
                _ => unknown.push(partition),
            }
        }
        (entries, unknown)
    }

    /// Notes what was read. A partition with more entries than a batch takes is read again at once. After a read of everything
    /// that found entries of other processes, the next one follows soon.
    fn note(&mut self, partitions: &[u16], commits: &Commits, entries: &[Queued], each: u32, everywhere: bool) {
        let mut from_others = false;
        for partition in partitions {
            let place = usize::from(*partition);
            let found = entries.iter().filter(|queued| queued.partition == *partition).count();
            from_others |= found > 0 && commits[place] == self.seen[place];
            let more = found >= each as usize;
            self.seen[place] = if more { commits[place].wrapping_sub(1) } else { commits[place] };
        }
        if everywhere {
            let (shortest, longest) = self.engine.settings.poll;
            self.pause = if from_others { shortest } else { (self.pause * 2).min(longest) };
            self.next_look = Instant::now() + self.pause;
        }
    }
}
