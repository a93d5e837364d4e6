//! Applications for projects, and invitations to them.

use axum::{
    extract::{Path, State as Shared},
    http::StatusCode,
};
use chainbill_app::{DeclineInvoice, NewApplication, NewInvitation, Page, PatchProposal, ProposalFilter, ProposalView};
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
        .routes(routes!(list))
        .routes(routes!(of_project))
        .routes(routes!(apply))
        .routes(routes!(invite))
        .routes(routes!(get, patch))
        .routes(routes!(accept))
        .routes(routes!(decline))
        .routes(routes!(withdraw))
}

/// Proposals that you made or received, newest first; all for operators.
#[utoipa::path(get, path = "/api/proposals", tag = "proposals", params(ProposalFilter), responses(
    (status = 200, body = Page<ProposalView>), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn list(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(filter): StrictQuery<ProposalFilter>,
) -> Answer {
    Ok(listed("proposals", &state.app.proposals(&context, &filter).await?))
}

/// Proposals of a project, newest first: all for its client and operators, their own for others who see the project.
#[utoipa::path(get, path = "/api/projects/{id}/proposals", tag = "proposals",
    params(("id" = String, Path), ProposalFilter), responses((status = 200, body = Page<ProposalView>),
    (status = 401, body = ProblemBody), (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn of_project(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    StrictQuery(filter): StrictQuery<ProposalFilter>,
) -> Answer {
    Ok(listed("proposals", &state.app.project_proposals(&context, &id, &filter).await?))
}

/// Apply for a project that is on offer (freelancer). There is one open proposal per project and freelancer.
#[utoipa::path(post, path = "/api/projects/{id}/applications", tag = "proposals", params(("id" = String, Path)),
    request_body = NewApplication, responses((status = 201, body = ProposalView), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn apply(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    StrictJson(new): StrictJson<NewApplication>,
) -> Answer {
    let proposal = state.app.apply(&context, &id, new).await?;
    Ok(created(&state, "/api/proposals", |it| &it.id, &proposal).await)
}

/// Invite a freelancer to a project that is on offer (client).
#[utoipa::path(post, path = "/api/projects/{id}/invitations", tag = "proposals", params(("id" = String, Path)),
    request_body = NewInvitation, responses((status = 201, body = ProposalView), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn invite(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(new): StrictJson<NewInvitation>,
) -> Answer {
    let proposal = state.app.invite(&context.at(versions), &id, new).await?;
    Ok(created(&state, "/api/proposals", |it| &it.id, &proposal).await)
}

/// A proposal.
#[utoipa::path(get, path = "/api/proposals/{id}", tag = "proposals", params(("id" = String, Path)), responses(
    (status = 200, body = ProposalView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn get(Shared(state): Shared<State>, Principal(context): Principal, Path(id): Path<String>) -> Answer {
    Ok(tagged(StatusCode::OK, &state.app.proposal(&context, &id).await?))
}

/// Change an open proposal (its author), who thereby consents to the project as it is now.
#[utoipa::path(patch, path = "/api/proposals/{id}", tag = "proposals", params(("id" = String, Path)),
    request_body = PatchProposal, responses((status = 200, body = ProposalView), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 412, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn patch(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(change): StrictJson<PatchProposal>,
) -> Answer {
    Ok(done(&state, &state.app.patch_proposal(&context, &id, versions.as_deref(), change).await?).await)
}

/// Accept a proposal (the other side): the project starts. A project that has changed since is not bound before the author
/// consents to it.
#[utoipa::path(post, path = "/api/proposals/{id}/accept", tag = "proposals", params(("id" = String, Path)), responses(
    (status = 200, body = ProposalView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
async fn accept(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
) -> Answer {
    Ok(done(&state, &state.app.accept_proposal(&context.at(versions), &id).await?).await)
}

/// Decline a proposal (the other side).
#[utoipa::path(post, path = "/api/proposals/{id}/decline", tag = "proposals", params(("id" = String, Path)),
    request_body = DeclineInvoice, responses((status = 200, body = ProposalView), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn decline(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(reason): StrictJson<DeclineInvoice>,
) -> Answer {
    Ok(done(&state, &state.app.decline_proposal(&context.at(versions), &id, reason).await?).await)
}

/// Take a proposal back (its author).
#[utoipa::path(post, path = "/api/proposals/{id}/withdraw", tag = "proposals", params(("id" = String, Path)), responses(
    (status = 200, body = ProposalView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
async fn withdraw(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
) -> Answer {
    Ok(done(&state, &state.app.withdraw_proposal(&context.at(versions), &id).await?).await)
}
