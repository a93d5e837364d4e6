//! The skill catalogue, with the other names of its entries.

use chainbill_domain::{
    id::{ProjectId, SkillId, UserId},
    skill, text,
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _},
};

use super::users;
use crate::{
    OddRow, RecordsError, Text, Unit, by_parent, each,
    entities::{
        project_skills, projects,
        skill_aliases::{self, Model as Alias},
        skills::{Column, Entity, Model},
        user_skills,
    },
};

/// An entry and its other names.
pub type WithAliases = (Model, Vec<Alias>);

/// Which entries.
#[derive(Debug, Clone, Copy, Default)]
pub struct List<'l> {
    /// Only of this category.
    pub category: Option<&'l str>,
    /// Only those that an operator looked at, or did not look at.
    pub verified: Option<bool>,
    /// The id after which the page begins.
    pub after: Option<&'l str>,
    /// How many at most.
    pub limit: u64,
}

/// An entry of the catalogue.
///
/// # Errors
/// When the primary does not answer.
pub async fn find(db: &impl ConnectionTrait, id: SkillId) -> Result<Option<WithAliases>, RecordsError> {
    let Some(row) = Entity::find_by_id(Text(id)).one(db).await? else { return Ok(None) };
    let aliases = aliases_of(id).all(db).await?;
    Ok(Some((row, aliases)))
}

/// An entry of the catalogue under lock.
///
/// # Errors
/// When the primary does not answer.
pub async fn lock(unit: &Unit, id: SkillId) -> Result<Option<WithAliases>, RecordsError> {
    let Some(row) = Entity::find_by_id(Text(id)).lock_exclusive().one(unit).await? else { return Ok(None) };
    let aliases = aliases_of(id).lock_exclusive().all(unit).await?;
    Ok(Some((row, aliases)))
}

fn aliases_of(id: SkillId) -> sea_orm::Select<skill_aliases::Entity> {
    skill_aliases::Entity::find()
        .filter(skill_aliases::Column::SkillId.eq(Text(id)))
        .order_by_asc(skill_aliases::Column::Position)
}

/// The entry that has this name, or had it before it became another one.
///
/// # Errors
/// When the primary does not answer.
pub async fn of_name(db: &impl ConnectionTrait, name: &str) -> Result<Option<WithAliases>, RecordsError> {
    let key = text::name_key(name);
    if let Some(row) = Entity::find().filter(Column::NameKey.eq(&key)).one(db).await? {
        let aliases = aliases_of(row.id.0).all(db).await?;
        return Ok(Some((row, aliases)));
    }
    let alias = skill_aliases::Entity::find().filter(skill_aliases::Column::NameKey.eq(&key)).one(db).await?;
    match alias {
        Some(alias) => find(db, alias.skill_id.0).await,
        None => Ok(None),
    }
}

/// The entry of which this is another name, under lock, which also keeps others from giving the name away.
///
/// # Errors
/// When the primary does not answer.
pub async fn lock_alias(unit: &Unit, name: &str) -> Result<Option<SkillId>, RecordsError> {
    let alias = skill_aliases::Entity::find()
        .filter(skill_aliases::Column::NameKey.eq(text::name_key(name)))
        .lock_exclusive()
        .one(unit)
        .await?;
    Ok(alias.map(|alias| alias.skill_id.0))
}

