//! Quotes.

use chainbill_domain::{
    Timestamp,
    id::QuoteId,
    money::Money,
    quote::{Offer, Quote},
    states::QuoteStatus,
    visibility::{InvoiceParty, Viewer, Visible},
};
use sea_orm::{
    ColumnTrait as _, Condition, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Select,
};

use super::invoices::past_in_issuers_zone;
use crate::{
    OddRow, RecordsError, Text, Unit, each,
    entities::quotes::{Column, Entity, Model},
};

/// Which quotes.
#[derive(Debug, Clone, Copy)]
pub struct List<'l> {
    /// Who wants to see them.
    pub viewer: &'l Viewer,
    /// Only those in this state at this moment.
    pub status: Option<(QuoteStatus, Timestamp)>,
    /// The id after which the page begins.
    pub after: Option<&'l str>,
    /// How many at most.
    pub limit: u64,
}

/// A quote, if the viewer sees it.
///
/// # Errors
/// When the primary does not answer.
pub async fn find(db: &impl ConnectionTrait, viewer: &Viewer, id: QuoteId) -> Result<Option<Quote>, RecordsError> {
    Ok(Entity::find_by_id(Text(id)).one(db).await?.map(quote).filter(|quote| sees(viewer, quote)))
}

/// A quote under lock, if the viewer sees it.
///
/// # Errors
/// When the primary does not answer.
pub async fn lock(unit: &Unit, viewer: &Viewer, id: QuoteId) -> Result<Option<Quote>, RecordsError> {
    let row = Entity::find_by_id(Text(id)).lock_exclusive().one(unit).await?;
    Ok(row.map(quote).filter(|quote| sees(viewer, quote)))
}

fn sees(viewer: &Viewer, quote: &Quote) -> bool {
    viewer.sees_quote(quote.freelancer_id, quote.client_id, quote.status)
}

/// Quotes, newest first.
///
/// # Errors
/// When the primary does not answer.
pub async fn list(db: &impl ConnectionTrait, list: List<'_>) -> Result<Vec<Result<Quote, OddRow>>, RecordsError> {
    let mut query = seen(list.viewer, Entity::find());
    if let Some(after) = list.after {
        query = query.filter(Column::Id.lt(after));
    }
    if let Some((status, now)) = list.status {
        let is = |status: QuoteStatus| Condition::all().add(Column::Status.eq(status.word()));
        let over = past_in_issuers_zone(now, (Entity, Column::ValidUntil), (Entity, Column::FreelancerId));
        query = query.filter(match status {
            QuoteStatus::Expired => is(QuoteStatus::Sent).add(over),
            QuoteStatus::Sent => is(QuoteStatus::Sent).add(over.not()),
            status => is(status),
        });
    }
    let rows = each(db, query.order_by_desc(Column::Id).limit(list.limit), Column::Id).await?;
    Ok(rows.into_iter().map(|row| row.map(quote)).collect())
}

fn seen(viewer: &Viewer, rows: Select<Entity>) -> Select<Entity> {
    let Visible::AnyOf(rules) = viewer.invoices() else { return rows };
    let any = rules.iter().fold(Condition::any(), |any, rule| {
        let (party, shows_drafts) = match rule.party {
            InvoiceParty::Freelancer => (Column::FreelancerId, true),
            InvoiceParty::Client => (Column::ClientId, false),
        };
        let own = Condition::all().add(party.eq(Text(rule.user_id)));
        any.add(if shows_drafts { own } else { own.add(Column::Status.ne(QuoteStatus::Draft.word())) })
    });
    rows.filter(any)
}

/// Saves a new quote.
///
/// # Errors
/// When the primary does not answer.
pub async fn insert(unit: &mut Unit, new: Quote) -> Result<Quote, RecordsError> {
    let new = Quote { version: 1, ..new };
    unit.add::<Entity>(row(&new)).await?;
    Ok(new)
}

/// Saves what differs.
///
/// # Errors
/// [`RecordsError::Changed`] when it is no longer as it was read.
pub async fn update(unit: &mut Unit, before: &Quote, next: Quote) -> Result<Quote, RecordsError> {
    let saved = unit.amend::<Entity>(&row(before), row(&next)).await?;
    Ok(Quote { version: saved.version, updated_at: saved.updated_at, ..next })
}

/// Removes a quote.
///
/// # Errors
/// [`RecordsError::Changed`] when it is no longer as it was read.
pub async fn delete(unit: &mut Unit, before: &Quote) -> Result<(), RecordsError> {
    let removed = Entity::delete_many()
        .filter(Column::Id.eq(Text(before.id)))
        .filter(Column::Version.eq(before.version))
        .exec(&*unit)
        .await?
        .rows_affected;
    if removed == 1 { Ok(()) } else { Err(RecordsError::Changed { model: "quotes", id: before.id.to_string() }) }
}

fn row(quote: &Quote) -> Model {
    Model {
        id: Text(quote.id),
        version: quote.version,
        freelancer_id: Text(quote.freelancer_id),
        client_id: Text(quote.client_id),
        project_id: quote.offer.project_id.map(Text),
        title: quote.offer.title.clone(),
        invoice: quote.offer.invoice.clone(),
        currency: Text(quote.offer.total.currency),
        total_minor: quote.offer.total.minor,
        due_in_days: quote.offer.due_in_days.map(i64::from),
        valid_until: quote.offer.valid_until.clone(),
        status: Text(quote.status),
        series: quote.series.map(Text),
        number: quote.number.clone(),
        number_seq: quote.number_seq,
        number_year: quote.number_year.map(i64::from),
        invoice_id: quote.invoice_id.map(Text),
        decline_reason: quote.decline_reason.clone(),
        sent_at: quote.sent_at,
        answered_at: quote.answered_at,
        created_at: quote.created_at,
        updated_at: quote.updated_at,
    }
}

fn quote(row: Model) -> Quote {
    Quote {
        id: row.id.0,
        version: row.version,
        freelancer_id: row.freelancer_id.0,
        client_id: row.client_id.0,
        offer: Offer {
            title: row.title,
            project_id: row.project_id.map(|id| id.0),
            invoice: row.invoice,
            total: Money { minor: row.total_minor, currency: row.currency.0 },
            due_in_days: row.due_in_days.and_then(|days| u32::try_from(days).ok()),
            valid_until: row.valid_until,
        },
        status: row.status.0,
        series: row.series.map(|series| series.0),
        number: row.number,
        number_seq: row.number_seq,
        number_year: row.number_year.and_then(|year| i32::try_from(year).ok()),
        invoice_id: row.invoice_id.map(|id| id.0),
        decline_reason: row.decline_reason,
        sent_at: row.sent_at,
        answered_at: row.answered_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}
