//! Runs durable jobs: claims what is due, keeps its lease while it works, notes what fails.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chainbill_domain::Timestamp;
use chainbill_records::jobs::Job;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{JobError, JobKind};
use crate::App;

/// Jobs of this process at a time.
const CONCURRENCY: usize = 4;
/// A worker that is silent for so long has lost its job.
const LEASE: Duration = Duration::from_secs(60);
/// The queue is looked at so often: jobs come from other processes too, and a clock may be turned.
const POLL: Duration = Duration::from_secs(1);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// The workers of this process. Any number of processes may run them.
pub struct JobRunner {
    app: App,
    kinds: HashMap<&'static str, Arc<dyn JobKind>>,
    owner: String,
}

impl JobRunner {
    /// Workers for these kinds; `owner` names this process in the queue.
    #[must_use]
    pub fn new(app: App, kinds: Vec<Box<dyn JobKind>>, owner: String) -> Self {
        let kinds = kinds.into_iter().map(|kind| (kind.name(), Arc::from(kind))).collect();
        Self { app, kinds, owner }
    }

    /// Works until it is stopped; then what runs is given up, and runs again where its lease ends.
    pub async fn run(self, stop: CancellationToken) {
        let names: Vec<String> = self.kinds.keys().map(|&name| name.to_owned()).collect();
        let mut running = JoinSet::new();
        let mut ready = false;
        while !stop.is_cancelled() {
            ready = ready || self.enqueue_recurring().await;
            let room = u32::try_from(CONCURRENCY - running.len()).unwrap_or(0);
            match self.app.records.claim_jobs(&names, &self.owner, LEASE, room).await {
                Ok(claimed) => {
                    for job in claimed {
                        let kind = self.kinds[job.kind.as_str()].clone();
                        running.spawn(work(self.app.clone(), kind, job));
                    }
                }
                Err(error) => tracing::warn!("jobs could not be claimed: {error}"),
            }
            tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = running.join_next(), if !running.is_empty() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Runs what is due, and what becomes due by that, until nothing is; how many jobs ran. For commands and tests.
    pub async fn run_due(&self) -> Result<u64, crate::AppError> {
        let names: Vec<String> = self.kinds.keys().map(|&name| name.to_owned()).collect();
        let mut count = 0;
        loop {
            let claimed = self.app.records.claim_jobs(&names, &self.owner, LEASE, 1).await?;
            let Some(job) = claimed.into_iter().next() else { return Ok(count) };
            let kind = self.kinds[job.kind.as_str()].clone();
            work(self.app.clone(), kind, job).await;
            count += 1;
        }
    }

    async fn enqueue_recurring(&self) -> bool {
        for kind in self.kinds.values() {
            let Some(job) = kind.recurring(&self.app) else { continue };
            let enqueued = async {
                let mut unit = self.app.records.begin().await?;
                unit.enqueue_job(job).await?;
                unit.commit().await
            };
            if let Err(error) = enqueued.await {
                tracing::warn!("the recurring job {} could not be enqueued: {error}", kind.name());
                return false;
            }
        }
        true
    }
}

/// Runs one job while its lease is ours.
async fn work(app: App, kind: Arc<dyn JobKind>, job: Job) {
    let mut task = {
        let (app, kind, job) = (app.clone(), kind.clone(), job.clone());
        // A task of its own: a handler that panics fails, and takes nothing with it. It ends with this worker.
        tokio::task::JoinSet::from_iter([async move { kind.run(&app, &job).await }])
    };
    let mut renewals = tokio::time::interval_at(tokio::time::Instant::now() + LEASE / 3, LEASE / 3);
    let result = loop {
        tokio::select! {
            Some(ended) = task.join_next() => {
                break ended.unwrap_or_else(|panic| Err(JobError::Later(format!("the handler ended: {panic}"))));
            }
            _ = renewals.tick() => match app.records.renew_job(&job, LEASE).await {
                Ok(true) => {}
                Ok(false) => return tracing::warn!("the job {} {} is another worker's by now", job.kind, job.key),
                Err(error) => tracing::warn!("the lease of the job {} {} was not renewed: {error}", job.kind, job.key),
            },
        }
    };
    if let Err(error) = result {
        note_failure(&app, kind.as_ref(), &job, &error).await;
    }
}

async fn note_failure(app: &App, kind: &dyn JobKind, job: &Job, error: &JobError) {
    let failures = job.failures.saturating_add(1);
    let dead = matches!(error, JobError::Never(_)) || failures >= kind.attempts();
    let retry_at = (!dead).then(|| retry_at(app, failures));
    let (name, key) = (&job.kind, &job.key);
    match retry_at {
        Some(at) => tracing::warn!("the job {name} {key} failed {failures} times and runs again at {at}: {error}"),
        None => tracing::error!("the job {name} {key} failed {failures} times and is a dead letter now: {error}"),
    }
    if let Err(silence) = app.records.fail_job(job, &error.to_string(), retry_at).await {
        tracing::warn!(
            "the failure of the job {name} {key} was not noted, it runs again with its lease's end: {silence}"
        );
    }
}

/// 1, 2, 4, … seconds after now, an hour at most; half of it by chance, so that what failed together is not tried together.
fn retry_at(app: &App, failures: u32) -> Timestamp {
    let most = Duration::from_secs(1_u64 << failures.saturating_sub(1).min(12)).min(LONGEST_PAUSE);
    let share = u32::from(app.records.random().bytes::<1>()[0]);
    app.now() + most / 2 + most / 2 * share / 255
}
