//! Invoices and their payments.

use chainbill_domain::{
    invoice::{Invoice, Line},
    money::{Currency, Money},
    payment::Payment,
    states::{AnchorStatus, EscrowStatus, InvoiceStatus, PaymentMethod, PaymentStatus},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{MoneyView, moment};
use crate::validate::written;

/// An invoice.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InvoiceView {
    /// Its id.
    pub id: String,
    /// Rises with every change; the ETag.
    pub version: i64,
    /// Its number, from sending on.
    pub number: Option<String>,
    /// The series of its number; of a draft the one that was chosen, null where it takes the default at sending.
    pub series: Option<String>,
    /// What it is for.
    pub project_id: Option<String>,
    /// The issuer.
    pub freelancer_id: String,
    /// Who pays it.
    pub client_id: String,
    /// The issuer's name, at sending.
    pub freelancer_name: Option<String>,
    /// The client's name, at sending.
    pub client_name: Option<String>,
    /// What it is called.
    pub title: String,
    /// Notes to the client.
    pub notes: Option<String>,
    /// DRAFT, SENT, PAID, RELEASED, VOID or REFUNDED.
    #[schema(value_type = String)]
    pub status: InvoiceStatus,
    /// UNPAID, PARTIAL, PAID or OVERPAID.
    #[schema(value_type = String)]
    pub payment_status: PaymentStatus,
    /// Where the money stands.
    #[schema(value_type = String)]
    pub escrow: EscrowStatus,
    /// Where the notarisation stands.
    #[schema(value_type = String)]
    pub anchor_status: AnchorStatus,
    /// Whether it is past due and not paid.
    pub overdue: bool,
    /// Its lines.
    pub lines: Vec<LineView>,
    /// Sum of the lines.
    pub subtotal: MoneyView,
    /// What is taken off.
    pub discount: MoneyView,
    /// Tax.
    pub tax: MoneyView,
    /// What it comes to.
    pub total: MoneyView,
    /// What is paid.
    pub paid: MoneyView,
    /// Until when it is to be paid.
    pub due_date: Option<String>,
    /// SHA-256 of its canonical form, from sending on.
    pub canonical_hash: Option<String>,
    /// Its token on the chain.
    pub token_id: Option<String>,
    /// The transaction that made the token.
    pub tx_hash: Option<String>,
    /// When it was sent.
    pub sent_at: Option<String>,
    /// When it was paid in full.
    pub paid_at: Option<String>,
    /// When the money went to the freelancer.
    pub released_at: Option<String>,
    /// When it was voided.
    pub voided_at: Option<String>,
    /// When its client declined it; null again once something is paid.
    pub declined_at: Option<String>,
    /// Why its client declined it.
    pub decline_reason: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

/// A line of an invoice.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineView {
    /// What was done.
    pub description: String,
    /// How much of it.
    pub quantity: String,
    /// Price of one.
    pub unit_price: MoneyView,
    /// Tax in percent.
    pub tax_rate: String,
    /// Quantity times price.
    pub amount: MoneyView,
}

impl InvoiceView {
    /// An invoice as it is shown on a day of its issuer's (`YYYY-MM-DD`).
    #[must_use]
    pub fn of(invoice: Invoice, today: &str) -> Self {
        let (overdue, payment_status) = (invoice.is_overdue(today), invoice.payment_status());
        let invoice = invoice.into_state();
        let (content, currency) = (invoice.content, invoice.currency);
        let money = |minor| MoneyView::from(Money { minor, currency });
        Self {
            id: invoice.id.to_string(),
            version: invoice.version,
            number: invoice.number,
            series: invoice.series.map(|series| series.to_string()),
            project_id: invoice.project_id.map(|id| id.to_string()),
            freelancer_id: invoice.freelancer_id.to_string(),
            client_id: invoice.client_id.to_string(),
            freelancer_name: invoice.names.as_ref().map(|names| names.freelancer.clone()),
            client_name: invoice.names.map(|names| names.client),
            title: content.title,
            notes: content.notes,
            status: invoice.status,
            payment_status,
            escrow: invoice.escrow,
            anchor_status: invoice.anchor_status,
            overdue,
            lines: content.lines.into_iter().map(|line| LineView::of(line, currency)).collect(),
            subtotal: money(content.totals.subtotal),
            discount: money(content.totals.discount),
            tax: money(content.totals.tax),
            total: money(content.totals.total),
            paid: money(invoice.paid_minor),
            due_date: content.due_date,
            canonical_hash: invoice.canonical_hash,
            token_id: invoice.token_id,
            tx_hash: invoice.tx_hash,
            sent_at: invoice.sent_at.map(moment),
            paid_at: invoice.paid_at.map(moment),
            released_at: invoice.released_at.map(moment),
            voided_at: invoice.voided_at.map(moment),
            declined_at: invoice.declined.as_ref().map(|declined| moment(declined.at)),
            decline_reason: invoice.declined.map(|declined| declined.reason),
            created_at: moment(invoice.created_at),
            updated_at: moment(invoice.updated_at),
        }
    }
}

impl LineView {
    fn of(line: Line, currency: Currency) -> Self {
        let money = |minor| MoneyView::from(Money { minor, currency });
        Self {
            amount: money(line.amount().expect("the totals of these lines were computed, so each has an amount")),
            description: line.description,
            quantity: written(line.quantity_milli, 3),
            unit_price: money(line.unit_price_minor),
            tax_rate: written(line.tax_rate_bp, 2),
        }
    }
}

/// Money that arrived, with the invoice after it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentView {
    /// Its id.
    pub id: String,
    /// How much.
    pub amount: MoneyView,
    /// BANK_TRANSFER, CARD, CRYPTO or OTHER.
    #[schema(value_type = String)]
    pub method: PaymentMethod,
    /// What the bank or the chain calls it.
    pub external_ref: String,
    /// When it arrived.
    pub received_at: String,
    /// The invoice after it.
    pub invoice: InvoiceView,
}

impl PaymentView {
    /// A payment with its invoice.
    #[must_use]
    pub fn of(payment: Payment, invoice: InvoiceView) -> Self {
        Self {
            id: payment.id.to_string(),
            amount: payment.amount.into(),
            method: payment.method,
            external_ref: payment.external_ref,
            received_at: moment(payment.received_at),
            invoice,
        }
    }
}
