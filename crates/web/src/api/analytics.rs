//! Figures, from the copies.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, State as Shared},
    http::HeaderMap,
    response::IntoResponse,
};
use chainbill_app::{AppError, MoneyView, moment};
use chainbill_domain::{Timestamp, money::Money, states::Role};
use chainbill_mirror::Activity;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, freshness, plain::plain, with_freshness};
use crate::{
    Problem, State,
    extract::{Asked, Who},
    problem::ProblemBody,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(system)).routes(routes!(user))
}

/// Over how long.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Span {
    /// Days until now, 1 to 365. 30 for a person, 7 for the system, when absent.
    days: Option<u32>,
    /// The `Sync-Token` of a write that must be seen; `If-Fresh` says the same.
    fresh_after: Option<String>,
}

impl Span {
    fn days(&self, otherwise: u32) -> Result<u32, Problem> {
        match self.days.unwrap_or(otherwise) {
            days @ 1..=365 => Ok(days),
            other => Err(Problem::field("/days", format!("is {other}: 1 to 365 are accepted"))),
        }
    }
}

/// What happened in the whole system. Operators only.
#[utoipa::path(get, path = "/api/analytics/system", tag = "analytics", params(Span), responses(
    (status = 200, body = serde_json::Value), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 422, body = ProblemBody), (status = 503, body = ProblemBody)))]
async fn system(
    Shared(state): Shared<State>,
    Who(context): Who,
    headers: HeaderMap,
    Asked(span): Asked<Span>,
) -> Answer {
    context.actor_as(Role::Admin, "only operators see figures of the whole system")?;
    answer(&state, &headers, &span, None, 7).await
}

/// What one person did, and the money that the person received (`received`) and paid (`paid`). To the person and to operators.
#[utoipa::path(get, path = "/api/analytics/users/{id}", tag = "analytics", params(("id" = String, Path), Span), responses(
    (status = 200, body = serde_json::Value), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 422, body = ProblemBody), (status = 503, body = ProblemBody)))]
async fn user(
    Shared(state): Shared<State>,
    Who(context): Who,
    Path(id): Path<String>,
    headers: HeaderMap,
    Asked(span): Asked<Span>,
) -> Answer {
    let actor = context.actor()?;
    if actor.role != Role::Admin && actor.user_id.to_string() != id {
        return Err(AppError::NotFound("user").into());
    }
    let user = state.app.user_view(&context, &id).await?;
    answer(&state, &headers, &span, Some(&user.id), 30).await
}

async fn answer(state: &State, headers: &HeaderMap, span: &Span, user: Option<&str>, otherwise: u32) -> Answer {
    let days = span.days(otherwise)?;
    let fresh = freshness(state, headers, span.fresh_after.as_deref()).await?;
    let since = state.app.now() - Duration::from_secs(u64::from(days) * 86_400);
    let activity = state.copies.activity(user, since).await?;
    let mut body = figures(&activity, since, days);
    match user {
        Some(user) => {
            body.insert("userId".to_owned(), user.into());
            body.insert("paid".to_owned(), json!(sums(&activity.paid).0));
            body.insert("recent".to_owned(), activity.recent.iter().map(|event| Value::Object(plain(event))).collect());
        }
        None => {
            let levels = activity.log_levels.iter().map(|(level, count)| (level.clone(), (*count).into()));
            body.insert("logLevels".to_owned(), Value::Object(levels.collect()));
        }
    }
    Ok(with_freshness(Json(body).into_response(), fresh))
}

fn figures(activity: &Activity, since: Timestamp, days: u32) -> Map<String, Value> {
    let by_kind: Map<String, Value> =
        activity.by_kind.iter().map(|(kind, count)| (kind.clone(), (*count).into())).collect();
    let by_day: Vec<Value> = activity
        .by_day
        .iter()
        .map(|(day, events, users)| json!({"day": day, "events": events, "distinctUsers": users}))
        .collect();
    let (received, unknown) = sums(&activity.received);
    let body = json!({
        "days": days,
        "since": moment(since),
        "events": activity.events,
        "distinctUsers": activity.users,
        "byEvent": by_kind,
        "byDay": by_day,
        "received": received,
    });
    let Value::Object(mut body) = body else { return Map::new() };
    if !unknown.is_empty() {
        body.insert("unreadableCurrencies".to_owned(), Value::Array(unknown));
    }
    body
}

/// Sums of money, and the currencies whose decimals this release does not know.
fn sums(of_currencies: &[(String, i64)]) -> (Vec<MoneyView>, Vec<Value>) {
    let (mut sums, mut unknown) = (Vec::new(), Vec::new());
    for (code, minor) in of_currencies {
        match code.parse() {
            Ok(currency) => sums.push(Money { minor: *minor, currency }.into()),
            Err(_) => unknown.push(code.as_str().into()),
        }
    }
    (sums, unknown)
}
