//! Projects with the skills that they ask for and their milestones.

use chainbill_domain::{
    id::{MilestoneId, ProjectId},
    money::Money,
    project::{Content, Milestone, MilestoneTerms, Project, ProjectState, RequiredSkill},
    states::{MilestoneStatus, ProjectStatus},
    visibility::{ProjectRule, Viewer, Visible},
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select,
    Value,
};

use crate::{
    Kind, OddRow, RecordsError, Text, Unit, by_parent, each,
    entities::{
        project_milestones, project_skills,
        projects::{Column, Entity, Model},
    },
    newest,
};

/// Which projects.
#[derive(Debug, Clone, Copy)]
pub struct List<'l> {
    /// Who wants to see them.
    pub viewer: &'l Viewer,
    /// Only those in this state.
    pub status: Option<ProjectStatus>,
    /// The id after which the page begins.
    pub after: Option<&'l str>,
    /// How many at most.
    pub limit: u64,
}

/// A project, if the viewer sees it.
///
/// # Errors
/// When the primary does not answer.
pub async fn find(db: &impl ConnectionTrait, viewer: &Viewer, id: ProjectId) -> Result<Option<Project>, RecordsError> {
    let row = Entity::find_by_id(Text(id)).one(db).await?;
    seen(db, viewer, row).await
}

/// A project under lock, if the viewer sees it.
///
/// # Errors
/// When the primary does not answer.
pub async fn lock(unit: &Unit, viewer: &Viewer, id: ProjectId) -> Result<Option<Project>, RecordsError> {
    let row = Entity::find_by_id(Text(id)).lock_exclusive().one(unit).await?;
    seen(unit, viewer, row).await
}

/// A project under lock, without a check of visibility: for what another object means to it.
///
/// # Errors
/// When the primary does not answer.
pub async fn lock_any(unit: &Unit, id: ProjectId) -> Result<Option<Project>, RecordsError> {
    let row = Entity::find_by_id(Text(id)).lock_exclusive().one(unit).await?;
    match row {
        Some(row) => whole(unit, row).await.map(Some),
        None => Ok(None),
    }
}

/// The state of a project under lock; none where there is no such project.
///
/// # Errors
/// When the primary does not answer.
pub async fn lock_status(unit: &Unit, id: ProjectId) -> Result<Option<ProjectStatus>, RecordsError> {
    let query = Entity::find_by_id(Text(id)).select_only().column(Column::Status).lock_exclusive();
    let status: Option<Text<ProjectStatus>> = query.into_tuple().one(unit).await?;
    Ok(status.map(|Text(status)| status))
}

/// The state of a milestone; none where there is no such milestone.
///
/// # Errors
/// When the primary does not answer.
pub async fn milestone_status(
    db: &impl ConnectionTrait,
    id: MilestoneId,
) -> Result<Option<MilestoneStatus>, RecordsError> {
    use project_milestones::{Column, Entity};
    let query = Entity::find().filter(Column::Id.eq(Text(id))).select_only().column(Column::Status);
    let status: Option<Text<MilestoneStatus>> = query.into_tuple().one(db).await?;
    Ok(status.map(|Text(status)| status))
}

/// Its skills and milestones are read for those only who see it.
async fn seen(db: &impl ConnectionTrait, viewer: &Viewer, row: Option<Model>) -> Result<Option<Project>, RecordsError> {
    let sees = |row: &Model| viewer.sees_project(row.client_id.0, row.freelancer_id.map(|Text(id)| id), row.status.0);
    let Some(row) = row.filter(sees) else { return Ok(None) };
    whole(db, row).await.map(Some)
}

async fn whole(db: &impl ConnectionTrait, row: Model) -> Result<Project, RecordsError> {
    let skills = project_skills::Entity::find()
        .filter(project_skills::Column::ProjectId.eq(row.id))
        .order_by_asc(project_skills::Column::Position)
        .all(db)
        .await?;
    let milestones = project_milestones::Entity::find()
        .filter(project_milestones::Column::ProjectId.eq(row.id))
        .order_by_asc(project_milestones::Column::Position)
        .all(db)
        .await?;
    Ok(project(row, skills, milestones))
}

