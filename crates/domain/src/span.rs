//! Spans of time as people write them, and moments that are so long ago.

use std::time::Duration;

use crate::Timestamp;

/// A text that is no span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a whole number with a unit is accepted: 500ms, 5s, 2m, 24h, 7d")]
pub struct NotASpan;

/// A span of time: a whole number and ms, s, m, h or d.
///
/// # Errors
/// When the text is none.
pub fn span(text: &str) -> Result<Duration, NotASpan> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| NotASpan)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(NotASpan),
    };
    number.checked_mul(millis).map(Duration::from_millis).ok_or(NotASpan)
}

/// A text that names no moment of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a span up to now such as 30m, 1h, 7d, or a moment of the past such as 2026-11-24T12:00:00Z is accepted")]
pub struct NotAMoment;

/// The moment that is so long ago, or that is written (RFC 3339).
///
/// # Errors
/// When the text is neither, or the moment has not come yet.
pub fn since(text: &str, now: Timestamp) -> Result<Timestamp, NotAMoment> {
    let moment = match (span(text), text.parse::<Timestamp>()) {
        (Ok(span), _) => chrono::TimeDelta::from_std(span).ok().and_then(|span| now.checked_sub_signed(span)),
        (Err(_), Ok(moment)) => Some(moment),
        (Err(_), Err(_)) => None,
    };
    moment.filter(|moment| *moment <= now && moment.timestamp_millis() >= 0).ok_or(NotAMoment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_moments_are_read_and_nothing_else() {
        let now: Timestamp = "2026-11-27T12:00:00Z".parse().expect("a moment");
        for (text, expected) in [
            ("1h", "2026-11-27T11:00:00Z"),
            ("7d", "2026-11-20T12:00:00Z"),
            ("0s", "2026-11-27T12:00:00Z"),
            ("2026-11-27T13:59:00+02:00", "2026-11-27T11:59:00Z"),
        ] {
            assert_eq!(since(text, now), Ok(expected.parse().expect("a moment")), "{text}");
        }
        for text in [
            "",
            "1",
            "h",
            "-1h",
            "1w",
            "2026-11-27T12:00:01Z",
            "yesterday",
            "99999999999d",
            "1.5h",
            "1969-12-31T00:00:00Z",
        ] {
            assert_eq!(since(text, now), Err(NotAMoment), "{text}");
        }
    }
}
