//! The catalogue of skills.

use axum::{
    extract::{Path, State as Shared},
    http::StatusCode,
};
use chainbill_app::{NewSkill, Page, PageRequest, SkillView};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, created, listed, tagged};
use crate::{
    State,
    extract::{Principal, StrictJson, StrictQuery},
    problem::ProblemBody,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get))
}

/// The catalogue, newest first.
#[utoipa::path(get, path = "/api/skills", tag = "skills", params(PageRequest), responses(
    (status = 200, body = Page<SkillView>), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn list(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    StrictQuery(page): StrictQuery<PageRequest>,
) -> Answer {
    Ok(listed("skills", &state.app.skills(&context, &page).await?))
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
