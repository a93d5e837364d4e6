//! Invoices.

use chainbill_domain::{
    invoice::{Invoice, Line},
    money::{Currency, Money},
    states::{AnchorStatus, EscrowStatus, InvoiceStatus, PaymentStatus},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{MoneyView, TransferView, moment};
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
    /// What it is for.
    pub project_id: Option<String>,
    /// The issuer.
    pub freelancer_id: String,
    /// Who pays it.
    pub client_id: String,
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
    /// What of it went back into the client's credit.
    pub refunded: MoneyView,
    /// What of it went out of escrow to the freelancer.
    pub released: MoneyView,
    /// What of it the freelancer received outside of the platform.
    pub received_directly: MoneyView,
    /// What of it is held in escrow.
    pub held: MoneyView,
    /// What credit notes took off.
    pub credited: MoneyView,
    /// What is still to be paid; 0 before it is sent and once it is voided.
    pub balance_due: MoneyView,
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
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// Transfers of the action that answers with it; absent where it is only read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub postings: Vec<TransferView>,
    /// Whether it shows what an action would do; absent elsewhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
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
        let (overdue, payment_status, held) = (invoice.is_overdue(today), invoice.payment_status(), invoice.held());
        let due = if invoice.awaits_payment() { invoice.due().minor } else { 0 };
        let invoice = invoice.into_state();
        let (content, currency) = (invoice.content, invoice.currency);
        let money = |minor| MoneyView::from(Money { minor, currency });
        Self {
            id: invoice.id.to_string(),
            version: invoice.version,
            number: invoice.number,
            project_id: invoice.project_id.map(|id| id.to_string()),
            freelancer_id: invoice.freelancer_id.to_string(),
            client_id: invoice.client_id.to_string(),
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
            refunded: money(invoice.refunded_minor),
            released: money(invoice.released_minor),
            received_directly: money(invoice.external_minor),
            held: held.into(),
            credited: money(invoice.credited_minor),
            balance_due: money(due),
            due_date: content.due_date,
            canonical_hash: invoice.canonical_hash,
            token_id: invoice.token_id,
            tx_hash: invoice.tx_hash,
            sent_at: invoice.sent_at.map(moment),
            paid_at: invoice.paid_at.map(moment),
            released_at: invoice.released_at.map(moment),
            voided_at: invoice.voided_at.map(moment),
            created_at: moment(invoice.created_at),
            updated_at: moment(invoice.updated_at),
            postings: Vec::new(),
            dry_run: false,
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
