//! Disputes with their evidence and votes.

mod rows;

use chainbill_domain::{
    Timestamp,
    dispute::Dispute,
    id::{DisputeId, InvoiceId, UserId},
    states::{DisputeStatus, Role},
    visibility::Viewer,
};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Select, sea_query::Query,
};

use self::rows::{dispute, evidence_rows, row, vote_rows};
use crate::{
    OddRow, RecordsError, Text, Unit, by_parent,
    dialect::moment,
    each,
    entities::{
        dispute_evidence, dispute_votes,
        disputes::{Column, Entity, Model},
    },
};

/// Which disputes.
#[derive(Debug, Clone, Copy)]
pub enum Of<'l> {
    /// Those of which the viewer is a party; all for operators.
    Party(&'l Viewer),
    /// Those that are voted on now, in which the user is no party and has not voted.
    OpenTo(UserId, Timestamp),
    /// Those on which the user has voted.
    VotedBy(UserId),
}

/// A page of disputes.
#[derive(Debug, Clone, Copy)]
pub struct List<'l> {
    /// Which.
    pub of: Of<'l>,
    /// Only those in this state.
    pub status: Option<DisputeStatus>,
    /// Only those that wait for an operator's decision.
    pub awaits_decision: bool,
    /// The id after which the page begins.
    pub after: Option<&'l str>,
    /// How many at most.
    pub limit: u64,
}

/// A dispute. Who sees it, and how much of it, is the caller's to judge.
///
/// # Errors
/// When the primary does not answer.
pub async fn find(db: &impl ConnectionTrait, id: DisputeId) -> Result<Option<Dispute>, RecordsError> {
    with_children(db, Entity::find_by_id(Text(id)).one(db).await?).await
}

/// A dispute under lock.
///
/// # Errors
/// When the primary does not answer.
pub async fn lock(unit: &Unit, id: DisputeId) -> Result<Option<Dispute>, RecordsError> {
    with_children(unit, Entity::find_by_id(Text(id)).lock_exclusive().one(unit).await?).await
}

/// The invoice of a dispute.
///
/// # Errors
/// When the primary does not answer.
pub async fn invoice_of(db: &impl ConnectionTrait, id: DisputeId) -> Result<Option<InvoiceId>, RecordsError> {
    let invoice: Option<Text<InvoiceId>> =
        Entity::find_by_id(Text(id)).select_only().column(Column::InvoiceId).into_tuple().one(db).await?;
    Ok(invoice.map(|Text(id)| id))
}

/// The active dispute over an invoice: it has frozen the invoice's money.
///
/// # Errors
/// When the primary does not answer.
pub async fn active(db: &impl ConnectionTrait, invoice: InvoiceId) -> Result<Option<DisputeId>, RecordsError> {
    let id: Option<Text<DisputeId>> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::ActiveInvoiceId.eq(Text(invoice)))
        .into_tuple()
        .one(db)
        .await?;
    Ok(id.map(|Text(id)| id))
}

async fn with_children(db: &impl ConnectionTrait, row: Option<Model>) -> Result<Option<Dispute>, RecordsError> {
    let Some(row) = row else { return Ok(None) };
    let evidence = evidence().filter(dispute_evidence::Column::DisputeId.eq(row.id)).all(db).await?;
    let votes = votes().filter(dispute_votes::Column::DisputeId.eq(row.id)).all(db).await?;
    Ok(Some(dispute(row, evidence, votes)))
}

fn evidence() -> Select<dispute_evidence::Entity> {
    dispute_evidence::Entity::find().order_by_asc(dispute_evidence::Column::Position)
}

fn votes() -> Select<dispute_votes::Entity> {
    dispute_votes::Entity::find().order_by_asc(dispute_votes::Column::Position)
}

/// Disputes, newest first.
///
/// # Errors
/// When the primary does not answer.
pub async fn list(db: &impl ConnectionTrait, list: List<'_>) -> Result<Vec<Result<Dispute, OddRow>>, RecordsError> {
    let rows = each(db, query(db, &list), Column::Id).await?;
    let ids = || rows.iter().flatten().map(|row| row.id);
    let evidence = evidence().filter(dispute_evidence::Column::DisputeId.is_in(ids()));
    let mut evidence = by_parent(db, evidence, dispute_evidence::Column::DisputeId).await?;
    let votes = votes().filter(dispute_votes::Column::DisputeId.is_in(ids()));
    let mut votes = by_parent(db, votes, dispute_votes::Column::DisputeId).await?;
    let mut with_children = |row: Model| {
        let id = row.id.to_string();
        let evidence = evidence.remove(&id).unwrap_or_else(|| Ok(Vec::new())).map_err(|value| value.within("evidence"));
        let votes = votes.remove(&id).unwrap_or_else(|| Ok(Vec::new())).map_err(|value| value.within("votes"));
        match (evidence, votes) {
            (Ok(evidence), Ok(votes)) => Ok(dispute(row, evidence, votes)),
            (Err(value), _) | (_, Err(value)) => Err(OddRow { id, value }),
        }
    };
    Ok(rows.into_iter().map(|row| row.and_then(&mut with_children)).collect())
}

