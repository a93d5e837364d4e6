//! Checkouts: pages of the provider on which one payment is made.

use chainbill_domain::{Timestamp, money::Money};

use crate::{CheckoutId, IdempotencyKey, PaymentId, Reference};

/// A checkout to begin. A repetition sends exactly the same request: the caller stores it, `expires` included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutRequest {
    /// The key of this checkout.
    pub key: IdempotencyKey,
    /// The caller's id of what is paid.
    pub reference: Reference,
    /// What is to be paid.
    pub amount: Money,
    /// What the payer reads as the subject of the payment. A long one is shortened.
    pub description: String,
    /// Where the payer's browser goes after the payment: an absolute http or https address. Arriving there proves nothing.
    pub success_url: String,
    /// Where the payer's browser goes without a payment: an absolute http or https address.
    pub cancel_url: String,
    /// When the checkout ends unpaid, in whole seconds. Stripe accepts 30 minutes to 24 hours from its first execution.
    pub expires: Timestamp,
}

/// A checkout as the provider has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// The provider's id.
    pub id: CheckoutId,
    /// The address of its page, while it is open.
    pub url: Option<String>,
    /// Its state.
    pub status: CheckoutStatus,
    /// Whether money has come. A completed checkout may still be unpaid: bank transfers and debits take days.
    pub payment_status: PaymentStatus,
    /// The payment, once the payer has tried one.
    pub payment: Option<PaymentId>,
    /// What is to be paid, or was.
    pub amount: Money,
    /// The caller's id; none in checkouts of other programs on the same account.
    pub reference: Option<Reference>,
    /// When it ends unpaid.
    pub expires_at: Timestamp,
}

/// The state of a checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckoutStatus {
    /// The payer may still pay.
    Open,
    /// The payer has finished. [`PaymentStatus`] says whether money has come.
    Complete,
    /// It has ended unpaid.
    Expired,
}

/// The state of a checkout's payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentStatus {
    /// No money has come, so far.
    Unpaid,
    /// The money has come.
    Paid,
    /// There is nothing to pay: never in a checkout that this port began.
    NotRequired,
}
