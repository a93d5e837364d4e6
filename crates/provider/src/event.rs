//! Events that the provider delivers by webhook.

use chainbill_domain::{Timestamp, money::Money};

use crate::{Checkout, CheckoutId, DisputeId, EventId, PaymentId, Reference, Refund};

/// A verified event. Deliveries repeat and come in any order: the receiver deduplicates by id and lets no event undo a later one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderEvent {
    /// The provider's id.
    pub id: EventId,
    /// When it happened, by the provider's clock, in whole seconds: no order within one second.
    pub at: Timestamp,
    /// Whether real money moved; false in the provider's test mode.
    pub is_live: bool,
    /// What happened.
    pub data: EventData,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventData {
    /// The payer has finished, and the money has come (`checkout.session.completed`, `paid`).
    CheckoutPaid(PaidCheckout),
    /// The payer has finished, and the money is on its way (`checkout.session.completed`, `unpaid`).
    CheckoutPaymentPending(Checkout),
    /// The money of a finished checkout has come (`checkout.session.async_payment_succeeded`).
    AsyncPaymentSucceeded(PaidCheckout),
    /// The money of a finished checkout does not come (`checkout.session.async_payment_failed`).
    AsyncPaymentFailed(Checkout),
    /// The checkout has ended unpaid (`checkout.session.expired`).
    CheckoutExpired(Checkout),
    /// A refund was made, by this port or in the provider's dashboard (`refund.created`).
    RefundCreated(Refund),
    /// A refund has another state (`refund.updated`).
    RefundUpdated(Refund),
    /// A refund failed: the money is back at the account (`refund.failed`).
    RefundFailed(Refund),
    /// How much of a payment is refunded by now (`charge.refunded`).
    ChargeRefunded(ChargeRefunded),
    /// The payer's bank disputes a payment (`charge.dispute.created`): known, to be noted and handled in the provider's dashboard.
    DisputeOpened(DisputeOpened),
    /// Anything else, by its type: to be acknowledged and ignored.
    Other(String),
}

impl EventData {
    /// The checkout whose money has come, at once or later.
    #[must_use]
    pub const fn paid(&self) -> Option<&PaidCheckout> {
        match self {
            Self::CheckoutPaid(paid) | Self::AsyncPaymentSucceeded(paid) => Some(paid),
            _ => None,
        }
    }
}

/// A checkout whose money has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaidCheckout {
    /// The checkout.
    pub checkout: CheckoutId,
    /// The payment.
    pub payment: PaymentId,
    /// What was paid.
    pub amount: Money,
    /// The caller's id; none in checkouts of other programs on the same account.
    pub reference: Option<Reference>,
}

/// How much of a payment is refunded by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeRefunded {
    /// The payment; none for one that was made without a checkout.
    pub payment: Option<PaymentId>,
    /// What was paid.
    pub paid: Money,
    /// What was refunded of it, in all.
    pub refunded: Money,
}

/// A dispute that a payer's bank opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeOpened {
    /// The provider's id.
    pub id: DisputeId,
    /// The payment; none for one that was made without a checkout.
    pub payment: Option<PaymentId>,
    /// What is disputed.
    pub amount: Money,
    /// The reason, as the provider's code (`fraudulent`, `product_not_received`).
    pub reason: String,
}

/// Why a webhook is refused. Nothing in it may be believed or acted upon; the answer is 400, which lets the provider deliver again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookRefusal {
    /// The signature header is missing or unusable.
    #[error("the signature header is not usable: {0}")]
    BadHeader(&'static str),
    /// No signature is by one of the secrets: forged, changed on its way, or signed with another endpoint's secret.
    #[error("no signature is by a secret of this endpoint")]
    WrongSignature,
    /// It was signed too long ago: a recorded delivery that is played again, or a clock that is wrong.
    #[error("it was signed {0} s ago: at most {1} s are accepted")]
    Stale(i64, i64),
    /// It was signed in the future: a clock is wrong.
    #[error("it was signed {0} s in the future: at most {1} s are accepted")]
    FromTheFuture(i64, i64),
    /// It is of the provider's test mode, and the account's key of live mode, or the reverse.
    #[error("the event is of {} mode, the secret key of the other", if *is_live { "live" } else { "test" })]
    WrongMode {
        /// The event's mode.
        is_live: bool,
    },
    /// It is authentic and cannot be understood.
    #[error("the event cannot be read: {0}")]
    Unreadable(String),
}
