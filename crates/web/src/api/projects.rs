//! Projects.

use axum::{
    extract::{Path, State as Shared},
    http::StatusCode,
};
use chainbill_app::{NewProject, Page, PatchProject, ProjectFilter, ProjectView, StartProject};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, created, done, listed, tagged};
use crate::{
    State,
    extract::{Principal, StrictJson, StrictQuery},
    problem::ProblemBody,
    tags::IfMatch,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(get, patch))
        .routes(routes!(start))
        .routes(routes!(complete))
        .routes(routes!(cancel))
}

/// One's own projects and those on offer, newest first; all for operators.
#[utoipa::path(get, path = "/api/projects", tag = "projects", params(ProjectFilter), responses(
    (status = 200, body = Page<ProjectView>), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn list(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(filter): StrictQuery<ProjectFilter>,
) -> Answer {
    Ok(listed("projects", &state.app.projects(&context, &filter).await?))
}

/// Offer a project. Clients do.
#[utoipa::path(post, path = "/api/projects", tag = "projects", request_body = NewProject, responses(
    (status = 201, body = ProjectView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn create(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictJson(new): StrictJson<NewProject>,
) -> Answer {
    let project = state.app.create_project(&context, new).await?;
    Ok(created(&state, "/api/projects", |it| &it.id, &project).await)
}

/// A project that is on offer, or of which one is a party.
#[utoipa::path(get, path = "/api/projects/{id}", tag = "projects", params(("id" = String, Path)), responses(
    (status = 200, body = ProjectView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn get(Shared(state): Shared<State>, Principal(context): Principal, Path(id): Path<String>) -> Answer {
    Ok(tagged(StatusCode::OK, &state.app.project(&context, &id).await?))
}

/// Change an offer.
#[utoipa::path(patch, path = "/api/projects/{id}", tag = "projects", params(("id" = String, Path)),
    request_body = PatchProject, responses((status = 200, body = ProjectView), (status = 401, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 412, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn patch(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(change): StrictJson<PatchProject>,
) -> Answer {
    Ok(done(&state, &state.app.patch_project(&context, &id, versions.as_deref(), change).await?).await)
}

/// Give the project to a freelancer.
#[utoipa::path(post, path = "/api/projects/{id}/start", tag = "projects", params(("id" = String, Path)),
    request_body = StartProject, responses((status = 200, body = ProjectView), (status = 401, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn start(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(who): StrictJson<StartProject>,
) -> Answer {
    Ok(done(&state, &state.app.start_project(&context.at(versions), &id, who).await?).await)
}

/// Say that the work is done.
#[utoipa::path(post, path = "/api/projects/{id}/complete", tag = "projects", params(("id" = String, Path)), responses(
    (status = 200, body = ProjectView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody)))]
async fn complete(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
) -> Answer {
    Ok(done(&state, &state.app.complete_project(&context.at(versions), &id).await?).await)
}

/// Take the project back.
#[utoipa::path(post, path = "/api/projects/{id}/cancel", tag = "projects", params(("id" = String, Path)), responses(
    (status = 200, body = ProjectView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody)))]
async fn cancel(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
) -> Answer {
    Ok(done(&state, &state.app.cancel_project(&context.at(versions), &id).await?).await)
}
