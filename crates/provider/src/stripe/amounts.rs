//! Amounts as Stripe writes them. <https://docs.stripe.com/currencies>
//!
//! Stripe takes whole numbers of a currency's smallest unit, as it sees it, which differs from ISO 4217 for some. HUF and TWD are
//! whole only in payouts, which are the account's own: charges have hundredths.

use chainbill_domain::money::{Currency, Money};

use crate::UnsupportedAmount;

/// No decimals. MGA has hundredths in ISO 4217.
const ZERO_DECIMAL: &str = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF";
/// No decimals, and written with two, which are 00.
const WHOLE_WITH_TWO_DECIMALS: &str = "ISK UGX";
/// Thousandths, of which the last digit is 0.
const THREE_DECIMAL: &str = "BHD JOD KWD OMR TND";
/// Twelve digits. Payment methods have lower limits of their own.
const MOST_UNITS: i64 = 999_999_999_999;

/// How Stripe writes a currency.
struct Scale {
    /// Digits after the decimal point.
    exponent: u32,
    /// Units come in multiples of it.
    step: i64,
}

/// None when Stripe documents nothing of the currency that could be relied on: all that it does not name otherwise have hundredths.
fn scale(currency: Currency) -> Option<Scale> {
    let is_in = |list: &str| list.split_ascii_whitespace().any(|code| code == currency.code());
    match currency.exponent() {
        _ if is_in(ZERO_DECIMAL) => Some(Scale { exponent: 0, step: 1 }),
        _ if is_in(WHOLE_WITH_TWO_DECIMALS) => Some(Scale { exponent: 2, step: 100 }),
        _ if is_in(THREE_DECIMAL) => Some(Scale { exponent: 3, step: 10 }),
        2 => Some(Scale { exponent: 2, step: 1 }),
        _ => None,
    }
}

/// An amount in Stripe's units.
pub(super) fn units(amount: Money) -> Result<i64, UnsupportedAmount> {
    let currency = amount.currency;
    let scale = scale(currency).ok_or(UnsupportedAmount::Currency(amount))?;
    if amount.minor <= 0 {
        return Err(UnsupportedAmount::NotPositive(amount));
    }
    let money = |units: i128| {
        from_wide(units, &scale, currency).expect("bounds and steps of a scale are amounts of its currency")
    };
    let (ours, theirs) = (10_i128.pow(currency.exponent()), 10_i128.pow(scale.exponent));
    let exact = i128::from(amount.minor) * theirs;
    if exact / ours > i128::from(MOST_UNITS) {
        return Err(UnsupportedAmount::TooLarge(amount, money(i128::from(MOST_UNITS - MOST_UNITS % scale.step))));
    }
    match i64::try_from(exact / ours) {
        Ok(units) if exact % ours == 0 && units % scale.step == 0 => Ok(units),
        _ => Err(UnsupportedAmount::TooPrecise(amount, money(i128::from(scale.step)))),
    }
}

/// The amount of Stripe's units; none when there is no such amount.
pub(super) fn money(units: i64, currency: Currency) -> Option<Money> {
    from_wide(i128::from(units), &scale(currency)?, currency)
}

fn from_wide(units: i128, scale: &Scale, currency: Currency) -> Option<Money> {
    let (ours, theirs) = (10_i128.pow(currency.exponent()), 10_i128.pow(scale.exponent));
    let exact = units * ours;
    let minor = i64::try_from(exact / theirs).ok().filter(|_| exact % theirs == 0)?;
    Some(Money { minor, currency })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(amount: &str, code: &str) -> Money {
        Money::parse(amount, code.parse().unwrap()).unwrap()
    }

    #[test]
    fn amounts_are_written_as_stripe_documents() {
        for (amount, code, expected) in [
            ("10.99", "USD", 1099),
            ("0.01", "EUR", 1),
            ("500", "JPY", 500),
            ("7", "KRW", 7),
            ("5", "ISK", 500),
            ("5", "UGX", 500),
            ("5.120", "KWD", 5120),
            ("5.12", "BHD", 5120),
            ("10.45", "HUF", 1045),
            ("800.45", "TWD", 80045),
            ("12.00", "MGA", 12),
        ] {
            let amount = of(amount, code);
            assert_eq!(units(amount), Ok(expected), "{amount}");
            assert_eq!(money(expected, amount.currency), Some(amount));
        }
    }

    #[test]
    fn what_stripe_cannot_write_is_refused() {
        let refused = |amount, code| units(of(amount, code)).unwrap_err().to_string();
        assert_eq!(
            refused("5.124", "KWD"),
            "5.124 KWD cannot be paid by the provider: in this currency it takes multiples of 0.010 KWD"
        );
        assert_eq!(
            refused("12.50", "MGA"),
            "12.50 MGA cannot be paid by the provider: in this currency it takes multiples of 1.00 MGA"
        );
        assert_eq!(
            refused("5.000", "LYD"),
            "5.000 LYD cannot be paid by the provider: it has no payments in this currency"
        );
        assert_eq!(
            refused("10000000000.00", "EUR"),
            "10000000000.00 EUR cannot be paid by the provider: at most 9999999999.99 EUR can"
        );
        assert_eq!(units(of("9999999999", "ISK")), Ok(999_999_999_900));
        assert_eq!(
            refused("10000000000", "ISK"),
            "10000000000 ISK cannot be paid by the provider: at most 9999999999 ISK can"
        );
        for minor in [0, -1, i64::MIN] {
            let amount = Money { minor, ..of("1", "EUR") };
            assert_eq!(units(amount), Err(UnsupportedAmount::NotPositive(amount)));
        }
        assert!(matches!(units(Money { minor: i64::MAX, ..of("1", "UGX") }), Err(UnsupportedAmount::TooLarge(..))));
        // What Stripe never writes has no amount of ours.
        assert_eq!(money(450, "ISK".parse().unwrap()), None);
        assert_eq!(money(1, "LYD".parse().unwrap()), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(minor in 1..=i64::MAX, place in 0_usize..200) {
            let all: Vec<Currency> = Currency::all().collect();
            let amount = Money { minor, currency: all[place % all.len()] };
            if let Ok(units) = units(amount) {
                prop_assert!((1..=MOST_UNITS).contains(&units));
                prop_assert_eq!(money(units, amount.currency), Some(amount));
            }
        }
    }
}
