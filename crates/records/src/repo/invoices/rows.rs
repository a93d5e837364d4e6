//! Rows of an invoice, and the invoice of its rows.

use chainbill_domain::{
    invoice::{Content, Declined, Invoice, InvoiceState, Line, PartyNames, Totals},
    states::PaymentStatus,
};

use crate::{
    Text,
    entities::{invoice_lines, invoices::Model},
};

/// The rows of an invoice: its own, and those of its lines.
#[must_use]
pub fn rows(invoice: &InvoiceState) -> (Model, Vec<invoice_lines::Model>) {
    (row(invoice), line_rows(invoice))
}

pub(super) fn row(invoice: &InvoiceState) -> Model {
    let payment_status: PaymentStatus = invoice.payment_status();
    let (content, totals) = (&invoice.content, invoice.content.totals);
    Model {
        id: Text(invoice.id),
        version: invoice.version,
        number: invoice.number.clone(),
        number_seq: invoice.number_seq,
        series: invoice.series.map(Text),
        number_year: invoice.number_year.map(i64::from),
        project_id: invoice.project_id.map(Text),
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
        subtotal_minor: totals.subtotal,
        discount_minor: totals.discount,
        tax_minor: totals.tax,
        total_minor: totals.total,
        paid_minor: invoice.paid_minor,
        due_date: content.due_date.clone(),
        canonical_hash: invoice.canonical_hash.clone(),
        token_id: invoice.token_id.clone(),
        tx_hash: invoice.tx_hash.clone(),
        sent_at: invoice.sent_at,
        paid_at: invoice.paid_at,
        released_at: invoice.released_at,
        voided_at: invoice.voided_at,
        declined_at: invoice.declined.as_ref().map(|declined| declined.at),
        decline_reason: invoice.declined.as_ref().map(|declined| declined.reason.clone()),
        created_at: invoice.created_at,
        updated_at: invoice.updated_at,
    }
}

pub(super) fn line_rows(invoice: &InvoiceState) -> Vec<invoice_lines::Model> {
    let row = |(line, position): (&Line, i64)| invoice_lines::Model {
        invoice_id: Text(invoice.id),
        position,
        description: line.description.clone(),
        quantity_milli: line.quantity_milli,
        unit_price_minor: line.unit_price_minor,
        currency: Text(invoice.currency),
        tax_rate_bp: line.tax_rate_bp,
        amount_minor: line.amount().expect("the totals of these lines were computed, so each has an amount"),
    };
    invoice.content.lines.iter().zip(0..).map(row).collect()
}

pub(super) fn invoice(row: Model, lines: Vec<invoice_lines::Model>) -> Invoice {
    let line = |line: invoice_lines::Model| Line {
        description: line.description,
        quantity_milli: line.quantity_milli,
        unit_price_minor: line.unit_price_minor,
        tax_rate_bp: line.tax_rate_bp,
    };
    Invoice::stored(InvoiceState {
        id: row.id.0,
        version: row.version,
        freelancer_id: row.freelancer_id.0,
        client_id: row.client_id.0,
        project_id: row.project_id.map(|id| id.0),
        currency: row.currency.0,
        content: Content {
            title: row.title,
            notes: row.notes,
            due_date: row.due_date,
            lines: lines.into_iter().map(line).collect(),
            totals: Totals {
                subtotal: row.subtotal_minor,
                discount: row.discount_minor,
                tax: row.tax_minor,
                total: row.total_minor,
            },
        },
        status: row.status.0,
        escrow: row.escrow.0,
        anchor_status: row.anchor_status.0,
        paid_minor: row.paid_minor,
        number: row.number,
        number_seq: row.number_seq,
        series: row.series.map(|series| series.0),
        // A year has four digits; what a hand wrote beside that is none.
        number_year: row.number_year.and_then(|year| i32::try_from(year).ok()),
        names: row.freelancer_name.zip(row.client_name).map(|(freelancer, client)| PartyNames { freelancer, client }),
        declined: row.declined_at.map(|at| Declined { at, reason: row.decline_reason.unwrap_or_default() }),
        canonical_hash: row.canonical_hash,
        token_id: row.token_id,
        tx_hash: row.tx_hash,
        sent_at: row.sent_at,
        paid_at: row.paid_at,
        released_at: row.released_at,
        voided_at: row.voided_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}
