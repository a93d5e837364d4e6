//! The catalogue of skills.

use axum::{Json, extract::State as Shared, response::IntoResponse};
use chainbill_app::{NewSkill, Page, PageRequest, SkillView};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, created};
use crate::{
    State,
    extract::{Asked, Strict, Who},
    problem::ProblemBody,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list, create))
}

/// The catalogue, newest first.
#[utoipa::path(get, path = "/api/skills", tag = "skills", params(PageRequest), responses(
    (status = 200, body = Page<SkillView>), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn list(Shared(state): Shared<State>, Who(context): Who, Asked(page): Asked<PageRequest>) -> Answer {
    Ok(Json(state.app.skills(&context, &page).await?).into_response())
}

/// Add to the catalogue.
#[utoipa::path(post, path = "/api/skills", tag = "skills", request_body = NewSkill, responses(
    (status = 201, body = SkillView), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody)))]
async fn create(Shared(state): Shared<State>, Who(context): Who, Strict(new): Strict<NewSkill>) -> Answer {
    let skill = state.app.create_skill(&context, new).await?;
    Ok(created("/api/skills", &skill.value.id, &skill))
}
