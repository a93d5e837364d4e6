//! The synchronisation's desk. Operators only.

use axum::{
    Json,
    extract::{Path, State as Shared},
    http::StatusCode,
    response::IntoResponse,
};
use chainbill_app::{AppError, Context};
use chainbill_domain::states::Role;
use serde::Deserialize;
use serde_json::json;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Answer;
use crate::{
    Desk, State, Verification,
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

/// Bring one model in step: compared and repaired, or copied when it never was.
#[utoipa::path(post, path = "/api/sync/{model}", tag = "sync", params(("model" = String, Path)), responses(
    (status = 200, body = serde_json::Value), (status = 202, body = serde_json::Value), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
async fn model(Shared(state): Shared<State>, Who(context): Who, Path(model): Path<String>) -> Answer {
    operator(&context)?;
    Ok(desk(state.desk.model(&model).await?))
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
}

/// Entities that could not be written and are parked.
#[utoipa::path(get, path = "/api/sync/failures", tag = "sync", params(Which), responses((status = 200, body = serde_json::Value),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn failures(Shared(state): Shared<State>, Who(context): Who, Asked(which): Asked<Which>) -> Answer {
    operator(&context)?;
    Ok(Json(json!({"data": state.desk.failures(which.model.as_deref()).await?})).into_response())
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
#[utoipa::path(get, path = "/api/sync/verifications", tag = "sync", responses((status = 200, body = serde_json::Value),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody)))]
async fn verifications(Shared(state): Shared<State>, Who(context): Who) -> Answer {
    operator(&context)?;
    Ok(Json(json!({"data": state.desk.verifications().await?})).into_response())
}

/// Evidence of repairs, newest first.
#[utoipa::path(get, path = "/api/sync/evidence", tag = "sync", responses((status = 200, body = serde_json::Value),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody)))]
async fn evidence(Shared(state): Shared<State>, Who(context): Who) -> Answer {
    operator(&context)?;
    Ok(Json(json!({"data": state.desk.evidence().await?})).into_response())
}

/// Certificates, newest first.
#[utoipa::path(get, path = "/api/sync/certificates", tag = "sync", responses((status = 200, body = serde_json::Value),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody)))]
async fn certificates(Shared(state): Shared<State>, Who(context): Who) -> Answer {
    operator(&context)?;
    Ok(Json(json!({"data": state.desk.certificates().await?})).into_response())
}
