//! The operators' side of the synchronisation: long work continues in the background, and its response says so.

pub(crate) mod views;

use std::time::Duration;

use async_trait::async_trait;
use chainbill_domain::{Model, Timestamp, freshness::Token, id::RunId};
use chainbill_records::Run;
use chainbill_sync::{Freshness, Order, RepairPolicy, Replicator, SyncError, compare::Level};
use chainbill_web::{
    BackfillReport, CertificateView, DeadLetter, Difference, EntityDiagnosis, ModelReport, PageBounds, Progress,
    ProofView, RepairEvidence, RepairedEntity, Row, RunRecord, Running, StartedRun, SyncAdmin, SyncAdminError,
    SyncStatus, Verification, VerificationReport,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::views::Runs;
use crate::monitor;

/// The deadline of a response: work that is not finished by then continues in the background.
const DEADLINE: Duration = Duration::from_millis(900);

/// The largest number of background tasks: each outlives its request.
const MOST: usize = 32;

/// The synchronisation of a running server.
#[derive(Clone)]
pub struct ServerSyncAdmin {
    sync: Replicator,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl ServerSyncAdmin {
    /// For this synchronisation; background work ends with `stop`.
    #[must_use]
    pub fn new(sync: Replicator, stop: CancellationToken) -> Self {
        Self { sync, tasks: TaskTracker::new(), stop }
    }

    /// Waits for the end of background work.
    pub async fn close(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Runs work to its end within the deadline, else in the background; `running` is the response then.
    async fn work<T: Send + 'static>(
        &self,
        what: &'static str,
        running: Running,
        work: impl Future<Output = Result<T, SyncError>> + Send + 'static,
    ) -> Result<Progress<T>, SyncAdminError> {
        if self.tasks.len() >= MOST {
            return Err(SyncAdminError::Conflict(format!(
                "{MOST} background tasks are running; try again when some have ended"
            )));
        }
        let mut task = self.tasks.spawn(work);
        match tokio::time::timeout(DEADLINE, &mut task).await {
            Ok(Ok(result)) => Ok(Progress::Done(result.map_err(|error| refusal(&error))?)),
            Ok(Err(error)) => Err(SyncAdminError::Unavailable(error.to_string())),
            Err(_) => {
                self.tasks.spawn(async move {
                    match task.await {
                        Ok(Ok(_)) | Ok(Err(SyncError::Stopped)) => {}
                        Ok(Err(error)) => tracing::warn!("Sync {what}: {error}"),
                        Err(error) => tracing::error!("Sync {what} panicked: {error}"),
                    }
                });
                Ok(Progress::Running(running))
            }
        }
    }

    async fn recorded(&self, id: &str) -> Result<Run, SyncAdminError> {
        let run = self.sync.records().run_of(id).await.map_err(|error| refusal(&error.into()))?;
        run.ok_or_else(|| SyncAdminError::NotFound(format!("there is no verification {id}, or it has not begun yet")))
    }

    /// An id for a run that is about to begin.
    fn run_id(&self) -> RunId {
        let records = self.sync.records();
        RunId::new(records.now(), records.random().bytes())
    }
}

fn refusal(error: &SyncError) -> SyncAdminError {
    match error {
        SyncError::UnknownModel(_) => SyncAdminError::NotFound(error.to_string()),
        SyncError::LeaseTaken(_) | SyncError::Outranked | SyncError::Breaker { .. } => {
            SyncAdminError::Conflict(error.to_string())
        }
        _ => SyncAdminError::Unavailable(error.to_string()),
    }
}

fn named(model: &str) -> Result<&'static Model, SyncAdminError> {
    chainbill_sync::model(model).map_err(|error| refusal(&error))
}

/// One model, or all.
pub(crate) fn selected(model: Option<&str>) -> Result<Vec<&'static Model>, SyncError> {
    match model {
        Some(model) => Ok(vec![chainbill_sync::model(model)?]),
        None => Ok(chainbill_domain::models::ALL.to_vec()),
    }
}

