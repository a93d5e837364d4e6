//! The synchronisation's desk. Operators only.

use axum::{
    Json,
    extract::{Path, State as Shared},
    http::StatusCode,
    response::IntoResponse,
};
use chainbill_app::{AppError, Context, Page, PageRequest};
use chainbill_domain::{span::since, states::Role};
use serde::Deserialize;
use serde_json::Value;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Answer;
use crate::{
    Desk, Part, Row, State, Verification,
    extract::{Asked, Strict, Who},
    problem::ProblemBody,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(status))
        .routes(routes!(initial))
        .routes(routes!(failures))
        .routes(routes!(retry))
        .routes(routes!(forget))
        .routes(routes!(verify))
        .routes(routes!(verifications))
        .routes(routes!(verification))
        .routes(routes!(differences))
        .routes(routes!(evidence))
        .routes(routes!(certificates))
        .routes(routes!(model))
        .routes(routes!(why, one))
}

fn operator(context: &Context) -> Result<(), AppError> {
    context.actor_as(Role::Admin, "only operators may").map(|_| ())
}

fn desk(answer: Desk) -> axum::response::Response {
    match answer {
        Desk::Done(body) => (StatusCode::OK, Json(body)).into_response(),
        Desk::Running(body) => (StatusCode::ACCEPTED, Json(body)).into_response(),
    }
}

/// Everything that there is to say, per model too: state, counts on both sides, backlog, parked, rates.
#[utoipa::path(get, path = "/api/sync/status", tag = "sync", responses(
    (status = 200, body = serde_json::Value), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody)))]
async fn status(Shared(state): Shared<State>, Who(context): Who) -> Answer {
    operator(&context)?;
    Ok(Json(state.desk.status().await).into_response())
}

/// Copy everything anew. 202 while it goes on; the status shows how far.
#[utoipa::path(post, path = "/api/sync/initial", tag = "sync", responses(
    (status = 200, body = serde_json::Value), (status = 202, body = serde_json::Value), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody)))]
async fn initial(Shared(state): Shared<State>, Who(context): Who) -> Answer {
    operator(&context)?;
    Ok(desk(state.desk.initial().await?))
}

/// How much of a model.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Recent {
    /// Only what has changed since: a span up to now such as 1h, or a moment.
    since: Option<String>,
}

/// Bring one model in step: compared and repaired, or copied when it never was. With `since` only what has changed since
/// then, for partial recovery.
#[utoipa::path(post, path = "/api/sync/{model}", tag = "sync", params(("model" = String, Path), Recent), responses(
    (status = 200, body = serde_json::Value), (status = 202, body = serde_json::Value), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
async fn model(
    Shared(state): Shared<State>,
    Who(context): Who,
    Path(model): Path<String>,
    Asked(recent): Asked<Recent>,
) -> Answer {
    operator(&context)?;
    let Some(text) = recent.since else { return Ok(desk(state.desk.model(&model).await?)) };
    let since = since(&text, state.app.now()).map_err(|error| AppError::field("/since", error))?;
    Ok(desk(state.desk.since(&model, since).await?))
}

