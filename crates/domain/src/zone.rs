//! Time zones of accounts: on which day a moment falls there.

use std::{fmt, str::FromStr};

use chrono::{Datelike as _, NaiveDate, NaiveTime, Offset as _, TimeDelta, TimeZone as _};
use chrono_tz::Tz;

use crate::Timestamp;

/// A time zone of the IANA database. UTC until another is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone(Tz);

/// No time zone of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a time zone: an IANA name such as Europe/Berlin or UTC is accepted")]
pub struct UnknownZone;

impl Default for Zone {
    fn default() -> Self {
        Self(Tz::UTC)
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    /// Names are as the database spells them.
    fn from_str(text: &str) -> Result<Self, UnknownZone> {
        text.parse().map(Self).map_err(|_| UnknownZone)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

impl Zone {
    /// The zone of a stored name: UTC when there is none, or none of that name any more.
    #[must_use]
    pub fn stored(name: Option<&str>) -> Self {
        name.and_then(|name| name.parse().ok()).unwrap_or_default()
    }

    /// The calendar day there, as `YYYY-MM-DD`.
    #[must_use]
    pub fn day(&self, at: Timestamp) -> String {
        at.with_timezone(&self.0).format("%Y-%m-%d").to_string()
    }

    /// The year there.
    #[must_use]
    pub fn year(&self, at: Timestamp) -> i32 {
        at.with_timezone(&self.0).year()
    }

    /// The time of day there.
    #[must_use]
    pub fn time(&self, at: Timestamp) -> NaiveTime {
        at.with_timezone(&self.0).time()
    }

    /// The moment of a time of day there. Where clocks are turned forward over it, it is later by as much; where they are turned
    /// back over it, it is the first of the two.
    #[must_use]
    pub fn moment(&self, day: NaiveDate, time: NaiveTime) -> Timestamp {
        let local = day.and_time(time);
        if let Some(at) = self.0.from_local_datetime(&local).earliest() {
            return at.to_utc();
        }
        // The offset from before the gap leads behind it by the length of the gap, be that an hour or, in Samoa once, a day.
        let before = (1..=3).find_map(|days| self.0.from_local_datetime(&(local - TimeDelta::days(days))).earliest());
        let offset = before
            .map_or_else(TimeDelta::zero, |at| TimeDelta::seconds(i64::from(at.offset().fix().local_minus_utc())));
        (local - offset).and_utc()
    }

    /// The month there, 1 to 12.
    #[must_use]
    pub fn month(&self, at: Timestamp) -> u32 {
        at.with_timezone(&self.0).month()
    }
}

/// Whether it may already be after this day somewhere and not yet elsewhere: clocks are at most 14 hours ahead of UTC and 12
/// behind it.
#[must_use]
pub fn depends_on_zone(day: &str, at: Timestamp) -> bool {
    let utc = Zone::default();
    let (early, late) = (utc.day(at - chrono::Duration::hours(12)), utc.day(at + chrono::Duration::hours(14)));
    (day < late.as_str()) != (day < early.as_str())
}

/// Days that are over in some zones and not yet in others, in their order: at most three.
#[must_use]
pub fn days_between_zones(at: Timestamp) -> Vec<String> {
    let utc = Zone::default();
    let (early, late) = (utc.day(at - chrono::Duration::hours(12)), utc.day(at + chrono::Duration::hours(14)));
    let hours = (-12..14).map(|hour| utc.day(at + chrono::Duration::hours(hour)));
    let mut days: Vec<String> = hours.filter(|day| (early.as_str()..late.as_str()).contains(&day.as_str())).collect();
    days.dedup();
    days
}

/// The names of the zones of which it holds.
pub fn zones_where(holds: impl Fn(Zone) -> bool) -> Vec<&'static str> {
    chrono_tz::TZ_VARIANTS.iter().filter(|zone| holds(Zone(**zone))).map(|zone| zone.name()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    #[test]
    fn days_and_years_are_those_of_the_place() {
        let zone = |name: &str| name.parse::<Zone>().expect("a zone");
        let new_year = at("2026-12-31T15:30:00Z");
        assert_eq!((zone("Asia/Tokyo").year(new_year), zone("UTC").year(new_year)), (2027, 2026));
        assert_eq!(zone("Asia/Tokyo").day(new_year), "2027-01-01");
        // The days on which clocks turn have 23 and 25 hours.
        let berlin = zone("Europe/Berlin");
        assert_eq!((berlin.day(at("2026-03-28T22:59:59Z")), berlin.day(at("2026-03-28T23:00:00Z"))), two("28", "29"));
        assert_eq!((berlin.day(at("2026-03-29T21:59:59Z")), berlin.day(at("2026-03-29T22:00:00Z"))), two("29", "30"));
        // Samoa left a day out: 2011-12-30 was on no calendar there.
        let apia = zone("Pacific/Apia");
        assert_eq!(apia.day(at("2011-12-30T09:59:59Z")), "2011-12-29");
        assert_eq!(apia.day(at("2011-12-30T10:00:00Z")), "2011-12-31");
        fn two(a: &str, b: &str) -> (String, String) {
            (format!("2026-03-{a}"), format!("2026-03-{b}"))
        }
    }

    #[test]
    fn names_are_those_of_the_database() {
        for bad in ["", "europe/berlin", "Berlin", "+02:00", "Europe/Berlin ", "Mars/Olympus"] {
            assert_eq!(bad.parse::<Zone>(), Err(UnknownZone), "{bad:?}");
        }
        assert_eq!(Zone::stored(Some("Europe/Berlin")).to_string(), "Europe/Berlin");
        assert_eq!((Zone::stored(None), Zone::stored(Some("Old/Gone"))), (Zone::default(), Zone::default()));
    }

    #[test]
    fn a_time_of_day_has_a_moment_where_clocks_leave_it_out_or_repeat_it() {
        let moment = |zone: &str, day: &str, time: &str| {
            let zone: Zone = zone.parse().expect("a zone");
            zone.moment(day.parse().expect("a day"), time.parse().expect("a time")).to_rfc3339()
        };
        assert_eq!(moment("Asia/Tokyo", "2027-01-31", "09:00:00"), "2027-01-31T00:00:00+00:00");
        assert_eq!(moment("America/New_York", "2027-03-14", "02:30:00"), "2027-03-14T07:30:00+00:00", "03:30 there");
        assert_eq!(moment("America/New_York", "2026-11-01", "01:30:00"), "2026-11-01T05:30:00+00:00", "the first");
        assert_eq!(moment("Pacific/Kiritimati", "2027-01-01", "00:00:00"), "2026-12-31T10:00:00+00:00");
        assert_eq!(moment("Pacific/Apia", "2011-12-30", "09:00:00"), "2011-12-30T19:00:00+00:00", "09:00 a day later");
        assert_eq!(
            moment("Australia/Lord_Howe", "2026-10-04", "02:15:00"),
            "2026-10-03T15:45:00+00:00",
            "half an hour"
        );
    }

    proptest::proptest! {
        #[test]
        fn moments_rise_with_days_and_fall_on_them(zone in 0..chrono_tz::TZ_VARIANTS.len(), day in 0_u64..20_000, minute in 0_u32..1440) {
            let zone = Zone(chrono_tz::TZ_VARIANTS[zone]);
            let day = NaiveDate::default() + chrono::Days::new(day);
            let time = NaiveTime::from_hms_opt(minute / 60, minute % 60, 0).expect("a time of day");
            let (at, next) = (zone.moment(day, time), zone.moment(day + chrono::Days::new(1), time));
            proptest::prop_assert!(at <= next);
            let there = at.with_timezone(&zone.0).naive_local();
            // It is that time, or is later by a gap of at most a day.
            let late = there - day.and_time(time);
            proptest::prop_assert!((TimeDelta::zero()..=TimeDelta::days(1)).contains(&late), "{late} in {zone}");
        }
    }

    #[test]
    fn the_days_between_zones_are_those_that_depend_on_the_zone() {
        for hour in 0..48 {
            let at = at("2026-11-27T00:30:00Z") + chrono::Duration::hours(hour);
            let days = days_between_zones(at);
            for day in ["2026-11-25", "2026-11-26", "2026-11-27", "2026-11-28", "2026-11-29"] {
                assert_eq!(days.contains(&day.to_owned()), depends_on_zone(day, at), "{day} at {at}");
            }
            assert!(days.is_sorted());
        }
        let new_day = zones_where(|zone| zone.day(at("2026-11-27T15:30:00Z")) == "2026-11-28");
        assert!(new_day.contains(&"Asia/Tokyo") && !new_day.contains(&"Europe/Berlin"));
    }

    #[test]
    fn a_day_is_open_for_26_hours() {
        let open = |at: &str| depends_on_zone("2026-11-27", super::tests::at(at));
        assert!(!open("2026-11-27T09:59:59Z") && open("2026-11-27T10:00:00Z"));
        assert!(open("2026-11-28T11:59:59Z") && !open("2026-11-28T12:00:00Z"));
    }
}
