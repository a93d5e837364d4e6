//! Payouts, and what is at users' disposal.

use chainbill_domain::{
    id::{PayoutId, UserId},
    money::{Currency, Money},
    payout::Payout,
    states::{PayoutStatus, Role},
    visibility::Viewer,
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _},
};

use crate::{
    RecordsError, Text, Unit,
    entities::{
        available_balances,
        payouts::{Column, Entity, Model},
    },
};

/// Moves what is at a user's disposal, up where the amount is positive and down where it is negative. Returns whether there was enough.
///
/// # Errors
/// When the primary does not answer.
pub async fn dispose(unit: &mut Unit, user: UserId, amount: Money) -> Result<bool, RecordsError> {
    use available_balances::{Column, Entity, Model};
    let moved = Entity::update_many()
        .col_expr(Column::BalanceMinor, Expr::col(Column::BalanceMinor).add(amount.minor))
        .filter(Column::UserId.eq(Text(user)))
        .filter(Column::Currency.eq(Text(amount.currency)))
        .filter(Expr::col(Column::BalanceMinor).add(amount.minor).gte(0));
    if moved.exec(&*unit).await?.rows_affected == 1 {
        return Ok(true);
    }
    if amount.minor < 0 {
        return Ok(false);
    }
    let row = Model { user_id: Text(user), currency: Text(amount.currency), balance_minor: amount.minor };
    unit.add::<Entity>(row).await.map_err(RecordsError::raced)?;
    Ok(true)
}

/// What is at a user's disposal in a currency.
///
/// # Errors
/// When the primary does not answer.
pub async fn available(db: &impl ConnectionTrait, user: UserId, currency: Currency) -> Result<Money, RecordsError> {
    let row = available_balances::Entity::find_by_id((Text(user), Text(currency))).one(db).await?;
    Ok(Money { minor: row.map_or(0, |row| row.balance_minor), currency })
}

/// Which payouts.
#[derive(Debug, Clone, Copy)]
pub struct List<'l> {
    /// Who wants to see them.
    pub viewer: &'l Viewer,
    /// Only those of this user.
    pub user: Option<UserId>,
    /// Only those in this state.
    pub status: Option<PayoutStatus>,
    /// The id after which the page begins.
    pub after: Option<&'l str>,
    /// How many at most.
    pub limit: u32,
}

/// Payouts, newest first, and one more than asked for where there are more. A user sees one's own, an operator all.
///
/// # Errors
/// When the primary does not answer.
pub async fn list(db: &impl ConnectionTrait, list: List<'_>) -> Result<Vec<Payout>, RecordsError> {
    let mut query = Entity::find().order_by_desc(Column::Id).limit(u64::from(list.limit) + 1);
    let own = (list.viewer.role != Role::Admin).then_some(list.viewer.user_id);
    for user in [own, list.user].into_iter().flatten() {
        query = query.filter(Column::UserId.eq(Text(user)));
    }
    if let Some(status) = list.status {
        query = query.filter(Column::Status.eq(Text(status)));
    }
    if let Some(after) = list.after {
        query = query.filter(Column::Id.lt(after));
    }
    Ok(query.all(db).await?.into_iter().map(payout).collect())
}

/// A payout, if the viewer sees it.
///
/// # Errors
/// When the primary does not answer.
pub async fn find(db: &impl ConnectionTrait, viewer: &Viewer, id: PayoutId) -> Result<Option<Payout>, RecordsError> {
    let row = Entity::find_by_id(Text(id)).one(db).await?;
    Ok(row.map(payout).filter(|payout| viewer.sees_private(payout.user_id)))
}

/// A payout under lock, if the viewer sees it.
///
/// # Errors
/// When the primary does not answer.
pub async fn lock(unit: &Unit, viewer: &Viewer, id: PayoutId) -> Result<Option<Payout>, RecordsError> {
    let row = Entity::find_by_id(Text(id)).lock_exclusive().one(unit).await?;
    Ok(row.map(payout).filter(|payout| viewer.sees_private(payout.user_id)))
}

/// Saves a new payout.
///
/// # Errors
/// When the primary does not answer.
pub async fn insert(unit: &mut Unit, new: Payout) -> Result<Payout, RecordsError> {
    let new = Payout { version: 1, ..new };
    unit.add::<Entity>(row(&new)).await?;
    Ok(new)
}

/// Saves what differs.
///
/// # Errors
/// [`RecordsError::Changed`] when it is no longer as it was read; [`RecordsError::Duplicate`] when its reference is another payout's.
pub async fn update(unit: &mut Unit, before: &Payout, next: Payout) -> Result<Payout, RecordsError> {
    let saved = unit.amend::<Entity>(&row(before), row(&next)).await?;
    Ok(Payout { version: saved.version, updated_at: saved.updated_at, ..next })
}

fn row(payout: &Payout) -> Model {
    Model {
        id: Text(payout.id),
        version: payout.version,
        user_id: Text(payout.user_id),
        amount_minor: payout.amount.minor,
        currency: Text(payout.amount.currency),
        method: Text(payout.method),
        destination: payout.destination.clone(),
        status: Text(payout.status),
        external_ref: payout.external_ref.clone(),
        reason: payout.reason.clone(),
        decided_by: payout.decided_by.map(Text),
        decided_at: payout.decided_at,
        created_at: payout.created_at,
        updated_at: payout.updated_at,
    }
}

fn payout(row: Model) -> Payout {
    Payout {
        id: row.id.0,
        version: row.version,
        user_id: row.user_id.0,
        amount: Money { minor: row.amount_minor, currency: row.currency.0 },
        method: row.method.0,
        destination: row.destination,
        status: row.status.0,
        external_ref: row.external_ref,
        reason: row.reason,
        decided_by: row.decided_by.map(|id| id.0),
        decided_at: row.decided_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}
