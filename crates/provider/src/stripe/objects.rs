//! Stripe's objects, as far as they are read, and what they mean. Fields that are not named here are ignored, as Stripe asks for.

use std::collections::HashMap;

use chainbill_domain::{
    Timestamp,
    money::{Currency, Money},
};
use chrono::DateTime;
use serde::Deserialize;

use crate::{
    ChargeRefunded, Checkout, CheckoutId, CheckoutStatus, DisputeId, DisputeOpened, PaidCheckout, PaymentId,
    PaymentStatus, Reference, Refund, RefundId, RefundStatus, stripe::amounts,
};

/// The name under which refunds carry the caller's reference. Checkouts have a field for it, and carry it here for those who read
/// Stripe's dashboard.
pub(super) const REFERENCE: &str = "reference";

/// What of an object is not understood.
pub(super) type Misread = String;

/// <https://docs.stripe.com/api/checkout/sessions/object>
#[derive(Deserialize)]
pub(super) struct Session {
    id: String,
    url: Option<String>,
    mode: String,
    status: SessionStatus,
    payment_status: SessionPaymentStatus,
    payment_intent: Option<Linked>,
    amount_total: Option<i64>,
    currency: Option<String>,
    client_reference_id: Option<String>,
    expires_at: i64,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SessionStatus {
    Open,
    Complete,
    Expired,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SessionPaymentStatus {
    Paid,
    Unpaid,
    NoPaymentRequired,
}

/// Another object: its id, or the whole of it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Linked {
    Id(String),
    Object { id: String },
}

impl Linked {
    fn payment(link: Option<&Self>) -> Result<Option<PaymentId>, Misread> {
        let id = link.map(|(Self::Id(id) | Self::Object { id })| id.as_str());
        id.map(PaymentId::new).transpose().map_err(|error| format!("payment_intent {error}"))
    }
}

impl Session {
    /// Whether it is for one payment: those of subscriptions and saved cards are another program's.
    pub(super) fn is_for_payment(&self) -> bool {
        self.mode == "payment" && self.payment_status != SessionPaymentStatus::NoPaymentRequired
    }

    pub(super) fn is_paid(&self) -> bool {
        self.payment_status == SessionPaymentStatus::Paid
    }

    pub(super) fn checkout(&self) -> Result<Checkout, Misread> {
        Ok(Checkout {
            id: CheckoutId::new(&self.id).map_err(|error| format!("id {error}"))?,
            url: self.url.clone(),
            status: match self.status {
                SessionStatus::Open => CheckoutStatus::Open,
                SessionStatus::Complete => CheckoutStatus::Complete,
                SessionStatus::Expired => CheckoutStatus::Expired,
            },
            payment_status: match self.payment_status {
                SessionPaymentStatus::Paid => PaymentStatus::Paid,
                SessionPaymentStatus::Unpaid => PaymentStatus::Unpaid,
                SessionPaymentStatus::NoPaymentRequired => PaymentStatus::NotRequired,
            },
            payment: Linked::payment(self.payment_intent.as_ref())?,
            amount: match (self.amount_total, &self.currency) {
                (Some(units), Some(currency)) => money(units, currency)?,
                _ => return Err("amount_total or currency is missing".to_owned()),
            },
            reference: self.client_reference_id.as_ref().and_then(|text| Reference::new(text).ok()),
            expires_at: moment(self.expires_at)?,
        })
    }

