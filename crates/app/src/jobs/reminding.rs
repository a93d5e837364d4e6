//! Reminds of invoices by their issuers' rules, on the days that have come where the issuers are.

use std::time::Duration;

use async_trait::async_trait;
use chainbill_records::jobs::{Ended, Job, NewJob};

use super::{JobError, JobKind};
use crate::App;

const EVERY: Duration = Duration::from_secs(900);

pub(super) struct Reminding;

#[async_trait]
impl JobKind for Reminding {
    fn name(&self) -> &'static str {
        "reminders"
    }

    fn recurring(&self, app: &App) -> Option<NewJob> {
        Some(NewJob { kind: self.name(), key: "due".to_owned(), payload: "{}".to_owned(), run_at: app.now() })
    }

    /// What cannot be reminded of now can be later, for ever.
    fn attempts(&self) -> u32 {
        u32::MAX
    }

    async fn run(&self, app: &App, job: &Job) -> Result<(), JobError> {
        // Each reminder is a row of its own: one that was recorded before this job died is not repeated.
        app.remind().await?;
        app.records.end_job(job, Ended::Again(app.now() + EVERY)).await?;
        Ok(())
    }
}
