//! The record of a run in the primary: how it begins, resumes and ends.

use std::time::Duration;

use chainbill_domain::Model;
use chainbill_records::{FaultSource, Run};
use serde_json::json;

use crate::{
    comparison::Comparison,
    engine::context::Engine,
    errors::SyncError,
    repair::{
        order::Order,
        report::{Outcome, RunReport},
    },
    time::{age, rfc3339},
};

/// Findings kept with a run in the database.
const KEPT: usize = 10_000;

/// The run's record: a new one, or that of an interrupted run with the id that it had reached and its findings so far. The caller
/// has the lease on the model's runs, so an unfinished run has no process any more.
pub(crate) async fn begin(
    engine: &Engine,
    model: &'static Model,
    order: Order,
) -> Result<(Run, Option<(String, Comparison)>), SyncError> {
    let mut earlier = None;
    for last in engine.records.unfinished_runs(model).await? {
        let state = match order.resume && last.kind == order.kind && last.level == order.level.name() {
            true => engine.records.resume(&last.id).await?,
            false => None,
        };
        let state = state.and_then(|resume| Some((resume.cursor, Comparison::from_state(model, &resume.state)?)));
        match state {
            Some(state) => earlier = Some((last, state)),
            None => abandon(engine, order, last).await?,
        }
    }
    if let Some((last, (cursor, comparison))) = earlier {
        tracing::info!(model = model.name, "Sync resumes the {} of {} after {cursor}", order.kind, model.name);
        let record = Run { outcome: "running".to_owned(), ..last };
        engine.records.save_run(&record).await?;
        return Ok((record, Some((cursor, comparison))));
    }
    let record = Run {
        id: order.id.map_or_else(|| engine.records.new_id(), |id| id.to_string()),
        kind: order.kind.to_owned(),
        model: model.name.to_owned(),
        level: order.level.name().to_owned(),
        started_at: engine.now(),
        finished_at: None,
        outcome: "running".to_owned(),
        compared: 0,
        total: 0,
        drift: 0,
        repaired: 0,
        in_flight: 0,
        waiting: 0,
        parked: 0,
        unreadable: 0,
        outdated: 0,
        certificate: None,
        error: None,
        cut: None,
        findings: None,
    };
    engine.records.save_run(&record).await?;
    Ok((record, None))
}

/// Marks an unfinished run as interrupted. It can be resumed for a day, until another run of its kind begins.
async fn abandon(engine: &Engine, order: Order, unfinished: Run) -> Result<(), SyncError> {
    const DAY: Duration = Duration::from_secs(86_400);
    let over = unfinished.kind == order.kind || age(engine.now(), unfinished.started_at) >= DAY;
    let finished_at = over.then(|| engine.now());
    engine.records.save_run(&Run { finished_at, outcome: "interrupted".to_owned(), ..unfinished.clone() }).await?;
    if over {
        engine.records.forget_resume(&unfinished.id).await?;
    }
    Ok(())
}

/// Saves the result of a run.
pub(crate) async fn conclude(
    engine: &Engine,
    model: &'static Model,
    record: &mut Run,
    result: &Result<RunReport, SyncError>,
) -> Result<(), SyncError> {
    let line = match result {
        Ok(report) => {
            fill(record, &report.comparison, report.repaired.repaired, report.outcome.name());
            record.certificate = report.certificate.as_ref().map(|certificate| certificate.hash.clone());
            let cut = rfc3339(report.comparison.cut);
            tracing::info!(model = model.name, cut, "Sync run over {}: {}", model.name, report.line());
            if report.outcome != Outcome::Drift {
                engine.faults.end(model, FaultSource::Run).await?;
            }
            report.line()
        }
        // The record stays unfinished: the next run resumes from it.
        Err(SyncError::Stopped) => return Ok(()),
        Err(error) => {
            record.outcome = "failed".to_owned();
            if let SyncError::Breaker { comparison, .. } = error {
                fill(record, comparison, 0, "breaker");
            }
            record.error = Some(error.to_string());
            tracing::warn!(model = model.name, "Sync run over {} failed: {error}", model.name);
            engine.faults.add(model, FaultSource::Run, error).await?;
            error.to_string()
        }
    };
    record.finished_at = Some(engine.now());
    engine.records.save_run(record).await?;
    engine.records.forget_resume(&record.id).await?;
    Ok(engine.records.note_result(model, &line).await?)
}

fn fill(record: &mut Run, comparison: &Comparison, repaired: u64, outcome: &str) {
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    record.outcome = outcome.to_owned();
    record.compared = count(comparison.compared);
    record.total = record.total.max(record.compared);
    record.drift = count(comparison.drifting());
    record.repaired = count(repaired);
    record.in_flight = count(comparison.in_flight);
    record.waiting = count(comparison.waiting);
    record.parked = count(comparison.parked);
    record.unreadable = count(comparison.unreadable.len() as u64);
    record.outdated = count(comparison.outdated);
    record.cut = Some(comparison.cut);
    record.findings = Some(findings(comparison));
    metrics::gauge!("chainbill_sync_drift", "model" => comparison.model).set(comparison.drifting() as f64);
    metrics::gauge!("chainbill_sync_outdated", "model" => comparison.model).set(comparison.outdated as f64);
}

fn findings(comparison: &Comparison) -> String {
    let some: Vec<_> = comparison
        .findings
        .iter()
        .take(KEPT)
        .map(|finding| json!({ "id": finding.id, "class": finding.class.name(), "fields": finding.fields }))
        .collect();
    json!(some).to_string()
}
