//! How single values are written. What is refused is told what is accepted.

use std::{net::IpAddr, time::Duration};

/// Whole numbers within bounds, both included.
pub(super) fn whole(low: u32, high: u32) -> impl Fn(&str) -> Result<u32, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| (low..=high).contains(number));
        number.ok_or_else(|| format!("a whole number from {low} to {high} is accepted"))
    }
}

pub(super) fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| "a whole number from 0 to 65535 is accepted".to_owned())
}

pub(super) fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| "an IP address is accepted: 127.0.0.1, 0.0.0.0, ::1".to_owned())
}

/// Spans of time within bounds, both included and written as spans.
pub(super) fn within(low: &'static str, high: &'static str) -> impl Fn(&str) -> Result<Duration, String> + Clone {
    move |text| {
        let found = span(text)?;
        if (span(low)?..=span(high)?).contains(&found) {
            Ok(found)
        } else {
            Err(format!("a span from {low} to {high} is accepted"))
        }
    }
}

/// How often: a span from a second to a year, or 0s for never.
pub(super) fn every(text: &str) -> Result<Duration, String> {
    let found = span(text)?;
    let most = Duration::from_secs(365 * 86_400);
    if found.is_zero() || (Duration::from_secs(1)..=most).contains(&found) {
        Ok(found)
    } else {
        Err("a span from 1s to 365d is accepted, or 0s for never".to_owned())
    }
}

/// A model and how often.
pub(super) fn schedule(text: &str) -> Result<(&'static str, Duration), String> {
    let (model, often) = text.split_once('=').ok_or("a model, = and a span are accepted: users=1h")?;
    let model = chainbill_sync::model(model.trim()).map_err(|error| error.to_string())?;
    Ok((model.name, every(often.trim())?))
}

/// A span of time: a whole number and ms, s, m, h or d.
fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "a whole number with a unit is accepted: 500ms, 5s, 2m, 24h, 7d".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(millis).map(Duration::from_millis).ok_or_else(wrong)
}
