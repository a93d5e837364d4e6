//! Reviews.

use chainbill_domain::{
    id::{ProjectId, ReviewId, UserId},
    review::{Content, Review, Scores},
    visibility::Viewer,
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use crate::{
    OddRow, RecordsError, Text, Unit, Unreadable, each,
    entities::reviews::{Column, Entity, Model},
};

/// A review, if the viewer sees it.
///
/// # Errors
/// When the primary does not answer.
pub async fn find(db: &impl ConnectionTrait, viewer: &Viewer, id: ReviewId) -> Result<Option<Review>, RecordsError> {
    let row = Entity::find_by_id(Text(id)).one(db).await?;
    let review = row.map(review).transpose().map_err(RecordsError::Unreadable)?;
    Ok(review.filter(|review| review.is_seen_by(viewer)))
}

/// The reviews of a project under lock, which serialises those who write them: hold the project's lock before.
///
/// # Errors
/// When the primary does not answer.
pub async fn lock_of_project(unit: &Unit, project: ProjectId) -> Result<Vec<Review>, RecordsError> {
    let rows = Entity::find()
        .filter(Column::ProjectId.eq(Text(project)))
        .order_by_asc(Column::Id)
        .lock_exclusive()
        .all(unit)
        .await?;
    rows.into_iter().map(review).collect::<Result<_, _>>().map_err(RecordsError::Unreadable)
}

/// The reviews of a project, the earliest first: at most two.
///
/// # Errors
/// When the primary does not answer.
pub async fn of_project(
    db: &impl ConnectionTrait,
    project: ProjectId,
) -> Result<Vec<Result<Review, OddRow>>, RecordsError> {
    let rows =
        each(db, Entity::find().filter(Column::ProjectId.eq(Text(project))).order_by_asc(Column::Id), Column::Id);
    Ok(rows.await?.into_iter().map(readable).collect())
}

/// Visible reviews that a user received, newest first, after the id of an earlier page.
///
/// # Errors
/// When the primary does not answer.
pub async fn received(
    db: &impl ConnectionTrait,
    user: UserId,
    after: Option<&str>,
    limit: u64,
) -> Result<Vec<Result<Review, OddRow>>, RecordsError> {
    let mut query = Entity::find()
        .filter(Column::RevieweeId.eq(Text(user)))
        .filter(Column::VisibleAt.is_not_null())
        .order_by_desc(Column::Id)
        .limit(limit);
    if let Some(after) = after {
        query = query.filter(Column::Id.lt(after));
    }
    Ok(each(db, query, Column::Id).await?.into_iter().map(readable).collect())
}

/// Saves a new review.
///
/// # Errors
/// [`RecordsError::Raced`] when another unit adds one of this direction at this moment.
pub async fn insert(unit: &mut Unit, new: Review) -> Result<Review, RecordsError> {
    let saved = unit.insert::<Entity>(row(&new)).await.map_err(RecordsError::raced)?;
    Ok(Review { version: saved.version, ..new })
}

/// Saves what differs.
///
/// # Errors
/// [`RecordsError::Changed`] when it is no longer as it was read.
pub async fn update(unit: &mut Unit, before: &Review, next: Review) -> Result<Review, RecordsError> {
    let saved = unit.update::<Entity>(&row(before), row(&next)).await?;
    Ok(Review { version: saved.version, updated_at: saved.updated_at, ..next })
}

fn row(review: &Review) -> Model {
    let Scores { quality, communication, timeliness, professionalism } = review.content.scores;
    Model {
        id: Text(review.id),
        version: review.version,
        project_id: Text(review.project_id),
        reviewer_id: Text(review.reviewer_id),
        reviewee_id: Text(review.reviewee_id),
        quality: quality.into(),
        communication: communication.into(),
        timeliness: timeliness.into(),
        professionalism: professionalism.into(),
        comment: review.content.comment.clone(),
        visible_at: review.visible_at,
        created_at: review.created_at,
        updated_at: review.updated_at,
    }
}

fn readable(row: Result<Model, OddRow>) -> Result<Review, OddRow> {
    let row = row?;
    let id = row.id.to_string();
    review(row).map_err(|value| OddRow { id, value })
}

fn review(row: Model) -> Result<Review, Unreadable> {
    let scores = scores([row.quality, row.communication, row.timeliness, row.professionalism])?;
    Ok(Review {
        id: row.id.0,
        version: row.version,
        project_id: row.project_id.0,
        reviewer_id: row.reviewer_id.0,
        reviewee_id: row.reviewee_id.0,
        content: Content { scores, comment: row.comment },
        visible_at: row.visible_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// Scores as they are stored, in the order of their columns.
pub(super) fn scores([quality, communication, timeliness, professionalism]: [i64; 4]) -> Result<Scores, Unreadable> {
    let score = |column: &str, value: i64| {
        let score = u8::try_from(value).ok().filter(|score| chainbill_domain::review::SCORES.contains(score));
        score.ok_or_else(|| Unreadable { column: column.to_owned(), cause: format!("{value} is no score") })
    };
    Ok(Scores {
        quality: score("quality", quality)?,
        communication: score("communication", communication)?,
        timeliness: score("timeliness", timeliness)?,
        professionalism: score("professionalism", professionalism)?,
    })
}
