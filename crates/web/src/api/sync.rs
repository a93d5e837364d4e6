//! The synchronisation, for operators.

use axum::{
    Json,
    extract::{Path, State as Shared},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use chainbill_app::{AppError, Context, Page, PageRequest};
use chainbill_domain::{span::since, states::Role};
use serde::{Deserialize, Serialize};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Answer;
use crate::{
    BackfillReport, CertificateView, DeadLetter, Difference, EntityDiagnosis, ModelReport, PageBounds, Progress,
    RepairEvidence, RepairedEntity, Row, RunRecord, Running, State, SyncStatus, Verification, VerificationReport,
    extract::{Principal, StrictJson, StrictQuery},
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

fn progress<T: Serialize>(progress: Progress<T>) -> Response {
    match progress {
        Progress::Done(body) => (StatusCode::OK, Json(body)).into_response(),
        Progress::Running(body) => (StatusCode::ACCEPTED, Json(body)).into_response(),
    }
}

/// The whole status, of each model too: state, counts in both databases, backlog, dead letters, rates.
#[utoipa::path(get, path = "/api/sync/status", tag = "sync", responses(
    (status = 200, body = SyncStatus), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody)))]
async fn status(Shared(state): Shared<State>, Principal(context): Principal) -> Answer {
    operator(&context)?;
    Ok(Json(state.sync.status().await).into_response())
}

/// Backfill every model. 202 while it continues; the status shows the progress.
#[utoipa::path(post, path = "/api/sync/initial", tag = "sync", responses(
    (status = 200, body = BackfillReport), (status = 202, body = Running), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody)))]
async fn initial(Shared(state): Shared<State>, Principal(context): Principal) -> Answer {
    operator(&context)?;
    Ok(progress(state.sync.initial().await?))
}

/// How much of a model.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SinceQuery {
    /// Only what has changed since: a span up to now such as 1h, or a moment.
    since: Option<String>,
}

/// Compare and repair one model, or backfill it when it never was. With `since`, compare and repair only what has changed
/// since then, for partial recovery.
#[utoipa::path(post, path = "/api/sync/{model}", tag = "sync", params(("model" = String, Path), SinceQuery), responses(
    (status = 200, body = ModelReport), (status = 202, body = Running), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
async fn model(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(model): Path<String>,
    StrictQuery(query): StrictQuery<SinceQuery>,
) -> Answer {
    operator(&context)?;
    let Some(text) = query.since else { return Ok(progress(state.sync.model(&model).await?)) };
    let since = since(&text, state.app.now()).map_err(|error| AppError::field("/since", error))?;
    Ok(progress(state.sync.since(&model, since).await?))
}

