//! Evidence of users' skills.

use chainbill_domain::{
    id::{SkillId, SkillVerificationId, UserId},
    skill::{Evidence, Verification},
    states::VerificationStatus,
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _},
};

use crate::{
    OddRow, RecordsError, Text, Unit, Unreadable, each,
    entities::skill_verifications::{Column, Entity, Model},
};

/// Which verifications.
#[derive(Debug, Clone, Copy, Default)]
pub struct List<'l> {
    /// Only of this user.
    pub user: Option<UserId>,
    /// Only of this skill.
    pub skill: Option<SkillId>,
    /// Only in this state.
    pub status: Option<VerificationStatus>,
    /// The id after which the page begins.
    pub after: Option<&'l str>,
    /// How many at most.
    pub limit: u64,
}

/// A verification.
///
/// # Errors
/// When the primary does not answer.
pub async fn find(db: &impl ConnectionTrait, id: SkillVerificationId) -> Result<Option<Verification>, RecordsError> {
    let row = Entity::find_by_id(Text(id)).one(db).await?;
    row.map(verification).transpose().map_err(RecordsError::Unreadable)
}

/// A verification under lock.
///
/// # Errors
/// When the primary does not answer.
pub async fn lock(unit: &Unit, id: SkillVerificationId) -> Result<Option<Verification>, RecordsError> {
    let row = Entity::find_by_id(Text(id)).lock_exclusive().one(unit).await?;
    row.map(verification).transpose().map_err(RecordsError::Unreadable)
}

/// The verification of a user's skill that waits, under lock.
///
/// # Errors
/// When the primary does not answer.
pub async fn lock_pending(
    unit: &Unit,
    user: UserId,
    skill: SkillId,
) -> Result<Option<SkillVerificationId>, RecordsError> {
    let row = Entity::find()
        .filter(Column::UserId.eq(Text(user)))
        .filter(Column::SkillId.eq(Text(skill)))
        .filter(Column::Status.eq(VerificationStatus::Pending.word()))
        .lock_exclusive()
        .one(unit)
        .await?;
    Ok(row.map(|row| row.id.0))
}

/// Verifications, newest first.
///
/// # Errors
/// When the primary does not answer.
pub async fn list(
    db: &impl ConnectionTrait,
    list: List<'_>,
) -> Result<Vec<Result<Verification, OddRow>>, RecordsError> {
    let mut query = Entity::find().order_by_desc(Column::Id).limit(list.limit);
    if let Some(user) = list.user {
        query = query.filter(Column::UserId.eq(Text(user)));
    }
    if let Some(skill) = list.skill {
        query = query.filter(Column::SkillId.eq(Text(skill)));
    }
    if let Some(status) = list.status {
        query = query.filter(Column::Status.eq(status.word()));
    }
    if let Some(after) = list.after {
        query = query.filter(Column::Id.lt(after));
    }
    let readable = |row: Result<Model, OddRow>| {
        let row = row?;
        let id = row.id.to_string();
        verification(row).map_err(|value| OddRow { id, value })
    };
    Ok(each(db, query, Column::Id).await?.into_iter().map(readable).collect())
}

/// Saves a new verification.
///
/// # Errors
/// When the primary does not answer.
pub async fn insert(unit: &mut Unit, new: Verification) -> Result<Verification, RecordsError> {
    let new = Verification { version: 1, ..new };
    unit.add::<Entity>(row(&new)).await?;
    Ok(new)
}

/// Saves what differs.
///
/// # Errors
/// [`RecordsError::Changed`] when it is no longer as it was read.
pub async fn update(unit: &mut Unit, before: &Verification, next: Verification) -> Result<Verification, RecordsError> {
    let saved = unit.amend::<Entity>(&row(before), row(&next)).await?;
    Ok(Verification { version: saved.version, updated_at: saved.updated_at, ..next })
}

/// Makes all verifications of a skill those of another one.
///
/// # Errors
/// When the primary does not answer.
pub async fn move_all(unit: &mut Unit, from: SkillId, into: SkillId) -> Result<(), RecordsError> {
    let statement = Entity::update_many()
        .col_expr(Column::SkillId, Expr::value(Text(into)))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::SkillId.eq(Text(from)));
    unit.save(&statement).await?;
    Ok(())
}

fn row(verification: &Verification) -> Model {
    Model {
        id: Text(verification.id),
        version: verification.version,
        user_id: Text(verification.user_id),
        skill_id: Text(verification.skill_id),
        level: Text(verification.level),
        links: serde_json::json!(verification.evidence.links).to_string(),
        evidence: verification.evidence.text.clone(),
        status: Text(verification.status),
        reason: verification.reason.clone(),
        decided_by: verification.decided_by.map(Text),
        decided_at: verification.decided_at,
        created_at: verification.created_at,
        updated_at: verification.updated_at,
    }
}

fn verification(row: Model) -> Result<Verification, Unreadable> {
    let odd = |error: serde_json::Error| Unreadable { column: "links".to_owned(), cause: error.to_string() };
    Ok(Verification {
        id: row.id.0,
        version: row.version,
        user_id: row.user_id.0,
        skill_id: row.skill_id.0,
        level: row.level.0,
        evidence: Evidence { links: serde_json::from_str(&row.links).map_err(odd)?, text: row.evidence },
        status: row.status.0,
        reason: row.reason,
        decided_by: row.decided_by.map(|id| id.0),
        decided_at: row.decided_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}
