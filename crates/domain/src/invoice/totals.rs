//! What the lines of an invoice come to. `docs/domain.md` has the formulas with a worked example.
//!
//! Tax is rounded once per rate, or once per line: the invoice's own rule. Everything else is exact but the amount of a line,
//! each discount and the withholding, which round once each.

use std::collections::BTreeMap;

use super::{Discount, Line, MILLION};
use crate::{
    money::{MOST_MINOR, apportion, scaled},
    states::{Rounding, TaxCategory},
};

/// What totals follow from, beside the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pricing {
    /// Whether prices contain their tax.
    pub prices_include_tax: bool,
    /// Where tax is rounded.
    pub rounding: Rounding,
    /// What is taken off the sum of the lines. It lowers each line or rate by its share.
    pub discount: Option<Discount>,
    /// What the payer keeps back for the tax office, in millionths of the net.
    pub withholding_ppm: i64,
    /// What was paid in advance, in minor units.
    pub deposit: i64,
}

impl Default for Pricing {
    fn default() -> Self {
        Self { prices_include_tax: false, rounding: Rounding::PerRate, discount: None, withholding_ppm: 0, deposit: 0 }
    }
}

/// What an invoice comes to, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Sum of the lines, with their tax where prices include it.
    pub subtotal: i64,
    /// What is taken off the subtotal.
    pub discount: i64,
    /// Tax.
    pub tax: i64,
    /// subtotal − discount, and the tax where prices do not include it.
    pub total: i64,
    /// What the payer keeps back for the tax office.
    pub withholding: i64,
    /// What was paid in advance.
    pub deposit: i64,
}

impl Totals {
    /// The total without its tax.
    #[must_use]
    pub const fn net(&self) -> i64 {
        self.total - self.tax
    }

    /// What is to be paid: the total, less what is kept back and what was paid in advance.
    #[must_use]
    pub const fn payable(&self) -> i64 {
        self.total - self.withholding - self.deposit
    }
}

/// What the lines of one tax rate and category come to, after the discount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaxTotal {
    /// How they are taxed.
    pub category: TaxCategory,
    /// At which rate, in millionths.
    pub rate_ppm: i64,
    /// Without tax.
    pub net: i64,
    /// The tax.
    pub tax: i64,
    /// With tax.
    pub gross: i64,
}

/// Why lines have no total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoTotal {
    /// The sums do not fit.
    #[error("the sums are too large")]
    TooLarge,
    /// More is taken off a line than there is.
    #[error("the discount is larger than the line")]
    LineDiscount,
    /// More is taken off than there is.
    #[error("the discount is larger than the sum of the lines")]
    Discount,
    /// More is taken back than is invoiced.
    #[error("the lines come to less than nothing")]
    Negative,
    /// More is kept back than there is.
    #[error("the withholding is larger than the total")]
    Withholding,
    /// More was paid in advance than there is.
    #[error("the deposit is larger than the total less the withholding")]
    Deposit,
}

/// The rate and the category of lines that are taxed alike, in the order in which they are shown.
type Taxed = (i64, TaxCategory);

