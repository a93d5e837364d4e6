//! The keeper: what must happen now and then whatever the load. Heartbeats, states, schedules, the age of what waits,
//! another try for what is parked, the end of what is past its retention.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chainbill_domain::{Model, Timestamp};
use chainbill_records::{CopyState, outbox::Backlog};
use futures::{FutureExt as _, StreamExt as _, stream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    SyncError,
    caught::caught,
    compare::Level,
    copy::{self, Purpose, models_at_once},
    counting,
    engine::Engine,
    heartbeat::{self, HEARTBEATS},
    held::Held,
    judging::Side,
    prepare, quarantine,
    runs::{Order, needs_copy, run},
};

const ROUND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
/// A scheduled run that failed is tried again after this, when its period is longer.
const AGAIN: Duration = Duration::from_secs(60);
/// What was refused of collections and indexes is tried again after this.
const PREPARE_AGAIN: Duration = Duration::from_secs(15);

/// Looks after the queue each second: stalls, figures, models that have caught up. Every process does it.
pub(crate) async fn watch(engine: Arc<Engine>, stop: CancellationToken) {
    let mut seen = Watched::default();
    while !stop.is_cancelled() {
        match caught(look(&engine, &mut seen)).await {
            Ok(()) => engine.note_answer(Side::Primary, true),
            Err(error) => {
                engine.note_answer(Side::Primary, false);
                tracing::warn!("Sync cannot look after its backlog: {error}");
            }
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
    let stuck = engine.figures.note_head(oldest, now).min(engine.judges_for());
    let stalls = stuck >= engine.settings.stall_after;
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

/// One process at a time beats, schedules and cleans up.
pub(crate) async fn lead(engine: Arc<Engine>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Ok(held) = Held::take(&engine, "keeper").await {
            engine.judges_anew();
            engine.figures.beats.store(true, Ordering::Relaxed);
            tokio::select! {
                () = stop.cancelled() => {}
                () = held.lost() => {}
                ended = caught(duties(&engine, &stop)) => if let Err(error) = ended {
                    tracing::error!("Sync begins its duties again: {error}");
                }
            }
            engine.figures.beats.store(false, Ordering::Relaxed);
            held.release().await;
        }
        tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(3 * ROUND) => {} }
    }
}

async fn duties(engine: &Arc<Engine>, stop: &CancellationToken) -> Result<(), SyncError> {
    tokio::join!(beat(engine), schedule(engine, stop), verify(engine, stop), clean(engine));
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

/// One process at a time, of those whose descriptions rule, makes collections ready, copies what is pending and backfills.
pub(crate) async fn shape(engine: Arc<Engine>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let rules = engine.schemas.rule() || matches!(caught(engine.attend()).await, Ok(true));
        if rules && let Ok(held) = Held::take(&engine, "shape").await {
            tokio::select! {
                () = stop.cancelled() => {}
                () = held.lost() => {}
                () = engine.schemas.outranked() => {}
                ended = caught(prepare_and_copy(&engine, &stop)) => if let Err(error) = ended {
                    tracing::error!("Sync begins to copy again: {error}");
                }
            }
            held.release().await;
        }
        tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(ROUND) => {} }
    }
}

/// Looks whether the second database belongs to this primary and holds copies, and makes those that are missing. A
/// database that was emptied, or replaced by another, is filled again without anybody asking.
async fn prepare_and_copy(engine: &Arc<Engine>, stop: &CancellationToken) -> Result<(), SyncError> {
    // Indexes of this release, and the retention of these settings, also where everything is in place otherwise.
    let mut in_place = prepare_patiently(engine).await;
    let mut next = Instant::now() + PREPARE_AGAIN;
    let mut pause = ROUND;
    loop {
        match fill(engine, stop).await {
            Ok(()) => pause = 5 * ROUND,
            Err(error) => {
                tracing::debug!("Sync cannot fill the second database yet: {error}");
                pause = (pause * 2).min(5 * ROUND);
            }
        }
        tokio::time::sleep(pause).await;
        if !in_place && Instant::now() >= next {
            // What does not answer now is asked again then.
            in_place = prepare::all(engine).await.unwrap_or(false);
            next = Instant::now() + PREPARE_AGAIN;
        }
    }
}

/// Prepares the second database as soon as it answers; whether everything is in place. What it waits for is said, once for each
/// cause in the log.
async fn prepare_patiently(engine: &Engine) -> bool {
    let mut said = String::new();
    loop {
        let error = match prepare::all(engine).await {
            Ok(in_place) => return in_place,
            Err(error) => error.to_string(),
        };
        if said != error {
            tracing::warn!("Sync waits for the second database to be prepared: {error}");
            said.clone_from(&error);
        }
        if let Err(error) = all_wait(engine, &format!("the second database to be prepared: {error}")).await {
            tracing::debug!("Sync cannot say what it waits for: {error}");
        }
        tokio::time::sleep(ROUND).await;
    }
}

async fn fill(engine: &Arc<Engine>, stop: &CancellationToken) -> Result<(), SyncError> {
    crate::synchronise::recognise(engine).await?;
    for model in engine.settings.models().iter().skip(models_at_once(engine)) {
        if copy::due(engine, model).await?.is_some() {
            engine.waits_for(model, Some("its turn: other models are copied first".to_owned())).await?;
        }
    }
    let one = |model: &&'static Model| fill_one(engine.clone(), model, stop.clone()).boxed();
    let works: Vec<_> = engine.settings.models().iter().map(one).collect();
    let filled: Vec<_> = stream::iter(works).buffer_unordered(models_at_once(engine)).collect().await;
    // What one model meets holds up no other.
    filled.into_iter().collect()
}

async fn fill_one(engine: Arc<Engine>, model: &'static Model, stop: CancellationToken) -> Result<(), SyncError> {
    engine.waits_for(model, None).await?;
    let done = match copy::due(&engine, model).await? {
        Some(Purpose::Initial) => crate::synchronise::fill(&engine, model, &|_| {}, &stop).await.map(drop),
        Some(Purpose::Backfill) => copy::copy(&engine, model, Purpose::Backfill, &|_| {}, &stop).await.map(drop),
        None => crate::synchronise::tidy(&engine, model, &stop).await,
    };
    if let Err(error) = &done
        && !matches!(error, SyncError::Stopped)
    {
        tracing::debug!(model = model.name, "Sync cannot fill {} yet: {error}", model.name);
        engine.waits_for(model, Some(format!("another try: {error}"))).await?;
    }
    done
}

/// All models that are to be copied wait for the same.
async fn all_wait(engine: &Engine, what: &str) -> Result<(), SyncError> {
    for model in engine.settings.models() {
        if copy::due(engine, model).await?.is_some() {
            engine.waits_for(model, Some(what.to_owned())).await?;
        }
    }
    Ok(())
}

async fn schedule(engine: &Arc<Engine>, stop: &CancellationToken) {
    loop {
        for model in engine.settings.models() {
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
        for model in engine.settings.models() {
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
        if let Err(error) = quarantine::look_again(engine).await {
            tracing::debug!("Sync could not look again at copies that it leaves alone: {error}");
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
    engine.records.forget_fences(now - DAY).await?;
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
