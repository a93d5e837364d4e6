//! Payments with what they are for. A confirmed payment is never edited.

use std::collections::HashMap;

use chainbill_domain::{
    id::{InvoiceId, PaymentId},
    money::Money,
    payment::{Allocation, Payment, Reversal},
    states::{PaymentState, Role},
    visibility::Viewer,
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    QueryTrait as _, sea_query::Expr,
};

use crate::{
    RecordsError, Text, Unit,
    entities::{payment_allocations, payment_references, payment_reversals, payments},
};

use payments::{Column, Entity, Model};

/// Adds a payment, announced or confirmed.
///
/// # Errors
/// [`RecordsError::Duplicate`] when its reference is in use.
pub async fn add(unit: &mut Unit, payment: &Payment) -> Result<(), RecordsError> {
    add_many(unit, std::slice::from_ref(payment)).await
}

/// Adds many payments, in few statements.
///
/// # Errors
/// As [`add`].
pub async fn add_many(unit: &mut Unit, payments: &[Payment]) -> Result<(), RecordsError> {
    unit.add_many::<payment_references::Entity>(payments.iter().flat_map(references).collect()).await?;
    unit.add_many::<Entity>(payments.iter().map(row).collect()).await?;
    unit.add_many::<payment_allocations::Entity>(payments.iter().flat_map(allocations).collect()).await
}

/// A payment.
///
/// # Errors
/// When the primary does not answer.
pub async fn find(db: &impl ConnectionTrait, id: PaymentId) -> Result<Option<Payment>, RecordsError> {
    let row = Entity::find_by_id(Text(id)).one(db).await?;
    Ok(whole(db, row.into_iter().collect()).await?.pop())
}

/// A payment under lock.
///
/// # Errors
/// When the primary does not answer.
pub async fn lock(unit: &Unit, id: PaymentId) -> Result<Option<Payment>, RecordsError> {
    let row = Entity::find_by_id(Text(id)).lock_exclusive().one(unit).await?;
    Ok(whole(unit, row.into_iter().collect()).await?.pop())
}

/// Saves that an announced payment is confirmed or rejected.
///
/// # Errors
/// [`RecordsError::Duplicate`] when another confirmed payment has its reference; [`RecordsError::Changed`] when it is not
/// announced any more.
pub async fn decide(unit: &mut Unit, next: &Payment) -> Result<(), RecordsError> {
    let new = row(next);
    let update = Entity::update_many()
        .col_expr(Column::State, Expr::val(new.state))
        .col_expr(Column::Channel, Expr::val(new.channel))
        .col_expr(Column::DecidedBy, Expr::val(new.decided_by))
        .col_expr(Column::DecidedAt, Expr::val(new.decided_at))
        .col_expr(Column::Reason, Expr::val(new.reason))
        .filter(Column::Id.eq(new.id))
        .filter(Column::State.eq(Text(PaymentState::Announced)));
    let statement = unit.records().dialect().timeless(update.build(unit.get_database_backend()));
    if unit.execute_raw(statement).await?.rows_affected() != 1 {
        return Err(RecordsError::Changed { model: "payments", id: next.id.to_string() });
    }
    free(unit, next.id).await?;
    unit.add_many::<payment_references::Entity>(references(next)).await?;
    let of_payment = payment_allocations::Column::PaymentId.eq(Text(next.id));
    payment_allocations::Entity::delete_many().filter(of_payment).exec(&*unit).await?;
    unit.add_many::<payment_allocations::Entity>(allocations(next)).await
}

/// Adds the counter-record of a payment. Its reference may be used again: the same money may be recorded rightly.
///
/// # Errors
/// [`RecordsError::Duplicate`] when it has one.
pub async fn reverse(unit: &mut Unit, next: &Payment) -> Result<(), RecordsError> {
    let Some(reversal) = &next.reversal else { return Ok(()) };
    let row = payment_reversals::Model {
        payment_id: Text(next.id),
        reason: reversal.reason.clone(),
        reversed_by: reversal.by.map(Text),
        created_at: reversal.at,
    };
    unit.add::<payment_reversals::Entity>(row).await?;
    free(unit, next.id).await
}

async fn free(unit: &Unit, id: PaymentId) -> Result<(), RecordsError> {
    let of_payment = payment_references::Column::PaymentId.eq(Text(id));
    payment_references::Entity::delete_many().filter(of_payment).exec(unit).await?;
    Ok(())
}

/// Which payments.
#[derive(Debug, Clone, Copy)]
pub struct List<'l> {
    /// Who wants to see them.
    pub viewer: &'l Viewer,
    /// Only those for this invoice.
    pub invoice: Option<InvoiceId>,
    /// Only those in this state.
    pub state: Option<PaymentState>,
    /// The id after which the page begins.
    pub after: Option<&'l str>,
    /// How many at most.
    pub limit: u32,
}

