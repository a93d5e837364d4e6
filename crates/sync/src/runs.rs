//! Runs over a model: compare, repair what may be repaired, certify, and write down how it went.

use std::{sync::Arc, time::Duration};

use chainbill_domain::{Model, id::RunId, proof::Certificate};
use chainbill_records::{CopyState, FaultSource, Run};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    SyncError,
    certificate::{Builder, forget, issue, written},
    compare::{Class, Level},
    copy::{Report, renew},
    engine::Engine,
    examine::CarriedOut,
    held::Held,
    keeper::age,
    reconcile::{Comparison, Work, compare},
    repair::{Mandate, Repaired, repair},
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
    /// The id that a new run gets; a fresh one where none is given.
    pub id: Option<RunId>,
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
        Self { kind, id: None, level, mending, resume: false, patient: true }
    }

    /// A run of the schedule: it goes on where it was interrupted, and leaves the model to whoever is at it.
    #[must_use]
    pub const fn scheduled(kind: &'static str, level: Level, mending: Mending) -> Self {
        Self { resume: true, patient: false, ..Self::new(kind, level, mending) }
    }

    /// The same, under an id that is known before it begins.
    #[must_use]
    pub const fn named(self, id: RunId) -> Self {
        Self { id: Some(id), ..self }
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
    /// Nothing is proven wrong, and yet not everything is equal: entities are parked or cannot be read, documents are of
    /// another revision, or changes wait for longer than a change is on its way.
    Behind,
    /// Something differs.
    Drift,
}

impl Outcome {
    /// Whether both sides are equal now, but for what is on its way.
    #[must_use]
    pub const fn is_equal(self) -> bool {
        matches!(self, Self::Equal | Self::Repaired)
    }

    /// The stored word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Repaired => "repaired",
            Self::Behind => "behind",
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
    /// Documents of an earlier description that were made anew.
    pub backfilled: u64,
    /// What was certified: deep runs that end equal certify.
    pub certificate: Option<Certificate>,
}

impl RunReport {
    /// The result in a line.
    #[must_use]
    pub fn line(&self) -> String {
        let Comparison { compared, in_flight, waiting, parked, .. } = self.comparison;
        let mut text = format!("{}: {compared} compared, {} wrong", self.outcome.name(), self.comparison.drifting());
        for (count, word) in [
            (in_flight, "in flight"),
            (waiting, "waiting for long"),
            (parked, "parked"),
            (self.comparison.unreadable.len() as u64, "unreadable"),
            (self.comparison.outdated, "of an earlier revision"),
            (self.comparison.newer, "of a later revision"),
            (self.backfilled, "backfilled"),
            (self.repaired.repaired, "repaired"),
            (self.repaired.right, "right by themselves"),
            (self.repaired.failed, "that cannot be repaired"),
            (self.repaired.quarantined, "quarantined"),
        ] {
            if count > 0 {
                text.push_str(&format!(", {count} {word}"));
            }
        }
        text
    }
}

/// Findings kept with a run in the database.
const KEPT: usize = 10_000;

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
    // Whoever comes next finds this one ended.
    let concluded = conclude(engine, model, &mut record, &result).await;
    held.release().await;
    concluded.and(result)
}

