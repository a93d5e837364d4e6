//! Bills: their totals, their transitions, their canonical hash.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use crate::{
    money::scaled,
    states::{EscrowStatus, InvoiceStatus, PaymentStatus},
};

/// A line as it is billed. All amounts are in minor units of the bill's currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What was done.
    pub description: String,
    /// How much of it, in thousandths.
    pub quantity_milli: i64,
    /// Price of one.
    pub unit_price_minor: i64,
    /// Tax in basis points (1900 = 19 %).
    pub tax_rate_bp: i64,
}

impl Line {
    /// Quantity times price, half up. `None` when it does not fit.
    #[must_use]
    pub fn amount(&self) -> Option<i64> {
        scaled(self.unit_price_minor, self.quantity_milli, 1000)
    }
}

/// What a bill comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Sum of the lines.
    pub subtotal: i64,
    /// What is taken off before tax.
    pub discount: i64,
    /// Tax.
    pub tax: i64,
    /// subtotal − discount + tax.
    pub total: i64,
}

/// Why lines have no total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoTotal {
    /// The sums do not fit.
    #[error("the sums are too large")]
    TooLarge,
    /// More is taken off than there is.
    #[error("the discount is larger than the sum of the lines")]
    Discount,
}

/// The totals of lines. The discount lowers the lines of each tax rate by their share (largest remainder), and tax is
/// rounded once per rate.
///
/// # Errors
/// When sums do not fit, or the discount is larger than the lines.
pub fn totals(lines: &[Line], discount: i64) -> Result<Totals, NoTotal> {
    let mut by_rate: BTreeMap<i64, i64> = BTreeMap::new();
    let mut subtotal = 0_i64;
    for line in lines {
        let amount = line.amount().ok_or(NoTotal::TooLarge)?;
        subtotal = subtotal.checked_add(amount).ok_or(NoTotal::TooLarge)?;
        let sum = by_rate.entry(line.tax_rate_bp).or_default();
        *sum = sum.checked_add(amount).ok_or(NoTotal::TooLarge)?;
    }
    if discount > subtotal {
        return Err(NoTotal::Discount);
    }
    let sums: Vec<i64> = by_rate.values().copied().collect();
    let off = if discount == 0 {
        vec![0; sums.len()]
    } else {
        crate::money::split(discount, &sums).ok_or(NoTotal::TooLarge)?
    };
    let mut tax = 0_i64;
    for ((rate, sum), off) in by_rate.iter().zip(off) {
        let taxed = scaled(sum - off, *rate, 10_000).ok_or(NoTotal::TooLarge)?;
        tax = tax.checked_add(taxed).ok_or(NoTotal::TooLarge)?;
    }
    let total = (subtotal - discount).checked_add(tax).ok_or(NoTotal::TooLarge)?;
    if total > crate::money::MOST_MINOR {
        return Err(NoTotal::TooLarge);
    }
    Ok(Totals { subtotal, discount, tax, total })
}

/// What a party asks of a bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Change the draft.
    Edit,
    /// Number it and give it to the client.
    Send,
    /// Record money that arrived.
    Pay,
    /// Cancel it.
    Void,
    /// Remove the draft.
    Delete,
}

/// The state does not allow it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an invoice that is {current} cannot be {action}")]
pub struct Refusal {
    /// The state it is in.
    pub current: InvoiceStatus,
    /// What was asked.
    pub action: &'static str,
    /// What its state allows.
    pub allowed: Vec<&'static str>,
}

impl Action {
    const ALL: [Self; 5] = [Self::Edit, Self::Send, Self::Pay, Self::Void, Self::Delete];

    /// The past participle in messages and the name in `allowed`.
    #[must_use]
    pub const fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Edit => ("edited", "edit"),
            Self::Send => ("sent", "send"),
            Self::Pay => ("paid", "pay"),
            Self::Void => ("voided", "void"),
            Self::Delete => ("deleted", "delete"),
        }
    }

    const fn is_allowed(self, status: InvoiceStatus, paid: i64) -> bool {
        match self {
            Self::Edit | Self::Send | Self::Delete => matches!(status, InvoiceStatus::Draft),
            Self::Pay => matches!(status, InvoiceStatus::Sent),
            Self::Void => matches!(status, InvoiceStatus::Sent) && paid == 0,
        }
    }

    /// Whether the state allows it.
    ///
    /// # Errors
    /// What the state is and what it allows.
    pub fn check(self, status: InvoiceStatus, paid: i64) -> Result<(), Refusal> {
        if self.is_allowed(status, paid) {
            return Ok(());
        }
        let allowed = Self::ALL.into_iter().filter(|action| action.is_allowed(status, paid));
        Err(Refusal {
            current: status,
            action: self.name().0,
            allowed: allowed.map(|action| action.name().1).collect(),
        })
    }
}

/// What a payment makes of a bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Paid {
    /// All money so far.
    pub paid: i64,
    /// SENT or PAID.
    pub status: InvoiceStatus,
    /// How much is paid.
    pub payment_status: PaymentStatus,
    /// Where the money stands: all of it is held.
    pub escrow: EscrowStatus,
}

/// Adds a payment. `None` when the sum does not fit.
#[must_use]
pub fn pay(total: i64, paid: i64, amount: i64) -> Option<Paid> {
    let paid = paid.checked_add(amount)?;
    let (status, payment_status, escrow) = match paid.cmp(&total) {
        std::cmp::Ordering::Less => (InvoiceStatus::Sent, PaymentStatus::Partial, EscrowStatus::PartiallyFunded),
        std::cmp::Ordering::Equal => (InvoiceStatus::Paid, PaymentStatus::Paid, EscrowStatus::Held),
        std::cmp::Ordering::Greater => (InvoiceStatus::Paid, PaymentStatus::Overpaid, EscrowStatus::Held),
    };
    Some(Paid { paid, status, payment_status, escrow })
}

