//! Rows of an invoice, and the invoice of its rows.

use chainbill_domain::{
    invoice::{
        Content, Declined, Discount, EscrowTerms, Invoice, InvoiceState, Line, NoTotal, PartyNames, Pricing, Returned,
        Submission, Totals, UnitPrice, Work, totals,
    },
    states::{InvoiceStatus, PaymentStatus},
};

use crate::{
    Text, Unreadable,
    entities::{invoice_lines, invoices::Model},
};

/// The rows of an invoice: its own, and those of its lines.
#[must_use]
pub fn rows(invoice: &InvoiceState) -> (Model, Vec<invoice_lines::Model>) {
    (row(invoice), line_rows(invoice))
}

pub(super) fn row(invoice: &InvoiceState) -> Model {
    let payment_status: PaymentStatus = invoice.payment_status();
    let (submitted, returned) = (invoice.work.submitted.as_ref(), invoice.work.returned.as_ref());
    let (content, pricing, totals) = (&invoice.content, invoice.content.pricing, invoice.content.totals);
    Model {
        id: Text(invoice.id),
        version: invoice.version,
        number: invoice.number.clone(),
        number_seq: invoice.number_seq,
        series: invoice.series.map(Text),
        number_year: invoice.number_year.map(i64::from),
        project_id: invoice.project_id.map(Text),
        milestone_id: invoice.milestone_id.map(Text),
        funds_milestone_id: invoice.milestone_id.filter(|_| invoice.status != InvoiceStatus::Void).map(Text),
        freelancer_id: Text(invoice.freelancer_id),
        client_id: Text(invoice.client_id),
        freelancer_name: invoice.names.as_ref().map(|names| names.freelancer.clone()),
        client_name: invoice.names.as_ref().map(|names| names.client.clone()),
        title: content.title.clone(),
        notes: content.notes.clone(),
        status: Text(invoice.status),
        payment_status: Text(payment_status),
        escrow: Text(invoice.escrow),
        anchor_status: Text(invoice.anchor_status),
        currency: Text(invoice.currency),
        prices_include_tax: pricing.prices_include_tax,
        rounding: Text(pricing.rounding),
        subtotal_minor: totals.subtotal,
        discount_minor: totals.discount,
        discount_ppm: pricing.discount.and_then(Discount::ppm),
        tax_minor: totals.tax,
        total_minor: totals.total,
        withholding_ppm: pricing.withholding_ppm,
        withholding_minor: totals.withholding,
        deposit_minor: totals.deposit,
        paid_minor: invoice.paid_minor,
        refunded_minor: invoice.refunded_minor,
        released_minor: invoice.released_minor,
        external_minor: invoice.external_minor,
        fee_minor: invoice.fee_minor,
        credited_minor: invoice.credited_minor,
        due_date: content.due_date.clone(),
        canonical_hash: invoice.canonical_hash.clone(),
        canonical_version: invoice.canonical_version,
        parties: invoice.parties.as_ref().map(|it| serde_json::to_string(it).expect("names and texts are JSON")),
        token_id: invoice.token_id.clone(),
        tx_hash: invoice.tx_hash.clone(),
        sent_at: invoice.sent_at,
        paid_at: invoice.paid_at,
        released_at: invoice.released_at,
        voided_at: invoice.voided_at,
        declined_at: invoice.declined.as_ref().map(|declined| declined.at),
        decline_reason: invoice.declined.as_ref().map(|declined| declined.reason.clone()),
        fee_bp: invoice.terms.fee_bp,
        release_days: invoice.terms.release_days,
        work_submitted_at: submitted.map(|work| work.at),
        work_note: submitted.and_then(|work| work.note.clone()),
        release_at: submitted.and_then(|work| work.release_at),
        work_returned_at: returned.map(|work| work.at),
        work_return_reason: returned.map(|work| work.reason.clone()),
        created_at: invoice.created_at,
        updated_at: invoice.updated_at,
    }
}

