//! Partial recovery: the rows of a model that have changed since a moment are inspected and repaired. It costs as much as has
//! changed, where a comparison costs the whole model.

use std::sync::Arc;

use chainbill_domain::{Model, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::{
    cluster::lease::LeaseGuard,
    engine::context::Engine,
    errors::SyncError,
    progress::{OnProgress, Progress},
    repair::drift::{RepairContext, Repaired, repair},
    verify::inspect::AppliedVersions,
};

/// What a partial recovery found and did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Recovery {
    /// Rows that have changed since the moment, and rows that were deleted since.
    pub compared: u64,
    /// What was repaired.
    pub repaired: Repaired,
}

impl Recovery {
    /// Whether all documents are correct now, or were.
    #[must_use]
    pub const fn is_right(&self) -> bool {
        self.repaired.failed + self.repaired.quarantined == 0
    }
}

/// Ids inspected between two reports.
const BATCH: u32 = 1000;

/// Recovers what has changed since a moment. There is no breaker: after the mirror has lost its last hour all of it differs, and the
/// operator knows that. Like runs, recoveries of a model exclude each other and leave evidence.
pub(crate) async fn recover(
    engine: &Arc<Engine>,
    model: &'static Model,
    since: Timestamp,
    report: OnProgress<'_>,
    stop: &CancellationToken,
) -> Result<Recovery, SyncError> {
    let lease = LeaseGuard::acquire_patiently(engine, &format!("run-{}", model.name), stop).await?;
    let result = lease.protect(recover_leased(engine, model, since, report, stop)).await;
    lease.release().await;
    if let Ok(recovery) = &result {
        let Recovery { compared, repaired: Repaired { repaired, failed, quarantined, .. } } = recovery;
        tracing::info!(
            model = model.name,
            "Sync inspected {compared} changes of {}: {repaired} repaired, {failed} failed, {quarantined} quarantined",
            model.name
        );
    }
    result
}

async fn recover_leased(
    engine: &Arc<Engine>,
    model: &'static Model,
    since: Timestamp,
    report: OnProgress<'_>,
    stop: &CancellationToken,
) -> Result<Recovery, SyncError> {
    let run = engine.records.new_id();
    let context = RepairContext { run: &run, force: false, applied: AppliedVersions::new() };
    let mut recovery = Recovery::default();
    let deleted = engine.records.deleted_since(model, since).await?;
    for ids in deleted.chunks(BATCH as usize) {
        recovery.add(ids.len(), repair(engine, model, ids, &context).await?);
    }
    let mut after: Option<String> = None;
    loop {
        let ids = engine.records.changed_since(model, since, after.as_deref(), BATCH).await?;
        let Some(last) = ids.last() else { return Ok(recovery) };
        recovery.add(ids.len(), repair(engine, model, &ids, &context).await?);
        after = Some(last.clone());
        report(Progress { model: model.name, done: recovery.compared, total: recovery.compared });
        if stop.is_cancelled() {
            return Err(SyncError::Stopped);
        }
    }
}

impl Recovery {
    fn add(&mut self, compared: usize, repaired: Repaired) {
        self.compared += compared as u64;
        self.repaired.repaired += repaired.repaired;
        self.repaired.right += repaired.right;
        self.repaired.failed += repaired.failed;
        self.repaired.quarantined += repaired.quarantined;
    }
}