/// The run's record: a new one, or that of a run that was interrupted, with what it had found.
async fn begin(
    engine: &Engine,
    model: &'static Model,
    order: Order,
) -> Result<(Run, Option<(String, Comparison)>), SyncError> {
    // Whoever holds the lease knows that an unfinished run has no process any more.
    let mut earlier = None;
    for last in engine.records.unfinished_runs(model).await? {
        let known = match order.resume && last.kind == order.kind && last.level == order.level.name() {
            true => engine.records.resume(&last.id).await?,
            false => None,
        };
        let known = known.and_then(|resume| Some((resume.cursor, Comparison::read(model, &resume.state)?)));
        match known {
            Some(known) => earlier = Some((last, known)),
            None => give_up(engine, order, last).await?,
        }
    }
    if let Some((last, (cursor, comparison))) = earlier {
        tracing::info!(model = model.name, "Sync goes on with the {} of {} after {cursor}", order.kind, model.name);
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

/// An unfinished run that this one does not go on with. Another of its kind ends it; until then, for a day, it can be
/// gone on with.
async fn give_up(engine: &Engine, order: Order, unfinished: Run) -> Result<(), SyncError> {
    const DAY: Duration = Duration::from_secs(86_400);
    let over = unfinished.kind == order.kind || age(engine.now(), unfinished.started_at) >= DAY;
    let finished_at = over.then(|| engine.now());
    engine.records.save_run(&Run { finished_at, outcome: "interrupted".to_owned(), ..unfinished.clone() }).await?;
    if over {
        engine.records.forget_resume(&unfinished.id).await?;
    }
    Ok(())
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
    let rules = mending != Mending::Report && engine.attend().await?;
    let strays = engine.records.adopt_strays().await?;
    if strays > 0 {
        tracing::warn!("Sync found {strays} entries of the outbox where no relay looks: somebody wrote them by hand");
    }
    let mut builder = (level == Level::Deep && earlier.is_none()).then(|| Builder::new(id));
    let work = Work { engine, model, level, run: id, report, stop };
    let mut comparison = compare(&work, builder.as_mut(), earlier).await?;
    // Of a model that was never copied nobody knows that anything is on its way.
    if comparison.in_flight > 0 && needs_copy(engine, model).await? {
        comparison.waiting += std::mem::take(&mut comparison.in_flight);
    }
    let drift = comparison.drifting();
    let mut repaired = Repaired::default();
    if drift > 0 && mending != Mending::Report {
        if mending == Mending::Repair {
            breaker(engine, &comparison).map_err(|percent| tripped(comparison.clone(), percent))?;
        }
        // What must go goes first: it may have the place of what is to be written.
        let mut findings: Vec<_> = comparison.findings.iter().collect();
        findings.sort_by_key(|finding| finding.class != Class::Phantom);
        let ids: Vec<String> = findings.into_iter().map(|finding| finding.id.clone()).collect();
        let mandate = Mandate { run: id, force: mending == Mending::Force, carried_out: CarriedOut::new() };
        repaired = repair(engine, model, &ids, &mandate).await?;
    }
    let backfilled = if rules { backfill(engine, model, &comparison).await? } else { 0 };
    if level == Level::Deep && engine.mirror.search_is_off(model, mending != Mending::Report).await? {
        let done = if mending == Mending::Report { "a repair makes it anew" } else { "it was made anew" };
        tracing::warn!(
            model = model.name,
            "Sync found that the search index of {} is not of its documents: {done}",
            model.name
        );
    }
    let unreadable: Vec<String> = comparison.unreadable.iter().map(|(id, _)| id.clone()).collect();
    engine.ask_relay(model, &unreadable).await?;
    let outcome = outcome(&comparison, repaired, backfilled);
    let certificate = match builder {
        Some(builder) if matches!(outcome, Outcome::Equal | Outcome::Repaired) => {
            Some(issue(engine, model, comparison.cut, builder).await?)
        }
        Some(_) => {
            forget(engine, model).await?;
            None
        }
        None => None,
    };
    Ok(RunReport { id: id.to_owned(), outcome, comparison, repaired, backfilled, certificate })
}

/// Makes documents of an earlier description anew. Where there are more than a list holds, the model's whole backfill is due.
async fn backfill(engine: &Engine, model: &'static Model, comparison: &Comparison) -> Result<u64, SyncError> {
    if comparison.outdated > comparison.outdated_ids.len() as u64 {
        engine.records.forget_revision(model).await?;
    }
    renew(engine, model, &comparison.outdated_ids).await
}

fn outcome(comparison: &Comparison, repaired: Repaired, backfilled: u64) -> Outcome {
    let drift = comparison.drifting();
    if repaired.repaired + repaired.right < drift {
        return Outcome::Drift;
    }
    let of_others = comparison.newer + comparison.outdated.saturating_sub(backfilled);
    if comparison.parked + comparison.waiting + of_others > 0 || !comparison.unreadable.is_empty() {
        return Outcome::Behind;
    }
    if drift == 0 { Outcome::Equal } else { Outcome::Repaired }
}

/// An error in a program looks like much drift at once: nothing is repaired then. The share that is too much, in percent.
fn breaker(engine: &Engine, comparison: &Comparison) -> Result<(), u32> {
    let percent = engine.settings.breaker_percent;
    let most = (comparison.compared.saturating_mul(u64::from(percent)) / 100).max(engine.settings.breaker_least);
    if comparison.drifting() <= most { Ok(()) } else { Err(percent) }
}

fn tripped(comparison: Comparison, percent: u32) -> SyncError {
    let (model, drift, compared) = (comparison.model, comparison.drifting(), comparison.compared);
    SyncError::Breaker { model, drift, compared, percent, comparison: Box::new(comparison) }
}

async fn conclude(
    engine: &Engine,
    model: &'static Model,
    record: &mut Run,
    result: &Result<RunReport, SyncError>,
) -> Result<(), SyncError> {
    let line = match result {
        Ok(report) => {
            note(record, &report.comparison, report.repaired.repaired, report.outcome.name());
            record.certificate = report.certificate.as_ref().map(|certificate| certificate.hash.clone());
            let cut = written(report.comparison.cut);
            tracing::info!(model = model.name, cut, "Sync run over {}: {}", model.name, report.line());
            if report.outcome != Outcome::Drift {
                engine.cured(model, FaultSource::Run).await?;
            }
            report.line()
        }
        // The next run goes on from here.
        Err(SyncError::Stopped) => return Ok(()),
        Err(error) => {
            record.outcome = "failed".to_owned();
            if let SyncError::Breaker { comparison, .. } = error {
                note(record, comparison, 0, "breaker");
            }
            record.error = Some(error.to_string());
            tracing::warn!(model = model.name, "Sync run over {} failed: {error}", model.name);
            engine.failed(model, FaultSource::Run, error).await?;
            error.to_string()
        }
    };
    record.finished_at = Some(engine.now());
    engine.records.save_run(record).await?;
    engine.records.forget_resume(&record.id).await?;
    Ok(engine.records.note_result(model, &line).await?)
}

/// Writes what was found into the run's record.
fn note(record: &mut Run, comparison: &Comparison, repaired: u64, outcome: &str) {
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

/// Whether the model was never copied as a whole: a comparison would only list every row.
pub(crate) async fn needs_copy(engine: &Engine, model: &'static Model) -> Result<bool, SyncError> {
    let state = engine.records.copy(model).await?.state;
    Ok(matches!(state, CopyState::Pending | CopyState::Copying))
}
