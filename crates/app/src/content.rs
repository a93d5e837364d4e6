//! What an invoice says, checked as a whole.

use chainbill_domain::{
    invoice::{Content, Discount, Heading, InvoiceState, Line, MILLION, NoTotal, Pricing, UnitPrice},
    money::{Currency, Money, UnknownCurrency},
    states::{Rounding, TaxCategory},
    text,
};

use crate::{
    AppError, MoneyView, NewDiscount, NewLine, NewLineDiscount, PatchInvoice,
    validate::{Check, decimal, signed_decimal, written},
};

/// All that an invoice says as it was asked for: a draft's, or the draft with its changes.
pub(crate) struct Asked<'a> {
    pub title: &'a str,
    pub notes: Option<&'a str>,
    pub due_date: Option<&'a str>,
    pub currency: Result<Currency, UnknownCurrency>,
    pub prices_include_tax: bool,
    /// The rule that was asked for, by its name.
    pub rounding: Option<&'a str>,
    /// The rule where none was asked for.
    pub usual_rounding: Rounding,
    pub discount: Option<NewDiscount>,
    pub withholding_rate: Option<&'a str>,
    pub deposit: Option<MoneyView>,
    pub lines: &'a [NewLine],
}

/// Decimals of a quantity.
const QUANTITY: u32 = 6;
/// Twelve digits before the point, and six after it.
const MOST_QUANTITY: i64 = 999_999_999_999_999_999;
/// Decimals of a rate in percent: the whole is a million parts.
const PERCENT: u32 = 4;

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
    let pricing = pricing(&mut check, asked, currency);
    let complete = lines.len() == asked.lines.len();
    let content = pricing.zip(title).filter(|_| complete).and_then(|(pricing, title)| {
        let content = Content::of(Heading { title, notes, due_date }, lines, pricing);
        check.field(pointer_of(content.as_ref().err()), content)
    });
    check.finish(content.zip(currency))
}

/// What a total fails by.
const fn pointer_of(error: Option<&NoTotal>) -> &'static str {
    match error {
        Some(NoTotal::Discount) => "/discount",
        Some(NoTotal::Withholding) => "/withholdingRate",
        Some(NoTotal::Deposit) => "/deposit",
        Some(NoTotal::TooLarge | NoTotal::LineDiscount | NoTotal::Negative) | None => "/lines",
    }
}

fn pricing(check: &mut Check, asked: &Asked<'_>, currency: Option<Currency>) -> Option<Pricing> {
    let rounding = check.optional("/rounding", text::some(asked.rounding).map(str::parse::<Rounding>));
    let discount = match &asked.discount {
        None => Some(None),
        Some(new) => whole_discount(check, new, currency),
    };
    let withholding = text::some(asked.withholding_rate).map_or(Ok(0), |rate| decimal(rate, PERCENT, MILLION));
    let withholding = check.field("/withholdingRate", withholding);
    let deposit = match &asked.deposit {
        None => Some(0),
        Some(deposit) => check.money("/deposit", &deposit.clone().into(), currency).map(|money| money.minor),
    };
    let ((discount, withholding_ppm), deposit) = discount.zip(withholding).zip(deposit)?;
    let rounding = rounding.unwrap_or(asked.usual_rounding);
    Some(Pricing { prices_include_tax: asked.prices_include_tax, rounding, discount, withholding_ppm, deposit })
}

/// A discount of nothing is none.
fn amount_off(minor: i64) -> Option<Discount> {
    (minor > 0).then_some(Discount::Amount(minor))
}

fn percent_off(check: &mut Check, pointer: String, percent: &str) -> Option<Option<Discount>> {
    let ppm = check.field(pointer, decimal(percent, PERCENT, MILLION))?;
    Some((ppm > 0).then_some(Discount::Percent(ppm)))
}

const ONE_OF_BOTH: &str = "is not accepted: either an amount or a percent is";

fn whole_discount(check: &mut Check, new: &NewDiscount, currency: Option<Currency>) -> Option<Option<Discount>> {
    match (&new.amount, &new.currency, &new.percent) {
        (Some(amount), Some(code), None) => {
            let money = MoneyView { amount: amount.clone(), currency: code.clone() };
            check.money("/discount", &money.into(), currency).map(|money| amount_off(money.minor))
        }
        (None, None, Some(percent)) => percent_off(check, "/discount/percent".to_owned(), percent),
        _ => {
            check.refuse("/discount", ONE_OF_BOTH);
            None
        }
    }
}

fn line_discount(
    check: &mut Check,
    at: &str,
    new: &NewLineDiscount,
    currency: Option<Currency>,
) -> Option<Option<Discount>> {
    match (&new.amount, &new.percent) {
        (Some(amount), None) => {
            let money = check.money(&format!("{at}/amount"), &amount.clone().into(), currency)?;
            Some(amount_off(money.minor))
        }
        (None, Some(percent)) => percent_off(check, format!("{at}/percent"), percent),
        _ => {
            check.refuse(at, ONE_OF_BOTH);
            None
        }
    }
}

