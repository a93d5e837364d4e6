//! Projects.

use chainbill_domain::{
    project::{Project, RequiredSkill},
    states::ProjectStatus,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{MoneyView, moment};

/// A project.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectView {
    /// Its id.
    pub id: String,
    /// Rises with every change; the ETag.
    pub version: i64,
    /// Who offers it.
    pub client_id: String,
    /// Who does it.
    pub freelancer_id: Option<String>,
    /// What it is called.
    pub title: String,
    /// What it is.
    pub description: String,
    /// OPEN, IN_PROGRESS, COMPLETED or CANCELLED.
    #[schema(value_type = String)]
    pub status: ProjectStatus,
    /// For how much.
    pub budget: Option<MoneyView>,
    /// Until when.
    pub deadline: Option<String>,
    /// Skills that it asks for.
    pub skills: Vec<ProjectSkillView>,
    /// When it was completed.
    pub completed_at: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

/// A skill that a project asks for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectSkillView {
    /// The skill in the catalogue.
    pub skill_id: String,
    /// Its name.
    pub name: String,
}

impl ProjectView {
    /// A project as it is shown.
    #[must_use]
    pub fn of(project: Project) -> Self {
        let project = project.into_state();
        let content = project.content;
        let skill = |it: RequiredSkill| ProjectSkillView { skill_id: it.skill_id.to_string(), name: it.name };
        Self {
            id: project.id.to_string(),
            version: project.version,
            client_id: project.client_id.to_string(),
            freelancer_id: project.freelancer_id.map(|id| id.to_string()),
            title: content.title,
            description: content.description,
            status: project.status,
            budget: content.budget.map(MoneyView::from),
            deadline: content.deadline,
            skills: content.skills.into_iter().map(skill).collect(),
            completed_at: project.completed_at.map(moment),
            created_at: moment(project.created_at),
            updated_at: moment(project.updated_at),
        }
    }
}
