//! Milestones of projects. Every answer is the project.

use axum::extract::{Path, State as Shared};
use chainbill_app::{NewMilestone, PatchMilestone, ProjectView, Reason};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, DryRun, created, done};
use crate::{
    State,
    extract::{Principal, StrictJson, StrictQuery},
    problem::ProblemBody,
    tags::IfMatch,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(add))
        .routes(routes!(patch, remove))
        .routes(routes!(submit))
        .routes(routes!(accept))
        .routes(routes!(return_work))
}

/// Add a milestone: the client plans it while the project is on offer; in progress, either party proposes it to the other.
#[utoipa::path(post, path = "/api/projects/{id}/milestones", tag = "milestones", params(("id" = String, Path)),
    request_body = NewMilestone, responses((status = 201, body = ProjectView), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn add(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(new): StrictJson<NewMilestone>,
) -> Answer {
    let project = state.app.add_milestone(&context.at(versions), &id, new).await?;
    Ok(created(&state, "/api/projects", |it| &it.id, &project).await)
}

/// Change a milestone that the other party has not consented to (who wrote it).
#[utoipa::path(patch, path = "/api/projects/{id}/milestones/{milestoneId}", tag = "milestones",
    params(("id" = String, Path), ("milestoneId" = String, Path)), request_body = PatchMilestone, responses(
    (status = 200, body = ProjectView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 412, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn patch(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path((id, milestone)): Path<(String, String)>,
    IfMatch(versions): IfMatch,
    StrictJson(change): StrictJson<PatchMilestone>,
) -> Answer {
    let project = state.app.patch_milestone(&context, (&id, &milestone), versions.as_deref(), change).await?;
    Ok(done(&state, &project).await)
}

/// Remove a milestone that is planned on an offer (client), or take a proposed one back, or decline it (either party).
#[utoipa::path(delete, path = "/api/projects/{id}/milestones/{milestoneId}", tag = "milestones",
    params(("id" = String, Path), ("milestoneId" = String, Path)), responses((status = 200, body = ProjectView),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody)))]
async fn remove(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path((id, milestone)): Path<(String, String)>,
    IfMatch(versions): IfMatch,
) -> Answer {
    let project = state.app.remove_milestone(&context, (&id, &milestone), versions.as_deref()).await?;
    Ok(done(&state, &project).await)
}

/// Submit the work of a milestone (freelancer).
#[utoipa::path(post, path = "/api/projects/{id}/milestones/{milestoneId}/submit", tag = "milestones",
    params(("id" = String, Path), ("milestoneId" = String, Path)), responses((status = 200, body = ProjectView),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody)))]
async fn submit(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path((id, milestone)): Path<(String, String)>,
    IfMatch(versions): IfMatch,
) -> Answer {
    Ok(done(&state, &state.app.submit_milestone(&context.at(versions), (&id, &milestone)).await?).await)
}

/// Accept the work of a submitted milestone (client): the held money that funds it is released, and `Idempotency-Key` is required then.
/// Or consent to a proposed one (the other party).
#[utoipa::path(post, path = "/api/projects/{id}/milestones/{milestoneId}/accept", tag = "milestones",
    params(("id" = String, Path), ("milestoneId" = String, Path), DryRun), responses((status = 200, body = ProjectView),
    (status = 400, body = ProblemBody), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, body = ProblemBody)))]
async fn accept(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path((id, milestone)): Path<(String, String)>,
    IfMatch(versions): IfMatch,
    StrictQuery(DryRun { dry_run }): StrictQuery<DryRun>,
) -> Answer {
    let context = context.at(versions).dry(dry_run);
    Ok(done(&state, &state.app.accept_milestone(&context, (&id, &milestone)).await?).await)
}

/// Send the work of a milestone back (client).
#[utoipa::path(post, path = "/api/projects/{id}/milestones/{milestoneId}/return", tag = "milestones",
    params(("id" = String, Path), ("milestoneId" = String, Path)), request_body = Reason, responses(
    (status = 200, body = ProjectView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn return_work(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path((id, milestone)): Path<(String, String)>,
    IfMatch(versions): IfMatch,
    StrictJson(reason): StrictJson<Reason>,
) -> Answer {
    let project = state.app.return_milestone(&context.at(versions), (&id, &milestone), reason).await?;
    Ok(done(&state, &project).await)
}
