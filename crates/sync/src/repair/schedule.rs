//! Scheduled runs: the safety net below the relay, and the deep verification of all models.

use std::{sync::Arc, time::Duration};

use chainbill_domain::{Model, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::{
    comparison::Level,
    engine::context::Engine,
    errors::SyncError,
    repair::{
        order::Order,
        run::{needs_backfill, run},
    },
    time::age,
};

/// A scheduled run that failed is repeated after this, when its period is longer.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// Compares every model whose period is over, by sync metadata.
pub(crate) async fn compare_due(engine: &Arc<Engine>, stop: &CancellationToken) -> Result<(), SyncError> {
    for model in engine.settings.models() {
        let every = engine.settings.every(model);
        run_due(engine, model, ("schedule", Level::Fast), every, stop).await;
    }
    Ok(())
}

/// Verifies every model whose period of deep verification is over.
pub(crate) async fn verify_due(engine: &Arc<Engine>, stop: &CancellationToken) -> Result<(), SyncError> {
    for model in engine.settings.models() {
        run_due(engine, model, ("scheduled-deep", Level::Deep), engine.settings.verify_every, stop).await;
    }
    Ok(())
}

/// A failure of one model holds up no other. The run itself reports it.
async fn run_due(
    engine: &Arc<Engine>,
    model: &'static Model,
    kind: (&'static str, Level),
    every: Duration,
    stop: &CancellationToken,
) {
    if let Err(error) = run_if_due(engine, model, kind, every, stop).await {
        tracing::debug!(model = model.name, "Sync could not run over {}: {error}", model.name);
    }
}

async fn run_if_due(
    engine: &Arc<Engine>,
    model: &'static Model,
    (kind, level): (&'static str, Level),
    every: Duration,
    stop: &CancellationToken,
) -> Result<(), SyncError> {
    if every.is_zero() || needs_backfill(engine, model).await? {
        return Ok(());
    }
    // A backfill has read every row: the fast comparison counts from its end. A deep one proves more.
    let backfilled = match level {
        Level::Fast => engine.records.backfill_state(model).await?.finished_at,
        Level::Deep => None,
    };
    if is_due(engine, kind, model, every, backfilled).await? {
        let order = Order::scheduled(kind, level, engine.settings.repair.into());
        run(engine, model, order, &|_| {}, stop).await?;
    }
    Ok(())
}

/// Whether the last scheduled run of a kind is long ago. Only scheduled runs count, since a manual comparison repairs nothing. A
/// failed run is repeated sooner, an interrupted one at once.
async fn is_due(
    engine: &Engine,
    kind: &str,
    model: &'static Model,
    every: Duration,
    otherwise: Option<Timestamp>,
) -> Result<bool, SyncError> {
    let last = engine.records.runs(Some(kind), Some(model.name), None, 1).await?.pop();
    let (last, pause) = match last {
        Some(run) if run.finished_at.is_none() => return Ok(true),
        Some(run) if ["failed", "interrupted"].contains(&run.outcome.as_str()) => {
            (Some(run.started_at), every.min(RETRY_AFTER))
        }
        Some(run) => (Some(run.started_at).max(otherwise), every),
        None => (otherwise, every),
    };
    let now = engine.now();
    // A run in the future was recorded before the clock jumped back.
    Ok(last.is_none_or(|last| age(now, last) >= pause || last > now + every))
}
