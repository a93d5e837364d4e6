//! Runs over a model: compare, repair what may be repaired, certify, and write down how it went.

use std::sync::Arc;

use chainbill_domain::{Model, proof::Certificate};
use chainbill_records::{CopyState, Run};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    SyncError,
    certificate::{Builder, forget, issue, written},
    compare::Level,
    copy::Report,
    engine::Engine,
    held::Held,
    reconcile::{Comparison, Work, compare},
    repair::{Repaired, repair},
    settings::RepairMode,
};

/// What happens to drift in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mending {
    /// It is reported only.
    Report,
    /// It is repaired, below the breaker.
    Repair,
    /// It is repaired, whatever its share: an operator has looked.
    Force,
}

impl From<RepairMode> for Mending {
    fn from(mode: RepairMode) -> Self {
        match mode {
            RepairMode::Automatic => Self::Repair,
            RepairMode::Manual => Self::Report,
        }
    }
}

/// What a run over a model shall do.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// The word by which it is listed: `verify`, `repair`, `manual`, `schedule`, …
    pub kind: &'static str,
    /// How closely it looks.
    pub level: Level,
    /// What happens to drift.
    pub mending: Mending,
    /// Whether it goes on with a run of the same kind that was interrupted. What that run had compared is not compared
    /// again, and as its rows were not all of one moment, nothing is certified.
    pub resume: bool,
    /// Whether it waits for somebody else's run over the model, or is [`SyncError::Held`] at once.
    pub patient: bool,
}

impl Order {
    /// A run that somebody asked for: it begins anew and waits for its turn.
    #[must_use]
    pub const fn new(kind: &'static str, level: Level, mending: Mending) -> Self {
        Self { kind, level, mending, resume: false, patient: true }
    }

    /// A run of the schedule: it goes on where it was interrupted, and leaves the model to whoever is at it.
    #[must_use]
    pub const fn scheduled(kind: &'static str, level: Level, mending: Mending) -> Self {
        Self { resume: true, patient: false, ..Self::new(kind, level, mending) }
    }

    /// The same, going on with what was interrupted or not.
    #[must_use]
    pub const fn resuming(self, resume: bool) -> Self {
        Self { resume, ..self }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing differs but what is on its way.
    Equal,
    /// What differed was made right.
    Repaired,
    /// Something differs.
    Drift,
}

impl Outcome {
    /// The stored word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Repaired => "repaired",
            Self::Drift => "drift",
        }
    }
}

/// What a run found and did.
#[derive(Debug, Clone)]
pub struct RunReport {
    /// The run's id.
    pub id: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What was found.
    pub comparison: Comparison,
    /// What was repaired.
    pub repaired: Repaired,
    /// What was certified: deep runs that end equal certify.
    pub certificate: Option<Certificate>,
}

impl RunReport {
    fn line(&self) -> String {
        let Comparison { compared, in_flight, .. } = self.comparison;
        let drift = self.comparison.drifting();
        let repaired = self.repaired.repaired;
        format!(
            "{}: {compared} compared, {in_flight} in flight, {drift} wrong, {repaired} repaired",
            self.outcome.name()
        )
    }
}

/// Findings kept with a run in the database.
const KEPT: usize = 100;

/// Runs over a model. One process at a time; another's run is [`SyncError::Held`].
pub(crate) async fn run(
    engine: &Arc<Engine>,
    model: &'static Model,
    order: Order,
    report: Report<'_>,
    stop: &CancellationToken,
) -> Result<RunReport, SyncError> {
    let lease = format!("run-{}", model.name);
    let held = if order.patient { Held::wait(engine, &lease, stop).await? } else { Held::take(engine, &lease).await? };
    let (mut record, earlier) = begin(engine, model, order).await?;
    let result = tokio::select! {
        result = run_held(engine, model, &record.id, order, earlier, report, stop) => result,
        () = held.lost() => Err(SyncError::Held(format!("the run over {}", model.name))),
    };
    held.release().await;
    conclude(engine, model, &mut record, &result).await?;
    result
}

/// The run's record: a new one, or that of a run that was interrupted, with what it had found.
async fn begin(
    engine: &Engine,
    model: &'static Model,
    order: Order,
) -> Result<(Run, Option<(String, Comparison)>), SyncError> {
    // Whoever holds the lease knows that an unfinished run has no process any more.
    let last = engine.records.runs(Some(order.kind), Some(model.name), None, 1).await?.pop();
    if let Some(last) = last.filter(|last| last.finished_at.is_none() && last.level == order.level.name()) {
        let known = engine.records.resume(&last.id).await?.filter(|_| order.resume);
        if let Some(earlier) = known.and_then(|resume| Some((Comparison::read(model, &resume.state)?, resume.cursor))) {
            tracing::info!(
                model = model.name,
                "Sync goes on with the {} of {} after {}",
                order.kind,
                model.name,
                earlier.1
            );
            return Ok((last, Some((earlier.1, earlier.0))));
        }
        let given_up = Run { finished_at: Some(engine.now()), outcome: "interrupted".to_owned(), ..last };
        engine.records.save_run(&given_up).await?;
        engine.records.forget_resume(&given_up.id).await?;
    }
    let record = Run {
        id: engine.records.new_id(),
        kind: order.kind.to_owned(),
        model: model.name.to_owned(),
        level: order.level.name().to_owned(),
        started_at: engine.now(),
        finished_at: None,
        outcome: "running".to_owned(),
        compared: 0,
        drift: 0,
        repaired: 0,
        in_flight: 0,
        error: None,
        cut: None,
        findings: None,
    };
    engine.records.save_run(&record).await?;
    Ok((record, None))
}

