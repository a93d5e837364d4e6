//! The calendar day of an invoice's issuer: days, what is overdue and the year of a number follow the issuer's time zone.

use std::collections::HashMap;

use chainbill_domain::{
    Timestamp,
    id::UserId,
    invoice::InvoiceState,
    zone::{Zone, depends_on_zone},
};
use chainbill_records::{RecordsError, Unit, repo::users};

use crate::App;

/// Time zones of issuers; UTC of those who have chosen none.
pub(crate) struct Zones(HashMap<UserId, Zone>);

/// The issuers of invoices as far as it matters where they are: on the days beside the due day.
fn issuers<'i>(invoices: impl Iterator<Item = &'i InvoiceState>, now: Timestamp) -> Vec<UserId> {
    let matters = |invoice: &&InvoiceState| {
        invoice.awaits_payment() && invoice.content.due_date.as_ref().is_some_and(|due| depends_on_zone(due, now))
    };
    let mut issuers: Vec<UserId> = invoices.filter(matters).map(|invoice| invoice.freelancer_id).collect();
    issuers.sort_unstable();
    issuers.dedup();
    issuers
}

impl Zones {
    /// The day at the issuer's.
    pub fn day(&self, invoice: &InvoiceState, now: Timestamp) -> String {
        self.0.get(&invoice.freelancer_id).copied().unwrap_or_default().day(now)
    }
}

impl App {
    /// The zones of these invoices' issuers.
    pub(crate) async fn zones<'i>(
        &self,
        invoices: impl Iterator<Item = &'i InvoiceState>,
        now: Timestamp,
    ) -> Result<Zones, RecordsError> {
        Ok(Zones(users::zones(&self.records, &issuers(invoices, now)).await?))
    }
}

/// The day at the issuer's of one invoice, as far as it matters to one of its states.
pub(crate) async fn issuers_day(unit: &Unit, states: &[&InvoiceState], now: Timestamp) -> Result<String, RecordsError> {
    let zones = Zones(users::zones(unit, &issuers(states.iter().copied(), now)).await?);
    Ok(states.first().map_or_else(|| Zone::default().day(now), |invoice| zones.day(invoice, now)))
}

/// The time zone of a user.
pub(crate) async fn zone_of(unit: &Unit, id: UserId) -> Result<Zone, RecordsError> {
    Ok(users::zones(unit, &[id]).await?.remove(&id).unwrap_or_default())
}
