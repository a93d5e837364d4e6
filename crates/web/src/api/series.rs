//! Series of numbers.

use axum::extract::{Path, State as Shared};
use chainbill_app::{NewSeries, Page, PatchSeries, SeriesView};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, created, done, listed};
use crate::{
    State,
    extract::{Principal, StrictJson},
    problem::ProblemBody,
    tags::IfMatch,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(patch))
}

/// Your series of numbers, newest first, and last the built-in ones.
#[utoipa::path(get, path = "/api/number-series", tag = "series", responses((status = 200, body = Page<SeriesView>),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody)))]
async fn list(Shared(state): Shared<State>, Principal(context): Principal) -> Answer {
    Ok(listed("number series", &state.app.series(&context).await?))
}

/// Create a series of numbers (freelancer). Its numbers are gapless, allocated at sending, in the year and month of your time zone.
#[utoipa::path(post, path = "/api/number-series", tag = "series", request_body = NewSeries, responses(
    (status = 201, body = SeriesView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn create(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictJson(new): StrictJson<NewSeries>,
) -> Answer {
    let series = state.app.create_series(&context, new).await?;
    Ok(created(&state, "/api/number-series", |it| &it.id, &series).await)
}

/// Change a series of numbers. Once a number was allocated, its pattern, restart and start stay as they are.
#[utoipa::path(patch, path = "/api/number-series/{id}", tag = "series", params(("id" = String, Path)),
    request_body = PatchSeries, responses((status = 200, body = SeriesView), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 412, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn patch(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(change): StrictJson<PatchSeries>,
) -> Answer {
    Ok(done(&state, &state.app.patch_series(&context, &id, versions.as_deref(), change).await?).await)
}
