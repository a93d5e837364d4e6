//! Makes the invoice of an occurrence of a recurring one, once, and enqueues the next occurrence, in one unit with the job's end.

use async_trait::async_trait;
use chainbill_domain::{
    id::RecurrenceId,
    invoice::Invoice,
    recurrence::{Occurrence, Recurrence},
    states::RecurrenceMode,
};
use chainbill_records::{
    jobs::{Ended, Job},
    repo::recurrences,
};
use serde::Deserialize;

use super::{JobError, JobKind};
use crate::{
    App, AppError, Context, NewInvoice,
    command::{Command, Outcome},
    context::OK,
    quotes::days_after,
    recurrences::day_of,
    zones::zone_of,
};

/// The kind in the queue.
pub(crate) const RECURRENCE: &str = "recurrence";

pub(super) struct Recurring;

/// What the job is enqueued with.
#[derive(Deserialize)]
struct Due {
    recurrence: RecurrenceId,
    day: String,
}

#[async_trait]
impl JobKind for Recurring {
    fn name(&self) -> &'static str {
        RECURRENCE
    }

    async fn run(&self, app: &App, job: &Job) -> Result<(), JobError> {
        let due: Due = serde_json::from_str(&job.payload).map_err(|error| JobError::Never(error.to_string()))?;
        let clock = Context::default();
        let made = app.change(&clock, "recurrence.occur", |command| command.occur(job, &due)).await;
        match made {
            Ok(_) => Ok(()),
            // What a rule refuses today it refuses tomorrow: the pause reports it to the issuer, who resumes.
            Err(error @ (AppError::Validation(_) | AppError::Forbidden(_) | AppError::Conflict { .. })) => {
                let because = refusal(&error);
                tracing::warn!("the recurring invoice {} is paused: {because}", due.recurrence);
                app.change(&clock, "recurrence.pause", |command| {
                    command.pause_for(job, due.recurrence, because.clone())
                })
                .await?;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The refusal, for the issuer.
fn refusal(error: &AppError) -> String {
    let text = match error {
        AppError::Validation(fields) => {
            fields.iter().map(|field| format!("{} {}", field.pointer, field.detail)).collect::<Vec<_>>().join("; ")
        }
        error => error.to_string(),
    };
    text.chars().take(1000).collect()
}

impl<'a> Command<'a> {
    async fn occur(mut self, job: &Job, due: &Due) -> Result<Outcome<'a, ()>, AppError> {
        let Some(recurrence) = recurrences::lock(&self.unit, due.recurrence).await? else {
            return self.over(job, Ended::Done).await;
        };
        let zone = zone_of(&self.unit, recurrence.freelancer_id).await?;
        let now = self.unit.now();
        let occurrence = match recurrence.occurrence(zone) {
            // It was paused, ended or changed since, or this day is done.
            None => return self.over(job, Ended::Done).await,
            Some(next) if next.day.to_string() != due.day => return self.over(job, Ended::Done).await,
            // The issuer has moved to another time zone since.
            Some(next) if next.at > now => return self.over(job, Ended::Again(next.at)).await,
            Some(next) => next,
        };
        let bounded = recurrence.clone().caught_up(day_of(&zone.day(now)));
        let next = if bounded == recurrence {
            self.make(&recurrence, occurrence, &zone.day(now)).await?
        } else {
            let (from, to) = (recurrence.next, bounded.next);
            tracing::warn!("occurrences {from} to {to} of the recurring invoice {} are too long ago", recurrence.id);
            bounded
        };
        let next = recurrences::update(&mut self.unit, &recurrence, next).await?;
        self.enqueue_occurrence(&next, zone).await?;
        self.over(job, Ended::Done).await
    }

    /// Drafts the invoice of an occurrence, and sends it where it is to be sent; the recurring invoice after it.
    /// One that is made up late is due as many days after today: nothing is due before it is sent.
    async fn make(
        &mut self,
        recurrence: &Recurrence,
        occurrence: Occurrence,
        today: &str,
    ) -> Result<Recurrence, AppError> {
        let template = NewInvoice::stored(&recurrence.template, "template")?;
        let mut plan = self.app.planned_within(recurrence.freelancer_id, &template).await?;
        let day = occurrence.day.to_string();
        plan.content.due_date = recurrence.due_in_days.and_then(|days| days_after(today, days));
        let draft = plan.draft(self.app.new_id(), recurrence.freelancer_id);
        let (invoice, _) = self.add_invoice(Invoice::draft(draft, self.occasion())).await?;
        recurrences::occurred(&mut self.unit, recurrence.id, day, invoice.id).await?;
        if recurrence.mode == RecurrenceMode::Send {
            self.goes_on_as("invoice.send");
            self.sent_invoice(invoice).await?;
        }
        Ok(recurrence.clone().advanced())
    }

    async fn pause_for(mut self, job: &Job, id: RecurrenceId, because: String) -> Result<Outcome<'a, ()>, AppError> {
        if let Some(before) = recurrences::lock(&self.unit, id).await?
            && let Ok(next) = before.clone().pause(Some(because))
        {
            recurrences::update(&mut self.unit, &before, next).await?;
        }
        self.over(job, Ended::Done).await
    }

    async fn over(mut self, job: &Job, ended: Ended) -> Result<Outcome<'a, ()>, AppError> {
        self.unit.end_job(job, ended).await?;
        Ok(self.answer(OK, ()))
    }
}
