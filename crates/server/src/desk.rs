//! The desk at which the API asks the synchronisation: work that takes long goes on in the background, and the answer says so.

use std::time::Duration;

use async_trait::async_trait;
use chainbill_domain::{Model, Timestamp, freshness::Token, id::RunId};
use chainbill_records::Run;
use chainbill_sync::{
    Comparison, Explanation, Finding, Freshness, Order, Recovery, RepairPolicy, Replicator, RunReport, SyncError,
    compare::Level,
};
use chainbill_web::{Desk, DeskError, Part, Row, SyncDesk, Verification};
use serde_json::{Value as Json, json};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::monitor;

/// How long an answer waits for the end of work before it says that the work goes on.
const PATIENCE: Duration = Duration::from_millis(900);

/// Most pieces of work that go on at once: each outlives whoever asked for it.
const MOST: usize = 32;

/// The desk of a running server.
#[derive(Clone)]
pub struct ServerDesk {
    sync: Replicator,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl ServerDesk {
    /// A desk for this synchronisation; background work ends with `stop`.
    #[must_use]
    pub fn new(sync: Replicator, stop: CancellationToken) -> Self {
        Self { sync, tasks: TaskTracker::new(), stop }
    }

    /// Waits for work in the background to end.
    pub async fn close(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Does work: to its end where that comes soon, and otherwise in the background. `known` is what can be said by then.
    async fn work(
        &self,
        what: &'static str,
        known: Json,
        work: impl Future<Output = Result<Json, SyncError>> + Send + 'static,
    ) -> Result<Desk, DeskError> {
        if self.tasks.len() >= MOST {
            return Err(DeskError::Conflict(format!(
                "{MOST} pieces of work go on already; ask again when some have ended"
            )));
        }
        let mut task = self.tasks.spawn(work);
        match tokio::time::timeout(PATIENCE, &mut task).await {
            Ok(Ok(result)) => Ok(Desk::Done(result.map_err(|error| refusal(&error))?)),
            Ok(Err(error)) => Err(DeskError::Unavailable(error.to_string())),
            Err(_) => {
                self.tasks.spawn(async move {
                    match task.await {
                        Ok(Ok(_)) | Ok(Err(SyncError::Stopped)) => {}
                        Ok(Err(error)) => tracing::warn!("Sync {what}: {error}"),
                        Err(error) => tracing::error!("Sync {what} broke: {error}"),
                    }
                });
                Ok(Desk::Running(known))
            }
        }
    }

    async fn recorded(&self, id: &str) -> Result<Run, DeskError> {
        let run = self.sync.records().run_of(id).await.map_err(|error| refusal(&error.into()))?;
        run.ok_or_else(|| DeskError::NotFound(format!("there is no verification {id}, or it has not begun yet")))
    }

    /// An id for a run that is about to begin.
    fn run_id(&self) -> RunId {
        let records = self.sync.records();
        RunId::new(records.now(), records.random().bytes())
    }
}

fn refusal(error: &SyncError) -> DeskError {
    match error {
        SyncError::UnknownModel(_) => DeskError::NotFound(error.to_string()),
        SyncError::LeaseTaken(_) | SyncError::Outranked | SyncError::Breaker { .. } => {
            DeskError::Conflict(error.to_string())
        }
        _ => DeskError::Unavailable(error.to_string()),
    }
}

fn named(model: &str) -> Result<&'static Model, DeskError> {
    chainbill_sync::model(model).map_err(|error| refusal(&error))
}

fn known(why: &Explanation) -> Result<(), DeskError> {
    let nowhere = || DeskError::NotFound(format!("there is no {} {} in either database", why.model, why.id));
    if why.is_nothing() { Err(nowhere()) } else { Ok(()) }
}

/// One model, or all.
pub(crate) fn wished(model: Option<&str>) -> Result<Vec<&'static Model>, SyncError> {
    match model {
        Some(model) => Ok(vec![chainbill_sync::model(model)?]),
        None => Ok(chainbill_domain::models::ALL.to_vec()),
    }
}

/// How several runs went: one that failed takes nothing from what the others have found.
#[derive(Default)]
pub(crate) struct Runs {
    pub reports: Vec<RunReport>,
    pub failures: Vec<(&'static Model, SyncError)>,
}

impl Runs {
    /// # Errors
    /// [`SyncError::Stopped`]: then there is nothing to add to.
    pub fn add(&mut self, model: &'static Model, ended: Result<RunReport, SyncError>) -> Result<(), SyncError> {
        match ended {
            Ok(report) => self.reports.push(report),
            Err(SyncError::Stopped) => return Err(SyncError::Stopped),
            Err(error) => self.failures.push((model, error)),
        }
        Ok(())
    }

