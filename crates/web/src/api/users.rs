//! People.

use axum::{
    extract::{Path, State as Shared},
    http::StatusCode,
};
use chainbill_app::{BillingProfileView, NewUserSkill, Page, PageRequest, PatchProfile, PutBillingProfile, UserView};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, done, listed, tagged};
use crate::{
    State,
    extract::{Principal, StrictJson, StrictQuery},
    problem::ProblemBody,
    tags::IfMatch,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(billing_profile, put_billing_profile))
        .routes(routes!(get, patch))
        .routes(routes!(put_skill))
        .routes(routes!(remove_skill))
        .routes(routes!(verify))
        .routes(routes!(unverify))
}

/// All people, newest first. Operators only.
#[utoipa::path(get, path = "/api/users", tag = "users", params(PageRequest), responses(
    (status = 200, body = Page<UserView>), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn list(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(page): StrictQuery<PageRequest>,
) -> Answer {
    Ok(listed("users", &state.app.users(&context, &page).await?))
}

/// Your billing profile: what your invoices say of you, and what they begin with. Empty at version 0 until it is saved.
#[utoipa::path(get, path = "/api/users/me/billing-profile", tag = "users", responses(
    (status = 200, body = BillingProfileView), (status = 401, body = ProblemBody)))]
async fn billing_profile(Shared(state): Shared<State>, Principal(context): Principal) -> Answer {
    Ok(tagged(StatusCode::OK, &state.app.billing_profile(&context).await?))
}

/// Save your billing profile. What is absent is emptied, but the time zone. Invoices keep the profiles of their sending.
#[utoipa::path(put, path = "/api/users/me/billing-profile", tag = "users", request_body = PutBillingProfile, responses(
    (status = 200, body = BillingProfileView), (status = 401, body = ProblemBody), (status = 412, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn put_billing_profile(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    IfMatch(versions): IfMatch,
    StrictJson(profile): StrictJson<PutBillingProfile>,
) -> Answer {
    Ok(done(&state, &state.app.put_billing_profile(&context, versions.as_deref(), profile).await?).await)
}

/// A person. The e-mail address is shown to the person and to operators.
#[utoipa::path(get, path = "/api/users/{id}", tag = "users", params(("id" = String, Path)), responses(
    (status = 200, body = UserView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn get(Shared(state): Shared<State>, Principal(context): Principal, Path(id): Path<String>) -> Answer {
    Ok(tagged(StatusCode::OK, &state.app.user_view(&context, &id).await?))
}

/// Change a profile: one's own, or anybody's for operators. `If-Match` takes the ETag of an earlier answer.
#[utoipa::path(patch, path = "/api/users/{id}", tag = "users", params(("id" = String, Path)), request_body = PatchProfile,
    responses((status = 200, body = UserView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 412, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn patch(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(change): StrictJson<PatchProfile>,
) -> Answer {
    Ok(done(&state, &state.app.patch_profile(&context, &id, versions.as_deref(), change).await?).await)
}

/// Give a person a skill, or change its level.
#[utoipa::path(post, path = "/api/users/{id}/skills", tag = "users", params(("id" = String, Path)),
    request_body = NewUserSkill, responses((status = 200, body = UserView), (status = 401, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn put_skill(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(skill): StrictJson<NewUserSkill>,
) -> Answer {
    Ok(done(&state, &state.app.put_user_skill(&context.at(versions), &id, skill).await?).await)
}

/// Take a skill from a person.
#[utoipa::path(delete, path = "/api/users/{id}/skills/{skillId}", tag = "users",
    params(("id" = String, Path), ("skillId" = String, Path)),
    responses((status = 200, body = UserView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn remove_skill(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path((id, skill)): Path<(String, String)>,
    IfMatch(versions): IfMatch,
) -> Answer {
    Ok(done(&state, &state.app.remove_user_skill(&context.at(versions), &id, &skill).await?).await)
}

/// Verify a user (operators), who may vote on disputes then.
#[utoipa::path(post, path = "/api/users/{id}/verify", tag = "users", params(("id" = String, Path)), responses(
    (status = 200, body = UserView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody)))]
async fn verify(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
) -> Answer {
    Ok(done(&state, &state.app.verify_user(&context.at(versions), &id).await?).await)
}

/// Take a user's verification back (operators).
#[utoipa::path(post, path = "/api/users/{id}/unverify", tag = "users", params(("id" = String, Path)), responses(
    (status = 200, body = UserView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody)))]
async fn unverify(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
) -> Answer {
    Ok(done(&state, &state.app.unverify_user(&context.at(versions), &id).await?).await)
}