/// The catalogue, newest first.
///
/// # Errors
/// When the primary does not answer.
pub async fn page(db: &impl ConnectionTrait, list: List<'_>) -> Result<Vec<Result<WithAliases, OddRow>>, RecordsError> {
    let mut query = Entity::find().order_by_desc(Column::Id).limit(list.limit);
    if let Some(category) = list.category {
        query = query.filter(Column::Category.eq(category));
    }
    if let Some(verified) = list.verified {
        query = query.filter(Column::Verified.eq(verified));
    }
    if let Some(after) = list.after {
        query = query.filter(Column::Id.lt(after));
    }
    let rows = each(db, query, Column::Id).await?;
    let aliases = skill_aliases::Entity::find()
        .filter(skill_aliases::Column::SkillId.is_in(rows.iter().flatten().map(|row| row.id)))
        .order_by_asc(skill_aliases::Column::SkillId)
        .order_by_asc(skill_aliases::Column::Position);
    let mut aliases = by_parent(db, aliases, skill_aliases::Column::SkillId).await?;
    let mut with_aliases = |row: Model| {
        let id = row.id.to_string();
        match aliases.remove(&id).unwrap_or_else(|| Ok(Vec::new())) {
            Ok(aliases) => Ok((row, aliases)),
            Err(value) => Err(OddRow { id, value: value.within("aliases") }),
        }
    };
    Ok(rows.into_iter().map(|row| row.and_then(&mut with_aliases)).collect())
}

/// The categories with the number of their entries, in the order of their names.
///
/// # Errors
/// When the primary does not answer.
pub async fn categories(db: &impl ConnectionTrait) -> Result<Vec<(String, i64)>, RecordsError> {
    let rows = Entity::find()
        .select_only()
        .column(Column::Category)
        .column_as(Column::Id.count(), "entries")
        .group_by(Column::Category)
        .order_by_asc(Column::Category);
    Ok(rows.into_tuple().all(db).await?)
}

/// The keys of all names in the catalogue, with the stored ids of their entries.
///
/// # Errors
/// When the primary does not answer.
pub async fn keys(db: &impl ConnectionTrait) -> Result<Vec<(String, String)>, RecordsError> {
    Ok(Entity::find().select_only().columns([Column::NameKey, Column::Id]).into_tuple().all(db).await?)
}

/// The entries of these names, which stay as they are until the unit ends. One that is missing is added as `new` makes it.
///
/// # Errors
/// [`RecordsError::Raced`] when another unit adds one of them at this moment.
pub async fn named(
    unit: &mut Unit,
    names: &[String],
    new: impl Fn(&Unit, &str) -> Model,
) -> Result<Vec<Model>, RecordsError> {
    let mut found: Vec<Model> = Vec::with_capacity(names.len());
    for name in names {
        let known = Entity::find().filter(Column::NameKey.eq(text::name_key(name))).lock_shared().one(&*unit).await?;
        let known = match known {
            Some(row) => Some(row),
            None => match lock_alias(unit, name).await? {
                Some(id) => Entity::find_by_id(Text(id)).lock_shared().one(&*unit).await?,
                None => None,
            },
        };
        let row = match known {
            Some(row) => row,
            None => {
                let row = new(unit, name);
                unit.insert::<Entity>(row).await.map_err(RecordsError::raced)?
            }
        };
        // A name and another name of the same entry.
        if !found.iter().any(|known| known.id == row.id) {
            found.push(row);
        }
    }
    Ok(found)
}

/// Saves an entry, with the name that it had before as another name of it.
///
/// # Errors
/// [`RecordsError::Duplicate`] when the name is taken.
pub async fn update(
    unit: &mut Unit,
    (before, mut aliases): WithAliases,
    after: Model,
) -> Result<WithAliases, RecordsError> {
    if before.name_key != after.name_key {
        aliases.retain(|alias| alias.name_key != after.name_key);
        aliases.push(alias(&before));
    }
    let aliases = numbered(after.id, aliases);
    let saved = unit.update_with::<skill_aliases::Entity>(&before, after, aliases.clone()).await?;
    Ok((saved, aliases))
}

/// Ends an entry: its names become other names of another one.
///
/// # Errors
/// [`RecordsError::Changed`] when one of them is no longer as it was read.
pub async fn merge(
    unit: &mut Unit,
    (from, names): WithAliases,
    (into, mut aliases): WithAliases,
) -> Result<WithAliases, RecordsError> {
    unit.delete_with::<skill_aliases::Entity>(&from).await?;
    aliases.extend(names);
    aliases.push(alias(&from));
    let aliases = numbered(into.id, aliases);
    let saved = unit.update_with::<skill_aliases::Entity>(&into, into.clone(), aliases.clone()).await?;
    Ok((saved, aliases))
}

