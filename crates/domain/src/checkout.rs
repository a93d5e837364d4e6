//! Checkouts: visits of clients at a payment provider, which confirms what they pay there.

use crate::{
    Timestamp,
    id::{CheckoutId, InvoiceId, PaymentId},
    ledger::Counterparties,
    money::Money,
    states::CheckoutStatus,
};

/// A client's visit at a payment provider, for an invoice. It is recorded before the provider is asked, so that an answer that is
/// lost is asked for again under the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// Its id, which is its key and its reference at the provider.
    pub id: CheckoutId,
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// The invoice's number.
    pub invoice_number: String,
    /// The invoice's parties.
    pub parties: Counterparties,
    /// How much is to be paid there.
    pub amount: Money,
    /// Where it stands.
    pub status: CheckoutStatus,
    /// The provider's name for it.
    pub provider_id: Option<String>,
    /// Where the client pays.
    pub url: Option<String>,
    /// Where the client goes after paying.
    pub success_url: String,
    /// Where the client goes without paying.
    pub cancel_url: String,
    /// The payment that came of it.
    pub payment_id: Option<PaymentId>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was begun.
    pub created_at: Timestamp,
}
