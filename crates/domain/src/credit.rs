//! Credit notes and refunds: how a claim is lowered, and how money goes back.
//!
//! A credit note lowers what its invoice claims. What was paid beyond the rest becomes the client's credit with the freelancer,
//! as what exceeds a payment does. Credit pays other invoices, or is refunded.

use crate::{
    Timestamp,
    event::EventData,
    id::{CreditNoteId, InvoiceId, PaymentId, RefundId, UserId},
    invoice::InvoiceState,
    ledger::{Counterparties, Transfer, Unbalanced},
    money::{Money, scaled},
    numbering::Allocated,
    states::{Custody, PaymentMethod, RefundStatus},
    transition::{Created, Occasion, Refusal, Transition},
};

/// A document that lowers what an invoice claims. It is never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditNote {
    /// Its id.
    pub id: CreditNoteId,
    /// Its invoice.
    pub invoice_id: InvoiceId,
    /// The invoice's parties.
    pub parties: Counterparties,
    /// Its number, from the issuer's default series of credit notes.
    pub number: Allocated,
    /// What it takes off, tax included.
    pub amount: Money,
    /// The tax in it: the invoice's tax by the share that is taken off.
    pub tax: Money,
    /// What of it had been paid, and became the client's credit.
    pub refunded: Money,
    /// Why.
    pub reason: String,
    /// Who issued it.
    pub issued_by: UserId,
    /// When.
    pub created_at: Timestamp,
}

impl CreditNote {
    /// The tax in an amount of an invoice, half up; all that is left of it where the amount is all that is left.
    #[must_use]
    pub fn tax_of(invoice: &InvoiceState, amount: i64) -> Money {
        // Notes that take off everything take off the whole tax: each takes what has accrued up to it.
        let accrued = |credited: i64| match invoice.payable().minor {
            0 => Some(0),
            payable => scaled(invoice.content.totals.tax, credited, payable),
        };
        let before = accrued(invoice.credited_minor).unwrap_or(0);
        let after = accrued(invoice.credited_minor.saturating_add(amount)).unwrap_or(0);
        invoice.money(after - before)
    }
}

/// What a client has paid a freelancer beyond what was owed, by who holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credit {
    /// Whose credit with whom.
    pub parties: Counterparties,
    /// Who holds it.
    pub custody: Custody,
    /// How much is left.
    pub balance: Money,
}

/// Why a refund is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotRefund {
    /// It is of nothing, or of less.
    #[error("is not more than 0")]
    NotPositive,
    /// It is not in a state for it.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl From<Unbalanced> for CannotRefund {
    fn from(_: Unbalanced) -> Self {
        Self::NotPositive
    }
}

/// Money of a client's credit that goes back to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// Its id.
    pub id: RefundId,
    /// Whose credit with whom.
    pub parties: Counterparties,
    /// Who holds the money, and gives it back.
    pub custody: Custody,
    /// How much.
    pub amount: Money,
    /// How it goes.
    pub method: PaymentMethod,
    /// The name that the bank, the chain or the provider gives it.
    pub external_ref: Option<String>,
    /// Where it stands.
    pub status: RefundStatus,
    /// The provider's payment that it gives back; none where a person sends the money.
    pub payment_id: Option<PaymentId>,
    /// The invoice that it is about, if it is about one.
    pub invoice_id: Option<InvoiceId>,
    /// Why.
    pub reason: Option<String>,
    /// Who asked for it.
    pub requested_by: UserId,
    /// When it was carried out, or failed.
    pub decided_at: Option<Timestamp>,
    /// When it was asked for.
    pub created_at: Timestamp,
}

const fn names(action: RefundStatus) -> (&'static str, &'static str) {
    match action {
        RefundStatus::Requested => ("requested", "request"),
        RefundStatus::Done => ("done", "done"),
        RefundStatus::Failed => ("failed", "fail"),
    }
}

impl Refund {
    /// A refund that a person has made: its money has gone.
    ///
    /// # Errors
    /// When the amount is not positive.
    pub fn made(mut self, occasion: Occasion) -> Result<(Created<Self>, Transfer), CannotRefund> {
        let transfer = Transfer::refund(self.id, self.parties, self.custody, self.method, self.amount)?;
        self.status = RefundStatus::Done;
        self.decided_at = Some(occasion.at);
        let event = self.event(occasion);
        Ok((Created { state: self, events: vec![event] }, transfer))
    }

    /// A refund that a provider is to carry out: its money is set aside.
    ///
    /// # Errors
    /// When the amount is not positive.
    pub fn requested(mut self) -> Result<(Created<Self>, Transfer), CannotRefund> {
        let transfer = Transfer::refund_requested(self.id, self.parties, self.amount)?;
        self.status = RefundStatus::Requested;
        Ok((Created { state: self, events: Vec::new() }, transfer))
    }

    /// The provider has carried it out.
    ///
    /// # Errors
    /// When it is not requested.
    pub fn done(self, external_ref: String, occasion: Occasion) -> Result<Transition<Self>, CannotRefund> {
        self.waits(RefundStatus::Done)?;
        let transfer = Transfer::refund_done(self.id, self.method, self.amount)?;
        let mut next = self.clone();
        next.status = RefundStatus::Done;
        next.external_ref = Some(external_ref);
        next.decided_at = Some(occasion.at);
        let event = next.event(occasion);
        Ok(Transition { before: self, next, transfers: vec![transfer], events: vec![event] })
    }

    /// The provider has refused it: the money is the client's credit again.
    ///
    /// # Errors
    /// When it is not requested.
    pub fn failed(self, reason: String, at: Timestamp) -> Result<Transition<Self>, CannotRefund> {
        self.waits(RefundStatus::Failed)?;
        let transfer = Transfer::refund_failed(self.id, self.parties, self.amount)?;
        let mut next = self.clone();
        next.status = RefundStatus::Failed;
        next.reason = Some(reason);
        next.decided_at = Some(at);
        Ok(Transition { before: self, next, transfers: vec![transfer], events: Vec::new() })
    }

    fn waits(&self, next: RefundStatus) -> Result<(), Refusal> {
        let allowed = match self.status {
            RefundStatus::Requested => vec![RefundStatus::Done, RefundStatus::Failed],
            RefundStatus::Done | RefundStatus::Failed => Vec::new(),
        };
        Refusal::unless_allowed("a refund", self.status.word(), next, allowed, names)
    }

    fn event(&self, occasion: Occasion) -> crate::event::Event {
        occasion.event(EventData::RefundMade {
            freelancer: self.parties.freelancer,
            client: self.parties.client,
            invoice: self.invoice_id,
            amount: self.amount,
        })
    }
}
