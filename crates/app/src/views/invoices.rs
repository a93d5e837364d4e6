//! Invoices.

use chainbill_domain::{
    invoice::{Discount, Invoice, Line, TaxTotal},
    money::{Currency, Money},
    states::{AnchorStatus, EscrowStatus, InvoiceStatus, PaymentStatus, Rounding, TaxCategory},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{MoneyView, PartiesView, TransferView, moment};
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
    /// The milestone that it funds.
    #[serde(default)]
    pub milestone_id: Option<String>,
    /// The issuer.
    pub freelancer_id: String,
    /// Who pays it.
    pub client_id: String,
    /// Who issues and who pays it, as they were when it was sent.
    pub parties: Option<PartiesView>,
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
    /// Whether prices contain their tax.
    pub prices_include_tax: bool,
    /// Where tax is rounded: PER_RATE or PER_LINE.
    #[schema(value_type = String)]
    pub rounding: Rounding,
    /// Sum of the lines, with their tax where prices include it.
    pub subtotal: MoneyView,
    /// What is taken off the subtotal.
    pub discount: MoneyView,
    /// The discount in percent, where it was given as one.
    pub discount_percent: Option<String>,
    /// The total without its tax.
    pub net: MoneyView,
    /// Tax.
    pub tax: MoneyView,
    /// What the lines of each tax rate and category come to, after the discount.
    pub taxes: Vec<TaxView>,
    /// What it comes to: subtotal less discount, and the tax where prices do not include it.
    pub total: MoneyView,
    /// What the payer keeps back for the tax office, in percent of the net.
    pub withholding_rate: String,
    /// What the payer keeps back for the tax office.
    pub withholding: MoneyView,
    /// What was paid in advance.
    pub deposit: MoneyView,
    /// What is paid.
    pub paid: MoneyView,
    /// What of it went back into the client's credit.
    pub refunded: MoneyView,
    /// What of it went out of escrow to the freelancer, the platform's fee taken off.
    pub released: MoneyView,
    /// What of it the platform kept as its fee of releases.
    pub fee: MoneyView,
    /// What the platform takes of releases, in percent; fixed at sending.
    pub fee_rate: String,
    /// What of it the freelancer received outside of the platform.
    pub received_directly: MoneyView,
    /// What of it is held in escrow.
    pub held: MoneyView,
    /// What credit notes took off.
    pub credited: MoneyView,
    /// What is still to be paid: total less withholding, deposit, what is paid and what is credited.
    pub balance_due: MoneyView,
    /// Until when it is to be paid.
    pub due_date: Option<String>,
    /// SHA-256 of its canonical form, from sending on.
    pub canonical_hash: Option<String>,
    /// The version of that form.
    pub canonical_version: Option<i64>,
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
    /// After how many days without an answer submitted work is released by itself; fixed at sending.
    pub release_days: i64,
    /// When its work was submitted.
    pub work_submitted_at: Option<String>,
    /// What the freelancer says of the work.
    pub work_note: Option<String>,
    /// When its held money is released by itself.
    pub release_at: Option<String>,
    /// When its client sent the work back, if it was not submitted again.
    pub work_returned_at: Option<String>,
    /// Why its client sent the work back.
    pub work_return_reason: Option<String>,
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
    /// What the quantity counts.
    pub unit: Option<String>,
    /// How much of it; below 0 for what is taken back.
    pub quantity: String,
    /// Price of one, with at most 6 decimals.
    pub unit_price: MoneyView,
    /// What is taken off.
    pub discount: Option<LineDiscountView>,
    /// STANDARD, ZERO, EXEMPT or REVERSE_CHARGE.
    #[schema(value_type = String)]
    pub tax_category: TaxCategory,
    /// Tax in percent.
    pub tax_rate: String,
    /// Why there is no tax.
    pub tax_reason: Option<String>,
    /// Quantity times price, less the discount.
    pub amount: MoneyView,
}

/// What is taken off a line.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineDiscountView {
    /// How much; below 0 on a line that takes something back.
    pub amount: MoneyView,
    /// In percent, where it was given as one.
    pub percent: Option<String>,
}

/// What the lines of one tax rate and category come to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaxView {
    /// STANDARD, ZERO, EXEMPT or REVERSE_CHARGE.
    #[schema(value_type = String)]
    pub category: TaxCategory,
    /// The rate in percent.
    pub rate: String,
    /// Without tax.
    pub net: MoneyView,
    /// The tax.
    pub tax: MoneyView,
    /// With tax.
    pub gross: MoneyView,
}

