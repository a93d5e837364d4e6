//! The held money of the invoice that funds a milestone follows the milestone's work: submitted, it waits for the client's answer, and
//! is released with the acceptance or sent back with the work.

use chainbill_domain::{
    id::MilestoneId,
    invoice::{Action, Invoice},
    states::{EscrowStatus, InvoiceStatus, MilestoneStatus},
};
use chainbill_records::repo::{invoices, projects};

use crate::{AppError, command::Command};

impl Command<'_> {
    /// Submits the work that the held money of a milestone is for.
    pub(super) async fn submit_funded(&mut self, milestone: MilestoneId) -> Result<(), AppError> {
        if let Some(invoice) = self.funded(milestone, Action::Submit).await? {
            let submitted = invoice.submit(None, self.occasion())?;
            self.save_invoice(submitted).await?;
        }
        Ok(())
    }

    /// Sends the work that the held money of a milestone is for back.
    pub(super) async fn return_funded(&mut self, milestone: MilestoneId, reason: &str) -> Result<(), AppError> {
        if let Some(invoice) = self.funded(milestone, Action::Return).await? {
            self.is_in_time(&invoice)?;
            let returned = invoice.send_back(reason.to_owned(), self.occasion())?;
            self.save_invoice(returned).await?;
        }
        Ok(())
    }

    /// Releases the held money of a milestone whose work is accepted. Money moves: a key is needed then.
    pub(super) async fn release_funded(&mut self, milestone: MilestoneId) -> Result<(), AppError> {
        if let Some(invoice) = self.funded(milestone, Action::Release).await? {
            self.context.needs_key()?;
            let held = invoice.held();
            let released = invoice.release(held, self.occasion())?;
            self.save_invoice(released).await?;
        }
        Ok(())
    }

    /// Whether the work of the milestone that an invoice funds was submitted before its money came: it waits for its answer then.
    pub(crate) async fn is_work_done(&self, invoice: &Invoice) -> Result<bool, AppError> {
        let Some(milestone) = invoice.milestone_id else { return Ok(false) };
        let status = projects::milestone_status(&self.unit, milestone).await?;
        let is_done = matches!(status, Some(MilestoneStatus::Submitted | MilestoneStatus::Accepted));
        Ok(is_done && invoice.allows(Action::Submit).is_ok())
    }

    /// The invoice that funds a milestone, under lock, if its state allows an action. What a dispute froze is decided by the dispute.
    async fn funded(&self, milestone: MilestoneId, action: Action) -> Result<Option<Invoice>, AppError> {
        let Some(id) = invoices::funding(&self.unit, milestone).await? else { return Ok(None) };
        let Some(invoice) = self.any_invoice(id).await? else { return Ok(None) };
        match invoice.allows(action) {
            Ok(()) => Ok(Some(invoice)),
            Err(refusal) if invoice.escrow == EscrowStatus::Disputed => Err(refusal.into()),
            // What was paid out for the work is not sent back with it.
            Err(refusal) if action == Action::Return && invoice.status == InvoiceStatus::Released => {
                Err(refusal.into())
            }
            Err(_) => Ok(None),
        }
    }
}
