//! The relay: takes batches off the outbox and carries them out. What to do is decided in [`crate::plan`]; here it is
//! done, in lanes that work side by side on their own partitions.
//!
//! A batch is carried out first and taken off the queue afterwards, which nobody waits for: the next batch is looked for
//! meanwhile, without what is just being taken off.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chainbill_domain::{Model, Row, Timestamp};
use chainbill_mirror::{Content, Guard, Mirror, MirrorError, Outcome, Stamp, Write};
use chainbill_records::{
    FaultSource,
    outbox::{ANALYTICS, Queued},
};
use futures::future::join_all;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Settings, SyncError,
    backoff::Backoff,
    engine::{Engine, Figures},
    errors::{Retry, retry},
    heartbeat::{self, HEARTBEATS},
    plan::{Batch, Settlement, Task, Writes, model_named},
    planted::{Mistake, is as planted},
    repair::repair,
};

/// More entries than this are waited for until they are off the queue, before the next are looked for.
const OVERLAP: usize = 200;

/// One lane of the relay.
pub(crate) struct Lane {
    engine: Arc<Engine>,
    index: usize,
    parts: watch::Receiver<Vec<u16>>,
    /// Models that wait after a failure of their own, and until when.
    resting: HashMap<&'static str, (Backoff, Instant)>,
    leaving: Option<Leaving>,
}

/// Entries that are being taken off the queue.
struct Leaving {
    ids: HashSet<String>,
    end: JoinHandle<Result<(), SyncError>>,
}

impl Lane {
    pub fn new(engine: Arc<Engine>, index: usize, parts: watch::Receiver<Vec<u16>>) -> Self {
        Self { engine, index, parts, resting: HashMap::new(), leaving: None }
    }

    /// Works until asked to stop. A batch that has begun is brought to its end.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut commits = self.engine.records.commits();
        let mut backoff = Backoff::new(self.engine.settings.backoff);
        let (shortest, longest) = self.engine.settings.poll;
        let mut pause = shortest;
        while !stop.is_cancelled() {
            commits.mark_unchanged();
            let wait = match self.turn().await {
                Ok(0) => {
                    pause = (pause * 2).min(longest);
                    pause
                }
                Ok(_) => {
                    backoff.succeeded();
                    pause = shortest;
                    continue;
                }
                Err(error) => {
                    self.failed(&error, &mut backoff, &stop).await;
                    continue;
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                _ = timeout(wait, commits.changed()) => {}
                changed = self.parts.changed() => if changed.is_err() { break },
            }
        }
        if let Err(error) = self.left().await {
            tracing::warn!(
                lane = self.index,
                "Sync leaves entries that were carried out to whoever comes next: {error}"
            );
        }
    }

