//! Applications for projects, and invitations to them.

use chainbill_domain::{
    Timestamp,
    id::{ProjectId, ProposalId, UserId},
    money::{Currency, Money},
    proposal::{Proposal, Terms},
    states::{ProposalKind, ProposalStatus, Role},
    visibility::Viewer,
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _},
};

use crate::{
    OddRow, RecordsError, Text, Unit, each,
    entities::proposals::{Column, Entity, Model},
};

/// Which proposals, of those that the viewer is a party of.
#[derive(Debug, Clone, Copy)]
pub struct List<'l> {
    /// Who wants to see them.
    pub viewer: &'l Viewer,
    /// Only those of this project.
    pub project: Option<ProjectId>,
    /// Only those of this kind.
    pub kind: Option<ProposalKind>,
    /// Only those in this state.
    pub status: Option<ProposalStatus>,
    /// The id after which the page begins.
    pub after: Option<&'l str>,
    /// How many at most.
    pub limit: u64,
}

/// A proposal, if the viewer is a party of it, or an operator.
///
/// # Errors
/// When the primary does not answer.
pub async fn find(
    db: &impl ConnectionTrait,
    viewer: &Viewer,
    id: ProposalId,
) -> Result<Option<Proposal>, RecordsError> {
    Ok(Entity::find_by_id(Text(id)).one(db).await?.map(proposal).filter(|proposal| sees(viewer, proposal)))
}

/// A proposal under lock, if the viewer is a party of it, or an operator. Its project is locked first.
///
/// # Errors
/// When the primary does not answer.
pub async fn lock(unit: &Unit, viewer: &Viewer, id: ProposalId) -> Result<Option<Proposal>, RecordsError> {
    let row = Entity::find_by_id(Text(id)).lock_exclusive().one(unit).await?;
    Ok(row.map(proposal).filter(|proposal| sees(viewer, proposal)))
}

fn sees(viewer: &Viewer, proposal: &Proposal) -> bool {
    viewer.sees_proposal(proposal.freelancer_id, proposal.client_id)
}

/// The open proposal between a project's client and a freelancer, under lock.
///
/// # Errors
/// When the primary does not answer.
pub async fn lock_open(unit: &Unit, project: ProjectId, freelancer: UserId) -> Result<Option<Proposal>, RecordsError> {
    let open = Entity::find()
        .filter(Column::ProjectId.eq(Text(project)))
        .filter(Column::OpenFreelancerId.eq(Text(freelancer)))
        .lock_exclusive();
    Ok(open.one(unit).await?.map(proposal))
}

/// Proposals, newest first.
///
/// # Errors
/// When the primary does not answer.
pub async fn list(db: &impl ConnectionTrait, list: List<'_>) -> Result<Vec<Result<Proposal, OddRow>>, RecordsError> {
    let mut query = Entity::find();
    let own = Text(list.viewer.user_id);
    match list.viewer.role {
        Role::Admin => {}
        Role::Client => query = query.filter(Column::ClientId.eq(own)),
        Role::Freelancer => query = query.filter(Column::FreelancerId.eq(own)),
    }
    if let Some(project) = list.project {
        query = query.filter(Column::ProjectId.eq(Text(project)));
    }
    if let Some(kind) = list.kind {
        query = query.filter(Column::Kind.eq(kind.word()));
    }
    if let Some(status) = list.status {
        query = query.filter(Column::Status.eq(status.word()));
    }
    if let Some(after) = list.after {
        query = query.filter(Column::Id.lt(after));
    }
    let rows = each(db, query.order_by_desc(Column::Id).limit(list.limit), Column::Id).await?;
    Ok(rows.into_iter().map(|row| row.map(proposal)).collect())
}

/// Saves many new proposals, in few statements.
///
/// # Errors
/// When the primary does not answer.
pub async fn add_many(unit: &mut Unit, new: &[Proposal]) -> Result<(), RecordsError> {
    unit.add_many::<Entity>(new.iter().map(|proposal| row(&Proposal { version: 1, ..proposal.clone() })).collect())
        .await
}

/// Saves a new proposal.
///
/// # Errors
/// [`RecordsError::Duplicate`] when there is an open one of the same project and freelancer.
pub async fn insert(unit: &mut Unit, new: Proposal) -> Result<Proposal, RecordsError> {
    let new = Proposal { version: 1, ..new };
    unit.add::<Entity>(row(&new)).await?;
    Ok(new)
}

/// Saves what differs.
///
/// # Errors
/// [`RecordsError::Changed`] when it is no longer as it was read.
pub async fn update(unit: &mut Unit, before: &Proposal, next: Proposal) -> Result<Proposal, RecordsError> {
    let saved = unit.amend::<Entity>(&row(before), row(&next)).await?;
    Ok(Proposal { version: saved.version, updated_at: saved.updated_at, ..next })
}

/// Closes all open proposals of a project, which is locked: it has started, or is cancelled. How many there were.
///
/// # Errors
/// When the primary does not answer.
pub async fn close(unit: &mut Unit, project: ProjectId) -> Result<u64, RecordsError> {
    let now: Timestamp = unit.now();
    let statement = Entity::update_many()
        .col_expr(Column::Status, Expr::val(ProposalStatus::Closed.word()))
        .col_expr(Column::OpenFreelancerId, Expr::val(Option::<String>::None))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::DecidedAt, Expr::val(now))
        .col_expr(Column::UpdatedAt, Expr::val(now))
        .filter(Column::ProjectId.eq(Text(project)))
        .filter(Column::Status.eq(ProposalStatus::Open.word()));
    unit.save(&statement).await
}

fn row(proposal: &Proposal) -> Model {
    let terms = &proposal.terms;
    let freelancer = Text(proposal.freelancer_id);
    Model {
        id: Text(proposal.id),
        version: proposal.version,
        project_id: Text(proposal.project_id),
        project_version: proposal.project_version,
        client_id: Text(proposal.client_id),
        freelancer_id: freelancer,
        open_freelancer_id: (proposal.status == ProposalStatus::Open).then_some(freelancer),
        kind: Text(proposal.kind),
        message: terms.message.clone(),
        amount_minor: terms.amount.map(|amount| amount.minor),
        amount_currency: terms.amount.map(|amount| Text(amount.currency)),
        rate_minor: terms.hourly_rate.map(|rate| rate.minor),
        rate_currency: terms.hourly_rate.map(|rate| Text(rate.currency)),
        status: Text(proposal.status),
        decline_reason: proposal.decline_reason.clone(),
        decided_at: proposal.decided_at,
        created_at: proposal.created_at,
        updated_at: proposal.updated_at,
    }
}

fn money(minor: Option<i64>, currency: Option<Text<Currency>>) -> Option<Money> {
    minor.zip(currency).map(|(minor, Text(currency))| Money { minor, currency })
}

fn proposal(row: Model) -> Proposal {
    Proposal {
        id: row.id.0,
        version: row.version,
        project_id: row.project_id.0,
        project_version: row.project_version,
        client_id: row.client_id.0,
        freelancer_id: row.freelancer_id.0,
        kind: row.kind.0,
        terms: Terms {
            message: row.message,
            amount: money(row.amount_minor, row.amount_currency),
            hourly_rate: money(row.rate_minor, row.rate_currency),
        },
        status: row.status.0,
        decline_reason: row.decline_reason,
        decided_at: row.decided_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}
