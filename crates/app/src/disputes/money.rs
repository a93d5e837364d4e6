//! The money of disputes: frozen, thawed, and split as decided.

use chainbill_domain::{
    dispute::Dispute,
    id::DisputeId,
    invoice::{Action, Invoice},
    states::EscrowStatus,
    transition::Refusal,
};
use chainbill_records::repo::disputes;

use crate::{AppError, command::Command, credits::Back};

impl Command<'_> {
    /// Freezes the held money of an invoice.
    pub(super) async fn freeze(&mut self, invoice: Invoice) -> Result<(), AppError> {
        let frozen = invoice.freeze()?;
        self.save_invoice(frozen).await?;
        Ok(())
    }

    /// Lets the money of a dispute that ends be held as before: submitted work waits for the rest of its time.
    pub(super) async fn thaw(&mut self, invoice: Invoice, dispute: &Dispute) -> Result<(), AppError> {
        let thawed = invoice.thaw(dispute.created_at, self.occasion());
        self.save_invoice(thawed).await?;
        Ok(())
    }

    /// Moves the money as a dispute that is executed or settled says: what goes to the freelancer is released, less the platform's
    /// fee; what goes to the client is given back with a credit note. What was paid after the opening stays held.
    pub(super) async fn carry_out(&mut self, invoice: Invoice, dispute: &Dispute) -> Result<(), AppError> {
        let to_client = dispute.to_client.unwrap_or_default();
        let to_freelancer = dispute.plan.held.minor - to_client;
        let thawed = invoice.thaw(dispute.created_at, self.occasion());
        let next = if to_freelancer > 0 {
            let amount = thawed.next.money(to_freelancer);
            thawed.next.release(amount, self.occasion())?.since(thawed.before)
        } else {
            thawed
        };
        let (invoice, _) = self.saved_invoice(next).await?;
        if to_client > 0 {
            let by = dispute.decision.as_ref().map_or(dispute.parties.client, |(operator, _)| *operator);
            let reason = format!("Dispute {}", dispute.id);
            let amount = invoice.money(to_client);
            self.give_back(invoice, amount, Back { by, method: None, external_ref: None, reason }).await?;
        }
        // Who has lost it is a fact of a reputation.
        self.recompute_reputations(&[dispute.parties.client, dispute.parties.freelancer]).await
    }

    /// Whether an invoice allows an action on its money. Where a dispute froze it, the refusal names the dispute.
    ///
    /// # Errors
    /// A conflict with what is allowed.
    pub(crate) async fn allow_move(&self, invoice: &Invoice, action: Action) -> Result<(), AppError> {
        let Err(refusal) = invoice.allows(action) else { return Ok(()) };
        let frozen = invoice.escrow == EscrowStatus::Disputed;
        let open = if frozen { disputes::active(&self.unit, invoice.id).await? } else { None };
        Err(open.map_or_else(|| refusal.clone().into(), |dispute| frozen_by(dispute, &refusal)))
    }
}

/// The refusal of what would move money that a dispute froze.
fn frozen_by(dispute: DisputeId, refusal: &Refusal) -> AppError {
    AppError::Conflict {
        current: refusal.current.to_owned(),
        allowed: refusal.allowed.iter().map(|&action| action.to_owned()).collect(),
        detail: format!("{refusal}: the dispute {dispute} froze its money"),
    }
}
