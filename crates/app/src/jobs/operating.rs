//! What operators see of jobs, and what they may do with dead letters.

use chainbill_domain::states::Role;
use chainbill_records::{
    Unit,
    jobs::{self, JobCounts, JobState},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{App, AppError, Context, Page, PageRequest, moment};

/// A durable job.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobView {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// Names the work within its kind.
    pub key: String,
    /// `QUEUED`, `RUNNING` or `DEAD` (a dead letter, which failed for good).
    pub state: String,
    /// When it runs; of a running one, when its worker's lease ends.
    pub run_at: String,
    /// How often it has failed since it was enqueued or last retried.
    pub failures: u32,
    /// Why it failed last.
    pub error: Option<String>,
    /// What it was enqueued with.
    pub payload: serde_json::Value,
    /// When it was enqueued.
    pub created_at: String,
}

/// Which jobs.
#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    /// Only of this kind.
    pub kind: Option<String>,
    /// Only in this state: `QUEUED`, `RUNNING` or `DEAD`.
    pub state: Option<String>,
}

impl From<jobs::JobView> for JobView {
    fn from(job: jobs::JobView) -> Self {
        Self {
            id: job.id,
            kind: job.kind,
            key: job.key,
            state: job.state.name().to_owned(),
            run_at: moment(job.run_at),
            failures: job.failures,
            error: job.error,
            // What a hand wrote may be no JSON: it is shown as the text that it is.
            payload: serde_json::from_str(&job.payload).unwrap_or(serde_json::Value::String(job.payload)),
            created_at: moment(job.created_at),
        }
    }
}

fn state(word: &str) -> Result<JobState, AppError> {
    JobState::ALL
        .into_iter()
        .find(|state| state.name() == word)
        .ok_or_else(|| AppError::field("/state", "QUEUED, RUNNING or DEAD is accepted"))
}

impl App {
    /// Durable jobs, newest first. Operators only.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] for others.
    pub async fn jobs(
        &self,
        context: &Context,
        filter: &JobFilter,
        page: &PageRequest,
    ) -> Result<Page<JobView>, AppError> {
        context.actor_as(Role::Admin, "only operators may")?;
        let state = filter.state.as_deref().map(state).transpose()?;
        let list = format!("jobs?{:?}&{:?}", filter.kind, filter.state);
        let (limit, after) = (page.limit()?, page.after(&list)?);
        let rows = self.records.jobs(filter.kind.as_deref(), state, after.as_deref(), u64::from(limit) + 1).await?;
        Ok(Page::of(&list, rows, limit, |job| job.id.clone(), JobView::from))
    }

    /// Puts a dead letter back on the queue. Operators only.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is no dead letter with this id.
    pub async fn retry_job(&self, context: &Context, id: &str) -> Result<(), AppError> {
        context.actor_as(Role::Admin, "only operators may")?;
        let mut unit = self.records.begin().await?;
        let known = unit.retry_dead_job(id).await?;
        self.noted(unit, context, "job.retry", id, known).await
    }

    /// Drops a dead letter. Operators only.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is no dead letter with this id.
    pub async fn drop_job(&self, context: &Context, id: &str) -> Result<(), AppError> {
        context.actor_as(Role::Admin, "only operators may")?;
        let mut unit = self.records.begin().await?;
        let known = unit.drop_dead_job(id).await?;
        self.noted(unit, context, "job.drop", id, known).await
    }

    /// How many jobs wait, are due and are dead letters, for metrics.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn job_counts(&self) -> Result<JobCounts, AppError> {
        Ok(self.records.job_counts().await?)
    }

    /// Commits what was done to a dead letter together with its audit entry.
    async fn noted(
        &self,
        mut unit: Unit,
        context: &Context,
        action: &str,
        id: &str,
        known: bool,
    ) -> Result<(), AppError> {
        if !known {
            return Err(AppError::NotFound("dead letter"));
        }
        let subject = ("jobs", id.to_owned());
        self.audit::<JobView>(&mut unit, context, action, subject, (None, None)).await?;
        unit.commit().await?;
        Ok(())
    }
}
