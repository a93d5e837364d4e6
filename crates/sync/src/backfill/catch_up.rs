//! From `CATCHING_UP` to `LIVE`.

use chainbill_records::{ModelState, outbox::Backlog};

use crate::{engine::context::Engine, errors::SyncError};

/// Marks models live whose outbox holds no entry from before the end of their backfill.
pub(crate) async fn catch_up(engine: &Engine, backlog: &[Backlog]) -> Result<(), SyncError> {
    for state in engine.records.backfill_states().await? {
        if state.state != ModelState::CatchingUp {
            continue;
        }
        let oldest = backlog.iter().find(|pending| pending.model == state.model).and_then(|pending| pending.oldest);
        let caught_up = oldest.is_none_or(|oldest| state.finished_at.is_some_and(|finished| oldest > finished));
        if caught_up && engine.records.note_live(&state).await? {
            tracing::info!(model = state.model, "Sync of {} is live", state.model);
        }
    }
    Ok(())
}
