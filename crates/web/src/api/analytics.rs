//! Statistics of events, from the mirror.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Json,
    extract::{Path, State as Shared},
    http::HeaderMap,
    response::IntoResponse,
};
use chainbill_app::{AppError, MoneyView, moment};
use chainbill_domain::{Timestamp, money::Money, states::Role};
use chainbill_mirror::Activity;
use serde::{Deserialize, Serialize};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Answer,
    documents::{fields, moment_of, money, text, texts},
    freshness, with_freshness,
};
use crate::{
    Problem, State,
    extract::{Principal, StrictQuery},
    problem::ProblemBody,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(system)).routes(routes!(user))
}

/// Over how long.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PeriodQuery {
    /// Days until now, 1 to 365. 30 for a person, 7 for the system, when absent.
    days: Option<u32>,
    /// The `Sync-Token` of a write that the response must reflect; same as `If-Fresh`.
    fresh_after: Option<String>,
}

impl PeriodQuery {
    fn days(&self, otherwise: u32) -> Result<u32, Problem> {
        match self.days.unwrap_or(otherwise) {
            days @ 1..=365 => Ok(days),
            other => Err(Problem::field("/days", format!("is {other}: 1 to 365 are accepted"))),
        }
    }
}

/// Statistics of a period.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct PeriodStatistics {
    /// Its length in days.
    days: u32,
    /// Its first moment.
    since: String,
    /// Events in it.
    events: u64,
    /// Distinct users of these events.
    distinct_users: u64,
    /// Events by kind.
    by_event: BTreeMap<String, u64>,
    /// Events by day, without days on which there were none.
    by_day: Vec<DayStatistics>,
    /// Money that was received, by currency.
    received: Vec<MoneyView>,
    /// Currencies of received money that this release does not know; absent when there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable_currencies: Vec<String>,
}

/// Statistics of one day.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct DayStatistics {
    /// The day, UTC.
    day: String,
    /// Events of the day.
    events: u64,
    /// Distinct users of these events.
    distinct_users: u64,
}

/// Statistics of the whole system.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct SystemStatistics {
    #[serde(flatten)]
    period: PeriodStatistics,
    /// Log lines by level.
    log_levels: BTreeMap<String, u64>,
}

/// Statistics of one person.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct UserStatistics {
    #[serde(flatten)]
    period: PeriodStatistics,
    /// The person.
    user_id: String,
    /// Money that the person paid, by currency.
    paid: Vec<MoneyView>,
    /// The newest events, newest first, at most 20.
    recent: Vec<RecentEvent>,
}

/// An event.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct RecentEvent {
    /// Its kind.
    event: Option<String>,
    /// When.
    at: Option<String>,
    /// Who caused it.
    user_id: Option<String>,
    /// Who received the money.
    receiver_id: Option<String>,
    /// The invoice it is about.
    invoice_id: Option<String>,
    /// The project it is about.
    project_id: Option<String>,
    /// The money that moved.
    amount: Option<super::documents::StoredMoney>,
    /// Further facts of its kind by name, such as the user agent of a login.
    details: BTreeMap<String, String>,
}

impl RecentEvent {
    fn of(event: &chainbill_domain::Document) -> Self {
        Self {
            event: text(event, "event"),
            at: moment_of(event, "at"),
            user_id: text(event, "userId"),
            receiver_id: text(event, "receiverId"),
            invoice_id: text(event, "invoiceId"),
            project_id: text(event, "projectId"),
            amount: money(event, "amount"),
            details: fields(event, "details").map(texts).unwrap_or_default(),
        }
    }
}

/// Statistics of the whole system. Operators only.
#[utoipa::path(get, path = "/api/analytics/system", tag = "analytics", params(PeriodQuery), responses(
    (status = 200, body = SystemStatistics), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 422, body = ProblemBody), (status = 503, body = ProblemBody)))]
async fn system(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    headers: HeaderMap,
    StrictQuery(query): StrictQuery<PeriodQuery>,
) -> Answer {
    context.actor_as(Role::Admin, "only operators see statistics of the whole system")?;
    let (period, activity, fresh) = read(&state, &headers, &query, None, 7).await?;
    let statistics = SystemStatistics { period, log_levels: activity.log_levels.into_iter().collect() };
    Ok(with_freshness(Json(statistics).into_response(), fresh))
}

/// Statistics of one person, with the money that the person received (`received`) and paid (`paid`). For the person and
/// operators.
#[utoipa::path(get, path = "/api/analytics/users/{id}", tag = "analytics", params(("id" = String, Path), PeriodQuery),
    responses((status = 200, body = UserStatistics), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 422, body = ProblemBody), (status = 503, body = ProblemBody)))]
async fn user(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    headers: HeaderMap,
    StrictQuery(query): StrictQuery<PeriodQuery>,
) -> Answer {
    let actor = context.actor()?;
    if actor.role != Role::Admin && actor.user_id.to_string() != id {
        return Err(AppError::NotFound("user").into());
    }
    let user = state.app.user_view(&context, &id).await?;
    let (period, activity, fresh) = read(&state, &headers, &query, Some(&user.id), 30).await?;
    let statistics = UserStatistics {
        period,
        user_id: user.id,
        paid: sums(&activity.paid).0,
        recent: activity.recent.iter().map(RecentEvent::of).collect(),
    };
    Ok(with_freshness(Json(statistics).into_response(), fresh))
}

async fn read(
    state: &State,
    headers: &HeaderMap,
    query: &PeriodQuery,
    user: Option<&str>,
    otherwise: u32,
) -> Result<(PeriodStatistics, Activity, Option<bool>), Problem> {
    let days = query.days(otherwise)?;
    let fresh = freshness(state, headers, query.fresh_after.as_deref()).await?;
    let since = state.app.now() - Duration::from_secs(u64::from(days) * 86_400);
    let activity = state.mirror.activity(user, since).await?;
    Ok((period(&activity, since, days), activity, fresh))
}

fn period(activity: &Activity, since: Timestamp, days: u32) -> PeriodStatistics {
    let (received, unreadable_currencies) = sums(&activity.received);
    let by_day = activity.by_day.iter().map(|(day, events, users)| DayStatistics {
        day: day.clone(),
        events: *events,
        distinct_users: *users,
    });
    PeriodStatistics {
        days,
        since: moment(since),
        events: activity.events,
        distinct_users: activity.users,
        by_event: activity.by_kind.iter().cloned().collect(),
        by_day: by_day.collect(),
        received,
        unreadable_currencies,
    }
}

/// Sums of money, and the currencies whose decimals this release does not know.
fn sums(of_currencies: &[(String, i64)]) -> (Vec<MoneyView>, Vec<String>) {
    let (mut sums, mut unknown) = (Vec::new(), Vec::new());
    for (code, minor) in of_currencies {
        match code.parse() {
            Ok(currency) => sums.push(Money { minor: *minor, currency }.into()),
            Err(_) => unknown.push(code.clone()),
        }
    }
    (sums, unknown)
}
