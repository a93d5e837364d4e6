//! Entries that were carried out, on their way off the queue. Nobody waits for it: they are left out of what is found there
//! meanwhile. While a lane is busy some batches' entries go together, for each removal is a transaction of the primary.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use chainbill_records::outbox::PARTS;
use tokio::task::JoinHandle;

use crate::{
    SyncError,
    caught::broken_off,
    engine::Engine,
    plan::{Settlement, Task},
    planted::{Mistake, is as planted},
};

/// So many entries go without waiting for more,
const ENOUGH: usize = 100;
/// and so old ones.
const LONGEST: Duration = Duration::from_millis(100);

/// Entries and their partitions.
type Ids = HashMap<String, u16>;

/// What a lane has carried out and not seen off the queue.
#[derive(Default)]
pub(crate) struct Leaving {
    /// Carried out, to be taken off.
    waiting: Waiting,
    since: Option<Instant>,
    /// Being taken off.
    going: Option<Going>,
}

#[derive(Default)]
struct Waiting {
    ids: Ids,
    settlement: Settlement,
}

struct Going {
    ids: Ids,
    end: JoinHandle<Result<(), SyncError>>,
}

impl Leaving {
    /// How many entries it holds of the partition of which it holds most.
    pub fn most_of_a_part(&self) -> usize {
        let mut counts = [0; PARTS as usize];
        for part in self.waiting.ids.values().chain(self.going.iter().flat_map(|going| going.ids.values())) {
            if let Some(count) = counts.get_mut(usize::from(*part)) {
                *count += 1;
            }
        }
        counts.into_iter().max().unwrap_or(0)
    }

    /// Whether an entry is among them.
    pub fn has(&self, id: &str) -> bool {
        self.waiting.ids.contains_key(id) || self.going.as_ref().is_some_and(|going| going.ids.contains_key(id))
    }

    /// Adds what was carried out, and takes off what is due.
    pub async fn add(&mut self, engine: &Arc<Engine>, settlement: Settlement) -> Result<(), SyncError> {
        let parked = settlement.parked.iter().flat_map(|(task, _)| &task.taken);
        self.waiting.ids.extend(settlement.done.iter().chain(parked).map(|(part, id)| (id.clone(), *part)));
        self.waiting.settlement.merge(settlement);
        let since = *self.since.get_or_insert_with(Instant::now);
        let Waiting { ids, settlement } = &self.waiting;
        if !settlement.parked.is_empty() || !settlement.healed.is_empty() {
            // Waited for: a batch that is read meanwhile would not know who is parked.
            return self.all(engine).await;
        }
        if ids.len() >= ENOUGH || since.elapsed() >= LONGEST {
            self.go(engine).await?;
        }
        Ok(())
    }

    /// Takes off what waits, after what is being taken off.
    pub async fn go(&mut self, engine: &Arc<Engine>) -> Result<(), SyncError> {
        self.since = None;
        let Waiting { ids, settlement } = std::mem::take(&mut self.waiting);
        if ids.is_empty() {
            return Ok(());
        }
        let before = self.gone().await;
        self.going = Some(Going { ids, end: tokio::spawn(take_off(engine.clone(), settlement)) });
        before
    }

    /// Hears of a removal that has ended. One that failed has left its entries where they are, to be found again.
    pub async fn hear(&mut self) -> Result<(), SyncError> {
        match &self.going {
            Some(going) if going.end.is_finished() => self.gone().await,
            _ => Ok(()),
        }
    }

    /// Waits until what is being taken off is off.
    pub async fn gone(&mut self) -> Result<(), SyncError> {
        match self.going.take() {
            Some(going) => going.end.await.unwrap_or_else(|broken| Err(broken_off(broken))),
            None => Ok(()),
        }
    }

    /// Takes everything off and waits for it.
    pub async fn all(&mut self, engine: &Arc<Engine>) -> Result<(), SyncError> {
        let before = self.go(engine).await;
        self.gone().await.and(before)
    }
}

/// Takes finished entries off the queue and parks what cannot be written.
async fn take_off(engine: Arc<Engine>, settlement: Settlement) -> Result<(), SyncError> {
    engine.records.dequeue(&settlement.done).await?;
    if planted(Mistake::DropPoison) {
        let dropped: Vec<_> = settlement.parked.iter().flat_map(|(task, _)| task.taken.clone()).collect();
        return Ok(engine.records.dequeue(&dropped).await?);
    }
    for (task, cause) in &settlement.parked {
        let Task { newest, taken, .. } = task;
        tracing::error!(
            model = newest.model,
            id = newest.entity_id,
            "Sync parks {} {}: {cause}",
            newest.model,
            newest.entity_id
        );
        engine.figures.parkings.begin();
        engine.records.park(newest, cause, taken).await?;
    }
    for (model, ids) in &settlement.healed {
        engine.records.unpark(model, ids).await?;
    }
    Ok(())
}
