//! Payments: money that arrived for an invoice. A payment is recorded once and never edited.
//!
//! It has no states of its own yet: announced, confirmed and rejected payments, and their reversals, become transitions here.

use crate::{
    Timestamp,
    id::{InvoiceId, PaymentId, UserId},
    invoice::InvoiceState,
    ledger::{Transfer, Unbalanced},
    money::Money,
    states::PaymentMethod,
};

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its id.
    pub id: PaymentId,
    /// The invoice that it is for.
    pub invoice_id: InvoiceId,
    /// Who paid.
    pub payer_id: UserId,
    /// The name that the bank or the chain gives it.
    pub external_ref: String,
    /// How it arrived.
    pub method: PaymentMethod,
    /// How much.
    pub amount: Money,
    /// When it arrived.
    pub received_at: Timestamp,
    /// Who recorded it.
    pub recorded_by: UserId,
    /// When it was recorded.
    pub created_at: Timestamp,
}

/// Money that arrived, as it is reported.
#[derive(Debug, Clone)]
pub struct Received {
    /// The name that the bank or the chain gives it.
    pub external_ref: String,
    /// How it arrived.
    pub method: PaymentMethod,
    /// How much.
    pub amount: Money,
    /// When it arrived; at the moment of recording when that is not known.
    pub received_at: Option<Timestamp>,
}

impl Payment {
    /// Records money that arrived for an invoice. Whether the invoice takes it, [`crate::invoice::Invoice::pay`] decides.
    #[must_use]
    pub fn record(
        id: PaymentId,
        invoice: &InvoiceState,
        received: Received,
        recorded_by: UserId,
        at: Timestamp,
    ) -> Self {
        Self {
            id,
            invoice_id: invoice.id,
            payer_id: invoice.client_id,
            external_ref: received.external_ref,
            method: received.method,
            amount: received.amount,
            received_at: received.received_at.unwrap_or(at),
            recorded_by,
            created_at: at,
        }
    }

    /// Its way through the ledger: from the world into the invoice's escrow.
    ///
    /// # Errors
    /// When its amount is not positive.
    pub fn transfer(&self) -> Result<Transfer, Unbalanced> {
        Transfer::payment(self.id, self.invoice_id, self.method, self.amount)
    }
}
