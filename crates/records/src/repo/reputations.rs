//! Reputations: the facts that they are computed from, and the rows that keep them.

use std::collections::HashMap;

use chainbill_domain::{
    Timestamp,
    id::{DisputeId, InvoiceId, ProjectId, ReputationId, UserId},
    money::{Currency, Money},
    reputation::{Completed, Facts, Lost, Parts, Released, Reviewed, Standing},
    states::{DisputeOutcome, DisputeStatus, ProjectStatus},
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use super::{reviews::scores, users};
use crate::{
    RecordsError, Text, Unit,
    entities::{
        disputes, invoices, projects,
        reputations::{Column, Entity, Model},
        reviews, users as accounts,
    },
};

/// A user's reputation as it was computed last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reputation {
    /// Its id.
    pub id: ReputationId,
    /// The version that it was read at; 0 before it is saved.
    pub version: i64,
    /// Whose.
    pub user_id: UserId,
    /// The result.
    pub standing: Standing,
    /// At which moment.
    pub computed_at: Timestamp,
    created_at: Timestamp,
}

/// A user's reputation.
///
/// # Errors
/// When the primary does not answer.
pub async fn find(db: &impl ConnectionTrait, user: UserId) -> Result<Option<Reputation>, RecordsError> {
    Ok(Entity::find().filter(Column::UserId.eq(Text(user))).one(db).await?.map(reputation))
}

/// A user's reputation under lock.
///
/// # Errors
/// When the primary does not answer.
pub async fn lock(unit: &Unit, user: UserId) -> Result<Option<Reputation>, RecordsError> {
    Ok(Entity::find().filter(Column::UserId.eq(Text(user))).lock_exclusive().one(unit).await?.map(reputation))
}

/// The standings that these users have, as they were computed last.
///
/// # Errors
/// When the primary does not answer.
pub async fn standings(db: &impl ConnectionTrait, users: &[UserId]) -> Result<HashMap<UserId, Standing>, RecordsError> {
    let rows = Entity::find().filter(Column::UserId.is_in(texts(users))).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.user_id.0, standing(&row))).collect())
}

/// Ids of users, ascending, after one of them.
///
/// # Errors
/// When the primary does not answer.
pub async fn people(db: &impl ConnectionTrait, after: Option<UserId>, limit: u64) -> Result<Vec<UserId>, RecordsError> {
    let mut query = accounts::Entity::find()
        .select_only()
        .column(accounts::Column::Id)
        .order_by_asc(accounts::Column::Id)
        .limit(limit);
    if let Some(after) = after {
        query = query.filter(accounts::Column::Id.gt(Text(after)));
    }
    let ids: Vec<Text<UserId>> = query.into_tuple().all(db).await?;
    Ok(ids.into_iter().map(|Text(id)| id).collect())
}

/// Saves a standing; none where it is the one that is kept.
///
/// # Errors
/// [`RecordsError::Raced`] when another unit adds the user's first at this moment.
pub async fn save(
    unit: &mut Unit,
    before: Option<&Reputation>,
    (id, user): (ReputationId, UserId),
    standing: Standing,
) -> Result<Option<Reputation>, RecordsError> {
    let now = unit.now();
    let saved = match before {
        Some(before) if before.standing == standing => return Ok(None),
        Some(before) => unit.update::<Entity>(&row(before), row(&Reputation { standing, ..before.clone() })).await?,
        None => {
            let new = Reputation { id, version: 0, user_id: user, standing, computed_at: now, created_at: now };
            unit.insert::<Entity>(row(&new)).await.map_err(RecordsError::raced)?
        }
    };
    Ok(Some(reputation(saved)))
}