/// The number of a bill: unique and gapless per issuer, in the order of sending.
#[must_use]
pub fn number(year: i32, sequence: i64) -> String {
    format!("INV-{year}-{sequence:06}")
}

/// What is frozen when a bill is sent.
#[derive(Debug, Clone)]
pub struct Frozen<'a> {
    /// The bill.
    pub id: String,
    /// Its number.
    pub number: String,
    /// Who bills.
    pub freelancer_id: String,
    /// Who is billed.
    pub client_id: String,
    /// The currency.
    pub currency: String,
    /// The lines.
    pub lines: &'a [Line],
    /// What it comes to.
    pub totals: Totals,
    /// When it is due.
    pub due_date: Option<String>,
}

impl Frozen<'_> {
    /// SHA-256 of the bill's canonical JSON (RFC 8785: sorted names, no blanks), hexadecimal. Amounts are texts, for not
    /// every 64-bit number is a JSON number everywhere.
    #[must_use]
    pub fn canonical_hash(&self) -> String {
        hex::encode(Sha256::digest(canonical(&self.json())))
    }

    fn json(&self) -> Json {
        let line = |line: &Line| {
            json!({
                "description": line.description,
                "quantityMilli": line.quantity_milli.to_string(),
                "taxRateBp": line.tax_rate_bp.to_string(),
                "unitPriceMinor": line.unit_price_minor.to_string(),
            })
        };
        json!({
            "clientId": self.client_id,
            "currency": self.currency,
            "discountMinor": self.totals.discount.to_string(),
            "dueDate": self.due_date,
            "freelancerId": self.freelancer_id,
            "id": self.id,
            "lines": self.lines.iter().map(line).collect::<Vec<_>>(),
            "number": self.number,
            "taxMinor": self.totals.tax.to_string(),
            "totalMinor": self.totals.total.to_string(),
        })
    }
}

/// RFC 8785 for values without floats: names sorted by UTF-16 code units, the shortest escapes, no blanks.
#[must_use]
pub fn canonical(value: &Json) -> String {
    match value {
        Json::Object(object) => {
            let mut names: Vec<&String> = object.keys().collect();
            names.sort_by_key(|name| name.encode_utf16().collect::<Vec<_>>());
            let fields: Vec<String> = names
                .into_iter()
                .map(|name| format!("{}:{}", Json::String(name.clone()), canonical(&object[name])))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(quantity_milli: i64, unit_price_minor: i64, tax_rate_bp: i64) -> Line {
        Line { description: "work".to_owned(), quantity_milli, unit_price_minor, tax_rate_bp }
    }

    #[test]
    fn totals_follow_the_one_rule() {
        let lines = [line(1500, 3333, 1900), line(1000, 1, 700)];
        let sums = totals(&lines, 0).expect("they fit");
        assert_eq!(sums, Totals { subtotal: 5001, discount: 0, tax: 950, total: 5951 });
        assert_eq!(totals(&lines, 5002), Err(NoTotal::Discount));
        assert_eq!(totals(&[line(i64::MAX, i64::MAX, 0)], 0), Err(NoTotal::TooLarge));
    }

    #[test]
    fn only_drafts_are_edited_and_only_the_unpaid_are_voided() {
        assert!(Action::Edit.check(InvoiceStatus::Draft, 0).is_ok());
        let refusal = Action::Edit.check(InvoiceStatus::Sent, 0).expect_err("it is sent");
        assert_eq!(refusal.allowed, ["pay", "void"]);
        assert_eq!(Action::Void.check(InvoiceStatus::Sent, 1).expect_err("paid").allowed, ["pay"]);
        assert!(Action::Pay.check(InvoiceStatus::Paid, 5).is_err());
    }

    #[test]
    fn canonical_json_is_that_of_rfc_8785() {
        let value = json!({ "\u{20ac}": 1, "\r": 2, "a": [true, null, "\u{0f}\n\"\\"], "1": {} });
        assert_eq!(canonical(&value), "{\"\\r\":2,\"1\":{},\"a\":[true,null,\"\\u000f\\n\\\"\\\\\"],\"\u{20ac}\":1}");
    }

    proptest! {
        #[test]
        fn total_is_subtotal_less_discount_plus_tax(
            parts in prop::collection::vec((1_i64..100_000, 0_i64..1_000_000, 0_i64..3000), 1..20),
            share in 0_i64..100,
        ) {
            let lines: Vec<Line> = parts.iter().map(|&(q, p, t)| line(q, p, t)).collect();
            let plain = totals(&lines, 0).expect("they fit");
            let discount = plain.subtotal * share / 100;
            let sums = totals(&lines, discount).expect("they fit");
            prop_assert_eq!(sums.total, sums.subtotal - sums.discount + sums.tax);
            prop_assert!(sums.tax <= plain.tax + 20 && sums.total >= 0);
        }

        #[test]
        fn every_payment_order_ends_alike(total in 1_i64..1000, first in 1_i64..1000, second in 1_i64..1000) {
            let ends = |a, b| pay(total, pay(total, 0, a).expect("fits").paid, b).expect("fits");
            prop_assert_eq!(ends(first, second), ends(second, first));
        }
    }
}