/// Projects, newest first.
///
/// # Errors
/// When the primary does not answer.
pub async fn list(db: &impl ConnectionTrait, list: List<'_>) -> Result<Vec<Result<Project, OddRow>>, RecordsError> {
    let rows = each(db, query(&list), Column::Id).await?;
    let ids: Vec<Text<ProjectId>> = rows.iter().flatten().map(|row| row.id).collect();
    let skills = project_skills::Entity::find()
        .filter(project_skills::Column::ProjectId.is_in(ids.iter().copied()))
        .order_by_asc(project_skills::Column::Position);
    let mut skills = by_parent(db, skills, project_skills::Column::ProjectId).await?;
    let milestones = project_milestones::Entity::find()
        .filter(project_milestones::Column::ProjectId.is_in(ids))
        .order_by_asc(project_milestones::Column::Position);
    let mut milestones = by_parent(db, milestones, project_milestones::Column::ProjectId).await?;
    let mut with_children = |row: Model| {
        let id = row.id.to_string();
        let skills = skills.remove(&id).unwrap_or_else(|| Ok(Vec::new())).map_err(|value| value.within("skills"));
        let milestones =
            milestones.remove(&id).unwrap_or_else(|| Ok(Vec::new())).map_err(|value| value.within("milestones"));
        match (skills, milestones) {
            (Ok(skills), Ok(milestones)) => Ok(project(row, skills, milestones)),
            (Err(value), _) | (_, Err(value)) => Err(OddRow { id, value }),
        }
    };
    Ok(rows.into_iter().map(|row| row.and_then(&mut with_children)).collect())
}

/// Each reason to see a project is answered by an index of its own, and each state has its own place there.
fn query(list: &List<'_>) -> Select<Entity> {
    let in_state = |status: ProjectStatus| (Column::Status, Value::from(status.word()));
    let Visible::AnyOf(rules) = list.viewer.projects() else {
        return newest(&[Kind::of(list.status.map(in_state).into_iter().collect())], list.after, list.limit);
    };
    let parties: Vec<(Column, Value)> = rules.iter().filter_map(|rule| party(*rule)).collect();
    let wanted = ProjectStatus::ALL.iter().copied().filter(|is| list.status.is_none_or(|status| status == *is));
    let mut kinds: Vec<_> = wanted
        .flat_map(|status| match rules.contains(&ProjectRule::Status(status)) {
            true => vec![Kind::of(vec![in_state(status)])],
            false => parties.iter().map(|of| Kind::of(vec![of.clone(), in_state(status)])).collect(),
        })
        .collect();
    if list.status.is_none() {
        for of in &parties {
            kinds.extend(Kind::unknown(std::slice::from_ref(of), Column::Status, ProjectStatus::WORDS));
        }
    }
    newest(&kinds, list.after, list.limit)
}

fn party(rule: ProjectRule) -> Option<(Column, Value)> {
    match rule {
        ProjectRule::Status(_) => None,
        ProjectRule::Client(user) => Some((Column::ClientId, Text(user).into())),
        ProjectRule::Freelancer(user) => Some((Column::FreelancerId, Text(user).into())),
    }
}

/// Saves a new project, which has no milestones yet.
///
/// # Errors
/// When the primary does not answer.
pub async fn insert(unit: &mut Unit, new: Project) -> Result<Project, RecordsError> {
    let saved = unit.insert_with::<project_skills::Entity>(row(&new), skill_rows(&new)).await?;
    Ok(at_version(new, &saved))
}

/// Saves many new projects with their milestones, in few statements.
///
/// # Errors
/// When the primary does not answer.
pub async fn insert_many(unit: &mut Unit, new: &[Project]) -> Result<(), RecordsError> {
    let rows = new.iter().map(|project| row(project)).collect();
    let skills = new.iter().flat_map(|project| skill_rows(project)).collect();
    unit.insert_many_with::<project_skills::Entity>(rows, skills).await?;
    let milestones = new.iter().flat_map(|project| milestone_rows(project)).collect();
    unit.add_children::<project_milestones::Entity>(milestones).await
}

