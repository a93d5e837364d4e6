//! The keeper: what must happen now and then whatever the load. Heartbeats, states, schedules, the age of what waits,
//! another try for what is parked, the end of what is past its retention.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chainbill_domain::{Model, Timestamp, models};
use chainbill_records::{CopyState, outbox::Backlog};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    SyncError,
    caught::caught,
    compare::Level,
    counting,
    engine::Engine,
    errors::{Retry, retry},
    heartbeat::{self, HEARTBEATS},
    held::Held,
    prepare,
    runs::{Order, needs_copy, run},
};

const ROUND: Duration = Duration::from_secs(1);
/// A scheduled run that failed is tried again after this, when its period is longer.
const AGAIN: Duration = Duration::from_secs(60);
/// What was refused of collections and indexes is tried again after this.
const PREPARE_AGAIN: Duration = Duration::from_secs(15);

/// Looks after the queue each second: stalls, figures, models that have caught up. Every process does it.
pub(crate) async fn watch(engine: Arc<Engine>, stop: CancellationToken) {
    let mut seen = Watched::default();
    while !stop.is_cancelled() {
        if let Err(error) = caught(look(&engine, &mut seen)).await {
            tracing::warn!("Sync cannot look after its backlog: {error}");
        }
        let now = engine.figures.applied.load(Ordering::Relaxed);
        engine.figures.rate.store(now.saturating_sub(seen.applied), Ordering::Relaxed);
        seen.applied = now;
        tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(ROUND) => {} }
    }
}

/// What was seen in the round before.
#[derive(Default)]
struct Watched {
    stalled: bool,
    applied: u64,
}

async fn look(engine: &Engine, seen: &mut Watched) -> Result<(), SyncError> {
    seen.stalled = alarm(engine, engine.records.oldest_waiting().await?, seen.stalled);
    let parkings = engine.figures.parkings.count();
    let parked = engine.records.parked_counts().await?;
    if parked.is_empty() {
        engine.figures.parkings.found_none(parkings);
    }
    metrics::gauge!("chainbill_sync_parked").set(parked.iter().map(|(_, count)| count).sum::<u64>() as f64);
    let Some(backlog) = counting::look(engine).await? else { return Ok(()) };
    metrics::gauge!("chainbill_sync_backlog_entries")
        .set(backlog.iter().map(|model| model.entries).sum::<u64>() as f64);
    catch_up(engine, &backlog).await
}

/// Says once that it stalls and once that it goes on.
fn alarm(engine: &Engine, oldest: Option<Timestamp>, stalled: bool) -> bool {
    let now = engine.now();
    let age = oldest.map_or(Duration::ZERO, |oldest| age(now, oldest));
    metrics::gauge!("chainbill_sync_oldest_seconds").set(age.as_secs_f64());
    // An old entry that is about to be taken is no stall: one that stays the oldest is.
    let stalls = engine.figures.note_head(oldest, now) >= engine.settings.stall_after;
    metrics::gauge!("chainbill_sync_stalled").set(f64::from(u8::from(stalls)));
    if stalls && !stalled {
        let cause = engine.figures.trouble().map_or_else(|| "no failure is known here".to_owned(), |(_, text)| text);
        tracing::error!("Sync is stalled: the oldest entry waits for {} s; {cause}", age.as_secs());
    } else if stalled && !stalls {
        tracing::info!("Sync goes on");
    }
    stalls
}

pub(crate) fn age(now: Timestamp, since: Timestamp) -> Duration {
    (now - since).to_std().unwrap_or(Duration::ZERO)
}

/// A model that was copied is live as soon as nothing waits that is older than the copy's end.
async fn catch_up(engine: &Engine, backlog: &[Backlog]) -> Result<(), SyncError> {
    for copy in engine.records.copies().await? {
        if copy.state != CopyState::CatchingUp {
            continue;
        }
        let oldest = backlog.iter().find(|waiting| waiting.model == copy.model).and_then(|waiting| waiting.oldest);
        if oldest.is_none_or(|oldest| copy.finished_at.is_some_and(|finished| oldest > finished)) {
            if !engine.records.note_live(&copy).await? {
                continue;
            }
            tracing::info!(model = copy.model, "Sync of {} is live", copy.model);
        }
    }
    Ok(())
}