fn query(db: &impl ConnectionTrait, list: &List<'_>) -> Select<Entity> {
    let voted = |user: UserId| {
        let mut query = Query::select();
        query.column(dispute_votes::Column::DisputeId).from(dispute_votes::Entity);
        query.and_where(dispute_votes::Column::VoterId.eq(Text(user)));
        query.take()
    };
    let mut rows = match list.of {
        Of::Party(viewer) => match viewer.role {
            Role::Admin => Entity::find(),
            Role::Client => Entity::find().filter(Column::ClientId.eq(Text(viewer.user_id))),
            Role::Freelancer => Entity::find().filter(Column::FreelancerId.eq(Text(viewer.user_id))),
        },
        Of::OpenTo(user, now) => Entity::find()
            .filter(Column::Status.eq(DisputeStatus::Voting.word()))
            .filter(Column::VoteUntil.gt(moment(db.get_database_backend(), now)))
            .filter(Column::ClientId.ne(Text(user)))
            .filter(Column::FreelancerId.ne(Text(user)))
            .filter(Column::Id.not_in_subquery(voted(user))),
        Of::VotedBy(user) => Entity::find().filter(Column::Id.in_subquery(voted(user))),
    };
    if let Some(status) = list.status {
        rows = rows.filter(Column::Status.eq(status.word()));
    }
    if list.awaits_decision {
        let appealed = Condition::all().add(Column::AppealedAt.is_not_null()).add(Column::AppealDecidedAt.is_null());
        let undecided = Condition::any().add(Column::ToClientMinor.is_null()).add(appealed);
        rows = rows.filter(Column::Status.eq(DisputeStatus::Resolved.word())).filter(undecided);
    }
    if let Some(after) = list.after {
        rows = rows.filter(Column::Id.lt(after));
    }
    rows.order_by_desc(Column::Id).limit(list.limit)
}

/// Saves a new dispute.
///
/// # Errors
/// [`RecordsError::Duplicate`] when its invoice has an active one.
pub async fn insert(unit: &mut Unit, new: Dispute) -> Result<Dispute, RecordsError> {
    let saved = unit.insert_with::<dispute_evidence::Entity>(row(&new), evidence_rows(&new, 0)).await?;
    Ok(Dispute { version: saved.version, ..new })
}

/// Saves many new disputes as they stand, with their evidence and votes.
///
/// # Errors
/// When the primary does not answer.
pub async fn insert_many(unit: &mut Unit, new: &[Dispute]) -> Result<(), RecordsError> {
    let evidence = new.iter().flat_map(|dispute| evidence_rows(dispute, 0)).collect();
    let votes = new.iter().flat_map(|dispute| vote_rows(dispute, 0)).collect();
    unit.insert_many_with::<dispute_evidence::Entity>(new.iter().map(row).collect(), evidence).await?;
    unit.add_children::<dispute_votes::Entity>(votes).await
}

/// Saves what differs. Evidence and votes are only ever added.
///
/// # Errors
/// [`RecordsError::Changed`] when it is no longer as it was read.
pub async fn update(unit: &mut Unit, before: &Dispute, next: Dispute) -> Result<Dispute, RecordsError> {
    let is_vote = next.votes.len() > before.votes.len();
    let next = Dispute { changes: before.changes + i64::from(!is_vote), ..next };
    let (old, new) = (row(before), row(&next));
    let saved = if is_vote {
        let votes = vote_rows(&next, before.votes.len());
        unit.update_adding::<dispute_votes::Entity>(&old, new, votes).await?
    } else {
        let evidence = evidence_rows(&next, before.evidence.len());
        unit.update_adding::<dispute_evidence::Entity>(&old, new, evidence).await?
    };
    Ok(Dispute { version: saved.version, updated_at: saved.updated_at, ..next })
}