fn line(check: &mut Check, place: usize, new: &NewLine, currency: Option<Currency>) -> Option<Line> {
    let at = |field: &str| format!("/lines/{place}/{field}");
    let description = check.field(at("description"), text::line(&new.description, 500));
    let unit = check.optional(at("unit"), text::some(new.unit.as_deref()).map(|unit| text::line(unit, 50)));
    let quantity = signed_decimal(&new.quantity, QUANTITY, MOST_QUANTITY);
    let quantity = check.field(at("quantity"), quantity).filter(|quantity| {
        check.refuse_unless(*quantity != 0, &at("quantity"), "is 0: another number is accepted");
        *quantity != 0
    });
    let unit_price = check.in_currency(&at("unitPrice"), &new.unit_price.currency, currency);
    let unit_price = unit_price
        .and_then(|currency| check.field(at("unitPrice/amount"), UnitPrice::parse(&new.unit_price.amount, currency)));
    let discount = match &new.discount {
        None => Some(None),
        Some(discount) => line_discount(check, &at("discount"), discount, currency),
    };
    let tax = tax(check, &at, new);
    let ((description, quantity_micro), (unit_price, discount)) =
        description.zip(quantity).zip(unit_price.zip(discount))?;
    let (tax_category, tax_rate_ppm, tax_reason) = tax?;
    let line = Line { description, unit, quantity_micro, unit_price, discount, tax_category, tax_rate_ppm, tax_reason };
    match line.amount() {
        Ok(_) => Some(line),
        Err(NoTotal::LineDiscount) => check.field(at("discount"), Err(NoTotal::LineDiscount)),
        Err(error) => check.field(format!("/lines/{place}"), Err(error)),
    }
}

/// The category follows from the rate where it is not stated.
fn tax(check: &mut Check, at: &dyn Fn(&str) -> String, new: &NewLine) -> Option<(TaxCategory, i64, Option<String>)> {
    let rate = text::some(new.tax_rate.as_deref()).unwrap_or("0");
    let rate = check.field(at("taxRate"), decimal(rate, PERCENT, MILLION));
    let category = match text::some(new.tax_category.as_deref()) {
        Some(word) => check.field(at("taxCategory"), word.parse::<TaxCategory>()),
        None if rate == Some(0) => Some(TaxCategory::Zero),
        None => Some(TaxCategory::Standard),
    };
    let reason = text::some(new.tax_reason.as_deref());
    let has_reason = reason.is_some();
    let reason = check.optional(at("taxReason"), reason.map(|reason| text::line(reason, 500)));
    let (rate, category) = rate.zip(category)?;
    match (category, rate) {
        (TaxCategory::Standard, 0) => {
            check.refuse(at("taxRate"), "is 0: a rate above 0 is accepted with the category STANDARD");
        }
        (TaxCategory::Standard, _) | (_, 0) => {}
        _ => check.refuse(at("taxRate"), format!("is not 0: no tax is accepted with the category {category}")),
    }
    match (category, has_reason) {
        (TaxCategory::Exempt, false) => check.refuse(at("taxReason"), "is missing: EXEMPT is accepted with a reason"),
        (TaxCategory::Standard | TaxCategory::Zero, true) => {
            check.refuse(at("taxReason"), "is not accepted: EXEMPT and REVERSE_CHARGE have a reason");
        }
        _ => {}
    }
    Some((category, rate, reason))
}

/// A draft with its changes, checked as a whole.
pub(crate) fn merged(old: &InvoiceState, patch: &PatchInvoice) -> Result<Content, AppError> {
    let (content, pricing, currency) = (&old.content, old.content.pricing, old.currency);
    let money = |minor| MoneyView::from(Money { minor, currency });
    let kept: Vec<NewLine> = content.lines.iter().map(|line| as_asked(line, currency)).collect();
    let discount = || match pricing.discount {
        None => None,
        Some(Discount::Percent(ppm)) => Some(NewDiscount::of_percent(written(ppm, PERCENT, 0))),
        Some(Discount::Amount(minor)) => Some(NewDiscount::of_amount(money(minor))),
    };
    let withholding = written(pricing.withholding_ppm, PERCENT, 0);
    let asked = Asked {
        title: patch.title.as_deref().unwrap_or(&content.title),
        notes: patch.notes.as_ref().unwrap_or(&content.notes).as_deref(),
        due_date: patch.due_date.as_ref().unwrap_or(&content.due_date).as_deref(),
        // A draft may stay in a currency that has gone out of use since.
        currency: Ok(currency),
        prices_include_tax: patch.prices_include_tax.unwrap_or(pricing.prices_include_tax),
        rounding: patch.rounding.as_deref(),
        usual_rounding: pricing.rounding,
        discount: patch.discount.clone().unwrap_or_else(discount),
        withholding_rate: patch.withholding_rate.as_ref().map_or(Some(withholding.as_str()), |rate| rate.as_deref()),
        deposit: patch.deposit.clone().unwrap_or_else(|| Some(money(pricing.deposit))),
        lines: patch.lines.as_deref().unwrap_or(&kept),
    };
    checked(&asked).map(|(content, _)| content)
}

/// A line as it would be asked for.
fn as_asked(line: &Line, currency: Currency) -> NewLine {
    let discount = line.discount.map(|discount| match discount {
        Discount::Percent(ppm) => NewLineDiscount { amount: None, percent: Some(written(ppm, PERCENT, 0)) },
        Discount::Amount(minor) => NewLineDiscount { amount: Some(Money { minor, currency }.into()), percent: None },
    });
    NewLine {
        description: line.description.clone(),
        unit: line.unit.clone(),
        quantity: written(line.quantity_micro, QUANTITY, 0),
        unit_price: MoneyView { amount: line.unit_price.amount(currency), currency: currency.to_string() },
        discount,
        tax_rate: Some(written(line.tax_rate_ppm, PERCENT, 0)),
        tax_category: Some(line.tax_category.to_string()),
        tax_reason: line.tax_reason.clone(),
    }
}
