//! Computes reputations: of one user after each cause, and of all users once a day, since facts fade.

use std::time::Duration;

use async_trait::async_trait;
use chainbill_domain::id::UserId;
use chainbill_records::jobs::{Ended, Job, NewJob};

use super::{JobError, JobKind};
use crate::{App, Context};

/// The kind in the queue.
pub(crate) const REPUTATION: &str = "reputation";
const EVERY: Duration = Duration::from_secs(86_400);

pub(super) struct OfOne;
pub(super) struct OfAll;

#[async_trait]
impl JobKind for OfOne {
    fn name(&self) -> &'static str {
        REPUTATION
    }

    /// A dead letter would keep later causes of the same user out of the queue.
    fn attempts(&self) -> u32 {
        u32::MAX
    }

    async fn run(&self, app: &App, job: &Job) -> Result<(), JobError> {
        let user: UserId = job.key.parse().map_err(|error| JobError::Never(format!("{}: {error}", job.key)))?;
        let clock = Context::default();
        app.change(&clock, "reputation.compute", |mut command| async move {
            // Ended before the facts are read: a cause that finds this job in the queue is waited for here, and one that comes
            // later enqueues the next.
            command.unit.end_job(job, Ended::Done).await?;
            command.compute_reputation(user).await?;
            Ok(command.answer(crate::context::OK, ()))
        })
        .await?;
        Ok(())
    }
}

#[async_trait]
impl JobKind for OfAll {
    fn name(&self) -> &'static str {
        "reputations"
    }

    fn recurring(&self, app: &App) -> Option<NewJob> {
        Some(NewJob { kind: self.name(), key: "daily".to_owned(), payload: "{}".to_owned(), run_at: app.now() })
    }

    fn attempts(&self) -> u32 {
        u32::MAX
    }

    async fn run(&self, app: &App, job: &Job) -> Result<(), JobError> {
        // A second time computes the same.
        app.recompute_reputations(|_| {}).await?;
        app.records.end_job(job, Ended::Again(app.now() + EVERY)).await?;
        Ok(())
    }
}
