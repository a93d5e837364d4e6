//! Realistic prices: in the local currency, and in round numbers.

use chainbill_domain::money::Currency;

/// Approximate units of a currency per hundred US dollars in 2026. The currencies have zero, two or three decimals.
const PER_HUNDRED_DOLLARS: &[(&str, i64)] = &[
    ("USD", 100),
    ("EUR", 88),
    ("GBP", 75),
    ("JPY", 15_200),
    ("INR", 8_700),
    ("BRL", 545),
    ("NGN", 152_000),
    ("KES", 12_900),
    ("PLN", 368),
    ("TRY", 4_100),
    ("CAD", 139),
    ("BHD", 38),
    ("SEK", 960),
    ("COP", 400_000),
    ("VND", 2_630_000),
    ("GEL", 272),
    ("NZD", 172),
];

/// A code's currency.
pub(super) fn currency(code: &str) -> Currency {
    code.parse().unwrap_or_else(|_| unreachable!("ISO 4217 has {code}"))
}

/// US dollars in a currency's minor units, rounded to about two digits: 8,273.41 an hour is unrealistic.
pub(super) fn price(dollars: i64, currency: Currency) -> i64 {
    let code = currency.to_string();
    let rate = PER_HUNDRED_DOLLARS.iter().find(|(known, _)| *known == code).map_or(100, |(_, rate)| *rate);
    let minor = dollars * rate * 10_i64.pow(currency.exponent()) / 100;
    let mut step = 1;
    while minor / step >= 200 {
        step *= 10;
    }
    let step = (step / 2).max(1);
    (minor / step * step).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_round_and_of_the_currency() {
        for (dollars, code, expected) in [
            (120, "USD", 12_000),
            (37, "USD", 3_700),
            (45, "JPY", 6_800),
            (45, "VND", 1_180_000),
            (45, "BHD", 17_100),
            (90, "NGN", 13_650_000),
        ] {
            assert_eq!(price(dollars, currency(code)), expected, "{dollars} {code}");
        }
    }

    #[test]
    fn every_place_has_a_currency_with_a_rate() {
        for (place, code) in super::super::words::PLACES {
            assert!(PER_HUNDRED_DOLLARS.iter().any(|(known, _)| known == code), "{place}: {code}");
            assert_eq!(currency(code).to_string(), *code);
        }
    }
}
