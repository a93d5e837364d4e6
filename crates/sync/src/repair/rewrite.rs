//! Rewriting documents of an earlier revision by their ids.

use chainbill_domain::Model;
use chainbill_mirror::{Guard, Outcome};

use crate::{
    engine::{
        context::Engine,
        encoding::write_of,
        throttled::{self, all_done},
    },
    errors::SyncError,
};

/// Documents rewritten at once.
const BATCH: usize = 500;
/// The same for models whose documents may be megabytes.
const LARGE_BATCH: usize = 8;

/// Rewrites documents that were found to be of an earlier revision. Returns how many no longer are.
pub(crate) async fn rewrite_outdated(engine: &Engine, model: &'static Model, ids: &[String]) -> Result<u64, SyncError> {
    let mut rewritten = 0;
    for ids in ids.chunks(if model.is_large() { LARGE_BATCH } else { BATCH }) {
        let (mut writes, mut poison) = (Vec::with_capacity(ids.len()), Vec::new());
        for row in engine.records.rows(model, ids).await? {
            let id = row.id.clone();
            match write_of(model, row) {
                Ok(write) => writes.push(write),
                Err(_) => poison.push(id),
            }
        }
        let outcomes = throttled::apply(engine, model, Guard::Outdated, &writes).await?;
        all_done(&outcomes)?;
        let rejected = writes.into_iter().zip(outcomes).filter(|(_, outcome)| matches!(outcome, Outcome::Rejected(_)));
        poison.extend(rejected.map(|(write, _)| write.id));
        engine.enqueue_for_relay(model, &poison).await?;
        rewritten += (ids.len() - poison.len()) as u64;
    }
    Ok(rewritten)
}
