//! The identity of the mirror: which primary it belongs to.

use std::sync::Arc;

use chainbill_records::{ModelState, outbox::ANALYTICS};

use crate::{backfill::prepare, engine::context::Engine, errors::SyncError};

/// Checks that the mirror belongs to this primary. One that does not, or no longer, is to be backfilled from the start.
pub(crate) async fn check(engine: &Arc<Engine>) -> Result<(), SyncError> {
    let _turn = engine.identification.lock().await;
    let ours = engine.records.settle_fact("identity", &engine.records.new_id()).await?;
    let theirs = engine.mirror.identity().await?;
    if theirs.as_deref() == Some(ours.as_str()) {
        return Ok(());
    }
    match &theirs {
        None => tracing::info!("Sync finds the mirror empty and fills it"),
        Some(other) => tracing::warn!("Sync finds documents of another primary ({other}) and replaces them"),
    }
    prepare::all(engine).await?;
    for model in engine.settings.models() {
        let mut state = engine.records.backfill_state(model).await?;
        state.state = ModelState::Pending;
        state.cursor = None;
        engine.records.save_backfill(&state).await?;
    }
    // Before the mirror is marked as ours: an interrupted run of this begins again.
    engine.records.rewind_consumer(ANALYTICS).await?;
    engine.mirror.set_identity(&ours).await?;
    Ok(())
}
