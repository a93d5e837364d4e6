//! Refunds that a payment provider carries out: asked for under the refund's own key until the provider has answered.

use async_trait::async_trait;
use chainbill_domain::{Timestamp, credit::Refund, id::RefundId, states::RefundStatus};
use chainbill_provider::{self as provider, IdempotencyKey, PaymentId, Reference};
use chainbill_records::{
    jobs::{Ended, Job, NewJob},
    repo::{credits, payments},
};
use chrono::Duration;
use serde::{Deserialize, Serialize};

use super::{JobError, JobKind};
use crate::{App, AppError, Context, checkouts::sentence, command::Command, context::OK};

const NAME: &str = "provider-refund";
/// Keys live for a day: a refund that was asked for longer ago than this is looked for first.
const KEYS: Duration = Duration::hours(20);
/// A refund that the provider has not decided is looked at again after this; its events come sooner.
const PENDING: Duration = Duration::hours(6);

#[derive(Serialize, Deserialize)]
struct Payload {
    refund: RefundId,
}

/// The job of a refund.
pub(crate) fn job(refund: RefundId, at: Timestamp) -> Result<NewJob, AppError> {
    let payload = serde_json::to_string(&Payload { refund }).map_err(AppError::unwritable)?;
    Ok(NewJob { kind: NAME, key: refund.to_string(), payload, run_at: at })
}

pub(super) struct Refunding;

#[async_trait]
impl JobKind for Refunding {
    fn name(&self) -> &'static str {
        NAME
    }

    /// A provider may be away for long: money that is promised is sent whenever it is back.
    fn attempts(&self) -> u32 {
        200
    }

    async fn run(&self, app: &App, job: &Job) -> Result<(), JobError> {
        let payload: Payload =
            serde_json::from_str(&job.payload).map_err(|error| JobError::Never(format!("the payload: {error}")))?;
        let refund = credits::by_id(&app.records, payload.refund).await?;
        let Some(refund) = refund.filter(|refund| refund.status == RefundStatus::Requested) else {
            app.records.end_job(job, Ended::Done).await?;
            return Ok(());
        };
        let answer = ask(app, &refund, job).await?;
        let context = &Context::default();
        app.change(context, "refund.provider", |mut command| {
            let answer = &answer;
            async move {
                let waits = command.decide_by_provider(payload.refund, answer).await?;
                let ended = if waits { Ended::Again(command.unit.now() + PENDING) } else { Ended::Done };
                command.unit.end_job(job, ended).await?;
                Ok(command.answer(OK, ()))
            }
        })
        .await?;
        Ok(())
    }
}

/// What the provider says of a refund: its state, or its refusal.
pub(crate) enum Answer {
    State(provider::Refund),
    Refused(String),
}

/// Asks the provider for a refund, or for one that it was asked for before.
async fn ask(app: &App, refund: &Refund, job: &Job) -> Result<Answer, JobError> {
    let provider = app.provider.as_deref().ok_or_else(|| JobError::Later(AppError::NoProvider.to_string()))?;
    let payment = match refund.payment_id {
        Some(id) => payments::find(&app.records, id).await?,
        None => None,
    };
    let payment = payment.ok_or_else(|| JobError::Never("the refund names no payment".to_owned()))?;
    let never = |error: provider::InvalidText| JobError::Never(error.to_string());
    let payment = PaymentId::new(payment.external_ref).map_err(never)?;
    let reference = Reference::new(refund.id.to_string()).map_err(never)?;
    if job.failures > 0 || app.now() - refund.created_at > KEYS {
        let known = provider.find_refund(&payment, &reference).await;
        if let Some(known) = known.map_err(|error| JobError::Later(sentence(&error)))? {
            return Ok(Answer::State(known));
        }
    }
    let key = IdempotencyKey::new(refund.id.to_string()).map_err(never)?;
    let request = provider::RefundRequest { key, reference, payment, amount: refund.amount };
    match provider.refund(&request).await {
        Ok(answer) => Ok(Answer::State(answer)),
        Err(error) if error.class() == provider::ErrorClass::Refused => Ok(Answer::Refused(sentence(&error))),
        Err(error) => Err(JobError::Later(sentence(&error))),
    }
}

impl Command<'_> {
    /// Decides a refund as the provider says; whether it is still to be decided.
    pub(crate) async fn decide_by_provider(&mut self, id: RefundId, answer: &Answer) -> Result<bool, AppError> {
        let before = credits::lock_refund(&self.unit, id).await?;
        let Some(before) = before.filter(|refund| refund.status == RefundStatus::Requested) else { return Ok(false) };
        let (parties, custody, amount) = (before.parties, before.custody, before.amount);
        let failure = match answer {
            Answer::Refused(reason) => Some(reason.clone()),
            Answer::State(state) => match state.status {
                provider::RefundStatus::Succeeded => None,
                provider::RefundStatus::Pending | provider::RefundStatus::RequiresAction => return Ok(true),
                provider::RefundStatus::Failed | provider::RefundStatus::Canceled => {
                    Some(state.failure.clone().unwrap_or_else(|| "the provider has not carried it out".to_owned()))
                }
            },
        };
        let change = match (failure, answer) {
            (None, Answer::State(state)) => before.done(state.id.to_string(), self.occasion())?,
            (failure, _) => {
                credits::give(&mut self.unit, parties, custody, amount).await?;
                before.failed(failure.unwrap_or_default(), self.unit.now())?
            }
        };
        self.decide_refund(change).await?;
        Ok(false)
    }

    /// A refund as an event of the provider reports it.
    pub(crate) async fn refund_reported(&mut self, refund: &provider::Refund) -> Result<String, AppError> {
        let Some(id) = refund.reference.as_ref().and_then(|it| it.as_str().parse::<RefundId>().ok()) else {
            return Ok("of another program".to_owned());
        };
        if refund.status == provider::RefundStatus::Failed {
            tracing::error!("the payment provider reports that the refund {id} has failed");
        }
        let waits = self.decide_by_provider(id, &Answer::State(refund.clone())).await?;
        Ok(if waits { "pending" } else { "decided" }.to_owned())
    }
}