/// The response about runs that continue. A resumed run keeps the id of the interrupted one, which is not known here.
fn running(orders: &[(&'static Model, RunId)], resume: bool) -> Running {
    let runs = orders.iter().filter(|_| !resume);
    Running {
        runs: Some(runs.map(|(model, id)| StartedRun { model: model.name, id: id.to_string() }).collect()),
        ..Running::new(
            "it continues in the background; /api/sync/verifications/{id} shows its progress once the run has begun",
        )
    }
}

async fn backfill_or_compare(
    sync: &Replicator,
    model: &'static Model,
    stop: &CancellationToken,
) -> Result<ModelReport, SyncError> {
    if sync.needs_copy(model).await? {
        let backfilled = sync.initial(model, &|_| {}, stop).await?;
        return Ok(ModelReport::Backfilled(views::backfilled(model, backfilled)));
    }
    let report = sync.run(model, Order::new("manual", Level::Fast, RepairPolicy::Repair), &|_| {}, stop).await?;
    Ok(ModelReport::Compared(Box::new(views::run_report(&report))))
}

fn rows<R, T, E: Into<SyncError>>(
    rows: Result<Vec<R>, E>,
    view: impl Fn(R) -> Row<T>,
) -> Result<Vec<Row<T>>, SyncAdminError> {
    let rows = rows.map_err(|error| refusal(&error.into()))?;
    Ok(rows.into_iter().map(view).collect())
}

#[async_trait]
impl SyncAdmin for ServerSyncAdmin {
    async fn status(&self) -> SyncStatus {
        views::status(self.sync.status().await)
    }

    async fn pulse(&self) -> SyncStatus {
        views::status(self.sync.pulse().await)
    }

    async fn gauges(&self) {
        monitor::publish(&self.sync.status().await);
    }

    async fn initial(&self) -> Result<Progress<BackfillReport>, SyncAdminError> {
        let (sync, stop) = (self.sync.clone(), self.stop.clone());
        let running = Running::new("it continues in the background; /api/sync/status shows its progress");
        self.work("backfills every model", running, async move {
            let mut models = Vec::new();
            for (model, backfilled) in sync.initial_of(chainbill_domain::models::ALL, &|_| {}, &stop).await {
                models.push(views::backfilled(model, backfilled?));
            }
            Ok(BackfillReport { models })
        })
        .await
    }

    async fn model(&self, model: &str) -> Result<Progress<ModelReport>, SyncAdminError> {
        let (sync, stop, model) = (self.sync.clone(), self.stop.clone(), named(model)?);
        let running = Running::new(
            "it continues in the background; /api/sync/status and /api/sync/verifications show its progress",
        );
        self.work("repairs a model", running, async move { backfill_or_compare(&sync, model, &stop).await }).await
    }

    async fn since(&self, model: &str, since: Timestamp) -> Result<Progress<ModelReport>, SyncAdminError> {
        let (sync, stop, model) = (self.sync.clone(), self.stop.clone(), named(model)?);
        let running = Running::new("it continues in the background; the log reports its end");
        self.work("repairs recent changes", running, async move {
            let recent = sync.since(model, since, &|_| {}, &stop).await?;
            Ok(ModelReport::Recent(views::recent_repair(model, since, &recent)))
        })
        .await
    }

    async fn one(&self, model: &str, id: &str) -> Result<RepairedEntity, SyncAdminError> {
        let (repaired, found) = self.sync.one(named(model)?, id).await.map_err(|error| refusal(&error))?;
        Ok(RepairedEntity {
            repaired: repaired.repaired > 0,
            quarantined: repaired.quarantined > 0,
            entity: views::existing(found)?,
        })
    }

    async fn explain(&self, model: &str, id: &str) -> Result<EntityDiagnosis, SyncAdminError> {
        views::existing(self.sync.explain(named(model)?, id).await.map_err(|error| refusal(&error))?)
    }

    async fn dead_letters(
        &self,
        model: Option<&str>,
        page: &PageBounds,
    ) -> Result<Vec<Row<DeadLetter>>, SyncAdminError> {
        let model = model.map(named).transpose()?.map(|model| model.name);
        let after = page.after.as_deref().map(|key| key.split_once(' ').unwrap_or((key, "")));
        rows(self.sync.records().dead_letters_after(model, after, page.limit).await, |parked| {
            (format!("{} {}", parked.entry.model, parked.entry.entity_id), views::dead_letter(&parked))
        })
    }

    async fn retry(&self, model: &str, id: &str) -> Result<(), SyncAdminError> {
        let known = self.sync.retry_failure(named(model)?.name, id).await.map_err(|error| refusal(&error))?;
        known.then_some(()).ok_or_else(|| SyncAdminError::NotFound(format!("{model} {id} is no dead letter")))
    }

    async fn drop_dead_letter(&self, model: &str, id: &str) -> Result<(), SyncAdminError> {
        let known = self.sync.drop_failure(named(model)?.name, id).await.map_err(|error| refusal(&error))?;
        known.then_some(()).ok_or_else(|| SyncAdminError::NotFound(format!("{model} {id} is no dead letter")))
    }

    async fn verify(&self, verification: Verification) -> Result<Progress<VerificationReport>, SyncAdminError> {
        let Verification { model, deep, repair, resume } = verification;
        let models = selected(model.as_deref()).map_err(|error| refusal(&error))?;
        let (sync, stop) = (self.sync.clone(), self.stop.clone());
        let level = if deep { Level::Deep } else { Level::Fast };
        let policy = if repair { RepairPolicy::Repair } else { RepairPolicy::Report };
        let order = Order::new("verify", level, policy).resuming(resume);
        let orders: Vec<_> = models.into_iter().map(|model| (model, self.run_id())).collect();
        let running = running(&orders, resume);
        self.work("verifies", running, async move {
            let mut runs = Runs::default();
            for (model, id) in orders {
                runs.add(model, sync.run(model, order.named(id), &|_| {}, &stop).await)?;
            }
            runs.into_report()
        })
        .await
    }

    async fn verifications(&self, page: &PageBounds) -> Result<Vec<Row<RunRecord>>, SyncAdminError> {
        let runs = self.sync.records().runs(None, None, page.after.as_deref(), page.limit).await;
        rows(runs, |run| (run.id.clone(), views::run_record(run)))
    }

    async fn verification(&self, id: &str) -> Result<RunRecord, SyncAdminError> {
        Ok(views::run_record(self.recorded(id).await?))
    }

    async fn differences(&self, id: &str, page: &PageBounds) -> Result<Vec<Row<Difference>>, SyncAdminError> {
        let run = self.recorded(id).await?;
        let all = views::recorded_differences(run.findings.as_deref())
            .map_err(|error| SyncAdminError::Unavailable(format!("the differences of run {id}: {error}")))?;
        let keyed = all.into_iter().enumerate().map(|(place, found)| (format!("{place:06}"), found));
        let following = keyed.filter(|(key, _)| page.after.as_ref().is_none_or(|after| key > after));
        Ok(following.take(page.limit as usize).collect())
    }

    async fn evidence(
        &self,
        model: Option<&str>,
        entity: Option<&str>,
        page: &PageBounds,
    ) -> Result<Vec<Row<RepairEvidence>>, SyncAdminError> {
        let model = model.map(named).transpose()?.map(|model| model.name);
        let kept = self.sync.records().evidence(model, entity, page.after.as_deref(), page.limit).await;
        rows(kept, |kept| (kept.id.clone(), views::evidence(kept)))
    }

    async fn certificates(&self, page: &PageBounds) -> Result<Vec<Row<CertificateView>>, SyncAdminError> {
        let certificates = self.sync.records().certificates_before(page.after.as_deref(), page.limit).await;
        rows(certificates, |(id, certificate)| (id, certificate.into()))
    }

    async fn proof(&self, model: &str, id: &str) -> Result<ProofView, SyncAdminError> {
        let proof = self.sync.prove(named(model)?, id).await.map_err(|error| refusal(&error))?;
        proof.map(ProofView::from).ok_or_else(|| {
            SyncAdminError::NotFound(
                "the newest certificate does not hold it yet: the next deep verification adds it".to_owned(),
            )
        })
    }

    async fn fresh(&self, token: &Token, bound: Duration) -> Result<bool, SyncAdminError> {
        match self.sync.wait_fresh(token, bound).await {
            Ok(freshness) => Ok(freshness == Freshness::Reached),
            // The read that follows reports that the mirror does not answer.
            Err(SyncError::Mirror(_)) => Ok(false),
            Err(error) => Err(refusal(&error)),
        }
    }
}