/// The totals of lines, and those of each tax rate.
///
/// # Errors
/// When they do not fit, or are negative.
pub fn totals(lines: &[Line], pricing: &Pricing) -> Result<(Totals, Vec<TaxTotal>), NoTotal> {
    let mut portions = Vec::with_capacity(lines.len());
    let mut subtotal = 0_i64;
    for line in lines {
        let amount = line.amount()?;
        subtotal = subtotal.checked_add(amount).ok_or(NoTotal::TooLarge)?;
        portions.push(((line.tax_rate_ppm, line.tax_category), amount));
    }
    if subtotal < 0 {
        return Err(NoTotal::Negative);
    }
    if pricing.rounding == Rounding::PerRate {
        portions = by_rate(portions)?;
    }
    let discount = pricing.discount.map_or(Some(0), |discount| discount.of(subtotal)).ok_or(NoTotal::Discount)?;
    lower(&mut portions, discount)?;
    let mut taxes: BTreeMap<Taxed, TaxTotal> = BTreeMap::new();
    for ((rate_ppm, category), amount) in portions {
        let empty = TaxTotal { category, rate_ppm, net: 0, tax: 0, gross: 0 };
        let sum = taxes.entry((rate_ppm, category)).or_insert(empty);
        add(sum, amount, pricing.prices_include_tax).ok_or(NoTotal::TooLarge)?;
    }
    let taxes: Vec<TaxTotal> = taxes.into_values().collect();
    let sum =
        |part: fn(&TaxTotal) -> i64| taxes.iter().map(part).try_fold(0, i64::checked_add).ok_or(NoTotal::TooLarge);
    let (net, tax, total) = (sum(|it| it.net)?, sum(|it| it.tax)?, sum(|it| it.gross)?);
    if total > MOST_MINOR {
        return Err(NoTotal::TooLarge);
    }
    if total < 0 || net < 0 {
        return Err(NoTotal::Negative);
    }
    let withholding = scaled(net, pricing.withholding_ppm, MILLION).ok_or(NoTotal::TooLarge)?;
    if withholding > total {
        return Err(NoTotal::Withholding);
    }
    if pricing.deposit > total - withholding {
        return Err(NoTotal::Deposit);
    }
    Ok((Totals { subtotal, discount, tax, total, withholding, deposit: pricing.deposit }, taxes))
}

/// The sums of lines that are taxed alike.
fn by_rate(portions: Vec<(Taxed, i64)>) -> Result<Vec<(Taxed, i64)>, NoTotal> {
    let mut sums: BTreeMap<Taxed, i64> = BTreeMap::new();
    for (taxed, amount) in portions {
        let sum = sums.entry(taxed).or_default();
        *sum = sum.checked_add(amount).ok_or(NoTotal::TooLarge)?;
    }
    Ok(sums.into_iter().collect())
}

/// Takes the discount of the whole off its parts, by the largest remainder.
fn lower(portions: &mut [(Taxed, i64)], discount: i64) -> Result<(), NoTotal> {
    if discount == 0 {
        return Ok(());
    }
    let amounts: Vec<i64> = portions.iter().map(|(_, amount)| *amount).collect();
    let shares = apportion(discount, &amounts).ok_or(NoTotal::TooLarge)?;
    for ((_, amount), share) in portions.iter_mut().zip(shares) {
        *amount -= share;
    }
    Ok(())
}

