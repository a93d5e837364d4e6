//! Clients' credit, credit notes and refunds.

use chainbill_domain::{
    credit::{Credit, CreditNote, Refund},
    id::{CreditNoteId, InvoiceId, PaymentId, RefundId},
    ledger::Counterparties,
    money::{Currency, Money},
    numbering::Allocated,
    states::{Custody, RefundStatus, Role},
    visibility::Viewer,
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    QueryTrait as _, Select,
    sea_query::{Expr, ExprTrait as _},
};

use crate::{
    RecordsError, Text, Unit,
    entities::{client_credits, credit_notes, refunds},
};

/// Adds to a client's credit.
///
/// # Errors
/// When the primary does not answer.
pub async fn give(
    unit: &mut Unit,
    parties: Counterparties,
    custody: Custody,
    amount: Money,
) -> Result<(), RecordsError> {
    use client_credits::{Column, Entity};
    let more = Entity::update_many()
        .col_expr(Column::BalanceMinor, Expr::col(Column::BalanceMinor).add(amount.minor))
        .filter(of(parties, custody, amount.currency));
    if more.exec(&*unit).await?.rows_affected == 1 {
        return Ok(());
    }
    let row = client_credits::Model {
        freelancer_id: Text(parties.freelancer),
        client_id: Text(parties.client),
        custody: Text(custody),
        currency: Text(amount.currency),
        balance_minor: amount.minor,
    };
    unit.add::<Entity>(row).await.map_err(RecordsError::raced)
}

/// Takes of a client's credit. Returns whether there was enough.
///
/// # Errors
/// When the primary does not answer.
pub async fn take(
    unit: &mut Unit,
    parties: Counterparties,
    custody: Custody,
    amount: Money,
) -> Result<bool, RecordsError> {
    use client_credits::{Column, Entity};
    let less = Entity::update_many()
        .col_expr(Column::BalanceMinor, Expr::col(Column::BalanceMinor).sub(amount.minor))
        .filter(of(parties, custody, amount.currency))
        .filter(Column::BalanceMinor.gte(amount.minor));
    Ok(less.exec(&*unit).await?.rows_affected == 1)
}

fn of(parties: Counterparties, custody: Custody, currency: Currency) -> sea_orm::Condition {
    use client_credits::Column;
    sea_orm::Condition::all()
        .add(Column::FreelancerId.eq(Text(parties.freelancer)))
        .add(Column::ClientId.eq(Text(parties.client)))
        .add(Column::Custody.eq(Text(custody)))
        .add(Column::Currency.eq(Text(currency)))
}

/// How much a client's credit is.
///
/// # Errors
/// When the primary does not answer.
pub async fn balance(
    db: &impl ConnectionTrait,
    parties: Counterparties,
    custody: Custody,
    currency: Currency,
) -> Result<Money, RecordsError> {
    let row = client_credits::Entity::find().filter(of(parties, custody, currency)).one(db).await?;
    Ok(Money { minor: row.map_or(0, |row| row.balance_minor), currency })
}

/// Credits of which the viewer is a party, those of nothing left out.
///
/// # Errors
/// When the primary does not answer.
pub async fn list(db: &impl ConnectionTrait, viewer: &Viewer, limit: u32) -> Result<Vec<Credit>, RecordsError> {
    use client_credits::{Column, Entity};
    let query = Entity::find().filter(Column::BalanceMinor.gt(0)).limit(u64::from(limit));
    let query = match viewer.role {
        Role::Admin => query,
        Role::Client => query.filter(Column::ClientId.eq(Text(viewer.user_id))),
        Role::Freelancer => query.filter(Column::FreelancerId.eq(Text(viewer.user_id))),
    };
    let by = [Column::FreelancerId, Column::ClientId, Column::Custody, Column::Currency];
    let rows = by.into_iter().fold(query, |query, column| query.order_by_asc(column)).all(db).await?;
    let credit = |row: client_credits::Model| Credit {
        parties: Counterparties { freelancer: row.freelancer_id.0, client: row.client_id.0 },
        custody: row.custody.0,
        balance: Money { minor: row.balance_minor, currency: row.currency.0 },
    };
    Ok(rows.into_iter().map(credit).collect())
}

/// Adds credit notes.
///
/// # Errors
/// When the primary does not answer.
pub async fn add_notes(unit: &mut Unit, notes: &[CreditNote]) -> Result<(), RecordsError> {
    unit.add_many::<credit_notes::Entity>(notes.iter().map(note_row).collect()).await
}

