//! Payments, credits, credit notes and refunds.

use chainbill_domain::{
    checkout::Checkout,
    credit::{Credit, CreditNote, Refund},
    money::Money,
    payment::{Allocation, Payment},
    states::{CheckoutStatus, Custody, PaymentChannel, PaymentMethod, PaymentState, RefundStatus},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{InvoiceView, MoneyView, Movement, moment};

/// A payment.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentView {
    /// Its id.
    pub id: String,
    /// Whose money it is.
    pub payer_id: String,
    /// For whom it is.
    pub receiver_id: String,
    /// ANNOUNCED, CONFIRMED, REJECTED or REVERSED.
    #[schema(value_type = String)]
    pub status: PaymentState,
    /// Who has the money: DIRECT (the freelancer), PLATFORM, STRIPE, CREDIT or CREDIT_EXTERNAL; null before that is confirmed.
    #[schema(value_type = Option<String>)]
    pub channel: Option<PaymentChannel>,
    /// How much.
    pub amount: MoneyView,
    /// What it is for.
    pub allocations: Vec<AllocationView>,
    /// What exceeds its allocations: the client's credit once it is confirmed.
    pub excess: MoneyView,
    /// BANK_TRANSFER, CARD, CRYPTO or OTHER.
    #[schema(value_type = String)]
    pub method: PaymentMethod,
    /// What the bank or the chain calls it.
    pub external_ref: String,
    /// When it arrived.
    pub received_at: String,
    /// When it was confirmed or rejected.
    pub decided_at: Option<String>,
    /// Why it was rejected.
    pub reason: Option<String>,
    /// Its counter-record.
    pub reversal: Option<ReversalView>,
    /// When it was announced or recorded.
    pub created_at: String,
    /// The invoice after it, where it is for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<InvoiceView>,
    /// What it has moved just now, or would move.
    #[serde(flatten)]
    pub movement: Movement,
}

/// A part of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AllocationView {
    /// The invoice.
    pub invoice_id: String,
    /// How much of the payment is for it.
    pub amount: MoneyView,
}

/// The counter-record of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReversalView {
    /// Why.
    pub reason: String,
    /// When.
    pub at: String,
}

impl PaymentView {
    /// A payment, with its invoice where it is for one.
    #[must_use]
    pub fn of(payment: Payment, invoice: Option<InvoiceView>) -> Self {
        let currency = payment.amount.currency;
        let part = |part: &Allocation| AllocationView {
            invoice_id: part.invoice_id.to_string(),
            amount: Money { minor: part.minor, currency }.into(),
        };
        Self {
            id: payment.id.to_string(),
            payer_id: payment.payer_id.to_string(),
            receiver_id: payment.receiver_id.to_string(),
            status: payment.state,
            channel: payment.channel,
            amount: payment.amount.into(),
            allocations: payment.allocations.iter().map(part).collect(),
            excess: payment.excess().into(),
            method: payment.method,
            external_ref: payment.external_ref,
            received_at: moment(payment.received_at),
            decided_at: payment.decided_at.map(moment),
            reason: payment.reason,
            reversal: payment.reversal.map(|it| ReversalView { reason: it.reason, at: moment(it.at) }),
            created_at: moment(payment.created_at),
            invoice,
            movement: Movement::default(),
        }
    }
}

/// What a client has paid a freelancer beyond what was owed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreditView {
    /// With whom.
    pub freelancer_id: String,
    /// Whose.
    pub client_id: String,
    /// Who holds it: PLATFORM or FREELANCER.
    #[schema(value_type = String)]
    pub custody: Custody,
    /// How much is left.
    pub balance: MoneyView,
}

impl CreditView {
    /// A credit as it is shown.
    #[must_use]
    pub fn of(credit: Credit) -> Self {
        Self {
            freelancer_id: credit.parties.freelancer.to_string(),
            client_id: credit.parties.client.to_string(),
            custody: credit.custody,
            balance: credit.balance.into(),
        }
    }
}

/// A credit note.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreditNoteView {
    /// Its id.
    pub id: String,
    /// Its number.
    pub number: String,
    /// Its invoice.
    pub invoice_id: String,
    /// The issuer.
    pub freelancer_id: String,
    /// The client.
    pub client_id: String,
    /// What it takes off, tax included.
    pub amount: MoneyView,
    /// The tax in it.
    pub tax: MoneyView,
    /// What of it had been paid, and became the client's credit.
    pub refunded: MoneyView,
    /// Why.
    pub reason: String,
    /// When it was issued.
    pub created_at: String,
    /// The invoice after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<InvoiceView>,
    /// What it has moved just now, or would move.
    #[serde(flatten)]
    pub movement: Movement,
}