/// Adds an amount with its tax, which rounds here.
fn add(sum: &mut TaxTotal, amount: i64, prices_include_tax: bool) -> Option<()> {
    let rate = sum.rate_ppm;
    let (net, tax) = if prices_include_tax {
        let tax = scaled(amount, rate, MILLION + rate)?;
        (amount - tax, tax)
    } else {
        (amount, scaled(amount, rate, MILLION)?)
    };
    sum.net = sum.net.checked_add(net)?;
    sum.tax = sum.tax.checked_add(tax)?;
    sum.gross = sum.net.checked_add(sum.tax)?;
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::invoice::UnitPrice;

    /// A line of thousandths, whole minor units and basis points.
    fn line(quantity_milli: i64, price: i64, rate_bp: i64) -> Line {
        Line {
            description: "work".to_owned(),
            unit: None,
            quantity_micro: quantity_milli * 1000,
            unit_price: UnitPrice::of_minor(price),
            discount: None,
            tax_category: if rate_bp == 0 { TaxCategory::Zero } else { TaxCategory::Standard },
            tax_rate_ppm: rate_bp * 100,
            tax_reason: None,
        }
    }

    fn off(minor: i64) -> Pricing {
        Pricing { discount: Some(Discount::Amount(minor)), ..Pricing::default() }
    }

    #[test]
    fn totals_follow_the_one_rule() {
        let lines = [line(1500, 3333, 1900), line(1000, 1, 700)];
        let (sums, taxes) = totals(&lines, &Pricing::default()).expect("they fit");
        let expected = Totals { subtotal: 5001, discount: 0, tax: 950, total: 5951, withholding: 0, deposit: 0 };
        assert_eq!(sums, expected);
        let of =
            |rate_ppm, net, tax| TaxTotal { category: TaxCategory::Standard, rate_ppm, net, tax, gross: net + tax };
        assert_eq!(taxes, [of(70_000, 1, 0), of(190_000, 5000, 950)]);
        assert_eq!(totals(&lines, &off(5002)), Err(NoTotal::Discount));
        let huge = Line { quantity_micro: i64::MAX, ..line(1, i64::MAX, 0) };
        assert_eq!(totals(&[huge], &Pricing::default()), Err(NoTotal::TooLarge));
    }

    #[test]
    fn the_rules_round_in_their_own_places() {
        // Three lines of 0.33 at 19 %: 0.0627 each. Once per line 3 × 0.06, once per rate 0.1881.
        let lines = [line(1000, 33, 1900), line(1000, 33, 1900), line(1000, 33, 1900)];
        let tax = |rounding, prices_include_tax| {
            let pricing = Pricing { rounding, prices_include_tax, ..Pricing::default() };
            totals(&lines, &pricing).expect("they fit").0
        };
        let of = |totals: Totals| (totals.net(), totals.tax, totals.total);
        assert_eq!(of(tax(Rounding::PerLine, false)), (99, 18, 117));
        assert_eq!(of(tax(Rounding::PerRate, false)), (99, 19, 118));
        // With tax inside: 0.33 × 19 / 119 = 0.05269, 0.99 × 19 / 119 = 0.15807.
        assert_eq!(of(tax(Rounding::PerLine, true)), (84, 15, 99));
        assert_eq!(of(tax(Rounding::PerRate, true)), (83, 16, 99));
    }

    /// The example of `docs/domain.md`.
    #[test]
    fn the_example_comes_to_what_its_document_says() {
        let audit = Line { unit_price: UnitPrice { minor: 9333, micro: 300_000 }, ..line(7500, 0, 1900) };
        let hosting = Line { discount: Some(Discount::Percent(100_000)), ..line(1000, 4990, 1900) };
        let pricing =
            Pricing { discount: Some(Discount::Percent(50_000)), withholding_ppm: 200_000, ..Pricing::default() };
        let (sums, taxes) = totals(&[audit, line(3000, 1299, 700), hosting], &pricing).expect("it fits");
        assert_eq!((sums.subtotal, sums.discount, sums.tax, sums.total), (78_388, 3919, 13_705, 88_174));
        assert_eq!((sums.net(), sums.withholding, sums.payable()), (74_469, 14_894, 73_280));
        let by_rate: Vec<_> = taxes.iter().map(|tax| (tax.net, tax.tax, tax.gross)).collect();
        assert_eq!(by_rate, [(3702, 259, 3961), (70_767, 13_446, 84_213)]);
    }

    #[test]
    fn what_is_taken_back_lowers_and_never_below_nothing() {
        let lines = [line(2000, 10_000, 1900), line(-1000, 5000, 700)];
        let (sums, taxes) = totals(&lines, &Pricing::default()).expect("more is invoiced than taken back");
        assert_eq!((sums.subtotal, sums.tax, sums.total), (15_000, 3450, 18_450));
        assert_eq!((taxes[0].net, taxes[0].tax, taxes[0].gross), (-5000, -350, -5350));
        assert_eq!(totals(&[line(-1000, 1, 0)], &Pricing::default()), Err(NoTotal::Negative));
        let more_tax_back = [line(1000, 100, 0), line(-1000, 99, 10_000)];
        assert_eq!(totals(&more_tax_back, &Pricing::default()), Err(NoTotal::Negative));
        // All of it off: nothing is left at either rate.
        let (sums, taxes) = totals(&lines, &off(15_000)).expect("all of it");
        assert_eq!((sums.total, sums.tax), (0, 0));
        assert!(taxes.iter().all(|tax| tax.net == 0));
    }

    #[test]
    fn withholding_and_deposit_lower_what_is_payable() {
        let lines = [line(1000, 100_000, 2200)];
        let pricing = |deposit| Pricing { withholding_ppm: 200_000, deposit, ..Pricing::default() };
        let (sums, _) = totals(&lines, &pricing(30_000)).expect("it fits");
        assert_eq!((sums.total, sums.withholding, sums.payable()), (122_000, 20_000, 72_000));
        assert_eq!(totals(&lines, &pricing(102_001)), Err(NoTotal::Deposit));
        assert!(totals(&lines, &pricing(102_000)).is_ok());
    }

    #[test]
    fn rates_have_four_decimals() {
        for (rate_ppm, tax) in [(88_750, 888), (99_750, 998), (66_250, 663), (1, 0)] {
            let line = Line { tax_rate_ppm: rate_ppm, ..line(1000, 10_000, 1) };
            assert_eq!(totals(&[line], &Pricing::default()).expect("it fits").0.tax, tax, "{rate_ppm}");
        }
    }

    fn any_line() -> impl Strategy<Value = Line> {
        let discount = prop_oneof![Just(None), (0..=MILLION).prop_map(|ppm| Some(Discount::Percent(ppm)))];
        let rate = prop_oneof![Just(0_i64), Just(88_750), Just(190_000), Just(70_000), 1..=MILLION];
        (-1_000_000_000_i64..4_000_000_000, 0_i64..1_000_000, 0..MILLION, rate, discount).prop_map(
            |(quantity, minor, micro, rate, discount)| Line {
                quantity_micro: if quantity == 0 { 1 } else { quantity },
                unit_price: UnitPrice { minor, micro },
                tax_category: if rate == 0 { TaxCategory::Zero } else { TaxCategory::Standard },
                tax_rate_ppm: rate,
                discount,
                ..line(1, 1, 0)
            },
        )
    }

    fn any_pricing() -> impl Strategy<Value = Pricing> {
        let discount = prop_oneof![Just(None), (0..=MILLION).prop_map(|ppm| Some(Discount::Percent(ppm)))];
        (any::<bool>(), any::<bool>(), discount, 0..=MILLION / 2).prop_map(|(inside, per_line, discount, withheld)| {
            Pricing {
                prices_include_tax: inside,
                rounding: if per_line { Rounding::PerLine } else { Rounding::PerRate },
                discount,
                withholding_ppm: withheld,
                deposit: 0,
            }
        })
    }

    proptest! {
        #[test]
        fn total_is_the_lines_less_the_discount_with_the_tax(
            lines in prop::collection::vec(any_line(), 1..20),
            pricing in any_pricing(),
        ) {
            let amounts: i64 = lines.iter().map(|line| line.amount().expect("it fits")).sum();
            match totals(&lines, &pricing) {
                Ok((sums, taxes)) => {
                    let added = if pricing.prices_include_tax { 0 } else { sums.tax };
                    prop_assert_eq!(sums.subtotal, amounts);
                    prop_assert_eq!(sums.total, sums.subtotal - sums.discount + added);
                    prop_assert_eq!(taxes.iter().map(|tax| tax.tax).sum::<i64>(), sums.tax);
                    prop_assert_eq!(taxes.iter().map(|tax| tax.net).sum::<i64>(), sums.net());
                    prop_assert_eq!(taxes.iter().map(|tax| tax.gross).sum::<i64>(), sums.total);
                    prop_assert!(taxes.iter().all(|tax| tax.net + tax.tax == tax.gross));
                    prop_assert!(sums.payable() >= 0 && sums.discount >= 0 && sums.discount <= sums.subtotal);
                    // Each rounding moves the tax by at most half a unit, and the discount's shares by one each.
                    let exact: f64 = taxes.iter().map(|tax| {
                        let rate = tax.rate_ppm as f64 / 1e6;
                        if pricing.prices_include_tax { tax.gross as f64 * rate / (1.0 + rate) } else { tax.net as f64 * rate }
                    }).sum();
                    prop_assert!((exact - sums.tax as f64).abs() <= lines.len() as f64 * 0.5 + 1e-3);
                }
                Err(NoTotal::Negative) => {}
                // The tax of what is taken back may be more than half of the net.
                Err(NoTotal::Withholding) => prop_assert!(lines.iter().any(|line| line.quantity_micro < 0)),
                Err(other) => prop_assert!(false, "{}", other),
            }
        }

        #[test]
        fn both_rules_agree_where_nothing_is_rounded(prices in prop::collection::vec(1_i64..10_000, 1..20)) {
            let lines: Vec<Line> = prices.iter().map(|price| line(1000, price * 100, 1900)).collect();
            let per_line = Pricing { rounding: Rounding::PerLine, ..Pricing::default() };
            prop_assert_eq!(totals(&lines, &per_line), totals(&lines, &Pricing::default()));
        }
    }
}
