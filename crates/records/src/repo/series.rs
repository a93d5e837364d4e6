//! Series of numbers, and the allocation of numbers: gapless per series and year.

use std::collections::BTreeMap;

use chainbill_domain::{
    id::{SeriesId, UserId},
    numbering::{Allocated, NumberSeries, Pattern, Place, Series, SeriesContent},
    states::NumberKind,
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
    sea_query::{Expr, OnConflict},
};

use super::numbers;
use crate::{
    RecordsError, Text, Unit,
    entities::{
        number_counters as counters,
        number_series::{Column, Entity, Model},
    },
};

/// The series of an issuer, newest first.
///
/// # Errors
/// When the primary does not answer.
pub async fn of_issuer(db: &impl ConnectionTrait, issuer: UserId) -> Result<Vec<NumberSeries>, RecordsError> {
    let rows = Entity::find().filter(Column::IssuerId.eq(Text(issuer))).order_by_desc(Column::Id).all(db).await?;
    Ok(rows.into_iter().map(series).collect())
}

/// A series under lock, if it is the issuer's.
///
/// # Errors
/// When the primary does not answer.
pub async fn lock(unit: &Unit, issuer: UserId, id: SeriesId) -> Result<Option<NumberSeries>, RecordsError> {
    let row = Entity::find_by_id(Text(id)).lock_exclusive().one(unit).await?;
    Ok(row.map(series).filter(|series| series.issuer_id == issuer))
}

/// Whether an issuer has such a series.
///
/// # Errors
/// When the primary does not answer.
pub async fn exists(
    db: &impl ConnectionTrait,
    issuer: UserId,
    kind: NumberKind,
    id: SeriesId,
) -> Result<bool, RecordsError> {
    let row = Entity::find_by_id(Text(id)).one(db).await?;
    Ok(row.is_some_and(|row| row.issuer_id.0 == issuer && row.kind.0 == kind))
}

/// Saves a new series.
///
/// # Errors
/// [`RecordsError::Duplicate`] when the issuer has one of that name.
pub async fn insert(unit: &mut Unit, new: NumberSeries) -> Result<NumberSeries, RecordsError> {
    let new = NumberSeries { version: 1, ..new };
    unit.add::<Entity>(row(&new)).await?;
    Ok(new)
}

/// Saves what differs.
///
/// # Errors
/// [`RecordsError::Duplicate`] when the issuer has another one of that name, [`RecordsError::Changed`] when it is no longer as
/// it was read.
pub async fn update(unit: &mut Unit, before: &NumberSeries, next: &NumberSeries) -> Result<NumberSeries, RecordsError> {
    unit.amend::<Entity>(&row(before), row(next)).await.map(series)
}

/// The next number of a series: the chosen one, else the issuer's default. The series and its counter are locked, so that a unit
/// that is rolled back leaves no gap.
///
/// # Errors
/// [`RecordsError::Raced`] when another unit takes the first number of a built-in series at this moment.
pub async fn allocate(
    unit: &mut Unit,
    issuer: UserId,
    kind: NumberKind,
    chosen: Option<Series>,
    (year, month): (i32, u32),
) -> Result<Allocated, RecordsError> {
    let id = match chosen {
        Some(Series::BuiltIn) => None,
        Some(Series::Own(id)) => Some(id),
        None => default_id(unit, issuer, kind).await?,
    };
    let own = match id {
        None => None,
        // Series are never removed.
        Some(id) => match lock(unit, issuer, id).await? {
            None => return Err(RecordsError::Corrupt(format!("the series {id} of {issuer} is not there"))),
            own => own,
        },
    };
    let Some(own) = own else {
        let sequence = match kind {
            NumberKind::Invoice => numbers::next(unit, issuer).await?,
            NumberKind::Quote | NumberKind::CreditNote => next(unit, (issuer, kind, Series::BuiltIn, 0), 1).await?,
        };
        let number = Pattern::built_in(kind).number(Place { year, month, sequence });
        return Ok(Allocated { number, sequence, series: Series::BuiltIn, year: None });
    };
    // Only the first year of a series begins where it says.
    let start = if own.used { 1 } else { own.content.start };
    let counter = (issuer, kind, Series::Own(own.id), if own.content.yearly { year } else { 0 });
    let sequence = next(unit, counter, start).await?;
    if !own.used {
        let used = NumberSeries { used: true, ..own.clone() };
        update(unit, &own, &used).await?;
    }
    Ok(own.allocated(Place { year, month, sequence }))
}