    pub fn equal(&self) -> bool {
        self.failures.is_empty() && self.reports.iter().all(|report| report.outcome.is_equal())
    }

    /// All of them; the failure itself where there is nothing else.
    ///
    /// # Errors
    /// When none was carried out.
    pub fn told(mut self) -> Result<Json, SyncError> {
        match self.failures.pop() {
            Some((_, error)) if self.reports.is_empty() && self.failures.is_empty() => Err(error),
            last => {
                self.failures.extend(last);
                Ok(self.json())
            }
        }
    }

    pub fn json(&self) -> Json {
        let failed = |(model, error): &(&'static Model, SyncError)| {
            let mut told = json!({"model": model.name, "outcome": "failed", "error": error.to_string()});
            if let SyncError::Breaker { comparison, .. } = error {
                told["outcome"] = "breaker".into();
                told["compared"] = comparison.compared.into();
                told["drift"] = comparison.drifting().into();
                told["differences"] = differences(comparison);
            }
            told
        };
        let models: Vec<Json> = self.reports.iter().map(of_run).chain(self.failures.iter().map(failed)).collect();
        json!({"equal": self.equal(), "models": models})
    }
}

/// What is known of runs that go on. One that goes on with an earlier run keeps that one's id.
fn running(orders: &[(&'static Model, RunId)], resume: bool) -> Json {
    let hint = "it goes on in the background; /api/sync/verifications/{id} shows how far, as soon as a run has begun";
    let runs = orders.iter().filter(|_| !resume);
    let runs: Vec<Json> = runs.map(|(model, id)| json!({"model": model.name, "id": id.to_string()})).collect();
    json!({"state": "running", "hint": hint, "runs": runs})
}

/// A run as it is written down.
fn of_record(run: &Run) -> Json {
    let moment = |at: Option<_>| at.map(chainbill_app::moment);
    json!({
        "id": run.id, "kind": run.kind, "model": run.model, "level": run.level, "outcome": run.outcome,
        "startedAt": chainbill_app::moment(run.started_at), "finishedAt": moment(run.finished_at),
        "cut": moment(run.cut), "compared": run.compared, "total": run.total, "inFlight": run.in_flight,
        "waiting": run.waiting, "parked": run.parked, "unreadable": run.unreadable, "outdated": run.outdated,
        "drift": run.drift,
        "repaired": run.repaired, "certificate": run.certificate, "error": run.error,
    })
}

/// What a run found and did.
pub(crate) fn of_run(report: &RunReport) -> Json {
    let comparison = &report.comparison;
    json!({
        "id": report.id,
        "model": comparison.model,
        "level": comparison.level.name(),
        "outcome": report.outcome.name(),
        "cut": chainbill_app::moment(comparison.cut),
        "compared": comparison.compared,
        "rows": comparison.rows,
        "inFlight": comparison.in_flight,
        "waiting": comparison.waiting,
        "parked": comparison.parked,
        "outdated": comparison.outdated,
        "newer": comparison.newer,
        "backfilled": report.backfilled,
        "drift": comparison.drifting(),
        "classes": comparison.drift.iter().map(|(class, count)| (class.name().to_owned(), json!(count)))
            .collect::<serde_json::Map<_, _>>(),
        "unreadable": comparison.unreadable.iter().map(|(id, cause)| json!({"id": id, "cause": cause})).collect::<Vec<_>>(),
        "differences": differences(comparison),
        "repaired": report.repaired.repaired,
        "cameRight": report.repaired.right,
        "notRepaired": report.repaired.failed,
        "quarantined": report.repaired.quarantined,
        "certificate": report.certificate,
    })
}

fn differences(comparison: &Comparison) -> Json {
    let told = |finding: &Finding| json!({"model": comparison.model, "id": finding.id, "class": finding.class.name(), "fields": finding.fields});
    comparison.findings.iter().map(told).collect()
}

async fn bring_in_step(sync: &Replicator, model: &'static Model, stop: &CancellationToken) -> Result<Json, SyncError> {
    if sync.needs_copy(model).await? {
        let copied = sync.initial(model, &|_| {}, stop).await?;
        return Ok(json!({"model": model.name, "copied": copied.rows, "parked": copied.parked}));
    }
    let report = sync.run(model, Order::new("manual", Level::Fast, RepairPolicy::Repair), &|_| {}, stop).await?;
    Ok(of_run(&report))
}

fn listed<T, E: Into<SyncError>>(rows: Result<Vec<T>, E>, view: impl Fn(T) -> Row) -> Result<Vec<Row>, DeskError> {
    let rows = rows.map_err(|error| refusal(&error.into()))?;
    Ok(rows.into_iter().map(view).collect())
}

/// A text that holds JSON, as JSON.
fn inner(text: Option<&str>) -> Json {
    text.map_or(Json::Null, |text| serde_json::from_str(text).unwrap_or_else(|_| text.into()))
}

#[async_trait]
impl SyncDesk for ServerDesk {
    async fn status(&self) -> Json {
        json!(self.sync.status().await)
    }

    async fn pulse(&self) -> Json {
        json!(self.sync.pulse().await)
    }

    async fn gauges(&self) {
        monitor::publish(&self.sync.status().await);
    }

    async fn initial(&self) -> Result<Desk, DeskError> {
        let (sync, stop) = (self.sync.clone(), self.stop.clone());
        let known = json!({"state": "running", "hint": "it goes on in the background; /api/sync/status shows how far"});
        self.work("copies everything", known, async move {
            let mut copies = Vec::new();
            for (model, copied) in sync.initial_of(chainbill_domain::models::ALL, &|_| {}, &stop).await {
                let copied = copied?;
                copies.push(json!({"model": model.name, "copied": copied.rows, "parked": copied.parked}));
            }
            Ok(json!({"models": copies}))
        })
        .await
    }

    async fn model(&self, model: &str) -> Result<Desk, DeskError> {
        let (sync, stop, model) = (self.sync.clone(), self.stop.clone(), named(model)?);
        let hint = "it goes on in the background; /api/sync/status and /api/sync/verifications show how far";
        let known = json!({"state": "running", "hint": hint});
        self.work("brings a model in step", known, async move { bring_in_step(&sync, model, &stop).await }).await
    }

    async fn since(&self, model: &str, since: Timestamp) -> Result<Desk, DeskError> {
        let (sync, stop, model) = (self.sync.clone(), self.stop.clone(), named(model)?);
        let known = json!({"state": "running", "hint": "it goes on in the background; the log says how it ended"});
        let work = async move { Ok(of_recent(model, since, &sync.since(model, since, &|_| {}, &stop).await?)) };
        self.work("recovers recent changes", known, work).await
    }

    async fn one(&self, model: &str, id: &str) -> Result<Json, DeskError> {
        let (repaired, why) = self.sync.one(named(model)?, id).await.map_err(|error| refusal(&error))?;
        known(&why)?;
        Ok(json!({"repaired": repaired.repaired > 0, "quarantined": repaired.quarantined > 0, "entity": why}))
    }

    async fn why(&self, model: &str, id: &str) -> Result<Json, DeskError> {
        let why = self.sync.explain(named(model)?, id).await.map_err(|error| refusal(&error))?;
        known(&why)?;
        Ok(json!(why))
    }

    async fn failures(&self, model: Option<&str>, part: &Part) -> Result<Vec<Row>, DeskError> {
        let model = model.map(named).transpose()?.map(|model| model.name);
        let after = part.after.as_deref().map(|key| key.split_once(' ').unwrap_or((key, "")));
        listed(self.sync.records().dead_letters_after(model, after, part.limit).await, |parked| {
            (format!("{} {}", parked.entry.model, parked.entry.entity_id), of_parked(&parked))
        })
    }

    async fn retry(&self, model: &str, id: &str) -> Result<(), DeskError> {
        let known = self.sync.retry_failure(named(model)?.name, id).await.map_err(|error| refusal(&error))?;
        known.then_some(()).ok_or_else(|| DeskError::NotFound(format!("{model} {id} is not parked")))
    }

    async fn forget(&self, model: &str, id: &str) -> Result<(), DeskError> {
        let known = self.sync.drop_failure(named(model)?.name, id).await.map_err(|error| refusal(&error))?;
        known.then_some(()).ok_or_else(|| DeskError::NotFound(format!("{model} {id} is not parked")))
    }

    async fn verify(&self, wish: Verification) -> Result<Desk, DeskError> {
        let Verification { model, deep, repair, resume } = wish;
        let models = wished(model.as_deref()).map_err(|error| refusal(&error))?;
        let (sync, stop) = (self.sync.clone(), self.stop.clone());
        let level = if deep { Level::Deep } else { Level::Fast };
        let policy = if repair { RepairPolicy::Repair } else { RepairPolicy::Report };
        let order = Order::new("verify", level, policy).resuming(resume);
        let orders: Vec<_> = models.into_iter().map(|model| (model, self.run_id())).collect();
        let known = running(&orders, resume);
        self.work("verifies", known, async move {
            let mut runs = Runs::default();
            for (model, id) in orders {
                runs.add(model, sync.run(model, order.named(id), &|_| {}, &stop).await)?;
            }
            runs.told()
        })
        .await
    }

    async fn verifications(&self, part: &Part) -> Result<Vec<Row>, DeskError> {
        let rows = self.sync.records().runs(None, None, part.after.as_deref(), part.limit).await;
        listed(rows, |run| (run.id.clone(), of_record(&run)))
    }

    async fn verification(&self, id: &str) -> Result<Json, DeskError> {
        Ok(of_record(&self.recorded(id).await?))
    }

    async fn differences(&self, id: &str, part: &Part) -> Result<Vec<Row>, DeskError> {
        let run = self.recorded(id).await?;
        let Json::Array(all) = inner(run.findings.as_deref()) else { return Ok(Vec::new()) };
        let key = |place: usize| format!("{place:06}");
        let rows = all.into_iter().enumerate().map(|(place, found)| (key(place), found));
        let rows = rows.filter(|(key, _)| part.after.as_ref().is_none_or(|after| key > after));
        Ok(rows.take(part.limit as usize).collect())
    }

    async fn evidence(&self, model: Option<&str>, entity: Option<&str>, part: &Part) -> Result<Vec<Row>, DeskError> {
        let model = model.map(named).transpose()?.map(|model| model.name);
        listed(self.sync.records().evidence(model, entity, part.after.as_deref(), part.limit).await, |kept| {
            let fields: Vec<&str> = kept.fields.split(',').filter(|field| !field.is_empty()).collect();
            let row = json!({
                "id": kept.id, "runId": kept.run_id, "model": kept.model, "entityId": kept.entity_id, "class": kept.class,
                "fields": fields, "action": kept.action, "cut": chainbill_app::moment(kept.cut),
                "at": chainbill_app::moment(kept.at), "before": inner(kept.before.as_deref()),
                "expected": inner(kept.expected.as_deref()), "after": inner(kept.after.as_deref()),
                "journal": inner(kept.journal.as_deref()),
            });
            (kept.id, row)
        })
    }

    async fn certificates(&self, part: &Part) -> Result<Vec<Row>, DeskError> {
        let rows = self.sync.records().certificates_before(part.after.as_deref(), part.limit).await;
        listed(rows, |(id, certificate)| (id, json!(certificate)))
    }

    async fn proof(&self, model: &str, id: &str) -> Result<Json, DeskError> {
        let proof = self.sync.prove(named(model)?, id).await.map_err(|error| refusal(&error))?;
        let missing = || {
            DeskError::NotFound(
                "the newest certificate does not hold it yet: it comes with the next deep verification".to_owned(),
            )
        };
        Ok(json!(proof.ok_or_else(missing)?))
    }

    async fn fresh(&self, token: &Token, bound: Duration) -> Result<bool, DeskError> {
        match self.sync.wait_fresh(token, bound).await {
            Ok(freshness) => Ok(freshness == Freshness::Reached),
            // The search itself will say that the copies do not answer.
            Err(SyncError::Mirror(_)) => Ok(false),
            Err(error) => Err(refusal(&error)),
        }
    }
}

/// A partial recovery.
pub(crate) fn of_recent(model: &Model, since: Timestamp, recent: &Recovery) -> Json {
    json!({
        "model": model.name, "since": chainbill_app::moment(since), "compared": recent.compared,
        "repaired": recent.repaired.repaired, "notRepaired": recent.repaired.failed,
        "quarantined": recent.repaired.quarantined,
    })
}

/// A parked entity.
pub(crate) fn of_parked(parked: &chainbill_records::DeadLetter) -> Json {
    json!({
        "model": parked.entry.model, "id": parked.entry.entity_id, "operation": parked.entry.op.name(),
        "version": parked.entry.version, "cause": parked.cause, "attempts": parked.attempts,
        "firstAt": chainbill_app::moment(parked.first_at), "lastAt": chainbill_app::moment(parked.last_at),
    })
}
