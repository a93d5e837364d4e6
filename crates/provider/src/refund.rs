//! Refunds of payments.

use chainbill_domain::money::Money;

use crate::{IdempotencyKey, PaymentId, Reference, RefundId};

/// A refund to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRequest {
    /// The key of this refund.
    pub key: IdempotencyKey,
    /// The caller's id of the refund: what [`crate::PaymentProvider::find_refund`] finds it by.
    pub reference: Reference,
    /// The payment.
    pub payment: PaymentId,
    /// How much of it, in the payment's currency; the whole payment for all of it.
    pub amount: Money,
}

/// A refund as the provider has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// The provider's id.
    pub id: RefundId,
    /// The payment; none for one that was made without this port.
    pub payment: Option<PaymentId>,
    /// How much of it.
    pub amount: Money,
    /// Its state.
    pub status: RefundStatus,
    /// The caller's id; none when it was made without this port (in the provider's dashboard).
    pub reference: Option<Reference>,
    /// Why it failed, in the provider's words.
    pub failure: Option<String>,
}

/// The state of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundStatus {
    /// It is on its way.
    Pending,
    /// It waits for the payer (bank details).
    RequiresAction,
    /// It is done. Card refunds may still fail later: an event says so.
    Succeeded,
    /// It failed: the money is back at the account.
    Failed,
    /// It was cancelled: the money is back at the account.
    Canceled,
}