    async fn failed(&mut self, error: &SyncError, backoff: &mut Backoff, stop: &CancellationToken) {
        Figures::add(&self.engine.figures.failures, 1);
        metrics::counter!("chainbill_sync_failures_total").increment(1);
        let wait = backoff.failed(self.engine.records.random());
        if backoff.failures() == 1 {
            tracing::warn!(lane = self.index, "Sync waits: {error}");
        }
        self.engine.figures.note_trouble(self.engine.now(), Some(error.to_string()));
        tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(wait) => {} }
    }

    /// One batch; the number of entries looked at.
    pub async fn turn(&mut self) -> Result<usize, SyncError> {
        let queued = self.claim().await?;
        let count = queued.len();
        if count == 0 {
            self.left().await?;
            return Ok(0);
        }
        if planted(Mistake::MarkBeforeApply) {
            let ids: Vec<_> = queued.iter().map(|queued| (queued.part, queued.id.clone())).collect();
            self.engine.records.dequeue(&ids).await?;
        }
        let settlement = self.carry_out(queued).await?;
        self.left().await?;
        self.leave(settlement.0);
        // What a failed model left undone is tried again after a pause; what the others did stays done.
        settlement.1.map(|()| count)
    }

    /// The next entries of this lane's partitions.
    async fn claim(&mut self) -> Result<Vec<Queued>, SyncError> {
        let Settings { lanes, batch, .. } = self.engine.settings;
        let parts: Vec<u16> = {
            let held = self.parts.borrow_and_update();
            held.iter().copied().filter(|part| usize::from(*part) % lanes == self.index).collect()
        };
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        let now = Instant::now();
        let resting: Vec<&str> =
            self.resting.iter().filter(|(_, (_, until))| *until > now).map(|(model, _)| *model).collect();
        let each = batch.div_ceil(u32::try_from(parts.len()).unwrap_or(1));
        // Reading past many entries that are on their way out costs more than waiting for them.
        if self.leaving.as_ref().is_some_and(|leaving| leaving.ids.len() > OVERLAP) {
            self.left().await?;
        }
        let leaving = self.leaving.as_ref().map_or(0, |leaving| leaving.ids.len());
        let limit = each.saturating_add(u32::try_from(leaving).unwrap_or(each));
        let mut queued = self.engine.records.queued(&parts, limit, &resting).await?;
        if let Some(leaving) = &self.leaving {
            queued.retain(|queued| !leaving.ids.contains(&queued.id));
        }
        Ok(queued)
    }

    /// Waits until the entries of the batch before are off the queue.
    async fn left(&mut self) -> Result<(), SyncError> {
        match self.leaving.take() {
            Some(leaving) => leaving.end.await.unwrap_or(Err(SyncError::Stopped)),
            None => Ok(()),
        }
    }

    /// Takes entries off the queue without waiting for it.
    fn leave(&mut self, settlement: Settlement) {
        let parked = settlement.parked.iter().flat_map(|(task, _)| &task.taken);
        let ids: HashSet<String> = settlement.done.iter().chain(parked).map(|(_, id)| id.clone()).collect();
        if !ids.is_empty() {
            self.leaving = Some(Leaving { ids, end: tokio::spawn(take_off(self.engine.clone(), settlement)) });
        }
    }

    /// What became of the entries, and the first failure that holds up the whole lane.
    async fn carry_out(&mut self, queued: Vec<Queued>) -> Result<(Settlement, Result<(), SyncError>), SyncError> {
        let batch = Batch::plan(queued);
        let engine = &self.engine;
        let models = batch.tasks.iter().filter_map(|(name, tasks)| Some((model_named(name)?, tasks)));
        let works: Vec<_> =
            models.map(async |(model, tasks)| (model, relay_model(engine, model, tasks).await)).collect();
        let (answers, events) = futures::join!(join_all(works), relay_events(engine, &batch));
        let mut total = Settlement::default();
        batch.settle_unreadable(&mut total);
        let mut first_error = None;
        if events.is_ok() {
            batch.settle_events(&mut total);
        }
        if let Err(error) = self.rest_or_fail(ANALYTICS, events) {
            first_error = Some(error);
        }
        for (model, (settlement, result)) in answers {
            merge(&mut total, settlement);
            match &result {
                Ok(()) => self.engine.cured(model, FaultSource::Relay).await?,
                Err(error) => self.engine.failed(model, FaultSource::Relay, error).await?,
            }
            if let Err(error) = self.rest_or_fail(model.name, result) {
                first_error.get_or_insert(error);
            }
        }
        note(&self.engine, &total);
        Ok((total, first_error.map_or(Ok(()), Err)))
    }

    /// A failure of one model, or of the happenings, that an operator must see does not hold up the others: they rest.
    fn rest_or_fail(&mut self, model: &'static str, result: Result<(), SyncError>) -> Result<(), SyncError> {
        let Err(error) = result else {
            self.resting.remove(model);
            return Ok(());
        };
        if !matches!(retry(&error), Retry::Operator(_)) {
            return Err(error);
        }
        let bounds = self.engine.settings.backoff;
        let (backoff, until) = self.resting.entry(model).or_insert_with(|| (Backoff::new(bounds), Instant::now()));
        if backoff.failures() == 0 {
            tracing::error!(model, "Sync of {model} rests: {error}");
        }
        *until = Instant::now() + backoff.failed(self.engine.records.random());
        self.engine.figures.note_trouble(self.engine.now(), Some(error.to_string()));
        Ok(())
    }
}

fn merge(total: &mut Settlement, other: Settlement) {
    total.done.extend(other.done);
    total.parked.extend(other.parked);
    total.since.extend(other.since);
    total.applied += other.applied;
    total.stale += other.stale;
    for (model, ids) in other.healed {
        total.healed.entry(model).or_default().extend(ids);
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
        engine.records.park(newest, cause, taken).await?;
    }
    for (model, ids) in &settlement.healed {
        engine.records.unpark(model, ids).await?;
    }
    Ok(())
}

