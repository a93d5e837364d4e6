//! Schedules: the days on which something recurs, by the calendar alone. Which moment a day's time of day is, a zone says
//! ([`crate::zone::Zone::moment`]).

use chrono::{Datelike as _, Days, Months, NaiveDate, NaiveTime};

use crate::states::Period;

/// A day of the calendar.
pub type Day = NaiveDate;
/// A time of day.
pub type TimeOfDay = NaiveTime;

/// When something recurs: every so many periods from a first day on, at a time of day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// How many periods lie between two occurrences; at least 1.
    pub every: u32,
    /// The period.
    pub period: Period,
    /// No occurrence is before this day.
    pub start: NaiveDate,
    /// The day of the month for periods of months and years; that of the start when absent. In a shorter month it is the last day,
    /// and the next longer month has it again.
    pub day_of_month: Option<u32>,
    /// The time of day.
    pub at: NaiveTime,
    /// When it ends.
    pub end: End,
}

/// When a schedule ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Not by itself.
    Never,
    /// With the last occurrence that is not after this day.
    On(NaiveDate),
    /// With this many occurrences.
    After(u32),
}

/// The last day of the calendar: dates are written with four digits.
const LAST: NaiveDate = match NaiveDate::from_ymd_opt(9999, 12, 31) {
    Some(day) => day,
    None => unreachable!(),
};

impl Schedule {
    /// The day of an occurrence, counted from 0; none after the end.
    #[must_use]
    pub fn day(&self, place: u32) -> Option<NaiveDate> {
        let count = place.checked_mul(self.every)?;
        let day = match self.period {
            Period::Day => self.start.checked_add_days(Days::new(u64::from(count)))?,
            Period::Week => self.start.checked_add_days(Days::new(u64::from(count) * 7))?,
            Period::Month => self.in_month(count)?,
            Period::Year => self.in_month(count.checked_mul(12)?)?,
        };
        let ended = match self.end {
            End::Never => false,
            End::On(last) => day > last,
            End::After(most) => place >= most,
        };
        (day <= LAST && !ended).then_some(day)
    }

    /// The first occurrence on this day or later; none where the schedule ends before.
    #[must_use]
    pub fn first_from(&self, day: NaiveDate) -> Option<u32> {
        // Days only rise with their place: the first one that is not before is found by halving.
        let is_before = |place: u32| self.day(place).is_some_and(|at| at < day);
        let (mut low, mut high) = (0, 1);
        while is_before(high) {
            low = high;
            high = high.checked_mul(2)?;
        }
        if !is_before(low) {
            high = low;
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if is_before(middle) { low = middle } else { high = middle }
        }
        self.day(high).map(|_| high)
    }

    /// So many months after the first one.
    fn in_month(&self, months: u32) -> Option<NaiveDate> {
        let wanted = self.day_of_month.unwrap_or(self.start.day());
        let first = self.start.with_day(1)?;
        // Where the start is behind the day of its month, the first occurrence is in the next month.
        let late = u32::from(clamped(first, wanted)? < self.start);
        clamped(first.checked_add_months(Months::new(months.checked_add(late)?))?, wanted)
    }
}