fn alias(of: &Model) -> Alias {
    Alias { skill_id: of.id, position: 0, name: of.name.clone(), name_key: of.name_key.clone() }
}

fn numbered(skill_id: Text<SkillId>, aliases: Vec<Alias>) -> Vec<Alias> {
    aliases.into_iter().zip(0..).map(|(alias, position)| Alias { skill_id, position, ..alias }).collect()
}

/// How many rows name a skill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moved {
    /// Users who have it.
    pub users: u64,
    /// Projects that ask for it.
    pub projects: u64,
}

/// Gives all users who have a skill and all projects that ask for it another one, or the same under another name; none has it twice.
/// Both entries are under lock.
///
/// # Errors
/// When the primary does not answer.
pub async fn move_holders(unit: &mut Unit, from: SkillId, into: (SkillId, &str)) -> Result<Moved, RecordsError> {
    let mut moved = Moved::default();
    for id in holders(unit, from).await? {
        let Some(user) = users::lock(unit, id).await? else { continue };
        let skills = users::lock_skills(unit, id).await?;
        let skills = skill::renamed(skills.into_iter().map(users::user_skill).collect(), from, into);
        unit.update_with::<user_skills::Entity>(&user, user.clone(), users::skill_rows(id, skills)).await?;
        moved.users += 1;
    }
    for id in projects_with(unit, from).await? {
        let Some(project) = projects::Entity::find_by_id(Text(id)).lock_exclusive().one(&*unit).await? else {
            continue;
        };
        let rows = project_skills::Entity::find()
            .filter(project_skills::Column::ProjectId.eq(Text(id)))
            .order_by_asc(project_skills::Column::Position)
            .lock_exclusive()
            .all(&*unit)
            .await?;
        let rows = asked(rows, from, into);
        unit.update_with::<project_skills::Entity>(&project, project.clone(), rows).await?;
        moved.projects += 1;
    }
    Ok(moved)
}

fn asked(rows: Vec<project_skills::Model>, from: SkillId, (into, name): (SkillId, &str)) -> Vec<project_skills::Model> {
    let mut kept: Vec<project_skills::Model> = Vec::with_capacity(rows.len());
    for mut row in rows {
        if row.skill_id.0 == from || row.skill_id.0 == into {
            (row.skill_id, row.name) = (Text(into), name.to_owned());
        }
        if !kept.iter().any(|known| known.skill_id == row.skill_id) {
            row.position = i64::try_from(kept.len()).unwrap_or(i64::MAX);
            kept.push(row);
        }
    }
    kept
}

/// In the order of their ids, as everyone locks several.
async fn holders(unit: &Unit, skill: SkillId) -> Result<Vec<UserId>, RecordsError> {
    let ids: Vec<Text<UserId>> = user_skills::Entity::find()
        .select_only()
        .column(user_skills::Column::UserId)
        .filter(Expr::col(user_skills::Column::SkillId).eq(Text(skill)))
        .order_by_asc(user_skills::Column::UserId)
        .lock_exclusive()
        .into_tuple()
        .all(unit)
        .await?;
    Ok(ids.into_iter().map(|Text(id)| id).collect())
}

async fn projects_with(unit: &Unit, skill: SkillId) -> Result<Vec<ProjectId>, RecordsError> {
    let ids: Vec<Text<ProjectId>> = project_skills::Entity::find()
        .select_only()
        .column(project_skills::Column::ProjectId)
        .filter(Expr::col(project_skills::Column::SkillId).eq(Text(skill)))
        .order_by_asc(project_skills::Column::ProjectId)
        .lock_exclusive()
        .into_tuple()
        .all(unit)
        .await?;
    Ok(ids.into_iter().map(|Text(id)| id).collect())
}
