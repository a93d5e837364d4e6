//! Partial recovery: what has changed in a model since a moment is looked at, and made right where it differs. It costs what
//! has changed, where a comparison costs the whole model.

use std::sync::Arc;

use chainbill_domain::{Model, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::{
    SyncError,
    copy::{Progress, Report},
    engine::Engine,
    examine::CarriedOut,
    held::Held,
    repair::{Mandate, Repaired, repair},
};

/// What a partial recovery found and did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Recent {
    /// Rows that have changed since the moment, and rows that were deleted since.
    pub compared: u64,
    /// What was made right.
    pub repaired: Repaired,
}

impl Recent {
    /// Whether all of it is right now, or was.
    #[must_use]
    pub const fn is_right(&self) -> bool {
        self.repaired.failed + self.repaired.quarantined == 0
    }
}

/// Ids looked at between two reports.
const AT_ONCE: u32 = 1000;

/// Looks at what has changed since a moment. There is no breaker: after the second database has lost its last hour all of it
/// differs, and whoever asks knows that. Like a run it is one at a time for each model, and leaves evidence.
pub(crate) async fn recover(
    engine: &Arc<Engine>,
    model: &'static Model,
    since: Timestamp,
    report: Report<'_>,
    stop: &CancellationToken,
) -> Result<Recent, SyncError> {
    let held = Held::wait(engine, &format!("run-{}", model.name), stop).await?;
    let result = tokio::select! {
        result = recover_held(engine, model, since, report, stop) => result,
        () = held.lost() => Err(SyncError::Held(format!("the run over {}", model.name))),
    };
    held.release().await;
    if let Ok(recent) = &result {
        let Recent { compared, repaired: Repaired { repaired, failed, quarantined, .. } } = recent;
        tracing::info!(
            model = model.name,
            "Sync looked at {compared} changes of {}: {repaired} repaired, {failed} failed, {quarantined} quarantined",
            model.name
        );
    }
    result
}

async fn recover_held(
    engine: &Arc<Engine>,
    model: &'static Model,
    since: Timestamp,
    report: Report<'_>,
    stop: &CancellationToken,
) -> Result<Recent, SyncError> {
    let run = engine.records.new_id();
    let mandate = Mandate { run: &run, force: false, carried_out: CarriedOut::new() };
    let mut recent = Recent::default();
    let deleted = engine.records.deleted_since(model, since).await?;
    for ids in deleted.chunks(AT_ONCE as usize) {
        recent.add(ids.len(), repair(engine, model, ids, &mandate).await?);
    }
    let mut after: Option<String> = None;
    loop {
        let ids = engine.records.changed_since(model, since, after.as_deref(), AT_ONCE).await?;
        let Some(last) = ids.last() else { return Ok(recent) };
        recent.add(ids.len(), repair(engine, model, &ids, &mandate).await?);
        after = Some(last.clone());
        report(Progress { model: model.name, done: recent.compared, total: recent.compared });
        if stop.is_cancelled() {
            return Err(SyncError::Stopped);
        }
    }
}

impl Recent {
    fn add(&mut self, compared: usize, repaired: Repaired) {
        self.compared += compared as u64;
        self.repaired.repaired += repaired.repaired;
        self.repaired.right += repaired.right;
        self.repaired.failed += repaired.failed;
        self.repaired.quarantined += repaired.quarantined;
    }
}
