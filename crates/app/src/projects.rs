//! Projects: offered by clients, done by freelancers.

use chainbill_domain::{
    event::EventData,
    id::{ProjectId, UserId},
    money::Money,
    states::{ProjectStatus, Role},
    text,
};
use chainbill_records::{
    Kind, Text, Unit, by_parent, each,
    entities::{project_skills, projects},
    newest, retry,
    sea_orm::{
        ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
        Select, Value,
    },
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    Actor, App, AppError, Context, Done, MoneyView, Page, PageRequest, ProjectView,
    accounts::{Expected, expect_version, unchanged},
    idempotency::Begun,
    identity::Account,
    validate::{Check, given, present},
};

/// A new project.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewProject {
    /// What it is called.
    pub title: String,
    /// What it is.
    pub description: String,
    /// For how much.
    pub budget: Option<MoneyView>,
    /// Until when: a day.
    pub deadline: Option<String>,
    /// Names of skills that it asks for, at most 20.
    #[serde(default)]
    pub skills: Vec<String>,
}

/// What changes in a project; what is absent stays, null empties.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PatchProject {
    /// What it is called.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub title: Option<String>,
    /// What it is.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub description: Option<String>,
    /// For how much.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<MoneyView>)]
    pub budget: Option<Option<MoneyView>>,
    /// Until when.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub deadline: Option<Option<String>>,
    /// All skills that it asks for.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub skills: Option<Vec<String>>,
}

/// Who does it.
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

struct Checked {
    title: Option<String>,
    description: Option<String>,
    budget: Option<Option<Money>>,
    deadline: Option<Option<String>>,
    skills: Option<Vec<String>>,
}

fn checked(patch: &PatchProject) -> Result<Checked, AppError> {
    let mut check = Check::default();
    let title = check.optional("/title", patch.title.as_deref().map(|text| text::line(text, 200)));
    let description = check.optional("/description", patch.description.as_deref().map(says));
    let budget =
        patch.budget.clone().map(|budget| budget.and_then(|budget| check.money("/budget", &budget.into(), None)));
    let deadline = patch
        .deadline
        .as_ref()
        .map(|day| text::some(day.as_deref()).and_then(|day| check.field("/deadline", text::date(day))));
    let skills = patch.skills.as_ref().map(|names| {
        check.refuse_unless(names.len() <= 20, "/skills", "at most 20 are accepted");
        let mut kept: Vec<String> = Vec::new();
        for (place, name) in names.iter().enumerate() {
            let Some(name) = check.field(format!("/skills/{place}"), text::skill(name)) else { continue };
            if !kept.iter().any(|known| text::name_key(known) == text::name_key(&name)) {
                kept.push(name);
            }
        }
        kept
    });
    check.finish(Some(Checked { title, description, budget, deadline, skills }))
}

/// A text that says something.
fn says(text: &str) -> Result<String, text::BadText> {
    text::free(text, 20_000).and_then(|text| if text.is_empty() { Err(text::BadText::Empty) } else { Ok(text) })
}