/// One process at a time beats, schedules, copies what is pending and cleans up.
pub(crate) async fn lead(engine: Arc<Engine>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Ok(held) = Held::take(&engine, "keeper").await {
            tokio::select! {
                () = stop.cancelled() => {}
                () = held.lost() => {}
                ended = caught(duties(&engine, &stop)) => if let Err(error) = ended {
                    tracing::error!("Sync begins its duties again: {error}");
                }
            }
            held.release().await;
        }
        tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(3 * ROUND) => {} }
    }
}

async fn duties(engine: &Arc<Engine>, stop: &CancellationToken) -> Result<(), SyncError> {
    tokio::join!(
        beat(engine),
        prepare_and_copy(engine, stop),
        schedule(engine, stop),
        verify(engine, stop),
        clean(engine)
    );
    Ok(())
}

/// Beats, unless the last beats still wait: a queue of beats would say nothing more.
async fn beat(engine: &Engine) {
    loop {
        if let Err(error) = beat_once(engine).await {
            tracing::warn!("Sync cannot beat: {error}");
        }
        tokio::time::sleep(engine.settings.heartbeat).await;
    }
}

async fn beat_once(engine: &Engine) -> Result<(), SyncError> {
    let beats = heartbeat::beats(engine.now());
    let ids: Vec<String> = beats.iter().map(|beat| beat.entity_id.clone()).collect();
    if !engine.records.any_waits(HEARTBEATS.name, &ids).await? {
        engine.records.enqueue(&beats).await?;
    }
    Ok(())
}

/// Looks whether the second database belongs to this primary and holds copies, and makes those that are missing. A
/// database that was emptied, or replaced by another, is filled again without anybody asking.
async fn prepare_and_copy(engine: &Arc<Engine>, stop: &CancellationToken) {
    // Indexes of this release, and the retention of these settings, also where everything is in place otherwise.
    let mut in_place = loop {
        match prepare::all(engine).await {
            Ok(in_place) => break in_place,
            Err(error) => wait_for(engine, "the second database can be prepared", &error, ROUND).await,
        }
    };
    let mut next = Instant::now() + PREPARE_AGAIN;
    let mut pause = ROUND;
    loop {
        match fill(engine, stop).await {
            Ok(()) => {
                engine.figures.note_waiting(None);
                pause = 5 * ROUND;
                tokio::time::sleep(pause).await;
            }
            Err(error) => {
                pause = (pause * 2).min(5 * ROUND);
                wait_for(engine, "the second database can be filled", &error, pause).await;
            }
        }
        if !in_place && Instant::now() >= next {
            // What does not answer now is asked again then.
            in_place = prepare::all(engine).await.unwrap_or(false);
            next = Instant::now() + PREPARE_AGAIN;
        }
    }
}

/// Says what it waits for, once for each cause, and waits.
async fn wait_for(engine: &Engine, what: &str, error: &SyncError, pause: Duration) {
    if engine.figures.note_waiting(Some(format!("waits until {what}: {error}"))) {
        tracing::warn!("Sync waits until {what}: {error}");
    }
    tokio::time::sleep(pause).await;
}