impl CreditNoteView {
    /// A credit note, with its invoice.
    #[must_use]
    pub fn of(note: CreditNote, invoice: Option<InvoiceView>) -> Self {
        Self {
            id: note.id.to_string(),
            number: note.number.number,
            invoice_id: note.invoice_id.to_string(),
            freelancer_id: note.parties.freelancer.to_string(),
            client_id: note.parties.client.to_string(),
            amount: note.amount.into(),
            tax: note.tax.into(),
            refunded: note.refunded.into(),
            reason: note.reason,
            created_at: moment(note.created_at),
            invoice,
            movement: Movement::default(),
        }
    }
}

/// A refund of a client's credit.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefundView {
    /// Its id.
    pub id: String,
    /// With whom the credit was.
    pub freelancer_id: String,
    /// Whose money it is.
    pub client_id: String,
    /// Who gives it back: PLATFORM or FREELANCER.
    #[schema(value_type = String)]
    pub custody: Custody,
    /// REQUESTED, DONE or FAILED.
    #[schema(value_type = String)]
    pub status: RefundStatus,
    /// How much.
    pub amount: MoneyView,
    /// How it goes.
    #[schema(value_type = String)]
    pub method: PaymentMethod,
    /// What the bank, the chain or the provider calls it.
    pub external_ref: Option<String>,
    /// The provider's payment that it gives back.
    pub payment_id: Option<String>,
    /// The invoice that it is about.
    pub invoice_id: Option<String>,
    /// Why; of a failed one, why it failed.
    pub reason: Option<String>,
    /// When it was carried out, or failed.
    pub decided_at: Option<String>,
    /// When it was asked for.
    pub created_at: String,
    /// What it has moved just now, or would move.
    #[serde(flatten)]
    pub movement: Movement,
}

impl RefundView {
    /// A refund as it is shown.
    #[must_use]
    pub fn of(refund: Refund) -> Self {
        Self {
            id: refund.id.to_string(),
            freelancer_id: refund.parties.freelancer.to_string(),
            client_id: refund.parties.client.to_string(),
            custody: refund.custody,
            status: refund.status,
            amount: refund.amount.into(),
            method: refund.method,
            external_ref: refund.external_ref,
            payment_id: refund.payment_id.map(|id| id.to_string()),
            invoice_id: refund.invoice_id.map(|id| id.to_string()),
            reason: refund.reason,
            decided_at: refund.decided_at.map(moment),
            created_at: moment(refund.created_at),
            movement: Movement::default(),
        }
    }
}

/// A client's visit at the payment provider.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckoutView {
    /// Its id.
    pub id: String,
    /// The invoice.
    pub invoice_id: String,
    /// OPEN, PAID, EXPIRED or FAILED.
    #[schema(value_type = String)]
    pub status: CheckoutStatus,
    /// How much is to be paid.
    pub amount: MoneyView,
    /// Where the client pays; for the client.
    pub url: Option<String>,
    /// The payment that came of it.
    pub payment_id: Option<String>,
    /// When it ends.
    pub expires_at: String,
    /// When it was begun.
    pub created_at: String,
}

impl CheckoutView {
    /// A checkout as its client sees it.
    #[must_use]
    pub fn of(checkout: Checkout) -> Self {
        Self {
            id: checkout.id.to_string(),
            invoice_id: checkout.invoice_id.to_string(),
            status: checkout.status,
            amount: checkout.amount.into(),
            url: checkout.url,
            payment_id: checkout.payment_id.map(|id| id.to_string()),
            expires_at: moment(checkout.expires_at),
            created_at: moment(checkout.created_at),
        }
    }
}

/// What was given back of an invoice.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefundedInvoice {
    /// The id of the credit note.
    pub id: String,
    /// The credit note, with the invoice after it.
    pub credit_note: CreditNoteView,
    /// The refunds: one by each holder of the money.
    pub refunds: Vec<RefundView>,
    /// What all of it has moved, or would move.
    #[serde(flatten)]
    pub movement: Movement,
}