type Counter = (UserId, NumberKind, Series, i32);

async fn next(unit: &mut Unit, (issuer, kind, series, year): Counter, start: i64) -> Result<i64, RecordsError> {
    let key = (Text(issuer), Text(kind), Text(series), i64::from(year));
    let known = counters::Entity::find_by_id(key).lock_exclusive().one(&*unit).await?;
    let Some(known) = known else {
        let first = counters::Model {
            issuer_id: Text(issuer),
            kind: Text(kind),
            series: Text(series),
            year: i64::from(year),
            first_seq: start,
            next_seq: start + 1,
        };
        return unit.add::<counters::Entity>(first).await.map(|()| start).map_err(RecordsError::raced);
    };
    counters::Entity::update_many()
        .col_expr(counters::Column::NextSeq, Expr::val(known.next_seq + 1))
        .filter(counters::Column::IssuerId.eq(Text(issuer)))
        .filter(counters::Column::Kind.eq(Text(kind)))
        .filter(counters::Column::Series.eq(Text(series)))
        .filter(counters::Column::Year.eq(i64::from(year)))
        .exec(&*unit)
        .await?;
    Ok(known.next_seq)
}

/// Sets the next places of issuers' built-in series, whose numbers were given otherwise, in the unit of their documents.
///
/// # Errors
/// When the primary does not answer.
pub async fn set_next(unit: &mut Unit, kind: NumberKind, next: BTreeMap<UserId, i64>) -> Result<(), RecordsError> {
    use counters::{Column, Entity, Model};
    if next.is_empty() {
        return Ok(());
    }
    if kind == NumberKind::Invoice {
        return numbers::set(unit, next).await;
    }
    let row = |(issuer, next_seq)| {
        let (issuer_id, kind, series) = (Text(issuer), Text(kind), Text(Series::BuiltIn));
        Model { issuer_id, kind, series, year: 0, first_seq: 1, next_seq }.into_active_model()
    };
    let key = [Column::IssuerId, Column::Kind, Column::Series, Column::Year];
    let ahead = OnConflict::columns(key).update_column(Column::NextSeq).to_owned();
    Entity::insert_many(next.into_iter().map(row)).on_conflict(ahead).exec_without_returning(&*unit).await?;
    Ok(())
}

async fn default_id(unit: &Unit, issuer: UserId, kind: NumberKind) -> Result<Option<SeriesId>, RecordsError> {
    let id: Option<Text<SeriesId>> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::DefaultOf.eq(default_of(issuer, kind)))
        .into_tuple()
        .one(unit)
        .await?;
    Ok(id.map(|Text(id)| id))
}

fn default_of(issuer: UserId, kind: NumberKind) -> String {
    format!("{issuer} {kind}")
}

fn row(series: &NumberSeries) -> Model {
    Model {
        id: Text(series.id),
        version: series.version,
        issuer_id: Text(series.issuer_id),
        kind: Text(series.kind),
        name: series.content.name.clone(),
        pattern: Text(series.content.pattern.clone()),
        yearly: series.content.yearly,
        start_seq: series.content.start,
        used: series.used,
        default_of: series.is_default.then(|| default_of(series.issuer_id, series.kind)),
        created_at: series.created_at,
        updated_at: series.updated_at,
    }
}

fn series(row: Model) -> NumberSeries {
    NumberSeries {
        id: row.id.0,
        version: row.version,
        issuer_id: row.issuer_id.0,
        kind: row.kind.0,
        content: SeriesContent { name: row.name, pattern: row.pattern.0, yearly: row.yearly, start: row.start_seq },
        is_default: row.default_of.is_some(),
        used: row.used,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}
