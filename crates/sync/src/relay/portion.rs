//! One portion of a batch: tasks of one model that are read, encoded and applied together.

use chainbill_domain::Model;
use chainbill_mirror::Guard;

use crate::{
    engine::{
        context::Engine,
        throttled::{self, all_done},
    },
    errors::SyncError,
    panics::catch_panic,
    relay::{
        plan::{Batch, BatchResult, Task, Writes},
        rows,
        stale::repair_stale,
    },
};

/// Bytes of rows that a portion holds at most, where rows may be megabytes.
const BYTES: i64 = 8 << 20;

/// Relays a portion. A panic over one of its documents is a failure like others.
pub(crate) async fn relay(
    engine: &Engine,
    model: &'static Model,
    tasks: &[Task],
    result: &mut BatchResult,
) -> Result<(), SyncError> {
    catch_panic(relay_tasks(engine, model, tasks, result)).await
}

async fn relay_tasks(
    engine: &Engine,
    model: &'static Model,
    tasks: &[Task],
    result: &mut BatchResult,
) -> Result<(), SyncError> {
    let found = rows::read(engine, model, tasks).await?;
    let writes = Writes::of(model, tasks, found);
    let outcomes = match writes.writes.is_empty() {
        true => Vec::new(),
        false => throttled::apply(engine, model, Guard::Newer, &writes.writes).await?,
    };
    repair_stale(engine, model, tasks, &writes.writes, &outcomes).await?;
    writes.record(model, tasks, &outcomes, result);
    all_done(&outcomes)
}

/// Relays what is pending for one entity, at once and beside the relay. Its entries stay: the relay finds the document in place
/// and acks them.
pub(crate) async fn relay_entity(engine: &Engine, model: &'static Model, id: &str) -> Result<(), SyncError> {
    let batch = Batch::plan(engine.settings.models(), engine.records.queued_of(model, id).await?);
    let Some(tasks) = batch.tasks.get(model.name) else { return Ok(()) };
    relay(engine, model, tasks, &mut BatchResult::default()).await
}

/// Divides the tasks of a model into portions of bounded size.
pub(crate) async fn divide<'t>(
    engine: &Engine,
    model: &'static Model,
    tasks: &'t [Task],
) -> Result<Vec<&'t [Task]>, SyncError> {
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