    pub(super) fn paid(&self) -> Result<PaidCheckout, Misread> {
        let Checkout { id, payment, amount, reference, .. } = self.checkout()?;
        let payment = payment.ok_or("payment_intent is missing")?;
        match self.payment_status {
            SessionPaymentStatus::Paid => Ok(PaidCheckout { checkout: id, payment, amount, reference }),
            _ => Err("payment_status is not paid".to_owned()),
        }
    }
}

/// As much of a listed session as finding one needs: those of other programs need not be understood.
#[derive(Deserialize)]
pub(super) struct ListedSession {
    pub(super) id: String,
    pub(super) client_reference_id: Option<String>,
}

/// <https://docs.stripe.com/api/refunds/object>
#[derive(Deserialize)]
pub(super) struct RefundObject {
    pub(super) id: String,
    payment_intent: Option<Linked>,
    amount: i64,
    currency: String,
    /// Without one it is not final.
    status: Option<RefundObjectStatus>,
    metadata: Option<HashMap<String, String>>,
    failure_reason: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RefundObjectStatus {
    Pending,
    RequiresAction,
    Succeeded,
    Failed,
    Canceled,
}

impl RefundObject {
    pub(super) fn refund(&self) -> Result<Refund, Misread> {
        Ok(Refund {
            id: RefundId::new(&self.id).map_err(|error| format!("id {error}"))?,
            payment: Linked::payment(self.payment_intent.as_ref())?,
            amount: money(self.amount, &self.currency)?,
            status: match self.status {
                None | Some(RefundObjectStatus::Pending) => RefundStatus::Pending,
                Some(RefundObjectStatus::RequiresAction) => RefundStatus::RequiresAction,
                Some(RefundObjectStatus::Succeeded) => RefundStatus::Succeeded,
                Some(RefundObjectStatus::Failed) => RefundStatus::Failed,
                Some(RefundObjectStatus::Canceled) => RefundStatus::Canceled,
            },
            reference: self.reference().and_then(|text| Reference::new(text).ok()),
            failure: self.failure_reason.clone(),
        })
    }

    pub(super) fn reference(&self) -> Option<&str> {
        self.metadata.as_ref()?.get(REFERENCE).map(String::as_str)
    }
}

/// <https://docs.stripe.com/api/charges/object>
#[derive(Deserialize)]
pub(super) struct Charge {
    payment_intent: Option<Linked>,
    amount: i64,
    amount_refunded: i64,
    currency: String,
}

impl Charge {
    pub(super) fn refunded(&self) -> Result<ChargeRefunded, Misread> {
        Ok(ChargeRefunded {
            payment: Linked::payment(self.payment_intent.as_ref())?,
            paid: money(self.amount, &self.currency)?,
            refunded: money(self.amount_refunded, &self.currency)?,
        })
    }
}

/// <https://docs.stripe.com/api/disputes/object>
#[derive(Deserialize)]
pub(super) struct Dispute {
    id: String,
    payment_intent: Option<Linked>,
    amount: i64,
    currency: String,
    reason: String,
}

impl Dispute {
    pub(super) fn opened(&self) -> Result<DisputeOpened, Misread> {
        Ok(DisputeOpened {
            id: DisputeId::new(&self.id).map_err(|error| format!("id {error}"))?,
            payment: Linked::payment(self.payment_intent.as_ref())?,
            amount: money(self.amount, &self.currency)?,
            reason: self.reason.clone(),
        })
    }
}

/// <https://docs.stripe.com/api/pagination>
#[derive(Deserialize)]
pub(super) struct Page<T> {
    pub(super) data: Vec<T>,
    pub(super) has_more: bool,
}

/// <https://docs.stripe.com/api/errors>
#[derive(Deserialize)]
pub(super) struct Failed {
    pub(super) error: FailedError,
}

#[derive(Deserialize)]
pub(super) struct FailedError {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
}

/// <https://docs.stripe.com/api/events/object>
#[derive(Deserialize)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) created: i64,
    pub(super) livemode: bool,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) data: EventPayload,
}

#[derive(Deserialize)]
pub(super) struct EventPayload {
    pub(super) object: serde_json::Value,
}

pub(super) fn moment(seconds: i64) -> Result<Timestamp, Misread> {
    DateTime::from_timestamp(seconds, 0).ok_or_else(|| format!("{seconds} is no moment"))
}

fn money(units: i64, currency: &str) -> Result<Money, Misread> {
    let code = currency.to_ascii_uppercase();
    let known: Currency = code.parse().map_err(|error| format!("currency {code} {error}"))?;
    amounts::money(units, known).ok_or_else(|| format!("{units} of {code} is no amount"))
}
