//! Users with their skills, and their time zones.

use std::collections::HashMap;

use chainbill_domain::{id::UserId, skill::UserSkill, zone::Zone};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use crate::{
    OddRow, RecordsError, Text, Unit, by_parent, each,
    entities::{
        user_skills,
        users::{Column, Entity, Model},
    },
};

/// A user and the user's skills.
pub type WithSkills = (Model, Vec<user_skills::Model>);

/// A user.
///
/// # Errors
/// When the primary does not answer.
pub async fn find(db: &impl ConnectionTrait, id: UserId) -> Result<Option<Model>, RecordsError> {
    Ok(Entity::find_by_id(Text(id)).one(db).await?)
}

/// A user under lock.
///
/// # Errors
/// When the primary does not answer.
pub async fn lock(unit: &Unit, id: UserId) -> Result<Option<Model>, RecordsError> {
    Ok(Entity::find_by_id(Text(id)).lock_exclusive().one(unit).await?)
}

/// The skills of a user in their order.
///
/// # Errors
/// When the primary does not answer.
pub async fn skills(db: &impl ConnectionTrait, id: UserId) -> Result<Vec<user_skills::Model>, RecordsError> {
    let skills = user_skills::Entity::find()
        .filter(user_skills::Column::UserId.eq(Text(id)))
        .order_by_asc(user_skills::Column::Position);
    Ok(skills.all(db).await?)
}

/// The skills of a user in their order, under lock: hold the user's lock before.
///
/// # Errors
/// When the primary does not answer.
pub async fn lock_skills(unit: &Unit, id: UserId) -> Result<Vec<user_skills::Model>, RecordsError> {
    let skills = user_skills::Entity::find()
        .filter(user_skills::Column::UserId.eq(Text(id)))
        .order_by_asc(user_skills::Column::Position);
    Ok(skills.lock_exclusive().all(unit).await?)
}

/// A skill of a user, in the domain's terms.
#[must_use]
pub fn user_skill(row: user_skills::Model) -> UserSkill {
    UserSkill {
        skill_id: row.skill_id.0,
        name: row.name,
        level: row.level.0,
        years: row.years,
        verified_level: row.verified_level.map(|Text(level)| level),
    }
}

/// The rows of a user's skills.
#[must_use]
pub fn skill_rows(user: UserId, skills: Vec<UserSkill>) -> Vec<user_skills::Model> {
    let row = |(skill, position): (UserSkill, i64)| user_skills::Model {
        user_id: Text(user),
        position,
        skill_id: Text(skill.skill_id),
        name: skill.name,
        level: Text(skill.level),
        years: skill.years,
        verified_level: skill.verified_level.map(Text),
    };
    skills.into_iter().zip(0..).map(row).collect()
}

/// Users, newest first, after the id of an earlier page.
///
/// # Errors
/// When the primary does not answer.
pub async fn page(
    db: &impl ConnectionTrait,
    after: Option<&str>,
    limit: u64,
) -> Result<Vec<Result<WithSkills, OddRow>>, RecordsError> {
    let mut query = Entity::find().order_by_desc(Column::Id).limit(limit);
    if let Some(after) = after {
        query = query.filter(Column::Id.lt(after));
    }
    let rows = each(db, query, Column::Id).await?;
    let skills = user_skills::Entity::find()
        .filter(user_skills::Column::UserId.is_in(rows.iter().flatten().map(|row| row.id)))
        .order_by_asc(user_skills::Column::UserId)
        .order_by_asc(user_skills::Column::Position);
    let mut skills = by_parent(db, skills, user_skills::Column::UserId).await?;
    let mut with_skills = |row: Model| {
        let id = row.id.to_string();
        match skills.remove(&id).unwrap_or_else(|| Ok(Vec::new())) {
            Ok(skills) => Ok((row, skills)),
            Err(value) => Err(OddRow { id, value: value.within("skills") }),
        }
    };
    Ok(rows.into_iter().map(|row| row.and_then(&mut with_skills)).collect())
}

/// The time zones of these users; those who have chosen none are in UTC.
///
/// # Errors
/// When the primary does not answer.
pub async fn zones(db: &impl ConnectionTrait, ids: &[UserId]) -> Result<HashMap<UserId, Zone>, RecordsError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(Text<UserId>, Option<String>)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::TimeZone])
        .filter(Column::Id.is_in(ids.iter().copied().map(Text)))
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|(Text(id), zone)| (id, Zone::stored(zone.as_deref()))).collect())
}

/// The names of these users.
///
/// # Errors
/// When the primary does not answer.
pub async fn names(db: &impl ConnectionTrait, ids: &[UserId]) -> Result<HashMap<UserId, String>, RecordsError> {
    let rows: Vec<(Text<UserId>, String)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::Name])
        .filter(Column::Id.is_in(ids.iter().copied().map(Text)))
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|(Text(id), name)| (id, name)).collect())
}
