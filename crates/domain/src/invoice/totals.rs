//! Lines of an invoice and what they come to.

use std::collections::BTreeMap;

use crate::money::scaled;

/// A line as it is billed. All amounts are in minor units of the invoice's currency.
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

/// What an invoice comes to.
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
    }
}
