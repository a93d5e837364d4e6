//! The relay: carries out batches of the outbox. What to do is decided in [`crate::plan`]; here it is done. Who takes which
//! batches, and when, is [`crate::lane`]'s matter.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chainbill_domain::{Model, Timestamp};
use chainbill_mirror::{Content, Guard, Mirror, MirrorError, Outcome, Stamp, Write};
use chainbill_records::{
    FaultSource,
    outbox::{ANALYTICS, Queued},
};
use futures::future::join_all;

use crate::{
    SyncError,
    caught::caught,
    engine::Engine,
    heartbeat::HEARTBEATS,
    late, pace,
    plan::{Batch, Settlement, Task, Writes, model_named},
    planted::{Mistake, is as planted},
    repair::{Mandate, repair},
};

/// What became of a batch.
pub(crate) struct Carried {
    /// Of its entries. What a failed model left undone is not among them.
    pub settlement: Settlement,
    /// Of each model in it, and of the happenings.
    pub results: Vec<(&'static str, Result<(), SyncError>)>,
}

/// Carries out a batch, all its models side by side.
pub(crate) async fn carry_out(engine: &Engine, queued: Vec<Queued>) -> Result<Carried, SyncError> {
    let known = engine.settings.models();
    let batch = Batch::plan(known, queued);
    let models = batch.tasks.iter().filter_map(|(name, tasks)| Some((model_named(known, name)?, tasks)));
    let works: Vec<_> = models.map(async |(model, tasks)| (model, relay_model(engine, model, tasks).await)).collect();
    let (answers, events) = futures::join!(join_all(works), caught(relay_events(engine, &batch)));
    let mut settlement = Settlement::default();
    batch.settle_unreadable(&mut settlement);
    if events.is_ok() {
        batch.settle_events(&mut settlement);
    }
    let mut results = vec![(ANALYTICS, events)];
    for (model, (settled, result)) in answers {
        settlement.merge(settled);
        match &result {
            Ok(()) => engine.cured(model, FaultSource::Relay).await?,
            Err(error) => engine.failed(model, FaultSource::Relay, error).await?,
        }
        results.push((model.name, result));
    }
    Ok(Carried { settlement, results })
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

/// Carries out some tasks of one model. A document that ChainBill itself stumbles over is a failure like others.
async fn relay_portion(
    engine: &Engine,
    model: &'static Model,
    tasks: &[Task],
    settlement: &mut Settlement,
) -> Result<(), SyncError> {
    caught(relay_tasks(engine, model, tasks, settlement)).await
}

async fn relay_tasks(
    engine: &Engine,
    model: &'static Model,
    tasks: &[Task],
    settlement: &mut Settlement,
) -> Result<(), SyncError> {
    let found = late::read(engine, model, tasks).await?;
    let mut writes = Writes::of(model, tasks, found);
    if planted(Mistake::LostDelete) {
        writes
            .writes
            .iter_mut()
            .filter(|write| write.content == Content::Tombstone)
            .for_each(|write| write.version = 0);
    }
    let outcomes: Vec<Outcome> =
        if writes.writes.is_empty() { Vec::new() } else { write(engine, model, &writes.writes).await? };
    look_at_stale(engine, model, tasks, &writes.writes, &outcomes).await?;
    writes.settle(model, tasks, &outcomes, settlement);
    pace::all_done(&outcomes)
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
    let answer = pace::apply(engine, model, Guard::Newer, writes).await;
    if planted(Mistake::NoTombstone) {
        let gone = writes.iter().filter(|write| write.content == Content::Tombstone);
        engine.mirror.remove(model, &gone.map(|write| write.id.clone()).collect::<Vec<_>>()).await?;
    }
    match answer {
        Err(_) if planted(Mistake::SettleUnanswered) => Ok(vec![Outcome::Applied; writes.len()]),
        answer => answer,
    }
}

/// A write that found the same in place has come a second time. One that found something else has met a document that is
/// ahead of its row, which a restored primary or a hand leaves behind: it is judged, and repaired when it is proven wrong. The
/// entries of these very tasks wait still, and excuse nothing: they go when this is done.
async fn look_at_stale(
    engine: &Engine,
    model: &'static Model,
    tasks: &[Task],
    writes: &[Write],
    outcomes: &[Outcome],
) -> Result<(), SyncError> {
    let stale = writes.iter().zip(outcomes).filter(|(_, outcome)| **outcome == Outcome::Stale);
    let lost = |write: &Write| planted(Mistake::LostDelete) && write.content == Content::Tombstone;
    let stale = stale.filter(|(write, _)| !lost(write));
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
    let same = |write: &&Write| present.get(&write.id).is_some_and(|stamp| is_same(model, write, stamp));
    let suspects: Vec<String> = stale.into_iter().filter(|write| !same(write)).map(|write| write.id.clone()).collect();
    if !suspects.is_empty() {
        let carried_out = tasks.iter().map(|task| (task.newest.entity_id.clone(), task.newest.version)).collect();
        repair(engine, model, &suspects, &Mandate { run: "relay", force: false, carried_out }).await?;
    }
    Ok(())
}

/// Whether what is there is what was to be written. A document of the same version and another revision is the same to a relay:
/// whoever knows which of them is the newer one makes it anew, and nobody else undoes that.
fn is_same(model: &'static Model, write: &Write, stamp: &Stamp) -> bool {
    let content = match &write.content {
        Content::Document { .. } if stamp.revision != Some(model.revision()) => stamp.digest.is_some(),
        Content::Document { digest, .. } => stamp.digest == Some(*digest),
        Content::Tombstone => stamp.tombstone,
    };
    stamp.version == Some(write.version) && content
}

/// Carries out what waits for one entity, at once and beside whoever relays it. Its entries stay: the relay finds the
/// document in place and takes them off.
pub(crate) async fn carry_now(engine: &Engine, model: &'static Model, id: &str) -> Result<(), SyncError> {
    let batch = Batch::plan(engine.settings.models(), engine.records.queued_of(model, id).await?);
    let Some(tasks) = batch.tasks.get(model.name) else { return Ok(()) };
    relay_portion(engine, model, tasks, &mut Settlement::default()).await
}

/// When a server that takes writes fails a portion again and again, or ChainBill stumbles over it, one document may be the
/// reason: the portion is halved until it is alone, and parked.
async fn find_poison(
    engine: &Engine,
    model: &'static Model,
    tasks: &[Task],
    error: SyncError,
    settlement: &mut Settlement,
) -> Result<(), SyncError> {
    let mut error = may_be_of_one(error)?;
    for _ in 1..engine.settings.attempts {
        if engine.mirror.takes_writes(model).await.is_err() {
            return Err(error);
        }
        match relay_portion(engine, model, tasks, settlement).await {
            Ok(()) => return Ok(()),
            Err(again) => error = may_be_of_one(again)?,
        }
    }
    let mut suspects = vec![tasks];
    while let Some(some) = suspects.pop() {
        let Err(alone) = relay_portion(engine, model, some, settlement).await else { continue };
        let alone = may_be_of_one(alone)?;
        engine.mirror.takes_writes(model).await?;
        match some {
            [task] => settlement.parked.push((task.clone(), alone.to_string())),
            _ => suspects.extend(<[_; 2]>::from(some.split_at(some.len() / 2))),
        }
    }
    Ok(())
}

/// An error that one document may be the reason of; of others, the primary's among them, all are.
fn may_be_of_one(error: SyncError) -> Result<SyncError, SyncError> {
    let so = matches!(error, SyncError::Mirror(MirrorError::Unavailable(_)) | SyncError::Bug(_));
    if so { Ok(error) } else { Err(error) }
}

/// Where rows may be megabytes, as many at once as fit into about eight.
async fn portions<'t>(engine: &Engine, model: &'static Model, tasks: &'t [Task]) -> Result<Vec<&'t [Task]>, SyncError> {
    const BYTES: i64 = 8 << 20;
    if !model.is_large() {
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
