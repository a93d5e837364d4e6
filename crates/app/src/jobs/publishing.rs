//! Makes the reviews of a project visible when its window closes.

use async_trait::async_trait;
use chainbill_domain::id::ProjectId;
use chainbill_records::jobs::Job;
use serde::Deserialize;

use super::{JobError, JobKind};
use crate::{App, Context};

/// The kind in the queue.
pub(crate) const REVIEW_WINDOW: &str = "review-window";

pub(super) struct Publishing;

/// What the job is enqueued with.
#[derive(Deserialize)]
struct Window {
    project: ProjectId,
}

#[async_trait]
impl JobKind for Publishing {
    fn name(&self) -> &'static str {
        REVIEW_WINDOW
    }

    /// A review that waits is never given up.
    fn attempts(&self) -> u32 {
        u32::MAX
    }

    async fn run(&self, app: &App, job: &Job) -> Result<(), JobError> {
        let window: Window = serde_json::from_str(&job.payload).map_err(|error| JobError::Never(error.to_string()))?;
        let clock = Context::default();
        app.change(&clock, "review.publish", |command| command.publish_reviews(job, window.project)).await?;
        Ok(())
    }
}
