//! What is over is cleaned away: answers kept for replays, logins, and events that every consumer has taken.

use std::time::Duration;

use async_trait::async_trait;
use chainbill_records::jobs::{Ended, Job, NewJob};

use super::{JobError, JobKind};
use crate::App;

const EVERY: Duration = Duration::from_secs(600);

pub(super) struct Cleaning;

#[async_trait]
impl JobKind for Cleaning {
    fn name(&self) -> &'static str {
        "cleaning"
    }

    fn recurring(&self, app: &App) -> Option<NewJob> {
        Some(NewJob { kind: self.name(), key: "expired".to_owned(), payload: "{}".to_owned(), run_at: app.now() })
    }

    /// What cannot be cleaned now can be cleaned later, for ever.
    fn attempts(&self) -> u32 {
        u32::MAX
    }

    async fn run(&self, app: &App, job: &Job) -> Result<(), JobError> {
        // Removing what is over may be repeated: nothing is lost by a second time.
        app.clean().await?;
        app.records.purge_events(app.now() - app.settings.keep_events).await?;
        app.records.end_job(job, Ended::Again(app.now() + EVERY)).await?;
        Ok(())
    }
}
