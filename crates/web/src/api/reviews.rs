//! Reviews of completed projects, and reputations.

use axum::{
    extract::{Path, State as Shared},
    http::StatusCode,
};
use chainbill_app::{NewReview, Page, PageRequest, PatchReview, ReputationView, ReviewView};
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
        .routes(routes!(of_project, create))
        .routes(routes!(get, patch))
        .routes(routes!(of_user))
        .routes(routes!(reputation))
        .routes(routes!(recompute))
}

/// The reviews of a project, for its parties: your own, and the other party's once it is visible. At most two.
#[utoipa::path(get, path = "/api/projects/{id}/reviews", tag = "reviews", params(("id" = String, Path)), responses(
    (status = 200, body = Page<ReviewView>), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody)))]
async fn of_project(Shared(state): Shared<State>, Principal(context): Principal, Path(id): Path<String>) -> Answer {
    Ok(listed("reviews", &state.app.project_reviews(&context, &id).await?))
}

/// Review the other party of a completed project, once. Reviews are hidden until both are there, or until REVIEW_HIDDEN_DAYS after
/// the completion; after that none can be written or changed.
#[utoipa::path(post, path = "/api/projects/{id}/reviews", tag = "reviews", params(("id" = String, Path)),
    request_body = NewReview, responses((status = 201, body = ReviewView), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn create(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    StrictJson(new): StrictJson<NewReview>,
) -> Answer {
    let review = state.app.give_review(&context, &id, new).await?;
    Ok(created(&state, "/api/reviews", |it| &it.id, &review).await)
}

/// A review. A hidden one is there for its author and operators only.
#[utoipa::path(get, path = "/api/reviews/{id}", tag = "reviews", params(("id" = String, Path)), responses(
    (status = 200, body = ReviewView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn get(Shared(state): Shared<State>, Principal(context): Principal, Path(id): Path<String>) -> Answer {
    Ok(tagged(StatusCode::OK, &state.app.review(&context, &id).await?))
}

/// Change your review while it is hidden.
#[utoipa::path(patch, path = "/api/reviews/{id}", tag = "reviews", params(("id" = String, Path)),
    request_body = PatchReview, responses((status = 200, body = ReviewView), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 412, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn patch(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(change): StrictJson<PatchReview>,
) -> Answer {
    Ok(done(&state, &state.app.patch_review(&context, &id, versions.as_deref(), change).await?).await)
}

/// Visible reviews that a person received, newest first.
#[utoipa::path(get, path = "/api/users/{id}/reviews", tag = "reviews", params(("id" = String, Path), PageRequest),
    responses((status = 200, body = Page<ReviewView>), (status = 401, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn of_user(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    StrictQuery(page): StrictQuery<PageRequest>,
) -> Answer {
    Ok(listed("reviews", &state.app.user_reviews(&context, &id, &page).await?))
}

/// A person's reputation: the score, its components with their weights, and the facts behind them.
#[utoipa::path(get, path = "/api/users/{id}/reputation", tag = "reviews", params(("id" = String, Path)), responses(
    (status = 200, body = ReputationView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn reputation(Shared(state): Shared<State>, Principal(context): Principal, Path(id): Path<String>) -> Answer {
    Ok(tagged(StatusCode::OK, &state.app.reputation(&context, &id).await?))
}

/// Compute a person's reputation now. Operators only. Nothing is saved where it does not differ.
#[utoipa::path(post, path = "/api/users/{id}/reputation/recompute", tag = "reviews", params(("id" = String, Path)),
    responses((status = 200, body = ReputationView), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn recompute(Shared(state): Shared<State>, Principal(context): Principal, Path(id): Path<String>) -> Answer {
    Ok(done(&state, &state.app.recompute_reputation(&context, &id).await?).await)
}
