//! Projects: offered by clients, done by freelancers. `content.rs` checks what they say, `domain::project` decides what they may
//! do.

mod content;

use chainbill_domain::{
    id::{ProjectId, UserId},
    project::{Action, Content, Project, RequiredSkill},
    states::Role,
};
use chainbill_records::repo::{
    accounts::Account,
    projects::{self, List},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::content::checked;
use crate::{
    App, AppError, Context, Done, MoneyView, Page, PageRequest, ProjectView,
    command::Command,
    context::{Expected, expect_version},
    validate::{given, present},
};

/// A new project.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewProject {
    /// Its title.
    pub title: String,
    /// Its description.
    pub description: String,
    /// The budget.
    pub budget: Option<MoneyView>,
    /// The day until which it is to be done.
    pub deadline: Option<String>,
    /// Names of skills that it asks for, at most 20.
    #[serde(default)]
    pub skills: Vec<String>,
}

/// What changes in a project; what is absent stays, null empties.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PatchProject {
    /// Its title.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub title: Option<String>,
    /// Its description.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub description: Option<String>,
    /// The budget.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<MoneyView>)]
    pub budget: Option<Option<MoneyView>>,
    /// The day until which it is to be done.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub deadline: Option<Option<String>>,
    /// All skills that it asks for.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub skills: Option<Vec<String>>,
}

/// Who works on it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartProject {
    /// A freelancer.
    pub freelancer_id: String,
}

/// Which projects.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProjectFilter {
    /// Only those in this state.
    pub status: Option<String>,
    /// At most so many, 1 to 100; 20 when absent.
    pub limit: Option<u32>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl App {
    /// Offers a project.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] to others than clients.
    pub async fn create_project(&self, context: &Context, new: NewProject) -> Result<Done<ProjectView>, AppError> {
        let client = context.actor_as(Role::Client, "only clients offer projects")?.user_id;
        let patch = PatchProject {
            title: Some(new.title.clone()),
            description: Some(new.description.clone()),
            budget: Some(new.budget.clone()),
            deadline: Some(new.deadline.clone()),
            skills: Some(new.skills.clone()),
        };
        let checked = &checked(&patch)?;
        self.command(context, "project.create", &new, |mut command| async move {
            let skills = command.required_skills(checked.skills.as_deref().unwrap_or(&[])).await?;
            let empty =
                Content { title: String::new(), description: String::new(), budget: None, deadline: None, skills };
            let created = Project::offer(self.new_id(), client, checked.over(empty), command.occasion());
            command.create_project(created).await
        })
        .await
    }

    /// Projects: one's own, those on offer, all for operators.
    ///
    /// # Errors
    /// [`AppError::Validation`].
    pub async fn projects(&self, context: &Context, filter: &ProjectFilter) -> Result<Page<ProjectView>, AppError> {
        let viewer = context.actor()?.viewer();
        let request = PageRequest { limit: filter.limit, cursor: filter.cursor.clone() };
        let name = format!("projects?{:?}", filter.status);
        let (limit, after) = (request.limit()?, request.after(&name)?);
        let status = filter.status.as_deref().map(str::parse).transpose();
        let status = status.map_err(|error| AppError::field("/status", error))?;
        let list = List { viewer: &viewer, status, after: after.as_deref(), limit: u64::from(limit) + 1 };
        let rows = projects::list(&self.records, list).await?;
        let view = |project| Ok(ProjectView::of(project));
        Ok(Page::of_readable(&name, rows, limit, |project| project.id.to_string(), view))
    }

    /// One project: of a party, or on offer.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn project(&self, context: &Context, id: &str) -> Result<ProjectView, AppError> {
        let viewer = context.actor()?.viewer();
        let id: ProjectId = id.parse().map_err(|_| AppError::NotFound("project"))?;
        let project = projects::find(&self.records, &viewer, id).await?;
        project.map(ProjectView::of).ok_or(AppError::NotFound("project"))
    }

    /// Changes an offer that is not taken yet.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is taken, [`AppError::Stale`] when it has changed.
    pub async fn patch_project(
        &self,
        context: &Context,
        id: &str,
        expected: Expected<'_>,
        patch: PatchProject,
    ) -> Result<Done<ProjectView>, AppError> {
        let checked = &checked(&patch)?;
        self.change(context, "project.patch", |mut command| async move {
            let project = command.own_project(id).await?;
            expect_version(expected, project.version)?;
            project.allows(Action::Edit)?;
            let mut content = checked.over(project.content.clone());
            if let Some(names) = &checked.skills {
                content.skills = command.required_skills(names).await?;
            }
            command.change_project(project.edit(content)?).await
        })
        .await
    }

    /// Starts a project: a freelancer gets the work.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is not on offer.
    pub async fn start_project(
        &self,
        context: &Context,
        id: &str,
        start: StartProject,
    ) -> Result<Done<ProjectView>, AppError> {
        let freelancer: UserId =
            start.freelancer_id.parse().map_err(|error| AppError::field("/freelancerId", error))?;
        let known = Account::of_id(&self.records, &start.freelancer_id).await?;
        if known.is_none_or(|account| !account.is(Role::Freelancer)) {
            return Err(AppError::field("/freelancerId", "is no freelancer"));
        }
        self.command(context, "project.start", &(id, freelancer), |command| async move {
            let started = command.own_project(id).await?.start(freelancer)?;
            command.change_project(started).await
        })
        .await
    }

    /// Reports that the work is done.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is not being worked on.
    pub async fn complete_project(&self, context: &Context, id: &str) -> Result<Done<ProjectView>, AppError> {
        self.command(context, "project.complete", &id, |command| async move {
            let completed = command.own_project(id).await?.complete(command.unit.now())?;
            command.change_project(completed).await
        })
        .await
    }

    /// Gives it up.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is over.
    pub async fn cancel_project(&self, context: &Context, id: &str) -> Result<Done<ProjectView>, AppError> {
        self.command(context, "project.cancel", &id, |command| async move {
            let cancelled = command.own_project(id).await?.cancel()?;
            command.change_project(cancelled).await
        })
        .await
    }
}

impl Command<'_> {
    /// The project under lock, if the actor may change it and knows its version. A freelancer who sees it may not change it.
    async fn own_project(&self, id: &str) -> Result<Project, AppError> {
        let actor = self.context.actor()?;
        let id: ProjectId = id.parse().map_err(|_| AppError::NotFound("project"))?;
        let project = projects::lock(&self.unit, &actor.viewer(), id).await?.ok_or(AppError::NotFound("project"))?;
        if project.client_id != actor.user_id && actor.role != Role::Admin {
            return Err(AppError::Forbidden("only its client changes a project"));
        }
        self.context.expects(project.version)?;
        Ok(project)
    }

    async fn required_skills(&mut self, names: &[String]) -> Result<Vec<RequiredSkill>, AppError> {
        let skills = self.skills_named(names).await?;
        Ok(skills.into_iter().map(|skill| RequiredSkill { skill_id: skill.id.0, name: skill.name }).collect())
    }
}