/// What a party asks of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Start(UserId),
    Complete,
    Cancel,
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
        let checked = checked(&patch)?;
        retry(self.records.random(), || self.create_project_once(context, client, &new, &checked)).await
    }

    async fn create_project_once(
        &self,
        context: &Context,
        client: UserId,
        new: &NewProject,
        checked: &Checked,
    ) -> Result<Done<ProjectView>, AppError> {
        let mut unit = match self.begin(context, "project.create", new).await? {
            Begun::Fresh(unit) => unit,
            Begun::Replay(done) => return Ok(done),
        };
        let mut row = projects::Model {
            id: Text(self.new_id()),
            version: 0,
            client_id: Text(client),
            freelancer_id: None,
            title: String::new(),
            description: String::new(),
            status: Text(ProjectStatus::Open),
            budget_minor: None,
            budget_currency: None,
            deadline: None,
            completed_at: None,
            created_at: unit.now(),
            updated_at: unit.now(),
        };
        fill(&mut row, checked);
        let skills = self.project_skills(&mut unit, row.id.0, checked.skills.as_deref().unwrap_or(&[])).await?;
        let row = unit.insert_with::<project_skills::Entity>(row, skills.clone()).await?;
        self.record(&mut unit, EventData::ProjectCreated { client, project: row.id.0 });
        let view = ProjectView::of(row, skills);
        self.audit(&mut unit, context, "project.create", ("projects", view.id.clone()), (None, Some(&view))).await?;
        self.finish(unit, context, view).await
    }

    async fn project_skills(
        &self,
        unit: &mut Unit,
        project: ProjectId,
        names: &[String],
    ) -> Result<Vec<project_skills::Model>, AppError> {
        let skills = self.skills_named(unit, names).await?;
        let child = |(position, skill): (usize, chainbill_records::entities::skills::Model)| project_skills::Model {
            project_id: Text(project),
            position: i64::try_from(position).unwrap_or(i64::MAX),
            skill_id: skill.id,
            name: skill.name,
        };
        Ok(skills.into_iter().enumerate().map(child).collect())
    }

    /// Projects: one's own, those on offer, all for operators.
    ///
    /// # Errors
    /// [`AppError::Validation`].
    pub async fn projects(&self, context: &Context, filter: &ProjectFilter) -> Result<Page<ProjectView>, AppError> {
        let actor = context.actor()?;
        let request = PageRequest { limit: filter.limit, cursor: filter.cursor.clone() };
        let list = format!("projects?{:?}", filter.status);
        let (limit, after) = (request.limit()?, request.after(&list)?);
        let query = listed(actor, filter, after.as_deref(), u64::from(limit) + 1)?;
        let db = self.records.db();
        let rows = each(db, query, projects::Column::Id).await?;
        let skills = project_skills::Entity::find()
            .filter(project_skills::Column::ProjectId.is_in(rows.iter().flatten().map(|row| row.id)))
            .order_by_asc(project_skills::Column::Position);
        let mut skills = by_parent(db, skills, project_skills::Column::ProjectId).await?;
        let view = |row: projects::Model| {
            let skills = skills.remove(&row.id.to_string()).unwrap_or_else(|| Ok(Vec::new()));
            skills.map(|skills| ProjectView::of(row, skills)).map_err(|value| value.within("skills"))
        };
        Ok(Page::of_readable(&list, rows, limit, |row| row.id.to_string(), view))
    }

    /// One project: of a party, or on offer.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn project(&self, context: &Context, id: &str) -> Result<ProjectView, AppError> {
        let actor = context.actor()?;
        let id: ProjectId = id.parse().map_err(|_| AppError::NotFound("project"))?;
        let row = projects::Entity::find_by_id(Text(id)).one(self.records.db()).await?;
        let row = row.filter(|row| sees(actor, row)).ok_or(AppError::NotFound("project"))?;
        let skills = skills_of(self.records.db(), id).await?;
        Ok(ProjectView::of(row, skills))
    }

    /// Changes an offer that nobody has taken yet.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when somebody has, [`AppError::Stale`] when it has changed.
    pub async fn patch_project(
        &self,
        context: &Context,
        id: &str,
        expected: Expected<'_>,
        patch: PatchProject,
    ) -> Result<Done<ProjectView>, AppError> {
        let checked = checked(&patch)?;
        retry(self.records.random(), || async {
            let mut unit = self.records.begin().await?;
            let before = self.owned(&unit, context, id).await?;
            expect_version(expected, before.version)?;
            if before.status.0 != ProjectStatus::Open {
                return Err(refusal(before.status.0, "edited"));
            }
            let old = skills_of(unit.db(), before.id.0).await?;
            let skills = match &checked.skills {
                Some(names) => self.project_skills(&mut unit, before.id.0, names).await?,
                None => old.clone(),
            };
            let mut after = before.clone();
            fill(&mut after, &checked);
            if after == before && skills == old {
                return unchanged(unit, ProjectView::of(before, old)).await;
            }
            let row = unit.update_with::<project_skills::Entity>(&before, after, skills.clone()).await?;
            let (old, view) = (ProjectView::of(before, old), ProjectView::of(row, skills));
            self.audit(&mut unit, context, "project.patch", ("projects", view.id.clone()), (Some(&old), Some(&view)))
                .await?;
            self.finish(unit, &Context::default(), view).await
        })
        .await
    }

    /// Gives the work to a freelancer.
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
        let known = Account::of_id(self.records.db(), &start.freelancer_id).await?;
        if known.is_none_or(|account| !account.is(Role::Freelancer)) {
            return Err(AppError::field("/freelancerId", "is no freelancer"));
        }
        self.step(context, id, Step::Start(freelancer)).await
    }

    /// Says that the work is done.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when nobody works on it.
    pub async fn complete_project(&self, context: &Context, id: &str) -> Result<Done<ProjectView>, AppError> {
        self.step(context, id, Step::Complete).await
    }

    /// Gives it up.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is over.
    pub async fn cancel_project(&self, context: &Context, id: &str) -> Result<Done<ProjectView>, AppError> {
        self.step(context, id, Step::Cancel).await
    }

    async fn step(&self, context: &Context, id: &str, step: Step) -> Result<Done<ProjectView>, AppError> {
        let name = match step {
            Step::Start(_) => "project.start",
            Step::Complete => "project.complete",
            Step::Cancel => "project.cancel",
        };
        let fingerprint = (id, format!("{step:?}"));
        retry(self.records.random(), || async {
            let mut unit = match self.begin(context, name, &fingerprint).await? {
                Begun::Fresh(unit) => unit,
                Begun::Replay(done) => return Ok(done),
            };
            let before = self.owned(&unit, context, id).await?;
            let mut after = before.clone();
            match (step, before.status.0) {
                (Step::Start(freelancer), ProjectStatus::Open) => {
                    after.freelancer_id = Some(Text(freelancer));
                    after.status = Text(ProjectStatus::InProgress);
                }
                (Step::Complete, ProjectStatus::InProgress) => {
                    after.status = Text(ProjectStatus::Completed);
                    after.completed_at = Some(unit.now());
                }
                (Step::Cancel, ProjectStatus::Open | ProjectStatus::InProgress) => {
                    after.status = Text(ProjectStatus::Cancelled);
                }
                (Step::Start(_), status) => return Err(refusal(status, "started")),
                (Step::Complete, status) => return Err(refusal(status, "completed")),
                (Step::Cancel, status) => return Err(refusal(status, "cancelled")),
            }
            let row = unit.update::<projects::Entity>(&before, after).await?;
            let skills = skills_of(unit.db(), row.id.0).await?;
            let (old, view) = (ProjectView::of(before, skills.clone()), ProjectView::of(row, skills));
            self.audit(&mut unit, context, name, ("projects", view.id.clone()), (Some(&old), Some(&view))).await?;
            self.finish(unit, context, view).await
        })
        .await
    }

    /// The project under lock, when the actor may change it. A freelancer who sees it may not.
    async fn owned(&self, unit: &Unit, context: &Context, id: &str) -> Result<projects::Model, AppError> {
        let actor = context.actor()?;
        let id: ProjectId = id.parse().map_err(|_| AppError::NotFound("project"))?;
        let row = projects::Entity::find_by_id(Text(id)).lock_exclusive().one(unit.db()).await?;
        let row = row.filter(|row| sees(actor, row)).ok_or(AppError::NotFound("project"))?;
        if row.client_id.0 != actor.user_id && actor.role != Role::Admin {
            return Err(AppError::Forbidden("only its client changes a project"));
        }
        context.expects(row.version)?;
        Ok(row)
    }
}

