//! Notarises a paid invoice: signs and stores, then submits, follows and records.
//!
//! What is sent was committed before, and what became of it is asked of the chain: a worker that is killed anywhere is followed by one
//! that finds the submission and goes on with it. Another submission is built only after the chain has proven that the last expired.

use std::sync::Arc;

use async_trait::async_trait;
use chainbill_chain::{Chain, ChainError, ErrorClass, Notarisation, Status};
use chainbill_domain::{
    Timestamp,
    id::InvoiceId,
    invoice::{Invoice, verify},
    mint::{Mint, Submission, TokenId},
    states::{MintStatus, Role},
    transition::{Refusal, Transition},
    visibility::Viewer,
};
use chainbill_records::{
    RecordsError,
    jobs::{Ended, Job, NewJob},
    repo::{invoices, mints},
};
use chrono::Duration;
use serde::{Deserialize, Serialize};

use super::{JobError, JobKind};
use crate::{App, AppError, Context, command::Command, context::OK};

/// The kind in the queue.
pub(crate) const MINT: &str = "mint";
/// A submission that the chain has not decided is looked at again after this.
const PENDING: Duration = Duration::seconds(2);
/// Steps in a row before the worker makes room for others: submitting, asking, and one submission built anew.
const STEPS: u32 = 6;

#[derive(Serialize, Deserialize)]
struct Payload {
    invoice: InvoiceId,
}

/// The job of an invoice.
///
/// # Panics
/// Never: an id is JSON.
pub(crate) fn mint_job(invoice: InvoiceId, at: Timestamp) -> NewJob {
    let payload = serde_json::to_string(&Payload { invoice }).expect("an id is JSON");
    NewJob { kind: MINT, key: invoice.to_string(), payload, run_at: at }
}

pub(super) struct Minting;

#[async_trait]
impl JobKind for Minting {
    fn name(&self) -> &'static str {
        MINT
    }

    /// A chain may be away for long: what is queued waits.
    fn attempts(&self) -> u32 {
        u32::MAX
    }

    async fn run(&self, app: &App, job: &Job) -> Result<(), JobError> {
        let payload: Payload =
            serde_json::from_str(&job.payload).map_err(|error| JobError::Never(format!("the payload: {error}")))?;
        let chain =
            app.chain.clone().ok_or_else(|| JobError::Later("no chain is set up (APTOS_NETWORK)".to_owned()))?;
        let worker = Worker { app, chain };
        for _ in 0..STEPS {
            let mint = mints::of_invoice(&app.records, payload.invoice).await?;
            let next = match mint {
                Some(mint) if mint.status == MintStatus::Queued => worker.begin(mint).await?,
                Some(mint) if mint.status == MintStatus::Submitted => worker.follow(mint).await?,
                _ => Next::Done,
            };
            match next {
                Next::Look => {}
                Next::Wait => break,
                Next::Done if worker.ended(job, payload.invoice).await? => return Ok(()),
                Next::Done => {}
            }
        }
        app.records.end_job(job, Ended::Again(app.now() + PENDING)).await?;
        Ok(())
    }
}

/// What follows a step.
enum Next {
    /// Another look: it has changed.
    Look,
    /// The chain has to decide.
    Wait,
    /// Nothing.
    Done,
}

struct Worker<'a> {
    app: &'a App,
    chain: Arc<dyn Chain>,
}