/// The facts of these users, or those up to a moment. Users without facts are not among them.
///
/// # Errors
/// When the primary does not answer.
pub async fn facts(
    db: &impl ConnectionTrait,
    of: &[UserId],
    until: Option<Timestamp>,
) -> Result<HashMap<UserId, Facts>, RecordsError> {
    let mut facts: HashMap<UserId, Facts> = HashMap::new();
    if of.is_empty() {
        return Ok(facts);
    }
    reviewed(db, of, until, &mut facts).await?;
    for side in [projects::Column::ClientId, projects::Column::FreelancerId] {
        completed(db, side, of, until, &mut facts).await?;
    }
    for side in [invoices::Column::ClientId, invoices::Column::FreelancerId] {
        released(db, side, of, until, &mut facts).await?;
        lost(db, side, of, until, &mut facts).await?;
    }
    Ok(facts)
}

async fn reviewed(
    db: &impl ConnectionTrait,
    of: &[UserId],
    until: Option<Timestamp>,
    facts: &mut HashMap<UserId, Facts>,
) -> Result<(), RecordsError> {
    let rows = reviews::Entity::find()
        .filter(reviews::Column::RevieweeId.is_in(texts(of)))
        .filter(reviews::Column::VisibleAt.is_not_null())
        .all(db)
        .await?;
    for row in rows {
        let Some(at) = row.visible_at.filter(|at| is_until(*at, until)) else { continue };
        let scores = scores([row.quality, row.communication, row.timeliness, row.professionalism]);
        let scores = scores.map_err(RecordsError::Unreadable)?;
        let fact = Reviewed { review: row.id.0, project: row.project_id.0, scores, at };
        facts.entry(row.reviewee_id.0).or_default().reviews.push(fact);
    }
    Ok(())
}

/// Work is in time when it was submitted, or where that is not known accepted, until the end of the deadline's day at its client's, who
/// set the day.
async fn completed(
    db: &impl ConnectionTrait,
    side: projects::Column,
    of: &[UserId],
    until: Option<Timestamp>,
    facts: &mut HashMap<UserId, Facts>,
) -> Result<(), RecordsError> {
    use projects::Column;
    type Row = (Text<UserId>, Text<ProjectId>, Text<UserId>, Option<String>, Option<Timestamp>, Option<Timestamp>);
    let rows: Vec<Row> = projects::Entity::find()
        .select_only()
        .columns([side, Column::Id, Column::ClientId, Column::Deadline, Column::SubmittedAt, Column::CompletedAt])
        .filter(side.is_in(texts(of)))
        .filter(Column::Status.eq(ProjectStatus::Completed.word()))
        .into_tuple()
        .all(db)
        .await?;
    let mut clients: Vec<UserId> = rows.iter().map(|row| row.2.0).collect();
    clients.sort_unstable();
    clients.dedup();
    let zones = users::zones(db, &clients).await?;
    for (Text(user), Text(project), Text(client), deadline, submitted_at, completed_at) in rows {
        let Some(at) = completed_at.filter(|at| is_until(*at, until)) else { continue };
        let day = zones.get(&client).copied().unwrap_or_default().day(submitted_at.unwrap_or(at));
        let on_time = deadline.map(|deadline| day <= deadline);
        facts.entry(user).or_default().projects.push(Completed { project, on_time, at });
    }
    Ok(())
}

/// What the freelancer received outside of the platform is not among it: only one of the parties vouches for that.
async fn released(
    db: &impl ConnectionTrait,
    side: invoices::Column,
    of: &[UserId],
    until: Option<Timestamp>,
    facts: &mut HashMap<UserId, Facts>,
) -> Result<(), RecordsError> {
    use invoices::Column;
    type Row = (Text<UserId>, Text<InvoiceId>, i64, Text<Currency>, Option<Timestamp>, Option<Timestamp>);
    let rows: Vec<Row> = invoices::Entity::find()
        .select_only()
        .columns([side, Column::Id, Column::ReleasedMinor, Column::Currency, Column::ReleasedAt, Column::PaidAt])
        .filter(side.is_in(texts(of)))
        .filter(Column::ReleasedMinor.gt(0))
        .into_tuple()
        .all(db)
        .await?;
    for (Text(user), Text(invoice), minor, Text(currency), released_at, paid_at) in rows {
        let Some(at) = released_at.or(paid_at).filter(|at| is_until(*at, until)) else { continue };
        let fact = Released { invoice, amount: Money { minor, currency }, at };
        facts.entry(user).or_default().releases.push(fact);
    }
    Ok(())
}