/// Copies what is missing. A model whose copy fails hinders no other; the first failure is the answer.
async fn fill(engine: &Arc<Engine>, stop: &CancellationToken) -> Result<(), SyncError> {
    crate::synchronise::recognise(engine).await?;
    let mut first = None;
    for model in engine.settings.models() {
        let filled = match needs_copy(engine, model).await? {
            true => crate::synchronise::fill(engine, model, &|_| {}, stop).await.map(drop),
            false => crate::synchronise::tidy(engine, model, stop).await,
        };
        match filled {
            Ok(()) => {}
            Err(error) if matches!(retry(&error), Retry::Operator(_)) => {
                first.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    first.map_or(Ok(()), Err)
}

async fn schedule(engine: &Arc<Engine>, stop: &CancellationToken) {
    loop {
        for model in models::ALL {
            if let Err(error) = scheduled(engine, model, stop).await {
                tracing::debug!(model = model.name, "Sync could not run over {}: {error}", model.name);
            }
        }
        tokio::time::sleep(5 * ROUND).await;
    }
}

async fn scheduled(engine: &Arc<Engine>, model: &'static Model, stop: &CancellationToken) -> Result<(), SyncError> {
    let every = engine.settings.every(model);
    let copied = engine.records.copy(model).await?.finished_at;
    if needs_copy(engine, model).await? || !due(engine, "schedule", model, every, copied).await? {
        return Ok(());
    }
    let order = Order::scheduled("schedule", Level::Fast, engine.settings.repair.into());
    run(engine, model, order, &|_| {}, stop).await?;
    Ok(())
}

/// Whether the schedule's last run of a kind is long ago. Only its own runs count: what somebody looks at by hand repairs
/// nothing. One that failed is tried again sooner, one that was interrupted at once.
async fn due(
    engine: &Engine,
    kind: &str,
    model: &'static Model,
    every: Duration,
    otherwise: Option<Timestamp>,
) -> Result<bool, SyncError> {
    if every.is_zero() {
        return Ok(false);
    }
    let last = engine.records.runs(Some(kind), Some(model.name), None, 1).await?.pop();
    let (last, pause) = match last {
        Some(run) if run.finished_at.is_none() => return Ok(true),
        Some(run) if ["failed", "interrupted"].contains(&run.outcome.as_str()) => {
            (Some(run.started_at), every.min(AGAIN))
        }
        Some(run) => (Some(run.started_at).max(otherwise), every),
        None => (otherwise, every),
    };
    let now = engine.now();
    // A run in the future is of a clock that jumped.
    Ok(last.is_none_or(|last| age(now, last) >= pause || last > now + every))
}

async fn verify(engine: &Arc<Engine>, stop: &CancellationToken) {
    let every = engine.settings.verify_every;
    if every.is_zero() {
        return;
    }
    loop {
        for model in models::ALL {
            if let Err(error) = verify_one(engine, model, every, stop).await {
                tracing::debug!(model = model.name, "Sync could not verify {}: {error}", model.name);
            }
        }
        tokio::time::sleep((every / 10).clamp(ROUND, 60 * ROUND)).await;
    }
}

async fn verify_one(
    engine: &Arc<Engine>,
    model: &'static Model,
    every: Duration,
    stop: &CancellationToken,
) -> Result<(), SyncError> {
    const KIND: &str = "scheduled-deep";
    if needs_copy(engine, model).await? || !due(engine, KIND, model, every, None).await? {
        return Ok(());
    }
    let order = Order::scheduled(KIND, Level::Deep, engine.settings.repair.into());
    run(engine, model, order, &|_| {}, stop).await?;
    Ok(())
}

/// Another try for what is parked, at growing intervals; the end of what is past its retention.
async fn clean(engine: &Engine) {
    loop {
        if let Err(error) = retry_parked(engine).await {
            tracing::debug!("Sync could not try parked entities again: {error}");
        }
        if let Err(error) = forget(engine).await {
            tracing::debug!("Sync could not forget what is past its time: {error}");
        }
        match engine.mirror.expire(engine.settings.retention, engine.now()).await {
            Ok(0) | Err(_) => {}
            Ok(count) => tracing::debug!(count, "Sync let go of {count} documents past their retention"),
        }
        tokio::time::sleep(60 * ROUND).await;
    }
}

/// Runs and evidence past their time, some at a time. Certificates stay: each names its predecessor.
async fn forget(engine: &Engine) -> Result<(), SyncError> {
    let (now, settings) = (engine.now(), &engine.settings);
    engine.records.forget_runs(now - settings.keep_runs).await?;
    engine.records.forget_evidence(now - settings.keep_evidence).await?;
    Ok(())
}

async fn retry_parked(engine: &Engine) -> Result<(), SyncError> {
    let now = engine.now();
    for parked in engine.records.parked(None, 1000).await? {
        let doublings = u32::try_from(parked.attempts).unwrap_or(u32::MAX).min(6);
        let pause = (60 * ROUND).saturating_mul(1 << doublings).min(Duration::from_secs(3600));
        let due = age(now, parked.last_at) >= pause;
        if due && !engine.records.waits(&parked.entry.model, &parked.entry.entity_id).await? {
            engine.records.retry_parked(&parked.entry.model, &parked.entry.entity_id).await?;
        }
    }
    Ok(())
}
