//! Projects: offered by clients, done by freelancers. `content.rs` checks what they say, `domain::project` decides what they may
//! do, `cancel.rs` decides about their money before they are cancelled.

pub(crate) mod billing;
mod cancel;
mod content;
mod funded;
mod milestones;

use chainbill_domain::{
    id::{ProjectId, UserId},
    project::{Action, Content, Project, ProjectError, RequiredSkill},
    states::{MilestoneStatus, ProjectStatus, Role},
};
use chainbill_records::repo::projects::{self, List};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::{
    cancel::CancelProject,
    milestones::{NewMilestone, PatchMilestone},
};

use self::content::checked;
use crate::{
    App, AppError, Context, Done, MoneyView, Movement, Page, PageRequest, ProjectView, Reason,
    command::Command,
    context::{Expected, OK, expect_version},
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
            let edited = project.edit(content).map_err(budget)?;
            command.change_project(edited).await
        })
        .await
    }

    /// Submits the whole work, as the freelancer.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is not in progress, or the work of a milestone is not submitted.
    pub async fn submit_project(&self, context: &Context, id: &str) -> Result<Done<ProjectView>, AppError> {
        self.command(context, "project.submit", &id, |command| async move {
            let project = command.project_as(id, Side::Freelancer).await?;
            let submitted = project.submit(command.occasion())?;
            command.change_project(submitted).await
        })
        .await
    }

    /// Sends the whole work back, as the client.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is not submitted.
    pub async fn return_project(
        &self,
        context: &Context,
        id: &str,
        reason: Reason,
    ) -> Result<Done<ProjectView>, AppError> {
        let text = &reason.checked()?;
        self.command(context, "project.return", &(id, &reason), |command| async move {
            let project = command.project_as(id, Side::Client).await?;
            let returned = project.return_work(text.clone(), command.occasion())?;
            command.change_project(returned).await
        })
        .await
    }

    /// Accepts the whole work, as the client, and with it that of its submitted milestones: held money that funds them is released.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is not submitted, or money that funds a milestone is disputed.
    pub async fn complete_project(&self, context: &Context, id: &str) -> Result<Done<ProjectView>, AppError> {
        self.command(context, "project.complete", &id, |mut command| async move {
            let project = command.project_as(id, Side::Client).await?;
            let completed = project.complete(command.occasion())?;
            let submitted = completed.before.milestones.iter().filter(|it| it.status == MilestoneStatus::Submitted);
            for milestone in submitted.map(|it| it.id).collect::<Vec<_>>() {
                command.release_funded(milestone).await?;
            }
            let view = command.save_project(completed).await?;
            let Movement { postings, dry_run } = command.movement();
            Ok(command.answer(OK, ProjectView { postings, dry_run, ..view }))
        })
        .await
    }
}

/// The currency of an edit is its budget's.
fn budget(error: ProjectError) -> AppError {
    match error {
        ProjectError::Currency { .. } => AppError::field("/budget/currency", error),
        error => error.into(),
    }
}

/// A side of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Its client.
    Client,
    /// Its freelancer.
    Freelancer,
}

impl Side {
    fn of(project: &Project, user: UserId) -> Option<Self> {
        if project.client_id == user {
            return Some(Self::Client);
        }
        (project.freelancer_id == Some(user)).then_some(Self::Freelancer)
    }
}

impl Command<'_> {
    /// The project under lock, if the actor sees it.
    pub(crate) async fn seen_project(&self, id: &str) -> Result<Project, AppError> {
        let viewer = self.context.actor()?.viewer();
        let id: ProjectId = id.parse().map_err(|_| AppError::NotFound("project"))?;
        projects::lock(&self.unit, &viewer, id).await?.ok_or(AppError::NotFound("project"))
    }

    /// The project under lock, if the actor may change its offer and knows its version: its client, or an operator.
    async fn own_project(&self, id: &str) -> Result<Project, AppError> {
        let actor = self.context.actor()?;
        let project = self.seen_project(id).await?;
        if project.client_id != actor.user_id && actor.role != Role::Admin {
            return Err(AppError::Forbidden("only its client changes a project"));
        }
        self.context.expects(project.version)?;
        Ok(project)
    }

    /// The project under lock with the side that the actor is on, who knows its version.
    pub(crate) async fn partys_project(&self, id: &str) -> Result<(Project, Side), AppError> {
        let project = self.seen_project(id).await?;
        let side = Side::of(&project, self.actor()?).ok_or(AppError::Forbidden("only its parties do this"))?;
        self.context.expects(project.version)?;
        Ok((project, side))
    }

    /// The project under lock, if the actor is on this side of it and knows its version.
    pub(crate) async fn project_as(&self, id: &str, side: Side) -> Result<Project, AppError> {
        let project = self.seen_project(id).await?;
        if Side::of(&project, self.actor()?) != Some(side) {
            return Err(AppError::Forbidden(match side {
                Side::Client => "only its client does this",
                Side::Freelancer => "only its freelancer does this",
            }));
        }
        self.context.expects(project.version)?;
        Ok(project)
    }

    async fn required_skills(&mut self, names: &[String]) -> Result<Vec<RequiredSkill>, AppError> {
        let skills = self.skills_named(names).await?;
        Ok(skills.into_iter().map(|skill| RequiredSkill { skill_id: skill.id.0, name: skill.name }).collect())
    }
}

impl From<ProjectError> for AppError {
    fn from(error: ProjectError) -> Self {
        let detail = error.to_string();
        match error {
            ProjectError::Refused(refusal) => refusal.into(),
            ProjectError::Unfinished { .. } => Self::Conflict {
                current: ProjectStatus::InProgress.word().to_owned(),
                allowed: vec!["milestones".to_owned(), "cancel".to_owned()],
                detail,
            },
            ProjectError::Currency { .. } => Self::field("/amount/currency", detail),
            ProjectError::TooMany => Self::Conflict { current: "FULL".to_owned(), allowed: Vec::new(), detail },
            ProjectError::NoMilestone => Self::NotFound("milestone"),
        }
    }
}