/// Saves what differs between a project as it was read and as it shall be.
///
/// # Errors
/// [`RecordsError::Changed`] when it is no longer as it was read.
pub async fn update(unit: &mut Unit, before: &Project, next: Project) -> Result<Project, RecordsError> {
    let (old, new) = (row(before), row(&next));
    let milestones = (before.milestones != next.milestones).then(|| milestone_rows(&next));
    let saved = if before.content.skills == next.content.skills {
        unit.update::<Entity>(&old, new).await?
    } else {
        unit.update_with::<project_skills::Entity>(&old, new, skill_rows(&next)).await?
    };
    if let Some(milestones) = milestones {
        unit.replace_children::<project_milestones::Entity>(&old.id.to_string(), milestones).await?;
    }
    Ok(at_version(next, &saved))
}

/// A project at the version and the moment that saving it has given to its row.
fn at_version(project: Project, saved: &Model) -> Project {
    let mut state = project.into_state();
    state.version = saved.version;
    state.updated_at = saved.updated_at;
    Project::stored(state)
}

fn row(project: &ProjectState) -> Model {
    let content = &project.content;
    Model {
        id: Text(project.id),
        version: project.version,
        client_id: Text(project.client_id),
        freelancer_id: project.freelancer_id.map(Text),
        title: content.title.clone(),
        description: content.description.clone(),
        status: Text(project.status),
        budget_minor: content.budget.map(|budget| budget.minor),
        budget_currency: content.budget.map(|budget| Text(budget.currency)),
        deadline: content.deadline.clone(),
        return_reason: project.return_reason.clone(),
        submitted_at: project.submitted_at,
        completed_at: project.completed_at,
        cancelled_at: project.cancelled_at,
        created_at: project.created_at,
        updated_at: project.updated_at,
    }
}

fn skill_rows(project: &ProjectState) -> Vec<project_skills::Model> {
    let row = |(skill, position): (&RequiredSkill, i64)| project_skills::Model {
        project_id: Text(project.id),
        position,
        skill_id: Text(skill.skill_id),
        name: skill.name.clone(),
    };
    project.content.skills.iter().zip(0..).map(row).collect()
}

fn milestone_rows(project: &ProjectState) -> Vec<project_milestones::Model> {
    let row = |(milestone, position): (&Milestone, i64)| project_milestones::Model {
        project_id: Text(project.id),
        position,
        id: Text(milestone.id),
        title: milestone.terms.title.clone(),
        description: milestone.terms.description.clone(),
        amount_minor: milestone.terms.amount.minor,
        currency: Text(milestone.terms.amount.currency),
        deadline: milestone.terms.deadline.clone(),
        status: Text(milestone.status),
        proposed_by: milestone.proposed_by.map(Text),
        replaces: milestone.replaces.map(Text),
        return_reason: milestone.return_reason.clone(),
        submitted_at: milestone.submitted_at,
        accepted_at: milestone.accepted_at,
    };
    project.milestones.iter().zip(0..).map(row).collect()
}

fn milestone(row: project_milestones::Model) -> Milestone {
    Milestone {
        id: row.id.0,
        terms: MilestoneTerms {
            title: row.title,
            description: row.description,
            amount: Money { minor: row.amount_minor, currency: row.currency.0 },
            deadline: row.deadline,
        },
        status: row.status.0,
        proposed_by: row.proposed_by.map(|Text(id)| id),
        replaces: row.replaces.map(|Text(id)| id),
        return_reason: row.return_reason,
        submitted_at: row.submitted_at,
        accepted_at: row.accepted_at,
    }
}

fn project(row: Model, skills: Vec<project_skills::Model>, milestones: Vec<project_milestones::Model>) -> Project {
    let skill = |row: project_skills::Model| RequiredSkill { skill_id: row.skill_id.0, name: row.name };
    let budget = row.budget_minor.zip(row.budget_currency);
    Project::stored(ProjectState {
        id: row.id.0,
        version: row.version,
        client_id: row.client_id.0,
        freelancer_id: row.freelancer_id.map(|id| id.0),
        content: Content {
            title: row.title,
            description: row.description,
            budget: budget.map(|(minor, Text(currency))| Money { minor, currency }),
            deadline: row.deadline,
            skills: skills.into_iter().map(skill).collect(),
        },
        milestones: milestones.into_iter().map(milestone).collect(),
        status: row.status.0,
        return_reason: row.return_reason,
        submitted_at: row.submitted_at,
        completed_at: row.completed_at,
        cancelled_at: row.cancelled_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}
