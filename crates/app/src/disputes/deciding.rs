//! Decisions of operators, appeals, and what deadlines do.

use chainbill_domain::{
    dispute::{Action, Deadline, Decision, Dispute, Passed},
    id::{DisputeId, InvoiceId},
    states::Role,
};
use chainbill_records::{
    jobs::{Ended, Job},
    repo::disputes,
};

use super::{AppealDispute, DecideDispute, deadline_key};
use crate::{
    App, AppError, Context, DisputeView, Done, Sight,
    command::{Command, Outcome},
    context::OK,
};

impl App {
    /// Decides a dispute, as an operator: where the vote decided nothing, or on an appeal.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] to parties, [`AppError::Conflict`] when no operator is to decide.
    pub async fn decide_dispute(
        &self,
        context: &Context,
        id: &str,
        decision: DecideDispute,
    ) -> Result<Done<DisputeView>, AppError> {
        let asked = &decision;
        let operator = context.actor()?.clone();
        self.command(context, "dispute.decide", &(id, asked), |command| async move {
            let (dispute, sight) = command.seen_dispute(id).await?;
            if operator.role != Role::Admin {
                return Err(AppError::Forbidden("only an operator decides a dispute"));
            }
            let occasion = command.occasion();
            dispute.allows(Action::Decide, occasion.at)?;
            let (to_client, reason) = asked.checked(&dispute.plan)?;
            let decision = Decision { by: operator.user_id, to_client, reason };
            let change = dispute.decide(decision, &command.app.settings.disputes, occasion)?;
            command.change_dispute(change, sight).await
        })
        .await
    }

    /// Appeals to an operator, as a party, once.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is not decided, was appealed already, or the time to appeal is over.
    pub async fn appeal_dispute(
        &self,
        context: &Context,
        id: &str,
        appeal: AppealDispute,
    ) -> Result<Done<DisputeView>, AppError> {
        let asked = &appeal;
        self.command(context, "dispute.appeal", &(id, asked), |command| async move {
            let dispute = command.own_dispute(id).await?;
            let (actor, occasion) = (command.actor()?, command.occasion());
            dispute.allows(Action::Appeal, occasion.at)?;
            let change = dispute.appeal(actor, asked.checked()?, &command.app.settings.disputes, occasion)?;
            command.change_dispute(change, Sight::Party(actor)).await
        })
        .await
    }
}

impl App {
    /// The invoice whose money is to move now by a dispute, if it is time.
    pub(crate) async fn moves_now(&self, id: DisputeId) -> Result<Option<InvoiceId>, AppError> {
        let dispute = disputes::find(&self.records, id).await?;
        let is_due = |dispute: &Dispute| {
            dispute.deadline().is_some_and(|(deadline, at)| deadline == Deadline::Execution && at <= self.now())
        };
        Ok(dispute.filter(is_due).map(|dispute| dispute.invoice_id))
    }
}

impl<'a> Command<'a> {
    /// Does what the deadline does that has come, if one has, and ends the job in the same unit. The invoice is named where money is
    /// to move: it is locked before the dispute. A vote is counted without a look at the money, for what is read after that look is as
    /// old as it.
    pub(crate) async fn pass_deadline(
        mut self,
        job: &Job,
        id: DisputeId,
        moves: Option<InvoiceId>,
    ) -> Result<Outcome<'a, ()>, AppError> {
        let invoice = match moves {
            Some(invoice) => self.any_invoice(invoice).await?,
            None => None,
        };
        let (terms, occasion) = (self.app.settings.disputes, self.occasion());
        let dispute = disputes::lock(&self.unit, id).await?;
        // Another change has enqueued the job of another deadline; this one's key is that of its own change.
        let is_own = |dispute: &&Dispute| job.key == deadline_key(dispute);
        let waits = dispute.as_ref().filter(is_own).and_then(Dispute::deadline).map(|(_, at)| at);
        match (dispute.and_then(|dispute| dispute.pass_deadline(&terms, occasion)), invoice) {
            (Some(Passed::Step(change)), _) => {
                self.note_deadline("dispute.deadline", &change.before, &change.next).await?;
                self.save_dispute(change).await?;
            }
            (Some(Passed::Execution(change)), Some(invoice)) => {
                self.carry_out(invoice, &change.next).await?;
                self.note_deadline("dispute.execute", &change.before, &change.next).await?;
                self.save_dispute(change).await?;
            }
            // It became due between the look and the lock: the next run has the money's lock.
            (Some(Passed::Execution(_)), None) => return self.end_deadline(job, Ended::Again(occasion.at)).await,
            (None, _) => {
                // A clock that was set back between the claim and the lock: the deadline is still to come.
                let next = waits.filter(|at| *at > occasion.at);
                return self.end_deadline(job, next.map_or(Ended::Done, Ended::Again)).await;
            }
        }
        self.end_deadline(job, Ended::Done).await
    }

    async fn note_deadline(
        &mut self,
        operation: &'static str,
        before: &Dispute,
        next: &Dispute,
    ) -> Result<(), AppError> {
        self.goes_on_as(operation);
        let view = |dispute| DisputeView::of(dispute, Sight::Operator);
        self.note(Some(&view(before)), Some(&view(next))).await
    }

    async fn end_deadline(mut self, job: &Job, ended: Ended) -> Result<Outcome<'a, ()>, AppError> {
        self.unit.end_job(job, ended).await?;
        Ok(self.answer(OK, ()))
    }
}
