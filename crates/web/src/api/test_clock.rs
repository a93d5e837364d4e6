//! The clock of a server in test mode: read, and advanced. Operators only; without test mode the routes do not exist.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{Json, extract::State as Shared, response::IntoResponse};
use chainbill_app::{AppError, moment};
use chainbill_domain::{Timestamp, span::span, states::Role};
use serde::{Deserialize, Serialize};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Answer;
use crate::{
    Problem, State,
    extract::{Principal, StrictJson},
    problem::ProblemBody,
};

/// A clock that can be advanced.
#[async_trait]
pub trait AdvancingClock: Send + Sync + 'static {
    /// The clock's moment.
    fn now(&self) -> Timestamp;
    /// How far it is ahead of the machine's clock.
    fn offset(&self) -> Duration;
    /// Advances it, for every process of the installation.
    async fn advance(&self, by: Duration) -> Result<(), AppError>;
}

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(read, advance))
}

/// The farthest that the clock may be ahead.
const FARTHEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// How to advance the clock: by a duration, or to a moment.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClockChange {
    /// By this long: an ISO 8601 duration of weeks, days, hours, minutes and seconds such as P14D or PT90M, a span such as
    /// 14d, or a number of seconds.
    #[schema(value_type = Option<String>)]
    advance: Option<Advance>,
    /// To this moment, which is not in the past of the clock.
    to: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Advance {
    Seconds(u64),
    Text(String),
}

/// The clock of a server in test mode.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct ClockView {
    /// The clock's moment.
    now: String,
    /// Seconds that it is ahead of the machine's clock.
    ahead_seconds: u64,
}

impl ClockView {
    fn of(clock: &dyn AdvancingClock) -> Self {
        Self { now: moment(clock.now()), ahead_seconds: clock.offset().as_secs() }
    }
}

impl ClockChange {
    fn by(&self, now: Timestamp) -> Result<Duration, Problem> {
        match (&self.advance, &self.to) {
            (Some(advance), None) => advance.duration().ok_or_else(|| {
                Problem::field("/advance", "is not accepted: a duration such as P14D, PT90M or 14d, or seconds, is")
            }),
            (None, Some(to)) => {
                let to: Timestamp = to
                    .parse()
                    .map_err(|_| Problem::field("/to", "is not accepted: a moment such as 2026-12-24T12:00:00Z is"))?;
                let past = |_| Problem::field("/to", format!("is in the past: the clock is at {}", moment(now)));
                (to - now).to_std().map_err(past)
            }
            _ => Err(Problem::field("", "either advance or to is accepted")),
        }
    }
}

impl Advance {
    fn duration(&self) -> Option<Duration> {
        match self {
            Self::Seconds(seconds) => Some(Duration::from_secs(*seconds)),
            Self::Text(text) => iso_duration(text).or_else(|| span(text).ok()),
        }
    }
}

/// An ISO 8601 duration of a fixed length: weeks, days, hours, minutes and seconds.
fn iso_duration(text: &str) -> Option<Duration> {
    let rest = text.strip_prefix('P')?;
    let (days, times) = rest.split_once('T').map_or((rest, None), |(days, times)| (days, Some(times)));
    if times == Some("") || (days.is_empty() && times.is_none()) {
        return None;
    }
    let days = seconds(days, &[('W', 604_800), ('D', 86_400)])?;
    let times = seconds(times.unwrap_or(""), &[('H', 3600), ('M', 60), ('S', 1)])?;
    days.checked_add(times).map(Duration::from_secs)
}

/// The sum of whole numbers with these units, each at most once and in this order.
fn seconds(mut text: &str, units: &[(char, u64)]) -> Option<u64> {
    let mut sum = 0_u64;
    for (unit, length) in units {
        if let Some((number, rest)) = text.split_once(*unit) {
            sum = sum.checked_add(number.parse::<u64>().ok()?.checked_mul(*length)?)?;
            text = rest;
        }
    }
    text.is_empty().then_some(sum)
}

fn clock_of(state: &State) -> Result<&Arc<dyn AdvancingClock>, Problem> {
    state.test_clock.as_ref().ok_or_else(|| AppError::NotFound("test clock").into())
}

/// The clock of a server in test mode.
#[utoipa::path(get, path = "/api/test/clock", tag = "test", responses((status = 200, body = ClockView),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody)))]
async fn read(Shared(state): Shared<State>, Principal(context): Principal) -> Answer {
    context.actor_as(Role::Admin, "only operators may")?;
    Ok(Json(ClockView::of(clock_of(&state)?.as_ref())).into_response())
}

/// Advance the clock of a server in test mode. It never goes backwards.
#[utoipa::path(post, path = "/api/test/clock", tag = "test", request_body = ClockChange, responses(
    (status = 200, body = ClockView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn advance(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictJson(change): StrictJson<ClockChange>,
) -> Answer {
    context.actor_as(Role::Admin, "only operators may")?;
    let clock = clock_of(&state)?;
    let by = change.by(clock.now())?;
    if clock.offset().checked_add(by).is_none_or(|offset| offset > FARTHEST) {
        return Err(Problem::field("", "the clock may be at most 100 years ahead"));
    }
    clock.advance(by).await?;
    tracing::warn!("the test clock was advanced by {} s", by.as_secs());
    Ok(Json(ClockView::of(clock.as_ref())).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_a_fixed_length_are_accepted() {
        for (text, expected) in [
            ("P14D", Some(14 * 86_400)),
            ("P2W", Some(14 * 86_400)),
            ("P1DT2H3M4S", Some(86_400 + 2 * 3600 + 3 * 60 + 4)),
            ("PT90M", Some(5400)),
            ("14d", Some(14 * 86_400)),
            ("P1M", None),
            ("P", None),
            ("PT", None),
            ("PT5", None),
            ("P-1D", None),
            ("PT1S1H", None),
            ("P99999999999999999999D", None),
        ] {
            let read = Advance::Text(text.to_owned()).duration();
            assert_eq!(read, expected.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn the_clock_goes_forward_only_and_by_one_of_both() {
        let now: Timestamp = "2026-11-27T12:00:00Z".parse().unwrap();
        let by = |body: &str| serde_json::from_str::<ClockChange>(body).unwrap().by(now);
        assert_eq!(by(r#"{"advance": 60}"#).unwrap(), Duration::from_secs(60));
        assert_eq!(by(r#"{"to": "2026-11-28T12:00:00Z"}"#).unwrap(), Duration::from_secs(86_400));
        for (body, field) in [
            (r#"{"to": "2026-11-27T11:59:59Z"}"#, "/to"),
            (r#"{"to": "tomorrow"}"#, "/to"),
            (r#"{"advance": "soon"}"#, "/advance"),
            (r#"{"advance": 1, "to": "2026-11-28T12:00:00Z"}"#, ""),
            ("{}", ""),
        ] {
            assert_eq!(by(body).unwrap_err().refused_fields()[0].0, field, "{body}");
        }
    }
}
