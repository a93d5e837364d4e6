//! Disputes over held money: opened and answered by parties, voted on by others, decided by operators where the vote does not, and
//! carried out by a clock.

mod deciding;
mod listing;
mod money;
mod opening;
mod requests;
mod voting;

use chainbill_domain::{
    dispute::Dispute,
    id::DisputeId,
    states::Role,
    transition::{Created, Transition},
};
use chainbill_records::{RecordsError, jobs::NewJob, repo::disputes};

pub use self::{
    listing::DisputeFilter,
    requests::{
        AnswerDispute, AppealDispute, CastVote, DecideDispute, NewDisputeRequest, NewEvidence, NewLink, OfferSettlement,
    },
};
use crate::{
    AppError, DisputeView, Sight,
    command::{Command, Outcome},
    context::OK,
    jobs::DISPUTE,
    views::Movement,
};

const MISSING: AppError = AppError::NotFound("dispute");

impl<'a> Command<'a> {
    /// A dispute under lock, if the actor is a party of it or an operator, and knows its version.
    async fn seen_dispute(&self, id: &str) -> Result<(Dispute, Sight), AppError> {
        let dispute = self.locked_dispute(id).await?;
        let sight = self.sight(&dispute)?.ok_or(MISSING)?;
        self.context.expects(dispute.changes)?;
        Ok((dispute, sight))
    }

    /// The same, if the actor is a party.
    async fn own_dispute(&self, id: &str) -> Result<Dispute, AppError> {
        let dispute = self.locked_dispute(id).await?;
        match self.sight(&dispute)?.ok_or(MISSING)? {
            Sight::Party(_) => {}
            _ => return Err(AppError::Forbidden("only a party of the dispute does this")),
        }
        self.context.expects(dispute.changes)?;
        Ok(dispute)
    }

    async fn locked_dispute(&self, id: &str) -> Result<Dispute, AppError> {
        let id: DisputeId = id.parse().map_err(|_| MISSING)?;
        disputes::lock(&self.unit, id).await?.ok_or(MISSING)
    }

    /// As what the actor sees a dispute, votes aside.
    fn sight(&self, dispute: &Dispute) -> Result<Option<Sight>, AppError> {
        let actor = self.context.actor()?;
        Ok(match actor.role {
            Role::Admin => Some(Sight::Operator),
            _ if dispute.has_party(actor.user_id) => Some(Sight::Party(actor.user_id)),
            _ => None,
        })
    }

    /// Saves a new dispute with its first deadline.
    async fn add_dispute(&mut self, created: Created<Dispute>) -> Result<Dispute, AppError> {
        let invoice = created.state.invoice_id;
        let dispute = match disputes::insert(&mut self.unit, created.state).await {
            // An open one is found before; this one was opened in the same moment.
            Err(RecordsError::Duplicate(_)) => {
                let detail = format!("the invoice {invoice} has an open dispute already");
                return Err(AppError::Conflict { current: "DISPUTED".to_owned(), allowed: Vec::new(), detail });
            }
            dispute => dispute?,
        };
        created.events.iter().for_each(|event| self.unit.event(event));
        self.enqueue_deadline(&dispute).await?;
        Ok(dispute)
    }

    /// Saves a change of a dispute with its events and its next deadline; the dispute as it stands then.
    pub(crate) async fn save_dispute(&mut self, change: Transition<Dispute>) -> Result<Dispute, AppError> {
        let had = change.before.deadline();
        let dispute = disputes::update(&mut self.unit, &change.before, change.next).await?;
        change.events.iter().for_each(|event| self.unit.event(event));
        if dispute.deadline() != had {
            self.enqueue_deadline(&dispute).await?;
        }
        Ok(dispute)
    }

    /// Saves a change of a dispute with its audit entry, and answers with it.
    async fn change_dispute(
        mut self,
        change: Transition<Dispute>,
        sight: Sight,
    ) -> Result<Outcome<'a, DisputeView>, AppError> {
        let before = DisputeView::of(&change.before, sight);
        let dispute = self.save_dispute(change).await?;
        let after = DisputeView::of(&dispute, sight);
        self.note(Some(&before), Some(&after)).await?;
        let movement: Movement = self.movement();
        Ok(self.answer(OK, DisputeView { movement, ..after }))
    }

    /// Enqueues the job of what ends next. A job of an earlier deadline that is none any more finds nothing to do.
    async fn enqueue_deadline(&mut self, dispute: &Dispute) -> Result<(), AppError> {
        let Some((_, run_at)) = dispute.deadline() else { return Ok(()) };
        // The number of the change makes the key new: the job that made the change may have the same moment.
        let key = deadline_key(dispute);
        let payload = serde_json::json!({ "dispute": dispute.id }).to_string();
        self.unit.enqueue_job(NewJob { kind: DISPUTE, key, payload, run_at }).await?;
        Ok(())
    }
}

/// The key of the job of a dispute's deadline.
fn deadline_key(dispute: &Dispute) -> String {
    format!("{} {}", dispute.id, dispute.changes)
}