/// A credit note, if the viewer is a party of it.
///
/// # Errors
/// When the primary does not answer.
pub async fn find_note(
    db: &impl ConnectionTrait,
    viewer: &Viewer,
    id: CreditNoteId,
) -> Result<Option<CreditNote>, RecordsError> {
    let row = credit_notes::Entity::find_by_id(Text(id)).one(db).await?;
    Ok(row.map(note).filter(|note| viewer.is_party(note.parties)))
}

/// Which credit notes or refunds.
#[derive(Debug, Clone, Copy)]
pub struct List<'l> {
    /// Who wants to see them.
    pub viewer: &'l Viewer,
    /// Only those of this invoice.
    pub invoice: Option<InvoiceId>,
    /// The id after which the page begins.
    pub after: Option<&'l str>,
    /// How many at most.
    pub limit: u32,
}

/// Credit notes, newest first, and one more than asked for where there are more.
///
/// # Errors
/// When the primary does not answer.
pub async fn list_notes(db: &impl ConnectionTrait, list: List<'_>) -> Result<Vec<CreditNote>, RecordsError> {
    use credit_notes::{Column, Entity};
    let columns = (Column::Id, Column::FreelancerId, Column::ClientId, Column::InvoiceId);
    let rows = page(Entity::find(), columns, list).all(db).await?;
    Ok(rows.into_iter().map(note).collect())
}

/// Adds a refund.
///
/// # Errors
/// When the primary does not answer.
pub async fn add_refund(unit: &mut Unit, refund: &Refund) -> Result<(), RecordsError> {
    add_refunds(unit, std::slice::from_ref(refund)).await
}

/// Adds many refunds, in few statements.
///
/// # Errors
/// When the primary does not answer.
pub async fn add_refunds(unit: &mut Unit, refunds: &[Refund]) -> Result<(), RecordsError> {
    unit.add_many::<refunds::Entity>(refunds.iter().map(refund_row).collect()).await
}

/// A refund, if the viewer is a party of it.
///
/// # Errors
/// When the primary does not answer.
pub async fn find_refund(
    db: &impl ConnectionTrait,
    viewer: &Viewer,
    id: RefundId,
) -> Result<Option<Refund>, RecordsError> {
    let row = refunds::Entity::find_by_id(Text(id)).one(db).await?;
    Ok(row.map(refund).filter(|refund| viewer.is_party(refund.parties)))
}

/// A refund of any parties.
///
/// # Errors
/// When the primary does not answer.
pub async fn by_id(db: &impl ConnectionTrait, id: RefundId) -> Result<Option<Refund>, RecordsError> {
    Ok(refunds::Entity::find_by_id(Text(id)).one(db).await?.map(refund))
}

/// A refund under lock.
///
/// # Errors
/// When the primary does not answer.
pub async fn lock_refund(unit: &Unit, id: RefundId) -> Result<Option<Refund>, RecordsError> {
    Ok(refunds::Entity::find_by_id(Text(id)).lock_exclusive().one(unit).await?.map(refund))
}

/// Saves that a requested refund is done or has failed.
///
/// # Errors
/// [`RecordsError::Changed`] when it is not requested any more.
pub async fn decide_refund(unit: &mut Unit, next: &Refund) -> Result<(), RecordsError> {
    use refunds::{Column, Entity};
    let new = refund_row(next);
    let update = Entity::update_many()
        .col_expr(Column::Status, Expr::val(new.status))
        .col_expr(Column::ExternalRef, Expr::val(new.external_ref))
        .col_expr(Column::Reason, Expr::val(new.reason))
        .col_expr(Column::DecidedAt, Expr::val(new.decided_at))
        .filter(Column::Id.eq(new.id))
        .filter(Column::Status.eq(Text(RefundStatus::Requested)));
    let statement = unit.records().dialect().timeless(update.build(unit.get_database_backend()));
    if unit.execute_raw(statement).await?.rows_affected() != 1 {
        return Err(RecordsError::Changed { model: "refunds", id: next.id.to_string() });
    }
    Ok(())
}

