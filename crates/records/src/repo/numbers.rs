//! The counter of the built-in series of invoices, which earlier releases beside this one go on counting with.

use std::collections::BTreeMap;

use chainbill_domain::id::UserId;
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QuerySelect as _,
    sea_query::{Expr, OnConflict},
};

use crate::{
    RecordsError, Text, Unit,
    entities::invoice_counters::{Column, Entity, Model},
};

/// The next place in an issuer's sequence, under lock: a unit that is rolled back leaves no gap.
///
/// # Errors
/// [`RecordsError::Raced`] when another unit takes the issuer's first number at this moment.
pub(super) async fn next(unit: &mut Unit, freelancer: UserId) -> Result<i64, RecordsError> {
    let known = Entity::find_by_id(Text(freelancer)).lock_exclusive().one(&*unit).await?;
    let Some(known) = known else {
        let first = Model { freelancer_id: Text(freelancer), next_seq: 2 };
        return unit.add::<Entity>(first).await.map(|()| 1).map_err(RecordsError::raced);
    };
    Entity::update_many()
        .col_expr(Column::NextSeq, Expr::val(known.next_seq + 1))
        .filter(Column::FreelancerId.eq(Text(freelancer)))
        .exec(&*unit)
        .await?;
    Ok(known.next_seq)
}

/// Sets the next places of issuers whose numbers were given otherwise, in the unit of their invoices.
///
/// # Errors
/// When the primary does not answer.
pub(super) async fn set(unit: &mut Unit, next: BTreeMap<UserId, i64>) -> Result<(), RecordsError> {
    let row = |(freelancer, next_seq)| Model { freelancer_id: Text(freelancer), next_seq }.into_active_model();
    let ahead = OnConflict::column(Column::FreelancerId).update_column(Column::NextSeq).to_owned();
    Entity::insert_many(next.into_iter().map(row)).on_conflict(ahead).exec_without_returning(&*unit).await?;
    Ok(())
}
