//! The watch: each second every process reads the state of the outbox, raises and ends the stall alarm, and publishes gauges.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chainbill_domain::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::{
    backfill::catch_up::catch_up,
    errors::SyncError,
    panics::catch_panic,
    status::{observation::Database, observer::Observer},
    time::age,
};

const ROUND: Duration = Duration::from_secs(1);

/// Watches until cancelled.
pub(crate) async fn watch(observer: Arc<Observer>, stop: CancellationToken) {
    let metrics = &observer.engine.metrics;
    let (mut stalled, mut applied) = (false, 0);
    while !stop.is_cancelled() {
        match catch_panic(look(&observer, &mut stalled)).await {
            Ok(()) => observer.note_answer(Database::Primary, true),
            Err(error) => {
                observer.note_answer(Database::Primary, false);
                tracing::warn!("Sync cannot watch its backlog: {error}");
            }
        }
        let now = metrics.applied.load(Ordering::Relaxed);
        metrics.rate.store(now.saturating_sub(applied), Ordering::Relaxed);
        applied = now;
        tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(ROUND) => {} }
    }
}

async fn look(observer: &Observer, stalled: &mut bool) -> Result<(), SyncError> {
    let engine = &observer.engine;
    *stalled = alarm(observer, engine.records.oldest_waiting().await?, *stalled);
    let count = engine.dead_letters.count();
    let dead_letters = engine.records.dead_letter_counts().await?;
    if dead_letters.is_empty() {
        engine.dead_letters.found_none(count);
    }
    metrics::gauge!("chainbill_sync_parked").set(dead_letters.iter().map(|(_, count)| count).sum::<u64>() as f64);
    let Some(backlog) = observer.counting.count_backlog().await? else { return Ok(()) };
    metrics::gauge!("chainbill_sync_backlog_entries")
        .set(backlog.iter().map(|model| model.entries).sum::<u64>() as f64);
    catch_up(engine, &backlog).await
}

/// Logs the beginning and the end of a stall. Returns whether there is one.
fn alarm(observer: &Observer, oldest: Option<Timestamp>, was_stalled: bool) -> bool {
    let engine = &observer.engine;
    let age = oldest.map_or(Duration::ZERO, |oldest| age(engine.now(), oldest));
    metrics::gauge!("chainbill_sync_oldest_seconds").set(age.as_secs_f64());
    // Its age alone is no stall, since an old entry may be about to be taken: one that stays the oldest is.
    let is_stalled = observer.note_oldest(oldest) >= engine.settings.stall_after;
    metrics::gauge!("chainbill_sync_stalled").set(f64::from(u8::from(is_stalled)));
    if is_stalled && !was_stalled {
        let cause = engine.metrics.trouble().map_or_else(|| "no failure is known here".to_owned(), |(_, text)| text);
        tracing::error!("Sync is stalled: the oldest entry waits for {} s; {cause}", age.as_secs());
    } else if was_stalled && !is_stalled {
        tracing::info!("Sync goes on");
    }
    is_stalled
}
