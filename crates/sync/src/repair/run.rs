//! Runs over a model: compare, repair, certify, and record the result.

use std::sync::Arc;

use chainbill_domain::{Model, proof::Certificate};
use tokio_util::sync::CancellationToken;

use crate::{
    cluster::lease::LeaseGuard,
    comparison::{Class, Comparison, Level},
    engine::context::Engine,
    errors::SyncError,
    progress::OnProgress,
    repair::{
        drift::{RepairContext, Repaired, repair},
        order::{Order, RepairPolicy},
        record::{begin, conclude},
        report::{Outcome, RunReport},
        rewrite::rewrite_outdated,
    },
    verify::{
        certificate::{self, Builder},
        inspect::AppliedVersions,
        reconcile::{Work, compare},
    },
};

/// Runs over a model. Runs over one model exclude each other: another run is [`SyncError::LeaseTaken`].
pub(crate) async fn run(
    engine: &Arc<Engine>,
    model: &'static Model,
    order: Order,
    report: OnProgress<'_>,
    stop: &CancellationToken,
) -> Result<RunReport, SyncError> {
    let name = format!("run-{}", model.name);
    let lease = match order.patient {
        true => LeaseGuard::acquire_patiently(engine, &name, stop).await?,
        false => LeaseGuard::acquire(engine, &name).await?,
    };
    let (mut record, earlier) = begin(engine, model, order).await?;
    let result = lease.protect(run_leased(engine, model, &record.id, order, earlier, report, stop)).await;
    // Before the release: the next holder of the lease finds this run finished.
    let concluded = conclude(engine, model, &mut record, &result).await;
    lease.release().await;
    concluded.and(result)
}

async fn run_leased(
    engine: &Arc<Engine>,
    model: &'static Model,
    id: &str,
    order: Order,
    earlier: Option<(String, Comparison)>,
    report: OnProgress<'_>,
    stop: &CancellationToken,
) -> Result<RunReport, SyncError> {
    let Order { level, policy, .. } = order;
    let rules = policy != RepairPolicy::Report && engine.schemas.attend().await?;
    let orphans = engine.records.repartition_orphans().await?;
    if orphans > 0 {
        tracing::warn!("Sync found {orphans} orphaned entries in the outbox, outside its partitions: written by hand");
    }
    let mut builder = (level == Level::Deep && earlier.is_none()).then(|| Builder::new(id));
    let work = Work { engine, model, level, run: id, report, stop };
    let mut comparison = compare(&work, builder.as_mut(), earlier).await?;
    // Before its first backfill nothing of a model counts as in flight.
    if comparison.in_flight > 0 && needs_backfill(engine, model).await? {
        comparison.waiting += std::mem::take(&mut comparison.in_flight);
    }
    let repaired = repair_drift(engine, model, id, policy, &comparison).await?;
    let backfilled = if rules { backfill_outdated(engine, model, &comparison).await? } else { 0 };
    if level == Level::Deep {
        check_search_index(engine, model, policy).await?;
    }
    let unreadable: Vec<String> = comparison.unreadable.iter().map(|(id, _)| id.clone()).collect();
    engine.enqueue_for_relay(model, &unreadable).await?;
    let outcome = Outcome::of(&comparison, repaired, backfilled);
    let certificate = certify(engine, model, outcome, &comparison, builder).await?;
    Ok(RunReport { id: id.to_owned(), outcome, comparison, repaired, backfilled, certificate })
}

async fn repair_drift(
    engine: &Engine,
    model: &'static Model,
    id: &str,
    policy: RepairPolicy,
    comparison: &Comparison,
) -> Result<Repaired, SyncError> {
    if comparison.drifting() == 0 || policy == RepairPolicy::Report {
        return Ok(Repaired::default());
    }
    if policy == RepairPolicy::Repair {
        check_breaker(engine, comparison)?;
    }
    // Phantoms first: one may have the place of what is to be written.
    let mut findings: Vec<_> = comparison.findings.iter().collect();
    findings.sort_by_key(|finding| finding.class != Class::Phantom);
    let ids: Vec<String> = findings.into_iter().map(|finding| finding.id.clone()).collect();
    let context = RepairContext { run: id, force: policy == RepairPolicy::Force, applied: AppliedVersions::new() };
    repair(engine, model, &ids, &context).await
}

/// A bug of a program looks like much drift at once: nothing is repaired then.
fn check_breaker(engine: &Engine, comparison: &Comparison) -> Result<(), SyncError> {
    let (drift, compared, percent) = (comparison.drifting(), comparison.compared, engine.settings.breaker_percent);
    let most = (compared.saturating_mul(u64::from(percent)) / 100).max(engine.settings.breaker_least);
    if drift <= most {
        return Ok(());
    }
    let (model, comparison) = (comparison.model, Box::new(comparison.clone()));
    Err(SyncError::Breaker { model, drift, compared, percent, comparison })
}

/// Rewrites documents of an earlier revision. Where there are more than a list holds, a backfill of the whole model is due.
async fn backfill_outdated(engine: &Engine, model: &'static Model, comparison: &Comparison) -> Result<u64, SyncError> {
    if comparison.outdated > comparison.outdated_ids.len() as u64 {
        engine.records.forget_revision(model).await?;
    }
    rewrite_outdated(engine, model, &comparison.outdated_ids).await
}

async fn check_search_index(engine: &Engine, model: &'static Model, policy: RepairPolicy) -> Result<(), SyncError> {
    let rebuild = policy != RepairPolicy::Report;
    if engine.mirror.search_is_off(model, rebuild).await? {
        let done = if rebuild { "it was rebuilt" } else { "a repair rebuilds it" };
        tracing::warn!(
            model = model.name,
            "Sync found that the search index of {} does not match its documents: {done}",
            model.name
        );
    }
    Ok(())
}

async fn certify(
    engine: &Engine,
    model: &'static Model,
    outcome: Outcome,
    comparison: &Comparison,
    builder: Option<Builder>,
) -> Result<Option<Certificate>, SyncError> {
    match builder {
        Some(builder) if outcome.is_equal() => {
            Ok(Some(certificate::issue(engine, model, comparison.cut, builder).await?))
        }
        Some(_) => {
            certificate::discard(engine, model).await?;
            Ok(None)
        }
        None => Ok(None),
    }
}

/// Whether the model was never backfilled as a whole: a comparison would only list every row.
pub(crate) async fn needs_backfill(engine: &Engine, model: &'static Model) -> Result<bool, SyncError> {
    Ok(engine.records.backfill_state(model).await?.state.is_unfilled())
}
