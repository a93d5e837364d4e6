//! Projects for which freelancers are looked for. The freelancers themselves are looked up in the mirror.

use chainbill_domain::{
    id::{ProjectId, UserId},
    matching::Wanted,
    states::Role,
};
use chainbill_records::repo::projects;

use crate::{App, AppError, Context};

/// What a project wants of a freelancer.
#[derive(Debug, Clone)]
pub struct MatchedProject {
    /// Its client, who is no match.
    pub client_id: UserId,
    /// Its skills and its budget.
    pub wanted: Wanted,
}

impl App {
    /// What a project wants, for its client and operators.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Forbidden`] to others who see it.
    pub async fn matched_project(&self, context: &Context, id: &str) -> Result<MatchedProject, AppError> {
        let viewer = context.actor()?.viewer();
        let id: ProjectId = id.parse().map_err(|_| AppError::NotFound("project"))?;
        let project = projects::find(&self.records, &viewer, id).await?.ok_or(AppError::NotFound("project"))?;
        if project.client_id != viewer.user_id && viewer.role != Role::Admin {
            return Err(AppError::Forbidden("only its client looks for freelancers for a project"));
        }
        let skills = project.content.skills.iter().map(|skill| (skill.skill_id, skill.name.clone())).collect();
        let wanted = Wanted { skills, budget: project.content.budget };
        Ok(MatchedProject { client_id: project.client_id, wanted })
    }
}
