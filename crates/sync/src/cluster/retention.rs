//! Deleting what is past its retention, in both databases.

use std::time::Duration;

use crate::{engine::context::Engine, errors::SyncError};

/// Fences are kept for so long.
const DAY: Duration = Duration::from_secs(86_400);

/// Deletes runs and evidence past their retention, some at a time. Certificates stay: each names its predecessor.
pub(crate) async fn purge_records(engine: &Engine) -> Result<(), SyncError> {
    let (now, settings) = (engine.now(), &engine.settings);
    engine.records.forget_runs(now - settings.keep_runs).await?;
    engine.records.forget_evidence(now - settings.keep_evidence).await?;
    engine.records.forget_fences(now - DAY).await?;
    Ok(())
}

/// Deletes events, log lines and tombstones past their retention.
pub(crate) async fn purge_mirror(engine: &Engine) -> Result<(), SyncError> {
    let purged = engine.mirror.expire(engine.settings.retention, engine.now()).await?;
    if purged > 0 {
        tracing::debug!(purged, "Sync deleted {purged} documents past their retention");
    }
    Ok(())
}
