//! Writes that found the same or a newer version in place.

use std::collections::HashMap;

use chainbill_domain::Model;
use chainbill_mirror::{Content, Outcome, Stamp, Write};

use crate::{
    engine::context::Engine,
    errors::SyncError,
    relay::{heartbeat::HEARTBEATS, plan::Task},
    repair::drift::{RepairContext, repair},
};

/// Inspects what stale writes have met. One that found its own document in place was a duplicate. One that found another has met
/// a document that is ahead of its row, as a restored primary leaves behind: it is repaired when that is proven. The entries of
/// these tasks are still in the outbox, and do not excuse a difference: they are done after this.
pub(crate) async fn repair_stale(
    engine: &Engine,
    model: &'static Model,
    tasks: &[Task],
    writes: &[Write],
    outcomes: &[Outcome],
) -> Result<(), SyncError> {
    let stale = writes.iter().zip(outcomes).filter(|(_, outcome)| **outcome == Outcome::Stale);
    let stale: Vec<&Write> = stale.map(|(write, _)| write).collect();
    if stale.is_empty() || model.name == HEARTBEATS.name {
        return Ok(());
    }
    let ids: Vec<String> = stale.iter().map(|write| write.id.clone()).collect();
    let mut present: HashMap<String, Stamp> = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(1000) {
        let found = engine.mirror.get_many(model, ids).await?;
        present.extend(found.into_iter().map(|stored| (stored.stamp.id.clone(), stored.stamp)));
    }
    let same = |write: &&Write| present.get(&write.id).is_some_and(|found| is_same(model, write, found));
    let suspects: Vec<String> = stale.into_iter().filter(|write| !same(write)).map(|write| write.id.clone()).collect();
    if !suspects.is_empty() {
        let applied = tasks.iter().map(|task| (task.newest.entity_id.clone(), task.newest.version)).collect();
        repair(engine, model, &suspects, &RepairContext { run: "relay", force: false, applied }).await?;
    }
    Ok(())
}

/// Whether the document in place is the one that was to be written. One of the same version and another revision counts as the
/// same here: a relay does not know which revision is newer, and the ruling schema backfills the other.
fn is_same(model: &'static Model, write: &Write, found: &Stamp) -> bool {
    let content = match &write.content {
        Content::Document { .. } if found.revision != Some(model.revision()) => found.digest.is_some(),
        Content::Document { digest, .. } => found.digest == Some(*digest),
        Content::Tombstone => found.tombstone,
    };
    found.version == Some(write.version) && content
}