/// The projects of a list: those on offer, and one's own of every other state, each kind by an index of its own.
fn listed(
    actor: &Actor,
    filter: &ProjectFilter,
    after: Option<&str>,
    limit: u64,
) -> Result<Select<projects::Entity>, AppError> {
    use projects::Column::{ClientId, FreelancerId, Status};
    let status: Option<ProjectStatus> = match &filter.status {
        Some(status) => Some(status.parse().map_err(|error| AppError::field("/status", error))?),
        None => None,
    };
    let in_state = |status: ProjectStatus| (Status, Value::from(status.word()));
    if actor.role == Role::Admin {
        return Ok(newest(&[Kind::of(status.map(in_state).into_iter().collect())], after, limit));
    }
    let me = || Value::from(Text(actor.user_id));
    let wanted = ProjectStatus::ALL.iter().copied().filter(|is| status.is_none_or(|status| status == *is));
    let mut kinds: Vec<_> = wanted
        .flat_map(|status| match status {
            ProjectStatus::Open => vec![Kind::of(vec![in_state(status)])],
            _ => [ClientId, FreelancerId].map(|party| Kind::of(vec![(party, me()), in_state(status)])).to_vec(),
        })
        .collect();
    if status.is_none() {
        for party in [ClientId, FreelancerId] {
            kinds.extend(Kind::unknown(&[(party, me())], Status, ProjectStatus::WORDS));
        }
    }
    Ok(newest(&kinds, after, limit))
}

fn sees(actor: &Actor, row: &projects::Model) -> bool {
    actor.role == Role::Admin
        || row.client_id.0 == actor.user_id
        || row.freelancer_id.is_some_and(|id| id.0 == actor.user_id)
        || row.status.0 == ProjectStatus::Open
}

fn refusal(status: ProjectStatus, action: &str) -> AppError {
    let allowed: &[&str] = match status {
        ProjectStatus::Open => &["edit", "start", "cancel"],
        ProjectStatus::InProgress => &["complete", "cancel"],
        ProjectStatus::Completed | ProjectStatus::Cancelled => &[],
    };
    AppError::Conflict {
        current: status.to_string(),
        allowed: allowed.iter().map(|&action| action.to_owned()).collect(),
        detail: format!("a project that is {status} cannot be {action}"),
    }
}

fn fill(row: &mut projects::Model, checked: &Checked) {
    if let Some(title) = &checked.title {
        row.title.clone_from(title);
    }
    if let Some(description) = &checked.description {
        row.description.clone_from(description);
    }
    if let Some(budget) = checked.budget {
        row.budget_minor = budget.map(|budget| budget.minor);
        row.budget_currency = budget.map(|budget| Text(budget.currency));
    }
    if let Some(deadline) = &checked.deadline {
        row.deadline.clone_from(deadline);
    }
}

async fn skills_of(db: &impl ConnectionTrait, id: ProjectId) -> Result<Vec<project_skills::Model>, AppError> {
    let rows = project_skills::Entity::find()
        .filter(project_skills::Column::ProjectId.eq(Text(id)))
        .order_by_asc(project_skills::Column::Position)
        .all(db)
        .await?;
    Ok(rows)
}
