//! What the parties do: open, answer, give evidence, withdraw, settle.

use chainbill_domain::{
    dispute::{Action, Dispute, MOST_LINKS, NewDispute},
    id::{DisputeId, InvoiceId},
    invoice::Action as InvoiceAction,
    states::Role,
    transition::Transition,
};
use chainbill_records::repo::disputes;

use super::{AnswerDispute, MISSING, NewDisputeRequest, NewEvidence, OfferSettlement};
use crate::{App, AppError, Context, DisputeView, Done, Sight, payments::refused};

impl App {
    /// Opens a dispute over the held money of an invoice, as a party of it, and freezes that money.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] to operators, [`AppError::Conflict`] when nothing is held or there is an open dispute already.
    pub async fn open_dispute(&self, context: &Context, new: NewDisputeRequest) -> Result<Done<DisputeView>, AppError> {
        let actor = context.actor()?.clone();
        if actor.role == Role::Admin {
            return Err(AppError::Forbidden("only a party of the invoice opens a dispute"));
        }
        let asked = &new;
        self.command(context, "dispute.open", asked, |mut command| async move {
            let invoice = command.invoice(&asked.invoice_id).await?;
            command.allow_move(&invoice, InvoiceAction::Dispute).await?;
            command.is_in_time(&invoice)?;
            let occasion = command.occasion();
            let (claim, plan, evidence) = asked.checked(invoice.held(), actor.user_id, occasion.at, MOST_LINKS)?;
            let new = NewDispute {
                id: command.app.new_id(),
                invoice_id: invoice.id,
                parties: invoice.between(),
                opened_by: actor.user_id,
                claim,
                plan,
                evidence,
            };
            let terms = command.app.settings.disputes;
            command.freeze(invoice).await?;
            let dispute = command.add_dispute(Dispute::open(new, &terms, occasion)).await?;
            command.created(DisputeView::of(&dispute, Sight::Party(actor.user_id))).await
        })
        .await
    }

    /// Adds links, as a party.
    ///
    /// # Errors
    /// [`AppError::Conflict`] once the vote is closed.
    pub async fn add_evidence(
        &self,
        context: &Context,
        id: &str,
        new: NewEvidence,
    ) -> Result<Done<DisputeView>, AppError> {
        let asked = &new;
        self.command(context, "dispute.evidence", &(id, asked), |command| async move {
            let dispute = command.own_dispute(id).await?;
            let (actor, occasion) = (command.actor()?, command.occasion());
            dispute.allows(Action::AddEvidence, occasion.at)?;
            let evidence = asked.checked(actor, occasion.at, dispute.links_left(actor))?;
            let change = dispute.add_evidence(evidence, occasion)?;
            command.change_dispute(change, Sight::Party(actor)).await
        })
        .await
    }

    /// Answers a dispute, as the other party: the vote begins.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] to its opener, [`AppError::Conflict`] when the time to answer is over.
    pub async fn answer_dispute(
        &self,
        context: &Context,
        id: &str,
        answer: AnswerDispute,
    ) -> Result<Done<DisputeView>, AppError> {
        let asked = &answer;
        self.command(context, "dispute.answer", &(id, asked), |command| async move {
            let dispute = command.own_dispute(id).await?;
            let (actor, occasion) = (command.actor()?, command.occasion());
            if actor == dispute.opened_by {
                return Err(AppError::Forbidden("only the other party answers a dispute"));
            }
            dispute.allows(Action::Answer, occasion.at)?;
            let (text, evidence) = asked.checked(actor, occasion.at, dispute.links_left(actor))?;
            let change = dispute.answer(text, evidence, &command.app.settings.disputes, occasion)?;
            command.change_dispute(change, Sight::Party(actor)).await
        })
        .await
    }

    /// Takes a dispute back, as its opener: the money is held as before.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] to the other party, [`AppError::Conflict`] once it is decided.
    pub async fn withdraw_dispute(&self, context: &Context, id: &str) -> Result<Done<DisputeView>, AppError> {
        context.actor()?;
        let invoice = self.disputed(id).await?;
        self.command(context, "dispute.withdraw", &id, |mut command| async move {
            let invoice = command.any_invoice(invoice).await?.ok_or(MISSING)?;
            let dispute = command.own_dispute(id).await?;
            let (actor, occasion) = (command.actor()?, command.occasion());
            if actor != dispute.opened_by {
                return Err(AppError::Forbidden("only its opener withdraws a dispute"));
            }
            let change = dispute.withdraw(occasion)?;
            command.thaw(invoice, &change.next).await?;
            command.change_dispute(change, Sight::Party(actor)).await
        })
        .await
    }

    /// Offers a split of the held money to the other party. It takes the place of an earlier offer of either.
    ///
    /// # Errors
    /// [`AppError::Conflict`] once the money has moved, or is to move.
    pub async fn offer_settlement(
        &self,
        context: &Context,
        id: &str,
        offer: OfferSettlement,
    ) -> Result<Done<DisputeView>, AppError> {
        let asked = &offer;
        self.command(context, "dispute.offer", &(id, asked), |command| async move {
            let dispute = command.own_dispute(id).await?;
            let (actor, occasion) = (command.actor()?, command.occasion());
            dispute.allows(Action::Offer, occasion.at)?;
            let to_client = asked.checked(dispute.plan.held)?;
            let change = dispute.offer(actor, to_client, occasion)?;
            command.change_dispute(change, Sight::Party(actor)).await
        })
        .await
    }

    /// Accepts the split that the other party offers, which is named: the money moves as agreed.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] to the party that offers it, [`AppError::Conflict`] when there is none, or it is another by now.
    pub async fn accept_settlement(
        &self,
        context: &Context,
        id: &str,
        accepted: OfferSettlement,
    ) -> Result<Done<DisputeView>, AppError> {
        context.needs_key()?;
        let invoice = self.disputed(id).await?;
        let accepted = &accepted;
        self.command(context, "dispute.settle", &(id, accepted), |mut command| async move {
            let invoice = command.any_invoice(invoice).await?.ok_or(MISSING)?;
            let dispute = command.own_dispute(id).await?;
            let (actor, occasion) = (command.actor()?, command.occasion());
            if dispute.offer.is_some_and(|offer| offer.by == actor) {
                return Err(AppError::Forbidden("only the other party accepts an offer"));
            }
            dispute.allows(Action::Accept, occasion.at)?;
            let to_client = accepted.checked(dispute.plan.held)?;
            if let Some(offer) = dispute.offer.filter(|offer| offer.to_client != to_client) {
                let detail = format!("the other party offers the client {} by now", dispute.money(offer.to_client));
                return Err(refused(dispute.status.word(), &["settlement", "settlement/accept"], detail));
            }
            let change: Transition<Dispute> = dispute.accept(actor, occasion)?;
            command.carry_out(invoice, &change.next).await?;
            command.change_dispute(change, Sight::Party(actor)).await
        })
        .await
    }
}

impl App {
    /// The invoice of a dispute, which is read before the unit begins: everything that moves money locks the invoice first.
    async fn disputed(&self, id: &str) -> Result<InvoiceId, AppError> {
        let id: DisputeId = id.parse().map_err(|_| MISSING)?;
        disputes::invoice_of(&self.records, id).await?.ok_or(MISSING)
    }
}
