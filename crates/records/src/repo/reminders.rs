//! When clients are reminded, and which reminders there were.

use chainbill_domain::{
    Timestamp,
    id::{InvoiceId, UserId},
    states::InvoiceStatus,
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _, Query},
};

use crate::{
    RecordsError, Text, Unit,
    entities::{invoices, reminder_rules as rules, reminders},
};

/// A day around the due day, and since when the rule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// So many days after the due day; negative before it.
    pub offset_days: i64,
    /// Since when.
    pub since: Timestamp,
}

/// The rules of an issuer, the earliest day first.
///
/// # Errors
/// When the primary does not answer.
pub async fn rules_of(db: &impl ConnectionTrait, issuer: UserId) -> Result<Vec<Rule>, RecordsError> {
    let rows = rules::Entity::find()
        .filter(rules::Column::IssuerId.eq(Text(issuer)))
        .order_by_asc(rules::Column::OffsetDays)
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| Rule { offset_days: row.offset_days, since: row.created_at }).collect())
}

/// Replaces the rules of an issuer; those that stay keep their time.
///
/// # Errors
/// When the primary does not answer.
pub async fn replace(unit: &mut Unit, issuer: UserId, offsets: &[i64]) -> Result<(), RecordsError> {
    let known = rules_of(&*unit, issuer).await?;
    rules::Entity::delete_many()
        .filter(rules::Column::IssuerId.eq(Text(issuer)))
        .filter(rules::Column::OffsetDays.is_not_in(offsets.iter().copied()))
        .exec(&*unit)
        .await?;
    let now = unit.now();
    let new = offsets.iter().filter(|offset| known.iter().all(|rule| rule.offset_days != **offset));
    let row = |offset: &i64| rules::Model { issuer_id: Text(issuer), offset_days: *offset, created_at: now };
    unit.add_many::<rules::Entity>(new.map(row).collect()).await
}

/// Issuers with rules, in the order of their ids, after one of them.
///
/// # Errors
/// When the primary does not answer.
pub async fn issuers(
    db: &impl ConnectionTrait,
    after: Option<UserId>,
    limit: u64,
) -> Result<Vec<UserId>, RecordsError> {
    let mut query = rules::Entity::find()
        .select_only()
        .column(rules::Column::IssuerId)
        .distinct()
        .order_by_asc(rules::Column::IssuerId)
        .limit(limit);
    if let Some(after) = after {
        query = query.filter(rules::Column::IssuerId.gt(Text(after)));
    }
    let ids: Vec<Text<UserId>> = query.into_tuple().all(db).await?;
    Ok(ids.into_iter().map(|Text(id)| id).collect())
}

/// Sent invoices of an issuer that are due on a day of this range and have no such reminder yet.
///
/// # Errors
/// When the primary does not answer.
pub async fn pending(
    db: &impl ConnectionTrait,
    issuer: UserId,
    offset_days: i64,
    (first, last): (&str, &str),
    limit: u64,
) -> Result<Vec<InvoiceId>, RecordsError> {
    use invoices::{Column, Entity};
    let reminded = Query::select()
        .expr(Expr::val(1))
        .from(reminders::Entity)
        .and_where(Expr::col((reminders::Entity, reminders::Column::InvoiceId)).equals((Entity, Column::Id)))
        .and_where(Expr::col((reminders::Entity, reminders::Column::OffsetDays)).eq(offset_days))
        .to_owned();
    let ids: Vec<Text<InvoiceId>> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::FreelancerId.eq(Text(issuer)))
        .filter(Column::Status.eq(InvoiceStatus::Sent.word()))
        .filter(Column::DueDate.gte(first))
        .filter(Column::DueDate.lte(last))
        .filter(Expr::exists(reminded).not())
        .order_by_asc(Column::DueDate)
        .order_by_asc(Column::Id)
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    Ok(ids.into_iter().map(|Text(id)| id).collect())
}

/// Records a reminder.
///
/// # Errors
/// [`RecordsError::Duplicate`] when there was this one.
pub async fn add(unit: &mut Unit, invoice: InvoiceId, offset_days: i64, due_date: String) -> Result<(), RecordsError> {
    let created_at = unit.now();
    unit.add::<reminders::Entity>(reminders::Model { invoice_id: Text(invoice), offset_days, due_date, created_at })
        .await
}
