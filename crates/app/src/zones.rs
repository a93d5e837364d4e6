//! The calendar day of who issued a bill: days, what is overdue and the year of a number follow the issuer's time zone.

use std::collections::HashMap;

use chainbill_domain::{
    Timestamp,
    id::UserId,
    states::InvoiceStatus,
    zone::{Zone, depends_on_zone},
};
use chainbill_records::{
    Text,
    entities::{invoices, users},
    sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QuerySelect as _},
};

use crate::AppError;

/// Time zones of issuers; UTC of those who have chosen none.
pub(crate) struct Zones(HashMap<UserId, Zone>);

impl Zones {
    /// Those of these bills' issuers as far as it matters where they are: on the days beside the due day.
    pub async fn of(
        db: &impl ConnectionTrait,
        bills: impl Iterator<Item = &invoices::Model>,
        now: Timestamp,
    ) -> Result<Self, AppError> {
        let matters = |bill: &&invoices::Model| {
            bill.status.0 == InvoiceStatus::Sent && bill.due_date.as_ref().is_some_and(|due| depends_on_zone(due, now))
        };
        let mut issuers: Vec<UserId> = bills.filter(matters).map(|bill| bill.freelancer_id.0).collect();
        issuers.sort_unstable();
        issuers.dedup();
        if issuers.is_empty() {
            return Ok(Self(HashMap::new()));
        }
        let rows: Vec<(Text<UserId>, Option<String>)> = users::Entity::find()
            .select_only()
            .columns([users::Column::Id, users::Column::TimeZone])
            .filter(users::Column::Id.is_in(issuers.into_iter().map(Text)))
            .into_tuple()
            .all(db)
            .await?;
        Ok(Self(rows.into_iter().map(|(Text(id), zone)| (id, Zone::stored(zone.as_deref()))).collect()))
    }

    /// The day at the issuer's.
    pub fn day(&self, bill: &invoices::Model, now: Timestamp) -> String {
        self.0.get(&bill.freelancer_id.0).copied().unwrap_or_default().day(now)
    }
}

/// The day at the issuer's of one bill, as far as it matters.
pub(crate) async fn issuers_day(
    db: &impl ConnectionTrait,
    bill: &invoices::Model,
    now: Timestamp,
) -> Result<String, AppError> {
    Ok(Zones::of(db, std::iter::once(bill), now).await?.day(bill, now))
}

/// The time zone of a person.
pub(crate) async fn zone_of(db: &impl ConnectionTrait, id: UserId) -> Result<Zone, AppError> {
    let row: Option<Option<String>> = users::Entity::find()
        .select_only()
        .column(users::Column::TimeZone)
        .filter(users::Column::Id.eq(Text(id)))
        .into_tuple()
        .one(db)
        .await?;
    Ok(Zone::stored(row.flatten().as_deref()))
}
