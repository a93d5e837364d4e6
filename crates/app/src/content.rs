//! What a bill says, checked as a whole.

use chainbill_domain::{
    id::InvoiceId,
    invoice::{Line, Totals, totals},
    money::{Currency, UnknownCurrency},
    text,
};
use chainbill_records::{
    Text,
    entities::{invoice_lines, invoices},
};

use crate::{
    AppError, InvoiceView, MoneyView, NewLine, PatchInvoice,
    validate::{Check, decimal},
};

/// All of a bill's content, checked.
pub(crate) struct Checked {
    pub title: String,
    pub notes: Option<String>,
    pub due_date: Option<String>,
    pub currency: Currency,
    pub lines: Vec<Line>,
    pub totals: Totals,
}

/// All of a bill's content: a draft's, or the draft with its changes.
pub(crate) struct Content<'a> {
    pub title: &'a str,
    pub notes: Option<&'a str>,
    pub due_date: Option<&'a str>,
    pub currency: Result<Currency, UnknownCurrency>,
    pub discount: Option<MoneyView>,
    pub lines: &'a [NewLine],
}

pub(crate) fn checked(content: &Content<'_>) -> Result<Checked, AppError> {
    let mut check = Check::default();
    let title = check.field("/title", text::line(content.title, 200));
    let notes = check.optional("/notes", text::some(content.notes).map(|notes| text::free(notes, 10_000)));
    let due_date = check.optional("/dueDate", text::some(content.due_date).map(text::date));
    let currency = check.field("/currency", content.currency);
    check.refuse_unless((1..=200).contains(&content.lines.len()), "/lines", "1 to 200 lines are accepted");
    let lines: Vec<Line> =
        content.lines.iter().enumerate().filter_map(|(place, new)| line(&mut check, place, new, currency)).collect();
    let discount = match &content.discount {
        None => Some(0),
        Some(discount) => check.money("/discount", &discount.clone().into(), currency).map(|money| money.minor),
    };
    let complete = lines.len() == content.lines.len();
    let sums = discount.filter(|_| complete).and_then(|discount| check.field("/lines", totals(&lines, discount)));
    let parts = title.zip(currency).zip(sums);
    check.finish(parts.map(|((title, currency), totals)| Checked { title, notes, due_date, currency, lines, totals }))
}

fn line(check: &mut Check, place: usize, new: &NewLine, currency: Option<Currency>) -> Option<Line> {
    let at = |field: &str| format!("/lines/{place}/{field}");
    let description = check.field(at("description"), text::line(&new.description, 500));
    let quantity = check.field(at("quantity"), decimal(&new.quantity, 3, 1_000_000_000)).filter(|quantity| {
        check.refuse_unless(*quantity > 0, &at("quantity"), "is 0: a number above 0 is accepted");
        *quantity > 0
    });
    let price = check.money(&at("unitPrice"), &new.unit_price.clone().into(), currency);
    let tax = check.field(at("taxRate"), decimal(text::some(new.tax_rate.as_deref()).unwrap_or("0"), 2, 10_000));
    let ((description, quantity_milli), (price, tax_rate_bp)) = description.zip(quantity).zip(price.zip(tax))?;
    Some(Line { description, quantity_milli, unit_price_minor: price.minor, tax_rate_bp })
}

/// A draft with its changes, checked as a whole.
pub(crate) fn merged(old: &InvoiceView, patch: &PatchInvoice) -> Result<Checked, AppError> {
    let kept: Vec<NewLine> = old
        .lines
        .iter()
        .map(|line| NewLine {
            description: line.description.clone(),
            quantity: line.quantity.clone(),
            unit_price: line.unit_price.clone(),
            tax_rate: Some(line.tax_rate.clone()),
        })
        .collect();
    checked(&Content {
        title: patch.title.as_deref().unwrap_or(&old.title),
        notes: patch.notes.as_ref().unwrap_or(&old.notes).as_deref(),
        due_date: patch.due_date.as_ref().unwrap_or(&old.due_date).as_deref(),
        // A draft may stay in a currency that has gone out of use since.
        currency: old.total.currency.parse(),
        discount: patch.discount.clone().unwrap_or_else(|| Some(old.discount.clone())),
        lines: patch.lines.as_deref().unwrap_or(&kept),
    })
}

pub(crate) fn fill(row: &mut invoices::Model, content: &Checked) {
    row.title.clone_from(&content.title);
    row.notes.clone_from(&content.notes);
    row.due_date.clone_from(&content.due_date);
    row.subtotal_minor = content.totals.subtotal;
    row.discount_minor = content.totals.discount;
    row.tax_minor = content.totals.tax;
    row.total_minor = content.totals.total;
}

pub(crate) fn line_rows(id: InvoiceId, content: &Checked) -> Vec<invoice_lines::Model> {
    let row = |(position, line): (usize, &Line)| invoice_lines::Model {
        invoice_id: Text(id),
        position: i64::try_from(position).unwrap_or(i64::MAX),
        description: line.description.clone(),
        quantity_milli: line.quantity_milli,
        unit_price_minor: line.unit_price_minor,
        currency: Text(content.currency),
        tax_rate_bp: line.tax_rate_bp,
        amount_minor: line.amount().unwrap_or(0),
    };
    content.lines.iter().enumerate().map(row).collect()
}