/// A day of a month, or the month's last day where it is shorter.
fn clamped(first: NaiveDate, day: u32) -> Option<NaiveDate> {
    (28..=day).rev().chain([day]).find_map(|day| first.with_day(day))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn schedule(every: u32, period: Period, start: &str) -> Schedule {
        Schedule { every, period, start: day(start), day_of_month: None, at: NaiveTime::MIN, end: End::Never }
    }

    fn days(schedule: &Schedule, count: u32) -> Vec<String> {
        (0..count).map_while(|place| schedule.day(place)).map(|day| day.to_string()).collect()
    }

    #[test]
    fn a_short_month_has_its_last_day_and_the_next_one_the_wanted_day() {
        let monthly = schedule(1, Period::Month, "2027-12-31");
        let expected = ["2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"];
        assert_eq!(days(&monthly, 5), expected, "a leap year");
        let quarterly = schedule(3, Period::Month, "2026-11-30");
        assert_eq!(days(&quarterly, 3), ["2026-11-30", "2027-02-28", "2027-05-30"]);
        let yearly = schedule(1, Period::Year, "2028-02-29");
        assert_eq!(days(&yearly, 5), ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"]);
        let century = schedule(4, Period::Year, "2096-02-29");
        assert_eq!(days(&century, 3), ["2096-02-29", "2100-02-28", "2104-02-29"], "2100 is no leap year");
    }

    #[test]
    fn the_first_occurrence_is_not_before_the_start() {
        let on = |dom, start| days(&Schedule { day_of_month: Some(dom), ..schedule(1, Period::Month, start) }, 2);
        assert_eq!(on(15, "2026-11-20"), ["2026-12-15", "2027-01-15"]);
        assert_eq!(on(15, "2026-11-15"), ["2026-11-15", "2026-12-15"]);
        assert_eq!(on(31, "2026-11-20"), ["2026-11-30", "2026-12-31"]);
        assert_eq!(on(31, "2027-02-28"), ["2027-02-28", "2027-03-31"]);
    }

    #[test]
    fn a_schedule_ends_with_its_day_or_count_or_the_calendar() {
        let daily = schedule(10, Period::Day, "2026-11-20");
        assert_eq!(days(&Schedule { end: End::After(2), ..daily.clone() }, 9), ["2026-11-20", "2026-11-30"]);
        let until = Schedule { end: End::On(day("2026-12-10")), ..daily.clone() };
        assert_eq!(days(&until, 9), ["2026-11-20", "2026-11-30", "2026-12-10"]);
        assert_eq!((until.first_from(day("2026-12-10")), until.first_from(day("2026-12-11"))), (Some(2), None));
        assert_eq!(days(&schedule(1, Period::Week, "9999-12-20"), 9), ["9999-12-20", "9999-12-27"]);
        assert_eq!(schedule(u32::MAX, Period::Year, "2026-01-01").day(2), None);
    }

    fn any() -> impl Strategy<Value = Schedule> {
        let periods = prop::sample::select(Period::ALL.to_vec());
        (1_u32..40, periods, 0_u64..2000, prop::option::of(1_u32..=31)).prop_map(
            |(every, period, start, day_of_month)| {
                let start = day("2024-01-01") + Days::new(start);
                Schedule { every, period, start, day_of_month, at: NaiveTime::MIN, end: End::Never }
            },
        )
    }

    proptest! {
        #[test]
        fn days_rise_and_keep_their_distance(schedule in any(), place in 0_u32..300) {
            let (one, next) = (schedule.day(place), schedule.day(place + 1));
            let (Some(one), Some(next)) = (one, next) else { return Ok(()) };
            prop_assert!(schedule.start <= one && one < next);
            let months = |day: NaiveDate| u32::try_from(day.year()).unwrap_or(0) * 12 + day.month();
            match schedule.period {
                Period::Day => prop_assert_eq!((next - one).num_days(), i64::from(schedule.every)),
                Period::Week => prop_assert_eq!((next - one).num_days(), i64::from(schedule.every) * 7),
                Period::Month => prop_assert_eq!(months(next) - months(one), schedule.every),
                Period::Year => prop_assert_eq!(months(next) - months(one), schedule.every * 12),
            }
            if matches!(schedule.period, Period::Month | Period::Year) {
                let wanted = schedule.day_of_month.unwrap_or(schedule.start.day());
                let is_last = (one + Days::new(1)).day() == 1;
                prop_assert!(one.day() == wanted || (is_last && one.day() < wanted));
            }
        }

        #[test]
        fn the_first_from_a_day_is_the_first(schedule in any(), after in 0_u64..6000) {
            let from = day("2024-01-01") + Days::new(after);
            let place = schedule.first_from(from).expect("it does not end");
            prop_assert!(schedule.day(place).expect("it is there") >= from);
            prop_assert!(place == 0 || schedule.day(place - 1).expect("so is the one before") < from);
        }
    }
}
