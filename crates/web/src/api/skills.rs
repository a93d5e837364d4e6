//! The catalogue of skills.

use axum::{
    extract::{Path, State as Shared},
    http::StatusCode,
};
use chainbill_app::{
    CategoryView, MergeSkill, MergedSkillView, NewSkill, NewVerification, Page, PatchSkill, Reason, SkillFilter,
    SkillView, VerificationFilter, VerificationView,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, created, done, json, listed, tagged};
use crate::{
    State,
    extract::{Principal, StrictJson, StrictQuery},
    problem::ProblemBody,
    tags::IfMatch,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(categories))
        .routes(routes!(get, patch))
        .routes(routes!(merge))
        .routes(routes!(submit))
        .routes(routes!(verifications))
        .routes(routes!(verification))
        .routes(routes!(verify))
        .routes(routes!(reject))
}

/// The catalogue, newest first.
#[utoipa::path(get, path = "/api/skills", tag = "skills", params(SkillFilter), responses(
    (status = 200, body = Page<SkillView>), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn list(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(filter): StrictQuery<SkillFilter>,
) -> Answer {
    Ok(listed("skills", &state.app.skills(&context, &filter).await?))
}

/// Add to the catalogue.
#[utoipa::path(post, path = "/api/skills", tag = "skills", request_body = NewSkill, responses(
    (status = 201, body = SkillView), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn create(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictJson(new): StrictJson<NewSkill>,
) -> Answer {
    let skill = state.app.create_skill(&context, new).await?;
    Ok(created(&state, "/api/skills", |it| &it.id, &skill).await)
}

/// An entry of the catalogue.
#[utoipa::path(get, path = "/api/skills/{id}", tag = "skills", params(("id" = String, Path)), responses(
    (status = 200, body = SkillView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn get(Shared(state): Shared<State>, Principal(context): Principal, Path(id): Path<String>) -> Answer {
    Ok(tagged(StatusCode::OK, &state.app.skill_view(&context, &id).await?))
}

/// The categories of the catalogue with the number of their skills, by name.
#[utoipa::path(get, path = "/api/skills/categories", tag = "skills", responses(
    (status = 200, body = [CategoryView]), (status = 401, body = ProblemBody)))]
async fn categories(Shared(state): Shared<State>, Principal(context): Principal) -> Answer {
    Ok(json(StatusCode::OK, &state.app.skill_categories(&context).await?))
}

/// Change an entry of the catalogue. Operators only. A new name is written at all who have the skill; the old one stays another name.
#[utoipa::path(patch, path = "/api/skills/{id}", tag = "skills", params(("id" = String, Path)),
    request_body = PatchSkill, responses((status = 200, body = SkillView), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 412, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn patch(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(change): StrictJson<PatchSkill>,
) -> Answer {
    Ok(done(&state, &state.app.patch_skill(&context, &id, versions.as_deref(), change).await?).await)
}

/// Make an entry of the catalogue another one. Operators only. Users and projects that have it get the other one, none twice; its
/// names stay other names of the entry that it became.
#[utoipa::path(post, path = "/api/skills/{id}/merge", tag = "skills", params(("id" = String, Path)),
    request_body = MergeSkill, responses((status = 200, body = MergedSkillView), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 412, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn merge(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(into): StrictJson<MergeSkill>,
) -> Answer {
    Ok(done(&state, &state.app.merge_skill(&context.at(versions), &id, into).await?).await)
}

/// Submit evidence of your skill, at the level that you claim, for an operator.
#[utoipa::path(post, path = "/api/users/{id}/skills/{skillId}/verifications", tag = "skills",
    params(("id" = String, Path), ("skillId" = String, Path)), request_body = NewVerification, responses(
    (status = 201, body = VerificationView), (status = 401, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn submit(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path((id, skill)): Path<(String, String)>,
    StrictJson(new): StrictJson<NewVerification>,
) -> Answer {
    let verification = state.app.submit_verification(&context, &id, &skill, new).await?;
    Ok(created(&state, "/api/skill-verifications", |it| &it.id, &verification).await)
}

/// Evidence of your skills, newest first; all for operators.
#[utoipa::path(get, path = "/api/skill-verifications", tag = "skills", params(VerificationFilter), responses(
    (status = 200, body = Page<VerificationView>), (status = 401, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn verifications(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(filter): StrictQuery<VerificationFilter>,
) -> Answer {
    Ok(listed("verifications", &state.app.verifications(&context, &filter).await?))
}

/// Evidence of a skill, for its user and operators.
#[utoipa::path(get, path = "/api/skill-verifications/{id}", tag = "skills", params(("id" = String, Path)), responses(
    (status = 200, body = VerificationView), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody)))]
async fn verification(Shared(state): Shared<State>, Principal(context): Principal, Path(id): Path<String>) -> Answer {
    Ok(tagged(StatusCode::OK, &state.app.verification(&context, &id).await?))
}

/// Accept evidence: the skill is verified at its level. Operators only.
#[utoipa::path(post, path = "/api/skill-verifications/{id}/verify", tag = "skills", params(("id" = String, Path)),
    responses((status = 200, body = VerificationView), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)))]
async fn verify(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
) -> Answer {
    Ok(done(&state, &state.app.verify_skill(&context.at(versions), &id).await?).await)
}

/// Refuse evidence, with a reason. Operators only.
#[utoipa::path(post, path = "/api/skill-verifications/{id}/reject", tag = "skills", params(("id" = String, Path)),
    request_body = Reason, responses((status = 200, body = VerificationView), (status = 401, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
async fn reject(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    IfMatch(versions): IfMatch,
    StrictJson(reason): StrictJson<Reason>,
) -> Answer {
    Ok(done(&state, &state.app.reject_skill(&context.at(versions), &id, reason).await?).await)
}