/// Both sides of one entity, and everything that is known about it.
#[utoipa::path(get, path = "/api/sync/{model}/{id}", tag = "sync",
    params(("model" = String, Path), ("id" = String, Path)), responses((status = 200, body = EntityDiagnosis),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn why(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path((model, id)): Path<(String, String)>,
) -> Answer {
    operator(&context)?;
    Ok(Json(state.sync.explain(&model, &id).await?).into_response())
}

/// Compare and repair one entity.
#[utoipa::path(post, path = "/api/sync/{model}/{id}", tag = "sync",
    params(("model" = String, Path), ("id" = String, Path)), responses((status = 200, body = RepairedEntity),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn one(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path((model, id)): Path<(String, String)>,
) -> Answer {
    operator(&context)?;
    Ok(Json(state.sync.one(&model, &id).await?).into_response())
}

/// Which dead letters.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DeadLetterQuery {
    /// Only of this model.
    model: Option<String>,
    /// At most so many, 1 to 100; 20 when absent.
    limit: Option<u32>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

/// The bounds of a page, with one row more than requested, which tells whether there are more.
fn bounds(list: &str, request: &PageRequest) -> Result<PageBounds, AppError> {
    Ok(PageBounds { after: request.after(list)?, limit: request.limit()? + 1 })
}

fn page<T: Serialize>(list: &str, rows: Vec<Row<T>>, bounds: &PageBounds) -> Response {
    Json(Page::of(list, rows, bounds.limit - 1, |(key, _)| key.clone(), |(_, row)| row)).into_response()
}

/// Dead letters: entities that cannot be mirrored, by model and id.
#[utoipa::path(get, path = "/api/sync/failures", tag = "sync", params(DeadLetterQuery), responses(
    (status = 200, body = Page<DeadLetter>), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn failures(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(query): StrictQuery<DeadLetterQuery>,
) -> Answer {
    operator(&context)?;
    let list = format!("failures?{:?}", query.model);
    let bounds = bounds(&list, &PageRequest { limit: query.limit, cursor: query.cursor })?;
    let rows = state.sync.dead_letters(query.model.as_deref(), &bounds).await?;
    Ok(page(&list, rows, &bounds))
}

/// Retry a dead letter.
#[utoipa::path(post, path = "/api/sync/failures/{model}/{id}/retry", tag = "sync",
    params(("model" = String, Path), ("id" = String, Path)), responses((status = 204), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn retry(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path((model, id)): Path<(String, String)>,
) -> Answer {
    operator(&context)?;
    state.sync.retry(&model, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Drop a dead letter; its document stays as it is until its next change or comparison.
#[utoipa::path(delete, path = "/api/sync/failures/{model}/{id}", tag = "sync",
    params(("model" = String, Path), ("id" = String, Path)), responses((status = 204), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn forget(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path((model, id)): Path<(String, String)>,
) -> Answer {
    operator(&context)?;
    state.sync.drop_dead_letter(&model, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Compare both databases at a consistent cut.
#[utoipa::path(post, path = "/api/sync/verify", tag = "sync", request_body = Verification, responses(
    (status = 200, body = VerificationReport), (status = 202, body = Running), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
async fn verify(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictJson(verification): StrictJson<Verification>,
) -> Answer {
    operator(&context)?;
    Ok(progress(state.sync.verify(verification).await?))
}

/// Recorded runs, newest first.
#[utoipa::path(get, path = "/api/sync/verifications", tag = "sync", params(PageRequest), responses(
    (status = 200, body = Page<RunRecord>), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn verifications(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(query): StrictQuery<PageRequest>,
) -> Answer {
    operator(&context)?;
    let bounds = bounds("verifications", &query)?;
    Ok(page("verifications", state.sync.verifications(&bounds).await?, &bounds))
}

/// One recorded run: its progress or its outcome.
#[utoipa::path(get, path = "/api/sync/verifications/{id}", tag = "sync", params(("id" = String, Path)), responses(
    (status = 200, body = RunRecord), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody)))]
async fn verification(Shared(state): Shared<State>, Principal(context): Principal, Path(id): Path<String>) -> Answer {
    operator(&context)?;
    Ok(Json(state.sync.verification(&id).await?).into_response())
}

/// The first ten thousand differences that a verification found: id, class and fields of each.
#[utoipa::path(get, path = "/api/sync/verifications/{id}/differences", tag = "sync",
    params(("id" = String, Path), PageRequest), responses((status = 200, body = Page<Difference>),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn differences(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    StrictQuery(query): StrictQuery<PageRequest>,
) -> Answer {
    operator(&context)?;
    let list = format!("differences/{id}");
    let bounds = bounds(&list, &query)?;
    Ok(page(&list, state.sync.differences(&id, &bounds).await?, &bounds))
}

/// Which evidence.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EvidenceQuery {
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
#[utoipa::path(get, path = "/api/sync/evidence", tag = "sync", params(EvidenceQuery), responses(
    (status = 200, body = Page<RepairEvidence>), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn evidence(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(query): StrictQuery<EvidenceQuery>,
) -> Answer {
    operator(&context)?;
    let list = format!("evidence?{:?}&{:?}", query.model, query.entity_id);
    let bounds = bounds(&list, &PageRequest { limit: query.limit, cursor: query.cursor })?;
    let rows = state.sync.evidence(query.model.as_deref(), query.entity_id.as_deref(), &bounds).await?;
    Ok(page(&list, rows, &bounds))
}

/// Certificates, newest first.
#[utoipa::path(get, path = "/api/sync/certificates", tag = "sync", params(PageRequest), responses(
    (status = 200, body = Page<CertificateView>), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn certificates(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(query): StrictQuery<PageRequest>,
) -> Answer {
    operator(&context)?;
    let bounds = bounds("certificates", &query)?;
    Ok(page("certificates", state.sync.certificates(&bounds).await?, &bounds))
}
