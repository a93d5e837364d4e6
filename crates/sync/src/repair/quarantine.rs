//! Quarantined documents: known to be wrong, no longer repaired, and listed until they are verified. A later write may correct one, so
//! the list is rechecked now and then.

use std::collections::BTreeMap;

use chainbill_domain::{Model, models};

use crate::{
    engine::context::Engine,
    errors::SyncError,
    verify::inspect::{EntityPairs, inspect},
};

/// Documents rechecked at a time.
const BATCH: u32 = 1000;

/// Ends the quarantine of documents that are correct, or whose row and document no longer exist.
pub(crate) async fn end_where_correct(
    engine: &Engine,
    model: &'static Model,
    ids: &[String],
    pairs: &EntityPairs,
) -> Result<(), SyncError> {
    let unreadable = |id: &String| pairs.unreadable.iter().any(|(own, _)| own == id);
    let correct: Vec<String> =
        ids.iter().filter(|id| !pairs.verdicts.contains_key(*id) && !unreadable(id)).cloned().collect();
    if !correct.is_empty() {
        engine.records.end_quarantine(model, &correct).await?;
    }
    Ok(())
}

/// Rechecks quarantined documents.
pub(crate) async fn recheck(engine: &Engine) -> Result<(), SyncError> {
    let mut by_model = BTreeMap::<String, Vec<String>>::new();
    for kept in engine.records.quarantined(BATCH).await? {
        by_model.entry(kept.model).or_default().push(kept.entity_id);
    }
    for (name, ids) in by_model {
        let Some(model) = models::named(&name) else { continue };
        let pairs = inspect(engine, model, &ids).await?;
        end_where_correct(engine, model, &ids, &pairs).await?;
    }
    Ok(())
}