/// Refunds, newest first, and one more than asked for where there are more.
///
/// # Errors
/// When the primary does not answer.
pub async fn list_refunds(db: &impl ConnectionTrait, list: List<'_>) -> Result<Vec<Refund>, RecordsError> {
    use refunds::{Column, Entity};
    let columns = (Column::Id, Column::FreelancerId, Column::ClientId, Column::InvoiceId);
    let rows = page(Entity::find(), columns, list).all(db).await?;
    Ok(rows.into_iter().map(refund).collect())
}

/// What of a provider's payment is refunded already, or is to be.
///
/// # Errors
/// When the primary does not answer.
pub async fn refunded_of(db: &impl ConnectionTrait, payment: PaymentId) -> Result<i64, RecordsError> {
    use refunds::{Column, Entity};
    let rows = Entity::find()
        .filter(Column::PaymentId.eq(Text(payment)))
        .filter(Column::Status.ne(Text(RefundStatus::Failed)))
        .all(db)
        .await?;
    Ok(rows.iter().map(|row| row.amount_minor).sum())
}

fn page<E: sea_orm::EntityTrait>(
    query: Select<E>,
    (id, freelancer, client, invoice): (E::Column, E::Column, E::Column, E::Column),
    list: List<'_>,
) -> Select<E> {
    let user = Text(list.viewer.user_id);
    let mut query = query.order_by_desc(id).limit(u64::from(list.limit) + 1);
    query = match list.viewer.role {
        Role::Admin => query,
        Role::Client => query.filter(client.eq(user)),
        Role::Freelancer => query.filter(freelancer.eq(user)),
    };
    if let Some(of) = list.invoice {
        query = query.filter(invoice.eq(Text(of)));
    }
    if let Some(after) = list.after {
        query = query.filter(id.lt(after));
    }
    query
}

fn note_row(note: &CreditNote) -> credit_notes::Model {
    credit_notes::Model {
        id: Text(note.id),
        invoice_id: Text(note.invoice_id),
        freelancer_id: Text(note.parties.freelancer),
        client_id: Text(note.parties.client),
        number: note.number.number.clone(),
        number_seq: note.number.sequence,
        series: Text(note.number.series),
        number_year: note.number.year.map(i64::from),
        currency: Text(note.amount.currency),
        amount_minor: note.amount.minor,
        tax_minor: note.tax.minor,
        refunded_minor: note.refunded.minor,
        reason: note.reason.clone(),
        issued_by: Text(note.issued_by),
        created_at: note.created_at,
    }
}

fn note(row: credit_notes::Model) -> CreditNote {
    let money = |minor| Money { minor, currency: row.currency.0 };
    CreditNote {
        id: row.id.0,
        invoice_id: row.invoice_id.0,
        parties: Counterparties { freelancer: row.freelancer_id.0, client: row.client_id.0 },
        amount: money(row.amount_minor),
        tax: money(row.tax_minor),
        refunded: money(row.refunded_minor),
        number: Allocated {
            number: row.number,
            sequence: row.number_seq,
            series: row.series.0,
            year: row.number_year.and_then(|year| i32::try_from(year).ok()),
        },
        reason: row.reason,
        issued_by: row.issued_by.0,
        created_at: row.created_at,
    }
}

fn refund_row(refund: &Refund) -> refunds::Model {
    refunds::Model {
        id: Text(refund.id),
        freelancer_id: Text(refund.parties.freelancer),
        client_id: Text(refund.parties.client),
        custody: Text(refund.custody),
        currency: Text(refund.amount.currency),
        amount_minor: refund.amount.minor,
        method: Text(refund.method),
        external_ref: refund.external_ref.clone(),
        status: Text(refund.status),
        payment_id: refund.payment_id.map(Text),
        invoice_id: refund.invoice_id.map(Text),
        reason: refund.reason.clone(),
        requested_by: Text(refund.requested_by),
        decided_at: refund.decided_at,
        created_at: refund.created_at,
    }
}

fn refund(row: refunds::Model) -> Refund {
    Refund {
        id: row.id.0,
        parties: Counterparties { freelancer: row.freelancer_id.0, client: row.client_id.0 },
        custody: row.custody.0,
        amount: Money { minor: row.amount_minor, currency: row.currency.0 },
        method: row.method.0,
        external_ref: row.external_ref,
        status: row.status.0,
        payment_id: row.payment_id.map(|id| id.0),
        invoice_id: row.invoice_id.map(|id| id.0),
        reason: row.reason,
        requested_by: row.requested_by.0,
        decided_at: row.decided_at,
        created_at: row.created_at,
    }
}
