//! Backfills with a purge: after a backfill onto existing documents, those without a row are deleted.

use std::sync::Arc;

use chainbill_domain::Model;
use tokio_util::sync::CancellationToken;

use crate::{
    backfill::model::{BackfillReport, Purpose, backfill, purge_due},
    comparison::Level,
    engine::context::Engine,
    errors::SyncError,
    progress::OnProgress,
    repair::{
        order::{Order, RepairPolicy},
        report::Outcome,
        run::{needs_backfill, run},
    },
};

/// Backfills a model initially and purges orphans.
pub(crate) async fn fill(
    engine: &Arc<Engine>,
    model: &'static Model,
    report: OnProgress<'_>,
    stop: &CancellationToken,
) -> Result<BackfillReport, SyncError> {
    let report = backfill(engine, model, Purpose::Initial, report, stop).await?;
    purge(engine, model, stop).await?;
    Ok(report)
}

/// Purges orphans where that is due. After a backfill only its rows may have documents, so every other document is deleted,
/// whatever their share. That it is due is saved in the primary, since the process may end before.
pub(crate) async fn purge(
    engine: &Arc<Engine>,
    model: &'static Model,
    stop: &CancellationToken,
) -> Result<(), SyncError> {
    let due = purge_due(model);
    if engine.records.fact(&due).await?.is_none() || needs_backfill(engine, model).await? {
        return Ok(());
    }
    let order = Order::new("initial", Level::Deep, RepairPolicy::Force);
    loop {
        let report = run(engine, model, order, &|_| {}, stop).await?;
        // There may be more orphans than one run lists. What a run cannot repair is not the backfill's to decide.
        if report.outcome != Outcome::Drift || report.repaired.repaired == 0 {
            return Ok(engine.records.forget_fact(&due).await?);
        }
    }
}
