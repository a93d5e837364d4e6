//! Fixed-point numbers with 30 binary places, in integers: powers and logarithms of 2 that are the same on every platform.

use crate::Timestamp;

use super::HALF_LIFE_DAYS;

/// 1.
pub(super) const ONE: u128 = 1 << PLACES;
const PLACES: u32 = 30;

/// 2^(-1/365) with 62 binary places, rounded down: what a fact keeps of its weight from one day to the next.
const PER_DAY: u128 = 4_602_936_583_144_224_738;
const FINE: u32 = 62;

const _: () = assert!(HALF_LIFE_DAYS == 365, "PER_DAY is of another half-life");

/// How much a fact weighs: 1 on its first day, half after [`HALF_LIFE_DAYS`], by whole days. A fact of the future weighs 1.
pub(super) fn weight(at: Timestamp, now: Timestamp) -> u128 {
    let mut days = u64::try_from((now - at).num_days()).unwrap_or(0);
    let (mut product, mut power) = (1_u128 << FINE, PER_DAY);
    while days > 0 && product > 0 {
        if days & 1 == 1 {
            product = (product * power) >> FINE;
        }
        power = (power * power) >> FINE;
        days >>= 1;
    }
    product >> (FINE - PLACES)
}

/// The logarithm of a number from 1 on, rounded down.
pub(super) fn log2(number: u128) -> u128 {
    let whole = number.ilog2().saturating_sub(PLACES);
    let mut rest = number >> whole;
    let mut log = u128::from(whole);
    // The square of a number has twice its logarithm: each squaring yields the next binary place.
    for _ in 0..PLACES {
        rest = (rest * rest) >> PLACES;
        log <<= 1;
        if rest >= 2 * ONE {
            rest >>= 1;
            log |= 1;
        }
    }
    log
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_weight_halves_with_each_half_life_and_never_rises() {
        let weighs = |days: u32| {
            let at = Timestamp::default();
            weight(at, at + Duration::from_secs(u64::from(days) * 86_400))
        };
        assert_eq!(weighs(0), ONE);
        for (years, halves) in [(1, 2), (2, 4), (10, 1024)] {
            assert!(weighs(365 * years).abs_diff(ONE / halves) <= 1, "{years} years");
        }
        assert!((1..20_000).all(|days| weighs(days) <= weighs(days - 1)));
        assert_eq!(weighs(100 * 365), 0);
        assert_eq!(weight(Timestamp::default() + Duration::from_secs(9), Timestamp::default()), ONE);
    }

    #[test]
    fn logarithms_are_exact_at_powers_and_never_fall() {
        for power in 0..20 {
            assert_eq!(log2(ONE << power), u128::from(power as u32) * ONE);
        }
        // log2(3) = 1.5849625…
        assert!(log2(3 * ONE).abs_diff(1_701_840_499) < 64, "{}", log2(3 * ONE));
        let logs: Vec<u128> = (0..20_000).map(|step| log2(ONE + step * 3_000_017)).collect();
        assert!(logs.is_sorted());
    }
}