/// Counts what was done.
fn note(engine: &Engine, settlement: &Settlement) {
    let now = engine.now();
    Figures::add(&engine.figures.applied, settlement.applied);
    Figures::add(&engine.figures.stale, settlement.stale);
    metrics::counter!("chainbill_sync_applied_total").increment(settlement.applied as u64);
    metrics::counter!("chainbill_sync_stale_total").increment(settlement.stale as u64);
    let lags = settlement.since.iter().map(|since| (now - *since).to_std().unwrap_or(Duration::ZERO));
    let lag_seconds = metrics::histogram!("chainbill_sync_lag_seconds");
    let mut last = None;
    for lag in lags {
        lag_seconds.record(lag.as_secs_f64());
        last = Some(lag);
    }
    if let Some(lag) = last {
        engine.figures.lag_ms.store(u64::try_from(lag.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
    if settlement.applied + settlement.stale > 0 {
        engine.figures.note_trouble(now, None);
    }
}

async fn relay_events(engine: &Engine, batch: &Batch) -> Result<(), SyncError> {
    let tracked = batch.tracked();
    if !tracked.is_empty() {
        engine.mirror.track(&tracked).await?;
    }
    Ok(())
}

/// Re-reads, encodes and applies the tasks of one model. What was settled before a failure stays settled.
async fn relay_model(engine: &Engine, model: &'static Model, tasks: &[Task]) -> (Settlement, Result<(), SyncError>) {
    let mut settlement = Settlement::default();
    let portions = match portions(engine, model, tasks).await {
        Ok(portions) => portions,
        Err(error) => return (settlement, Err(error)),
    };
    for portion in portions {
        if let Err(error) = relay_portion(engine, model, portion, &mut settlement).await {
            let result = find_poison(engine, model, portion, error, &mut settlement).await;
            if result.is_err() {
                return (settlement, result);
            }
        }
    }
    (settlement, Ok(()))
}

async fn relay_portion(
    engine: &Engine,
    model: &'static Model,
    tasks: &[Task],
    settlement: &mut Settlement,
) -> Result<(), SyncError> {
    let rows = read(engine, model, tasks).await?;
    let mut writes = Writes::of(model, tasks, rows);
    if planted(Mistake::LostDelete) {
        writes
            .writes
            .iter_mut()
            .filter(|write| write.content == Content::Tombstone)
            .for_each(|write| write.version = 0);
    }
    let outcomes: Vec<Outcome> =
        if writes.writes.is_empty() { Vec::new() } else { write(engine, model, &writes.writes).await? };
    look_at_stale(engine, model, &writes.writes, &outcomes).await?;
    writes.settle(model, tasks, &outcomes, settlement);
    Ok(())
}

/// The mistake of an owner that sleeps past its lease, wakes, and writes what it had in hand without looking.
async fn once_more(mirror: Arc<dyn Mirror>, model: &'static Model, writes: Vec<Write>, at: Timestamp) {
    tokio::time::sleep(Duration::from_millis(200)).await;
    let ids: Vec<String> = writes.iter().map(|write| write.id.clone()).collect();
    let done = async {
        mirror.remove(model, &ids).await?;
        mirror.apply(model, Guard::NotNewer, &writes, at).await
    };
    if let Err(error) = done.await {
        tracing::debug!("Sync could not do harm: {error}");
    }
}

async fn write(engine: &Engine, model: &'static Model, writes: &[Write]) -> Result<Vec<Outcome>, SyncError> {
    if planted(Mistake::NoFence) {
        tokio::spawn(once_more(engine.mirror.clone(), model, writes.to_vec(), engine.now()));
    }
    let answer = engine.mirror.apply(model, Guard::Newer, writes, engine.now()).await;
    if planted(Mistake::NoTombstone) {
        let gone = writes.iter().filter(|write| write.content == Content::Tombstone);
        engine.mirror.remove(model, &gone.map(|write| write.id.clone()).collect::<Vec<_>>()).await?;
    }
    match answer {
        Err(_) if planted(Mistake::SettleUnanswered) => Ok(vec![Outcome::Applied; writes.len()]),
        answer => Ok(answer?),
    }
}

/// A write that found the same in place has come a second time. One that found something else has met a document that is
/// ahead of its row, which a restored primary or a hand leaves behind: it is judged, and repaired when it is proven wrong.
async fn look_at_stale(
    engine: &Engine,
    model: &'static Model,
    writes: &[Write],
    outcomes: &[Outcome],
) -> Result<(), SyncError> {
    let stale = writes.iter().zip(outcomes).filter(|(_, outcome)| **outcome == Outcome::Stale);
    let stale: Vec<&Write> = stale.map(|(write, _)| write).collect();
    if stale.is_empty() || model.name == HEARTBEATS.name || planted(Mistake::StaleIsDone) {
        return Ok(());
    }
    let ids: Vec<String> = stale.iter().map(|write| write.id.clone()).collect();
    let mut present: HashMap<String, Stamp> = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(1000) {
        let found = engine.mirror.get_many(model, ids).await?;
        present.extend(found.into_iter().map(|stored| (stored.stamp.id.clone(), stored.stamp)));
    }
    let same = |write: &&Write| present.get(&write.id).is_some_and(|stamp| is_same(write, stamp));
    let suspects: Vec<String> = stale.into_iter().filter(|write| !same(write)).map(|write| write.id.clone()).collect();
    if !suspects.is_empty() {
        repair(engine, model, &suspects, "relay", false).await?;
    }
    Ok(())
}

fn is_same(write: &Write, stamp: &Stamp) -> bool {
    let content = match &write.content {
        Content::Document { digest, .. } => stamp.digest == Some(*digest),
        Content::Tombstone => stamp.tombstone,
    };
    stamp.version == Some(write.version) && content
}

/// Carries out what waits for one entity, at once and beside whoever relays it. Its entries stay: the relay finds the
/// document in place and takes them off.
pub(crate) async fn carry_now(engine: &Engine, model: &'static Model, id: &str) -> Result<(), SyncError> {
    let batch = Batch::plan(engine.records.queued_of(model, id).await?);
    let Some(tasks) = batch.tasks.get(model.name) else { return Ok(()) };
    relay_portion(engine, model, tasks, &mut Settlement::default()).await
}

/// When a server that takes writes fails a portion again and again, one document may be the reason: the portion is halved
/// until it is alone, and parked.
async fn find_poison(
    engine: &Engine,
    model: &'static Model,
    tasks: &[Task],
    error: SyncError,
    settlement: &mut Settlement,
) -> Result<(), SyncError> {
    if !matches!(error, SyncError::Mirror(MirrorError::Unavailable(_))) {
        return Err(error);
    }
    for _ in 1..engine.settings.attempts {
        if engine.mirror.takes_writes(model).await.is_err() {
            return Err(error);
        }
        if relay_portion(engine, model, tasks, settlement).await.is_ok() {
            return Ok(());
        }
    }
    let mut suspects = vec![tasks];
    while let Some(some) = suspects.pop() {
        let Err(alone) = relay_portion(engine, model, some, settlement).await else { continue };
        engine.mirror.takes_writes(model).await?;
        match some {
            [task] => settlement.parked.push((task.clone(), alone.to_string())),
            _ => suspects.extend(<[_; 2]>::from(some.split_at(some.len() / 2))),
        }
    }
    Ok(())
}

async fn read(engine: &Engine, model: &'static Model, tasks: &[Task]) -> Result<Vec<Row>, SyncError> {
    if model.name == HEARTBEATS.name {
        return Ok(tasks.iter().map(|task| heartbeat::row(&task.newest)).collect());
    }
    let snapshot = engine.records.snapshot().await?;
    let rows = snapshot.rows(model, &Batch::ids(tasks)).await?;
    snapshot.release();
    Ok(rows)
}

/// Where rows may be megabytes, as many at once as fit into about eight.
async fn portions<'t>(engine: &Engine, model: &'static Model, tasks: &'t [Task]) -> Result<Vec<&'t [Task]>, SyncError> {
    const BYTES: i64 = 8 << 20;
    if !model.columns.iter().any(|column| column.large) {
        return Ok(vec![tasks]);
    }
    let snapshot = engine.records.snapshot().await?;
    let sizes = snapshot.sizes(model, &Batch::ids(tasks)).await?;
    snapshot.close().await?;
    let mut total = 0;
    Ok(tasks
        .chunk_by(|_, next| {
            let size = sizes.get(&next.newest.entity_id).copied().unwrap_or(0);
            total += size;
            let fits = total <= BYTES;
            if !fits {
                total = size;
            }
            fits
        })
        .collect())
}