impl InvoiceView {
    /// An invoice as it is shown on a day of its issuer's (`YYYY-MM-DD`).
    #[must_use]
    pub fn of(invoice: Invoice, today: &str) -> Self {
        let (overdue, payment_status, held) = (invoice.is_overdue(today), invoice.payment_status(), invoice.held());
        let balance_due = invoice.balance_due().into();
        let canonical_version = invoice.canonical_hash.as_ref().map(|_| invoice.canonical_version.unwrap_or(1));
        let release_at = invoice.release_at().map(moment);
        let invoice = invoice.into_state();
        let (submitted, returned) = (invoice.work.submitted, invoice.work.returned);
        let (content, currency) = (invoice.content, invoice.currency);
        let (pricing, totals) = (content.pricing, content.totals);
        let money = |minor| MoneyView::from(Money { minor, currency });
        Self {
            id: invoice.id.to_string(),
            version: invoice.version,
            number: invoice.number,
            series: invoice.series.map(|series| series.to_string()),
            project_id: invoice.project_id.map(|id| id.to_string()),
            milestone_id: invoice.milestone_id.map(|id| id.to_string()),
            freelancer_id: invoice.freelancer_id.to_string(),
            client_id: invoice.client_id.to_string(),
            parties: invoice.parties.map(PartiesView::from),
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
            prices_include_tax: pricing.prices_include_tax,
            rounding: pricing.rounding,
            subtotal: money(totals.subtotal),
            discount: money(totals.discount),
            discount_percent: pricing.discount.and_then(Discount::ppm).map(percent),
            net: money(totals.net()),
            tax: money(totals.tax),
            taxes: content.taxes.into_iter().map(|tax| TaxView::of(tax, currency)).collect(),
            total: money(totals.total),
            withholding_rate: percent(pricing.withholding_ppm),
            withholding: money(totals.withholding),
            deposit: money(totals.deposit),
            paid: money(invoice.paid_minor),
            refunded: money(invoice.refunded_minor),
            released: money(invoice.released_minor),
            fee: money(invoice.fee_minor),
            fee_rate: written(invoice.terms.fee_bp, 2, 2),
            received_directly: money(invoice.external_minor),
            held: held.into(),
            credited: money(invoice.credited_minor),
            balance_due,
            due_date: content.due_date,
            canonical_hash: invoice.canonical_hash,
            canonical_version,
            token_id: invoice.token_id,
            tx_hash: invoice.tx_hash,
            sent_at: invoice.sent_at.map(moment),
            paid_at: invoice.paid_at.map(moment),
            released_at: invoice.released_at.map(moment),
            voided_at: invoice.voided_at.map(moment),
            declined_at: invoice.declined.as_ref().map(|declined| moment(declined.at)),
            decline_reason: invoice.declined.map(|declined| declined.reason),
            release_days: invoice.terms.release_days,
            work_submitted_at: submitted.as_ref().map(|work| moment(work.at)),
            release_at,
            work_note: submitted.and_then(|work| work.note),
            work_returned_at: returned.as_ref().map(|work| moment(work.at)),
            work_return_reason: returned.map(|work| work.reason),
            created_at: moment(invoice.created_at),
            updated_at: moment(invoice.updated_at),
            postings: Vec::new(),
            dry_run: false,
        }
    }
}

/// Millionths in percent, with at least two decimals.
fn percent(ppm: i64) -> String {
    written(ppm, 4, 2)
}

impl TaxView {
    fn of(tax: TaxTotal, currency: Currency) -> Self {
        let money = |minor| MoneyView::from(Money { minor, currency });
        Self {
            category: tax.category,
            rate: percent(tax.rate_ppm),
            net: money(tax.net),
            tax: money(tax.tax),
            gross: money(tax.gross),
        }
    }
}

impl LineView {
    fn of(line: Line, currency: Currency) -> Self {
        const SUMMED: &str = "the totals of these lines were computed, so each has an amount";
        let money = |minor| MoneyView::from(Money { minor, currency });
        let off = line.discount_minor().expect(SUMMED);
        let discount =
            line.discount.map(|discount| LineDiscountView { amount: money(off), percent: discount.ppm().map(percent) });
        Self {
            amount: money(line.amount().expect(SUMMED)),
            description: line.description,
            unit: line.unit,
            quantity: written(line.quantity_micro, 6, 3),
            unit_price: MoneyView { amount: line.unit_price.amount(currency), currency: currency.to_string() },
            discount,
            tax_category: line.tax_category,
            tax_rate: percent(line.tax_rate_ppm),
            tax_reason: line.tax_reason,
        }
    }
}
