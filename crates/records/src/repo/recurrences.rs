//! Recurring invoices, and the invoices that they have made.

use chainbill_domain::{
    id::{InvoiceId, RecurrenceId, UserId},
    recurrence::Recurrence,
    schedule::{End, Schedule, TimeOfDay},
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use crate::{
    OddRow, RecordsError, Text, Unit, each,
    entities::{
        recurrence_occurrences as occurrences,
        recurrences::{Column, Entity, Model},
    },
};

/// A recurring invoice.
///
/// # Errors
/// When the primary does not answer.
pub async fn find(db: &impl ConnectionTrait, id: RecurrenceId) -> Result<Option<Recurrence>, RecordsError> {
    Ok(Entity::find_by_id(Text(id)).one(db).await?.map(recurrence))
}

/// A recurring invoice under lock.
///
/// # Errors
/// When the primary does not answer.
pub async fn lock(unit: &Unit, id: RecurrenceId) -> Result<Option<Recurrence>, RecordsError> {
    Ok(Entity::find_by_id(Text(id)).lock_exclusive().one(unit).await?.map(recurrence))
}

/// Recurring invoices, newest first: of one issuer, or of all.
///
/// # Errors
/// When the primary does not answer.
pub async fn list(
    db: &impl ConnectionTrait,
    issuer: Option<UserId>,
    after: Option<&str>,
    limit: u64,
) -> Result<Vec<Result<Recurrence, OddRow>>, RecordsError> {
    let mut query = Entity::find().order_by_desc(Column::Id).limit(limit);
    if let Some(issuer) = issuer {
        query = query.filter(Column::FreelancerId.eq(Text(issuer)));
    }
    if let Some(after) = after {
        query = query.filter(Column::Id.lt(after));
    }
    Ok(each(db, query, Column::Id).await?.into_iter().map(|row| row.map(recurrence)).collect())
}

/// Saves a new recurring invoice.
///
/// # Errors
/// When the primary does not answer.
pub async fn insert(unit: &mut Unit, new: Recurrence) -> Result<Recurrence, RecordsError> {
    let new = Recurrence { version: 1, ..new };
    unit.add::<Entity>(row(&new)).await?;
    Ok(new)
}

/// Saves what differs.
///
/// # Errors
/// [`RecordsError::Changed`] when it is no longer as it was read.
pub async fn update(unit: &mut Unit, before: &Recurrence, next: Recurrence) -> Result<Recurrence, RecordsError> {
    let saved = unit.amend::<Entity>(&row(before), row(&next)).await?;
    Ok(Recurrence { version: saved.version, updated_at: saved.updated_at, ..next })
}

/// Records which invoice the occurrence of a day has made.
///
/// # Errors
/// [`RecordsError::Duplicate`] when that day has made one.
pub async fn occurred(unit: &mut Unit, id: RecurrenceId, day: String, invoice: InvoiceId) -> Result<(), RecordsError> {
    let created_at = unit.now();
    let row = occurrences::Model { recurrence_id: Text(id), day, invoice_id: Text(invoice), created_at };
    unit.add::<occurrences::Entity>(row).await
}

/// The days and invoices of a recurring invoice, the latest first, before a day.
///
/// # Errors
/// When the primary does not answer.
pub async fn made(
    db: &impl ConnectionTrait,
    id: RecurrenceId,
    before: Option<&str>,
    limit: u64,
) -> Result<Vec<(String, InvoiceId)>, RecordsError> {
    let mut query = occurrences::Entity::find()
        .filter(occurrences::Column::RecurrenceId.eq(Text(id)))
        .order_by_desc(occurrences::Column::Day)
        .limit(limit);
    if let Some(before) = before {
        query = query.filter(occurrences::Column::Day.lt(before));
    }
    Ok(query.all(db).await?.into_iter().map(|row| (row.day, row.invoice_id.0)).collect())
}

/// How a time of day is stored.
const TIME: &str = "%H:%M";

fn row(recurrence: &Recurrence) -> Model {
    let schedule = &recurrence.schedule;
    let (end_day, end_count) = match schedule.end {
        End::Never => (None, None),
        End::On(day) => (Some(Text(day)), None),
        End::After(count) => (None, Some(i64::from(count))),
    };
    Model {
        id: Text(recurrence.id),
        version: recurrence.version,
        freelancer_id: Text(recurrence.freelancer_id),
        client_id: Text(recurrence.client_id),
        template: recurrence.template.clone(),
        due_in_days: recurrence.due_in_days.map(i64::from),
        mode: Text(recurrence.mode),
        every_count: i64::from(schedule.every),
        period: Text(schedule.period),
        start_day: Text(schedule.start),
        day_of_month: schedule.day_of_month.map(i64::from),
        local_time: schedule.at.format(TIME).to_string(),
        end_day,
        end_count,
        status: Text(recurrence.status),
        paused_because: recurrence.paused_because.clone(),
        next_place: i64::from(recurrence.next),
        made: i64::from(recurrence.made),
        created_at: recurrence.created_at,
        updated_at: recurrence.updated_at,
    }
}

fn recurrence(row: Model) -> Recurrence {
    // The columns have bounds; what a hand wrote beside them is cut to them.
    let number = |value: i64| u32::try_from(value.max(0)).unwrap_or(u32::MAX);
    let end = match (row.end_day, row.end_count) {
        (Some(Text(day)), _) => End::On(day),
        (None, Some(count)) => End::After(number(count)),
        (None, None) => End::Never,
    };
    let schedule = Schedule {
        every: number(row.every_count).max(1),
        period: row.period.0,
        start: row.start_day.0,
        day_of_month: row.day_of_month.map(number),
        at: TimeOfDay::parse_from_str(&row.local_time, TIME).unwrap_or_default(),
        end,
    };
    Recurrence {
        id: row.id.0,
        version: row.version,
        freelancer_id: row.freelancer_id.0,
        client_id: row.client_id.0,
        template: row.template,
        due_in_days: row.due_in_days.map(number),
        mode: row.mode.0,
        schedule,
        status: row.status.0,
        paused_because: row.paused_because,
        next: number(row.next_place),
        made: number(row.made),
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}