async fn run_held(
    engine: &Arc<Engine>,
    model: &'static Model,
    id: &str,
    order: Order,
    earlier: Option<(String, Comparison)>,
    report: Report<'_>,
    stop: &CancellationToken,
) -> Result<RunReport, SyncError> {
    let Order { level, mending, .. } = order;
    let mut builder = (level == Level::Deep && earlier.is_none()).then(|| Builder::new(id));
    let work = Work { engine, model, level, run: id, report, stop };
    let comparison = compare(&work, builder.as_mut(), earlier).await?;
    let drift = comparison.drifting();
    let mut repaired = Repaired::default();
    if drift > 0 && mending != Mending::Report {
        if mending == Mending::Repair {
            breaker(engine, &comparison)?;
        }
        let ids: Vec<String> = comparison.findings.iter().map(|finding| finding.id.clone()).collect();
        repaired = repair(engine, model, &ids, id).await?;
    }
    let unreadable: Vec<String> = comparison.unreadable.iter().map(|(id, _)| id.clone()).collect();
    engine.ask_relay(model, &unreadable).await?;
    let outcome = match drift {
        0 => Outcome::Equal,
        drift if repaired.repaired + repaired.right >= drift => Outcome::Repaired,
        _ => Outcome::Drift,
    };
    let certificate = match builder {
        Some(builder) if outcome != Outcome::Drift && comparison.unreadable.is_empty() => {
            Some(issue(engine, model, comparison.cut, builder).await?)
        }
        Some(_) => {
            forget(engine, model).await?;
            None
        }
        None => None,
    };
    Ok(RunReport { id: id.to_owned(), outcome, comparison, repaired, certificate })
}

/// An error in a program looks like much drift at once: nothing is repaired then.
fn breaker(engine: &Engine, comparison: &Comparison) -> Result<(), SyncError> {
    let (drift, compared) = (comparison.drifting(), comparison.compared);
    let percent = engine.settings.breaker_percent;
    let most = (compared.saturating_mul(u64::from(percent)) / 100).max(engine.settings.breaker_least);
    if drift <= most {
        return Ok(());
    }
    Err(SyncError::Breaker { model: comparison.model, drift, compared, percent })
}

async fn conclude(
    engine: &Engine,
    model: &'static Model,
    record: &mut Run,
    result: &Result<RunReport, SyncError>,
) -> Result<(), SyncError> {
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    record.finished_at = Some(engine.now());
    let line = match result {
        Ok(report) => {
            let comparison = &report.comparison;
            record.outcome = report.outcome.name().to_owned();
            record.compared = count(comparison.compared);
            record.drift = count(comparison.drifting());
            record.repaired = count(report.repaired.repaired);
            record.in_flight = count(comparison.in_flight);
            record.cut = Some(comparison.cut);
            record.findings = Some(findings(comparison));
            metrics::gauge!("chainbill_sync_drift", "model" => model.name).set(comparison.drifting() as f64);
            tracing::info!(
                model = model.name,
                cut = written(comparison.cut),
                "Sync run over {}: {}",
                model.name,
                report.line()
            );
            if report.outcome != Outcome::Drift {
                engine.cured(model).await?;
            }
            report.line()
        }
        // The next run goes on from here.
        Err(SyncError::Stopped) => return Ok(()),
        Err(error) => {
            record.outcome = if matches!(error, SyncError::Breaker { .. }) { "breaker" } else { "failed" }.to_owned();
            record.error = Some(error.to_string());
            tracing::warn!(model = model.name, "Sync run over {} failed: {error}", model.name);
            engine.failed(model, error).await?;
            error.to_string()
        }
    };
    engine.records.save_run(record).await?;
    engine.records.forget_resume(&record.id).await?;
    let mut copy = engine.records.copy(model).await?;
    copy.last_run_at = record.finished_at;
    copy.last_result = Some(line);
    engine.records.save_copy(&copy).await?;
    Ok(())
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

/// Whether the model was never copied as a whole: a comparison would only list every row.
pub(crate) async fn needs_copy(engine: &Engine, model: &'static Model) -> Result<bool, SyncError> {
    let state = engine.records.copy(model).await?.state;
    Ok(matches!(state, CopyState::Pending | CopyState::Copying))
}
