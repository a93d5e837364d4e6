//! What an invoice says, checked as a whole.

use chainbill_domain::{
    invoice::{Content, InvoiceState, Line, totals},
    money::{Currency, Money, UnknownCurrency},
    text,
};

use crate::{
    AppError, MoneyView, NewLine, PatchInvoice,
    validate::{Check, decimal, written},
};

/// All that an invoice says as it was asked for: a draft's, or the draft with its changes.
pub(crate) struct Asked<'a> {
    pub title: &'a str,
    pub notes: Option<&'a str>,
    pub due_date: Option<&'a str>,
    pub currency: Result<Currency, UnknownCurrency>,
    pub discount: Option<MoneyView>,
    pub lines: &'a [NewLine],
}

/// The content, and the currency of everything in it.
pub(crate) fn checked(asked: &Asked<'_>) -> Result<(Content, Currency), AppError> {
    let mut check = Check::default();
    let title = check.field("/title", text::line(asked.title, 200));
    let notes = check.optional("/notes", text::some(asked.notes).map(|notes| text::free(notes, 10_000)));
    let due_date = check.optional("/dueDate", text::some(asked.due_date).map(text::date));
    let currency = check.field("/currency", asked.currency);
    check.refuse_unless((1..=200).contains(&asked.lines.len()), "/lines", "1 to 200 lines are accepted");
    let lines: Vec<Line> =
        asked.lines.iter().enumerate().filter_map(|(place, new)| line(&mut check, place, new, currency)).collect();
    let discount = match &asked.discount {
        None => Some(0),
        Some(discount) => check.money("/discount", &discount.clone().into(), currency).map(|money| money.minor),
    };
    let complete = lines.len() == asked.lines.len();
    let sums = discount.filter(|_| complete).and_then(|discount| check.field("/lines", totals(&lines, discount)));
    let parts = title.zip(currency).zip(sums);
    check.finish(parts.map(|((title, currency), totals)| (Content { title, notes, due_date, lines, totals }, currency)))
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
pub(crate) fn merged(old: &InvoiceState, patch: &PatchInvoice) -> Result<Content, AppError> {
    let (content, currency) = (&old.content, old.currency);
    let money = |minor| MoneyView::from(Money { minor, currency });
    let kept: Vec<NewLine> = content
        .lines
        .iter()
        .map(|line| NewLine {
            description: line.description.clone(),
            quantity: written(line.quantity_milli, 3),
            unit_price: money(line.unit_price_minor),
            tax_rate: Some(written(line.tax_rate_bp, 2)),
        })
        .collect();
    let asked = Asked {
        title: patch.title.as_deref().unwrap_or(&content.title),
        notes: patch.notes.as_ref().unwrap_or(&content.notes).as_deref(),
        due_date: patch.due_date.as_ref().unwrap_or(&content.due_date).as_deref(),
        // A draft may stay in a currency that has gone out of use since.
        currency: Ok(currency),
        discount: patch.discount.clone().unwrap_or_else(|| Some(money(content.totals.discount))),
        lines: patch.lines.as_deref().unwrap_or(&kept),
    };
    checked(&asked).map(|(content, _)| content)
}
