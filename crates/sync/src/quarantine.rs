//! Copies that are known to be wrong and left so: on record until they are seen to be right. Writes come and put one right
//! without anybody's asking, so those on record are looked at again now and then.

use std::collections::BTreeMap;

use chainbill_domain::{Model, models};

use crate::{
    SyncError,
    engine::Engine,
    examine::{Sides, examine},
};

/// So many are looked at again at a time.
const AT_ONCE: u32 = 1000;

/// Takes those off the record that were seen to be right, or whose row and document are no more.
pub(crate) async fn end_where_right(
    engine: &Engine,
    model: &'static Model,
    ids: &[String],
    sides: &Sides,
) -> Result<(), SyncError> {
    let unreadable = |id: &String| sides.unreadable.iter().any(|(own, _)| own == id);
    let right: Vec<String> =
        ids.iter().filter(|id| !sides.verdicts.contains_key(*id) && !unreadable(id)).cloned().collect();
    if !right.is_empty() {
        engine.records.end_quarantine(model, &right).await?;
    }
    Ok(())
}

/// Looks at those on record again.
pub(crate) async fn look_again(engine: &Engine) -> Result<(), SyncError> {
    let mut by_model = BTreeMap::<String, Vec<String>>::new();
    for kept in engine.records.quarantined(AT_ONCE).await? {
        by_model.entry(kept.model).or_default().push(kept.entity_id);
    }
    for (name, ids) in by_model {
        let Some(model) = models::named(&name) else { continue };
        let sides = examine(engine, model, &ids).await?;
        end_where_right(engine, model, &ids, &sides).await?;
    }
    Ok(())
}