/// Why a document is as it is.
#[utoipa::path(get, path = "/api/sync/{model}/{id}", tag = "sync",
    params(("model" = String, Path), ("id" = String, Path)), responses((status = 200, body = serde_json::Value),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn why(Shared(state): Shared<State>, Who(context): Who, Path((model, id)): Path<(String, String)>) -> Answer {
    operator(&context)?;
    Ok(Json(state.desk.why(&model, &id).await?).into_response())
}

/// Bring one document in step.
#[utoipa::path(post, path = "/api/sync/{model}/{id}", tag = "sync",
    params(("model" = String, Path), ("id" = String, Path)), responses((status = 200, body = serde_json::Value),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn one(Shared(state): Shared<State>, Who(context): Who, Path((model, id)): Path<(String, String)>) -> Answer {
    operator(&context)?;
    Ok(Json(state.desk.one(&model, &id).await?).into_response())
}

/// Which failures.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Only of this model.
    model: Option<String>,
    /// At most so many, 1 to 100; 20 when absent.
    limit: Option<u32>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

/// Which part of a list: with one row more than wanted, which tells whether there are more.
fn part(list: &str, request: &PageRequest) -> Result<Part, AppError> {
    Ok(Part { after: request.after(list)?, limit: request.limit()? + 1 })
}

fn page(list: &str, rows: Vec<Row>, part: &Part) -> Json<Page<Value>> {
    Json(Page::of(list, rows, part.limit - 1, |(key, _)| key.clone(), |(_, row)| row))
}

/// Entities that could not be written and are parked, by model and id.
#[utoipa::path(get, path = "/api/sync/failures", tag = "sync", params(Which), responses((status = 200, body = Page<Value>),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn failures(Shared(state): Shared<State>, Who(context): Who, Asked(which): Asked<Which>) -> Answer {
    operator(&context)?;
    let list = format!("failures?{:?}", which.model);
    let part = part(&list, &PageRequest { limit: which.limit, cursor: which.cursor })?;
    let rows = state.desk.failures(which.model.as_deref(), &part).await?;
    Ok(page(&list, rows, &part).into_response())
}

/// Try a parked entity again now.
#[utoipa::path(post, path = "/api/sync/failures/{model}/{id}/retry", tag = "sync",
    params(("model" = String, Path), ("id" = String, Path)), responses((status = 204), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn retry(Shared(state): Shared<State>, Who(context): Who, Path((model, id)): Path<(String, String)>) -> Answer {
    operator(&context)?;
    state.desk.retry(&model, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Forget a parked entity; its document stays as it is until its next change or comparison.
#[utoipa::path(delete, path = "/api/sync/failures/{model}/{id}", tag = "sync",
    params(("model" = String, Path), ("id" = String, Path)), responses((status = 204), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn forget(Shared(state): Shared<State>, Who(context): Who, Path((model, id)): Path<(String, String)>) -> Answer {
    operator(&context)?;
    state.desk.forget(&model, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Compare both databases at a cut.
#[utoipa::path(post, path = "/api/sync/verify", tag = "sync", request_body = Verification, responses(
    (status = 200, body = serde_json::Value), (status = 202, body = serde_json::Value), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
async fn verify(Shared(state): Shared<State>, Who(context): Who, Strict(wish): Strict<Verification>) -> Answer {
    operator(&context)?;
    Ok(desk(state.desk.verify(wish).await?))
}

/// Verifications, newest first.
#[utoipa::path(get, path = "/api/sync/verifications", tag = "sync", params(PageRequest), responses(
    (status = 200, body = Page<Value>), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn verifications(Shared(state): Shared<State>, Who(context): Who, Asked(wish): Asked<PageRequest>) -> Answer {
    operator(&context)?;
    let part = part("verifications", &wish)?;
    Ok(page("verifications", state.desk.verifications(&part).await?, &part).into_response())
}

/// One verification: how far it is, or how it ended.
#[utoipa::path(get, path = "/api/sync/verifications/{id}", tag = "sync", params(("id" = String, Path)), responses(
    (status = 200, body = Value), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody)))]
async fn verification(Shared(state): Shared<State>, Who(context): Who, Path(id): Path<String>) -> Answer {
    operator(&context)?;
    Ok(Json(state.desk.verification(&id).await?).into_response())
}

/// The differences that a verification found, the first ten thousand: id, class and fields of each.
#[utoipa::path(get, path = "/api/sync/verifications/{id}/differences", tag = "sync",
    params(("id" = String, Path), PageRequest), responses((status = 200, body = Page<Value>),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn differences(
    Shared(state): Shared<State>,
    Who(context): Who,
    Path(id): Path<String>,
    Asked(wish): Asked<PageRequest>,
) -> Answer {
    operator(&context)?;
    let list = format!("differences/{id}");
    let part = part(&list, &wish)?;
    Ok(page(&list, state.desk.differences(&id, &part).await?, &part).into_response())
}

/// Which evidence.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Repairs {
    /// Only of this model.
    model: Option<String>,
    /// Only of the entity with this id.
    entity_id: Option<String>,
    /// At most so many, 1 to 100; 20 when absent.
    limit: Option<u32>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

/// Evidence of repairs, newest first.
#[utoipa::path(get, path = "/api/sync/evidence", tag = "sync", params(Repairs), responses(
    (status = 200, body = Page<Value>), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn evidence(Shared(state): Shared<State>, Who(context): Who, Asked(wish): Asked<Repairs>) -> Answer {
    operator(&context)?;
    let list = format!("evidence?{:?}&{:?}", wish.model, wish.entity_id);
    let part = part(&list, &PageRequest { limit: wish.limit, cursor: wish.cursor })?;
    let rows = state.desk.evidence(wish.model.as_deref(), wish.entity_id.as_deref(), &part).await?;
    Ok(page(&list, rows, &part).into_response())
}

/// Certificates, newest first.
#[utoipa::path(get, path = "/api/sync/certificates", tag = "sync", params(PageRequest), responses(
    (status = 200, body = Page<Value>), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn certificates(Shared(state): Shared<State>, Who(context): Who, Asked(wish): Asked<PageRequest>) -> Answer {
    operator(&context)?;
    let part = part("certificates", &wish)?;
    Ok(page("certificates", state.desk.certificates(&part).await?, &part).into_response())
}
