//! Releases the money of submitted work that the client has not answered, once its days are over.

use async_trait::async_trait;
use chainbill_domain::{Timestamp, id::InvoiceId};
use chainbill_records::jobs::{Ended, Job, NewJob};
use serde::{Deserialize, Serialize};

use super::{JobError, JobKind};
use crate::{App, Context, context::OK};

const NAME: &str = "escrow-release";

#[derive(Serialize, Deserialize)]
struct Payload {
    invoice: InvoiceId,
    /// The moment that was agreed; another one has a job of its own.
    at: Timestamp,
}

/// The job of work that waits until this moment.
///
/// # Panics
/// Never: an id and a moment are JSON.
#[must_use]
pub fn release_job(invoice: InvoiceId, at: Timestamp) -> NewJob {
    let payload = serde_json::to_string(&Payload { invoice, at }).expect("an id and a moment are JSON");
    NewJob { kind: NAME, key: format!("{invoice}:{}", at.timestamp_millis()), payload, run_at: at }
}

pub(super) struct Releasing;

#[async_trait]
impl JobKind for Releasing {
    fn name(&self) -> &'static str {
        NAME
    }

    /// A promise to the freelancer: it is kept whenever the primary is back.
    fn attempts(&self) -> u32 {
        u32::MAX
    }

    async fn run(&self, app: &App, job: &Job) -> Result<(), JobError> {
        let payload: Payload =
            serde_json::from_str(&job.payload).map_err(|error| JobError::Never(format!("the payload: {error}")))?;
        let clock = Context::default();
        app.change(&clock, "invoice.release", |mut command| {
            let Payload { invoice, at } = payload;
            async move {
                // It may have been answered, frozen or submitted anew since.
                let invoice = command.any_invoice(invoice).await?.filter(|invoice| invoice.release_at() == Some(at));
                if let Some(invoice) = invoice {
                    let held = invoice.held();
                    let released = invoice.release(held, command.occasion())?;
                    command.save_invoice(released).await?;
                }
                command.unit.end_job(job, Ended::Done).await?;
                Ok(command.answer(OK, ()))
            }
        })
        .await?;
        Ok(())
    }
}