/// Disputes that were carried out against this side of their invoice: for its opener, or against the opener. What may still be
/// appealed is no fact yet.
async fn lost(
    db: &impl ConnectionTrait,
    side: invoices::Column,
    of: &[UserId],
    until: Option<Timestamp>,
    facts: &mut HashMap<UserId, Facts>,
) -> Result<(), RecordsError> {
    use disputes::Column;
    type Row = (Text<UserId>, Text<DisputeId>, Text<UserId>, Option<String>, Option<Timestamp>, Timestamp);
    let rows: Vec<Row> = disputes::Entity::find()
        .select_only()
        .column(side)
        .columns([Column::Id, Column::OpenedBy, Column::Outcome, Column::ResolvedAt, Column::UpdatedAt])
        .join_rev(sea_orm::JoinType::InnerJoin, of_invoice())
        .filter(side.is_in(texts(of)))
        .filter(Column::Status.eq(DisputeStatus::Executed.word()))
        .into_tuple()
        .all(db)
        .await?;
    for (Text(user), Text(dispute), Text(opener), outcome, resolved_at, updated_at) in rows {
        let loses = match outcome.as_deref().map(str::parse) {
            Some(Ok(DisputeOutcome::For)) => user != opener,
            Some(Ok(DisputeOutcome::Against)) => user == opener,
            _ => false,
        };
        let at = resolved_at.unwrap_or(updated_at);
        if loses && is_until(at, until) {
            facts.entry(user).or_default().disputes.push(Lost { dispute, at });
        }
    }
    Ok(())
}

fn of_invoice() -> sea_orm::RelationDef {
    invoices::Entity::belongs_to(disputes::Entity).from(invoices::Column::Id).to(disputes::Column::InvoiceId).into()
}

fn is_until(at: Timestamp, until: Option<Timestamp>) -> bool {
    until.is_none_or(|until| at <= until)
}

fn texts(ids: &[UserId]) -> impl Iterator<Item = Text<UserId>> {
    ids.iter().copied().map(Text)
}

fn row(reputation: &Reputation) -> Model {
    let standing = &reputation.standing;
    Model {
        id: Text(reputation.id),
        version: reputation.version,
        user_id: Text(reputation.user_id),
        score: standing.score,
        average_rating_centi: standing.average_rating_centi,
        review_count: standing.review_count,
        on_time_bp: standing.on_time_bp,
        completed_projects: standing.completed_projects,
        disputes_lost: standing.disputes_lost,
        released_invoices: standing.released_invoices,
        reviews_part_bp: standing.parts.reviews,
        on_time_part_bp: standing.parts.on_time,
        volume_part_bp: standing.parts.volume,
        disputes_part_bp: standing.parts.disputes,
        created_at: reputation.created_at,
        updated_at: reputation.computed_at,
    }
}

fn standing(row: &Model) -> Standing {
    Standing {
        score: row.score,
        parts: Parts {
            reviews: row.reviews_part_bp,
            on_time: row.on_time_part_bp,
            volume: row.volume_part_bp,
            disputes: row.disputes_part_bp,
        },
        average_rating_centi: row.average_rating_centi,
        review_count: row.review_count,
        on_time_bp: row.on_time_bp,
        completed_projects: row.completed_projects,
        released_invoices: row.released_invoices,
        disputes_lost: row.disputes_lost,
    }
}

fn reputation(row: Model) -> Reputation {
    Reputation {
        id: row.id.0,
        version: row.version,
        user_id: row.user_id.0,
        standing: standing(&row),
        computed_at: row.updated_at,
        created_at: row.created_at,
    }
}