/// Payments, newest first, and one more than asked for where there are more.
///
/// # Errors
/// When the primary does not answer.
pub async fn list(db: &impl ConnectionTrait, list: List<'_>) -> Result<Vec<Payment>, RecordsError> {
    let user = Text(list.viewer.user_id);
    let mut query = Entity::find().order_by_desc(Column::Id).limit(u64::from(list.limit) + 1);
    query = match list.viewer.role {
        Role::Admin => query,
        Role::Client => query.filter(Column::PayerId.eq(user)),
        Role::Freelancer => query.filter(Column::ReceiverId.eq(user)),
    };
    if let Some(invoice) = list.invoice {
        let ids = payment_allocations::Entity::find()
            .select_only()
            .column(payment_allocations::Column::PaymentId)
            .filter(payment_allocations::Column::InvoiceId.eq(Text(invoice)))
            .into_query();
        query = query.filter(Column::Id.in_subquery(ids));
    }
    let reversed =
        || payment_reversals::Entity::find().select_only().column(payment_reversals::Column::PaymentId).into_query();
    query = match list.state {
        None => query,
        Some(PaymentState::Reversed) => query.filter(Column::Id.in_subquery(reversed())),
        Some(PaymentState::Confirmed) => {
            let confirmed = query.filter(Column::State.eq(Text(PaymentState::Confirmed)));
            confirmed.filter(Column::Id.not_in_subquery(reversed()))
        }
        Some(state) => query.filter(Column::State.eq(Text(state))),
    };
    if let Some(after) = list.after {
        query = query.filter(Column::Id.lt(after));
    }
    let rows = query.all(db).await?;
    whole(db, rows).await
}

/// Payments of these rows, with what belongs to them.
async fn whole(db: &impl ConnectionTrait, rows: Vec<Model>) -> Result<Vec<Payment>, RecordsError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let parts = payment_allocations::Entity::find()
        .filter(payment_allocations::Column::PaymentId.is_in(ids.clone()))
        .order_by_asc(payment_allocations::Column::Position)
        .all(db)
        .await?;
    let mut by_payment: HashMap<_, Vec<Allocation>> = HashMap::new();
    for part in parts {
        let allocation = Allocation { invoice_id: part.invoice_id.0, minor: part.amount_minor };
        by_payment.entry(part.payment_id).or_default().push(allocation);
    }
    let of_payments = payment_reversals::Column::PaymentId.is_in(ids);
    let reversals = payment_reversals::Entity::find().filter(of_payments).all(db).await?;
    let mut reversals: HashMap<_, _> = reversals.into_iter().map(|row| (row.payment_id, row)).collect();
    let payment = |row: Model| {
        let id = row.id;
        payment(row, by_payment.remove(&id).unwrap_or_default(), reversals.remove(&id))
    };
    Ok(rows.into_iter().map(payment).collect())
}

/// The references that a payment uses: its payer's own, and once it is confirmed that of its receiver and channel.
fn references(payment: &Payment) -> Vec<payment_references::Model> {
    let is_free = match payment.state {
        PaymentState::Announced | PaymentState::Confirmed => payment.channel.is_some_and(|channel| channel.is_credit()),
        PaymentState::Rejected | PaymentState::Reversed => true,
    };
    if is_free {
        return Vec::new();
    }
    let of = |scope: String| payment_references::Model {
        receiver_id: Text(payment.receiver_id),
        scope,
        external_ref: payment.external_ref.clone(),
        payment_id: Text(payment.id),
    };
    let channel = payment.channel.map(|channel| of(channel.word().to_owned()));
    std::iter::once(of(payment.payer_id.to_string())).chain(channel).collect()
}

fn allocations(payment: &Payment) -> Vec<payment_allocations::Model> {
    let part = |(part, position): (&Allocation, i64)| payment_allocations::Model {
        payment_id: Text(payment.id),
        position,
        invoice_id: Text(part.invoice_id),
        amount_minor: part.minor,
    };
    payment.allocations.iter().zip(0..).map(part).collect()
}

fn row(payment: &Payment) -> Model {
    // A counter-record reverses a payment, whose own row stays as it is.
    let state = if payment.state == PaymentState::Reversed { PaymentState::Confirmed } else { payment.state };
    Model {
        id: Text(payment.id),
        payer_id: Text(payment.payer_id),
        receiver_id: Text(payment.receiver_id),
        channel: payment.channel.map(Text),
        state: Text(state),
        external_ref: payment.external_ref.clone(),
        method: Text(payment.method),
        amount_minor: payment.amount.minor,
        currency: Text(payment.amount.currency),
        received_at: payment.received_at,
        recorded_by: payment.recorded_by.map(Text),
        decided_by: payment.decided_by.map(Text),
        decided_at: payment.decided_at,
        reason: payment.reason.clone(),
        created_at: payment.created_at,
    }
}

fn payment(row: Model, allocations: Vec<Allocation>, reversal: Option<payment_reversals::Model>) -> Payment {
    let reversal =
        reversal.map(|row| Reversal { reason: row.reason, by: row.reversed_by.map(|id| id.0), at: row.created_at });
    Payment {
        id: row.id.0,
        payer_id: row.payer_id.0,
        receiver_id: row.receiver_id.0,
        channel: row.channel.map(|channel| channel.0),
        state: if reversal.is_some() { PaymentState::Reversed } else { row.state.0 },
        external_ref: row.external_ref,
        method: row.method.0,
        amount: Money { minor: row.amount_minor, currency: row.currency.0 },
        allocations,
        received_at: row.received_at,
        recorded_by: row.recorded_by.map(|id| id.0),
        decided_by: row.decided_by.map(|id| id.0),
        decided_at: row.decided_at,
        reason: row.reason,
        reversal,
        created_at: row.created_at,
    }
}