impl Worker<'_> {
    /// Ends the job, unless the invoice was queued anew meanwhile: that would not have enqueued a second one. The invoice's lock decides
    /// which was first.
    async fn ended(&self, job: &Job, id: InvoiceId) -> Result<bool, JobError> {
        let mut unit = self.app.records.begin().await?;
        let everything = Viewer { user_id: self.app.new_id(), role: Role::Admin };
        invoices::lock(&unit, &everything, id).await?;
        let mint = mints::lock_of_invoice(&unit, id).await?;
        if mint.is_some_and(|mint| matches!(mint.status, MintStatus::Queued | MintStatus::Submitted)) {
            unit.rollback().await?;
            return Ok(false);
        }
        unit.end_job(job, Ended::Done).await?;
        unit.commit().await?;
        Ok(true)
    }

    /// Signs a submission under a new token id and stores it.
    async fn begin(&self, mint: Mint) -> Result<Next, JobError> {
        let Some(token) = TokenId::random(self.app.records.random().bytes()) else { return Ok(Next::Look) };
        let submission = match self.prepare(&mint, token).await {
            Ok(submission) => submission,
            Err(ChainError::Refused(cause)) => return self.fail(&mint, &cause).await,
            Err(error) => return Err(later(&error)),
        };
        let stored = self
            .app
            .change(&Context::default(), "invoice.mint", |mut command| {
                let (mint, submission) = (&mint, &submission);
                async move {
                    let Some((invoice, locked)) = command.minted(mint).await? else {
                        return Ok(command.answer(OK, ()));
                    };
                    let cause = match verify(&invoice) {
                        Err(error) => Some(error.to_string()),
                        Ok(()) if invoice.canonical_hash.as_ref() != Some(&locked.hash) => {
                            Some("was queued with another hash".to_owned())
                        }
                        Ok(()) => None,
                    };
                    let at = command.occasion();
                    let (invoice, next) = match cause {
                        Some(cause) => {
                            let cause = format!("the invoice {cause}");
                            (invoice.anchor_failed(&cause, at)?, locked.fail(&cause)?)
                        }
                        None => (
                            invoice.anchor_submitted(token, &submission.transaction, at)?,
                            locked.submit(token, submission.clone())?,
                        ),
                    };
                    command.save_mint(Some(invoice), next).await?;
                    Ok(command.answer(OK, ()))
                }
            })
            .await;
        match stored {
            // The token id is another invoice's: the next one is not.
            Err(AppError::Records(RecordsError::Duplicate(_))) => Ok(Next::Look),
            other => other.map(|_| Next::Look).map_err(Into::into),
        }
    }

    /// Sends what is stored, unless the chain has it, and records what the chain says of it.
    async fn follow(&self, mint: Mint) -> Result<Next, JobError> {
        let Some(submission) = &mint.submission else {
            return Err(JobError::Never("it is submitted without a submission".to_owned()));
        };
        match self.chain.status(submission).await.map_err(|error| later(&error))? {
            Status::Pending => Ok(Next::Wait),
            Status::Failed(cause) => self.fail(&mint, &cause).await,
            Status::Expired => self.rebuild(&mint).await,
            Status::Unknown => match self.chain.submit(submission).await {
                Ok(()) => Ok(Next::Look),
                Err(ChainError::Refused(cause)) => self.refused(&mint, submission, &cause).await,
                Err(error) => Err(later(&error)),
            },
            Status::Confirmed(receipt) => {
                self.record(&mint, |invoice, locked, command| {
                    let Some(token) = locked.token else { return Err(AppError::NotFound("token")) };
                    let at = command.occasion();
                    Ok((
                        Some(invoice.anchor_confirmed(token, &submission.transaction, at)?),
                        locked.confirm(receipt.clone())?,
                    ))
                })
                .await?;
                Ok(Next::Done)
            }
        }
    }

    /// A submission was refused. Only what the chain neither holds nor may still take has failed.
    async fn refused(&self, mint: &Mint, submission: &Submission, cause: &str) -> Result<Next, JobError> {
        match self.chain.status(submission).await.map_err(|error| later(&error))? {
            Status::Unknown | Status::Failed(_) => self.fail(mint, cause).await,
            Status::Pending => Ok(Next::Wait),
            Status::Confirmed(_) | Status::Expired => Ok(Next::Look),
        }
    }

    /// Replaces a submission that has expired, under the same token id.
    async fn rebuild(&self, mint: &Mint) -> Result<Next, JobError> {
        let Some(token) = mint.token else { return Err(JobError::Never("it has no token".to_owned())) };
        let submission = self.prepare(mint, token).await.map_err(|error| later(&error))?;
        tracing::warn!("the notarisation of the invoice {} expired and is submitted anew", mint.invoice_id);
        self.record(mint, |_, locked, _| Ok((None, locked.rebuild(submission.clone())?))).await?;
        Ok(Next::Look)
    }

    async fn fail(&self, mint: &Mint, cause: &str) -> Result<Next, JobError> {
        tracing::error!("the invoice {} was not notarised: {cause}", mint.invoice_id);
        self.record(mint, |invoice, locked, command| {
            Ok((Some(invoice.anchor_failed(cause, command.occasion())?), locked.fail(cause)?))
        })
        .await?;
        Ok(Next::Done)
    }

    async fn prepare(&self, mint: &Mint, token: TokenId) -> Result<Submission, ChainError> {
        let what = Notarisation { token, hash: mint.hash.clone(), reference: mint.id.to_string() };
        self.chain.prepare(&what).await
    }

    /// Records a step of the invoice and its notarisation in one unit, if both are as they were read.
    async fn record(
        &self,
        mint: &Mint,
        step: impl Fn(Invoice, Mint, &Command<'_>) -> Result<Step, AppError>,
    ) -> Result<(), JobError> {
        let step = &step;
        self.app
            .change(&Context::default(), "invoice.mint", |mut command| async move {
                if let Some((invoice, locked)) = command.minted(mint).await? {
                    let (invoice, next) = step(invoice, locked, &command)?;
                    command.save_mint(invoice, next).await?;
                }
                Ok(command.answer(OK, ()))
            })
            .await?;
        Ok(())
    }
}

/// A change of the invoice, where it changes, and of its notarisation.
type Step = (Option<Transition<Invoice>>, Transition<Mint>);

fn later(error: &ChainError) -> JobError {
    if error.class() == ErrorClass::Misconfigured {
        tracing::error!("invoices wait for their notarisation: {error}");
    }
    JobError::Later(error.to_string())
}

impl From<Refusal> for JobError {
    fn from(refusal: Refusal) -> Self {
        AppError::from(refusal).into()
    }
}
