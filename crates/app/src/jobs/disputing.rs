//! Does what a deadline of a dispute does, once, in one unit with the job's end.

use async_trait::async_trait;
use chainbill_domain::id::DisputeId;
use chainbill_records::jobs::Job;
use serde::Deserialize;

use super::{JobError, JobKind};
use crate::{App, Context};

/// The kind in the queue.
pub(crate) const DISPUTE: &str = "dispute";

pub(super) struct Disputing;

/// What the job is enqueued with.
#[derive(Deserialize)]
struct Due {
    dispute: DisputeId,
}

#[async_trait]
impl JobKind for Disputing {
    fn name(&self) -> &'static str {
        DISPUTE
    }

    /// Money waits for it: it is tried for ever.
    fn attempts(&self) -> u32 {
        u32::MAX
    }

    async fn run(&self, app: &App, job: &Job) -> Result<(), JobError> {
        let due: Due = serde_json::from_str(&job.payload).map_err(|error| JobError::Never(error.to_string()))?;
        let moves = app.moves_now(due.dispute).await?;
        let clock = Context::default();
        app.change(&clock, "dispute.deadline", |command| command.pass_deadline(job, due.dispute, moves)).await?;
        Ok(())
    }
}
