//! Projects.

use axum::{
    extract::{Path, State as Shared},
    http::StatusCode,
};
use chainbill_app::{CancelProject, NewProject, Page, PatchProject, ProjectFilter, ProjectView, Reason, StartProject};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, DryRun, created, done, listed, tagged};
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
        .routes(routes!(submit))
        .routes(routes!(return_work))
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

/// Start the project with a freelancer who applied (client). For a freelancer without an open application the problem names the
/// invitation.
#[utoipa::path(post, path = "/api/projects/{id}/start", tag = "projects", params(("id" = String, Path)),
    request_body = StartProject, responses((status = 200, body = ProjectView), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn start(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(who): StrictJson<StartProject>,
) -> Answer {
    Ok(done(&state, &state.app.start_project(&context.at(versions), &id, who).await?).await)
}

/// Submit the whole work (freelancer).
#[utoipa::path(post, path = "/api/projects/{id}/submit", tag = "projects", params(("id" = String, Path)), responses(
    (status = 200, body = ProjectView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
async fn submit(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
) -> Answer {
    Ok(done(&state, &state.app.submit_project(&context.at(versions), &id).await?).await)
}

/// Send the whole work back (client).
#[utoipa::path(post, path = "/api/projects/{id}/return", tag = "projects", params(("id" = String, Path)),
    request_body = Reason, responses((status = 200, body = ProjectView), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn return_work(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(reason): StrictJson<Reason>,
) -> Answer {
    Ok(done(&state, &state.app.return_project(&context.at(versions), &id, reason).await?).await)
}

/// Accept the whole work (client), and with it that of its submitted milestones. `Idempotency-Key` is required where held money
/// funds one of them: it is released.
#[utoipa::path(post, path = "/api/projects/{id}/complete", tag = "projects", params(("id" = String, Path)), responses(
    (status = 200, body = ProjectView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
async fn complete(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
) -> Answer {
    Ok(done(&state, &state.app.complete_project(&context.at(versions), &id).await?).await)
}

/// Cancel the project: its client while it is on offer, either party afterwards. Unpaid invoices are voided. Where money is held,
/// the problem names the ways, or the body says what happens to it, for which `Idempotency-Key` is required.
#[utoipa::path(post, path = "/api/projects/{id}/cancel", tag = "projects", params(("id" = String, Path), DryRun),
    request_body = CancelProject, responses((status = 200, body = ProjectView), (status = 400, body = ProblemBody),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn cancel(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictQuery(DryRun { dry_run }): StrictQuery<DryRun>,
    StrictJson(cancel): StrictJson<CancelProject>,
) -> Answer {
    let context = context.at(versions).dry(dry_run);
    Ok(done(&state, &state.app.cancel_project(&context, &id, cancel).await?).await)
}
