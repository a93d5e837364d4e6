//! Durable jobs and their dead letters. Operators only.

use axum::{
    Json,
    extract::{Path, State as Shared},
    http::StatusCode,
    response::IntoResponse,
};
use chainbill_app::{
    App, Page, PageRequest,
    jobs::{JobFilter, JobView},
};
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Answer;
use crate::{
    State,
    extract::{Principal, StrictQuery},
    problem::ProblemBody,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(retry)).routes(routes!(forget))
}

/// Brings the gauges of jobs up to date. What cannot be counted stays as it was.
#[expect(clippy::cast_precision_loss, reason = "gauges are floating")]
pub(crate) async fn publish(app: &App) {
    match app.job_counts().await {
        Ok(counts) => {
            for (state, count) in [("queued", counts.queued), ("due", counts.due), ("dead", counts.dead)] {
                metrics::gauge!("chainbill_jobs", "state" => state).set(count as f64);
            }
        }
        Err(error) => tracing::debug!("jobs could not be counted: {error}"),
    }
}

/// Which jobs.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Only of this kind.
    kind: Option<String>,
    /// Only in this state: `QUEUED`, `RUNNING` or `DEAD`.
    state: Option<String>,
    /// At most so many, 1 to 100; 20 when absent.
    limit: Option<u32>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

/// Durable jobs, newest first: what waits, what runs, and dead letters with their cause.
#[utoipa::path(get, path = "/api/jobs", tag = "jobs", params(Which), responses((status = 200, body = Page<JobView>),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn list(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(which): StrictQuery<Which>,
) -> Answer {
    let filter = JobFilter { kind: which.kind, state: which.state };
    let page = PageRequest { limit: which.limit, cursor: which.cursor };
    Ok(Json(state.app.jobs(&context, &filter, &page).await?).into_response())
}

/// Put a dead letter back on the queue: it runs at once, with as many attempts as a new job.
#[utoipa::path(post, path = "/api/jobs/{id}/retry", tag = "jobs", params(("id" = String, Path)), responses((status = 204),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn retry(Shared(state): Shared<State>, Principal(context): Principal, Path(id): Path<String>) -> Answer {
    state.app.retry_job(&context, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Drop a dead letter: its work is not done.
#[utoipa::path(delete, path = "/api/jobs/{id}", tag = "jobs", params(("id" = String, Path)), responses((status = 204),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn forget(Shared(state): Shared<State>, Principal(context): Principal, Path(id): Path<String>) -> Answer {
    state.app.drop_job(&context, &id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
