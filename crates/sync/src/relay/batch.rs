//! Relaying a batch of the outbox, all its models side by side.

use chainbill_domain::Model;
use chainbill_records::{
    FaultSource,
    outbox::{ANALYTICS, Queued},
};
use futures::future::join_all;

use crate::{
    engine::context::Engine,
    errors::SyncError,
    panics::catch_panic,
    relay::{
        plan::{Batch, BatchResult, Task, model_named},
        poison, portion,
    },
};

/// A batch that was relayed.
pub(crate) struct RelayedBatch {
    /// The result of its entries, without those that a failed model has left undone.
    pub result: BatchResult,
    /// Success or failure of each of its models, and of its events.
    pub models: Vec<(&'static str, Result<(), SyncError>)>,
}

/// Relays a batch.
pub(crate) async fn relay(engine: &Engine, queued: Vec<Queued>) -> Result<RelayedBatch, SyncError> {
    let known = engine.settings.models();
    let batch = Batch::plan(known, queued);
    let models = batch.tasks.iter().filter_map(|(name, tasks)| Some((model_named(known, name)?, tasks)));
    let works: Vec<_> = models.map(async |(model, tasks)| (model, relay_model(engine, model, tasks).await)).collect();
    let (answers, events) = futures::join!(join_all(works), catch_panic(relay_events(engine, &batch)));
    let mut result = BatchResult::default();
    batch.record_unreadable(&mut result);
    if events.is_ok() {
        batch.record_events(&mut result);
    }
    let mut models = vec![(ANALYTICS, events)];
    for (model, (of_model, ended)) in answers {
        result.merge(of_model);
        match &ended {
            Ok(()) => engine.faults.end(model, FaultSource::Relay).await?,
            Err(error) => engine.faults.add(model, FaultSource::Relay, error).await?,
        }
        models.push((model.name, ended));
    }
    Ok(RelayedBatch { result, models })
}

async fn relay_events(engine: &Engine, batch: &Batch) -> Result<(), SyncError> {
    let tracked = batch.tracked();
    if !tracked.is_empty() {
        engine.mirror.track(&tracked).await?;
    }
    Ok(())
}

/// Relays the tasks of one model, portion by portion. What was done before a failure stays done.
async fn relay_model(engine: &Engine, model: &'static Model, tasks: &[Task]) -> (BatchResult, Result<(), SyncError>) {
    let mut result = BatchResult::default();
    let ended = relay_portions(engine, model, tasks, &mut result).await;
    (result, ended)
}

async fn relay_portions(
    engine: &Engine,
    model: &'static Model,
    tasks: &[Task],
    result: &mut BatchResult,
) -> Result<(), SyncError> {
    for tasks in portion::divide(engine, model, tasks).await? {
        if let Err(error) = portion::relay(engine, model, tasks, result).await {
            poison::isolate(engine, model, tasks, error, result).await?;
        }
    }
    Ok(())
}