pub(super) fn line_rows(invoice: &InvoiceState) -> Vec<invoice_lines::Model> {
    const SUMMED: &str = "the totals of these lines were computed, so each has an amount";
    let row = |(line, position): (&Line, i64)| invoice_lines::Model {
        invoice_id: Text(invoice.id),
        position,
        description: line.description.clone(),
        unit: line.unit.clone(),
        quantity_micro: line.quantity_micro,
        unit_price_minor: line.unit_price.minor,
        unit_price_micro: line.unit_price.micro,
        currency: Text(invoice.currency),
        discount_minor: line.discount_minor().expect(SUMMED),
        discount_ppm: line.discount.and_then(Discount::ppm),
        tax_category: Text(line.tax_category),
        tax_rate_ppm: line.tax_rate_ppm,
        tax_reason: line.tax_reason.clone(),
        amount_minor: line.amount().expect(SUMMED),
    };
    invoice.content.lines.iter().zip(0..).map(row).collect()
}

fn line(row: invoice_lines::Model) -> Line {
    Line {
        description: row.description,
        unit: row.unit,
        quantity_micro: row.quantity_micro,
        unit_price: UnitPrice { minor: row.unit_price_minor, micro: row.unit_price_micro },
        discount: Discount::stored(row.discount_minor, row.discount_ppm),
        tax_category: row.tax_category.0,
        tax_rate_ppm: row.tax_rate_ppm,
        tax_reason: row.tax_reason,
    }
}

/// The totals are those that were saved; what the lines of each rate come to follows from the lines. Lines without a total were
/// written by another program.
pub(super) fn invoice(row: Model, lines: Vec<invoice_lines::Model>) -> Result<Invoice, Unreadable> {
    let lines: Vec<Line> = lines.into_iter().map(line).collect();
    let pricing = Pricing {
        prices_include_tax: row.prices_include_tax,
        rounding: row.rounding.0,
        discount: Discount::stored(row.discount_minor, row.discount_ppm),
        withholding_ppm: row.withholding_ppm,
        deposit: row.deposit_minor,
    };
    let unreadable = |cause: NoTotal| Unreadable { column: "lines".to_owned(), cause: cause.to_string() };
    let (_, taxes) = totals(&lines, &pricing).map_err(unreadable)?;
    let unknown = |cause: serde_json::Error| Unreadable { column: "parties".to_owned(), cause: cause.to_string() };
    let parties = row.parties.as_deref().map(serde_json::from_str).transpose().map_err(unknown)?;
    Ok(Invoice::stored(InvoiceState {
        id: row.id.0,
        version: row.version,
        freelancer_id: row.freelancer_id.0,
        client_id: row.client_id.0,
        project_id: row.project_id.map(|id| id.0),
        milestone_id: row.milestone_id.map(|id| id.0),
        currency: row.currency.0,
        content: Content {
            title: row.title,
            notes: row.notes,
            due_date: row.due_date,
            lines,
            pricing,
            totals: Totals {
                subtotal: row.subtotal_minor,
                discount: row.discount_minor,
                tax: row.tax_minor,
                total: row.total_minor,
                withholding: row.withholding_minor,
                deposit: row.deposit_minor,
            },
            taxes,
        },
        status: row.status.0,
        escrow: row.escrow.0,
        anchor_status: row.anchor_status.0,
        paid_minor: row.paid_minor,
        refunded_minor: row.refunded_minor,
        released_minor: row.released_minor,
        external_minor: row.external_minor,
        fee_minor: row.fee_minor,
        terms: EscrowTerms { fee_bp: row.fee_bp, release_days: row.release_days },
        work: Work {
            submitted: row.work_submitted_at.map(|at| Submission {
                at,
                note: row.work_note,
                release_at: row.release_at,
            }),
            returned: row
                .work_returned_at
                .map(|at| Returned { at, reason: row.work_return_reason.unwrap_or_default() }),
        },
        credited_minor: row.credited_minor,
        number: row.number,
        number_seq: row.number_seq,
        series: row.series.map(|series| series.0),
        // A year has four digits; what a hand wrote beside that is none.
        number_year: row.number_year.and_then(|year| i32::try_from(year).ok()),
        names: row.freelancer_name.zip(row.client_name).map(|(freelancer, client)| PartyNames { freelancer, client }),
        declined: row.declined_at.map(|at| Declined { at, reason: row.decline_reason.unwrap_or_default() }),
        canonical_hash: row.canonical_hash,
        canonical_version: row.canonical_version,
        parties,
        token_id: row.token_id,
        tx_hash: row.tx_hash,
        sent_at: row.sent_at,
        paid_at: row.paid_at,
        released_at: row.released_at,
        voided_at: row.voided_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }))
}
