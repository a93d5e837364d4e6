//! Invoices with their lines.

mod frozen;
mod list;
mod of_session;
mod read;
mod rows;
mod sorted;

use chainbill_domain::{
    id::{InvoiceId, MilestoneId, ProjectId},
    invoice::Invoice,
    states::InvoiceStatus,
    visibility::Viewer,
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use self::rows::{invoice, line_rows, row};
pub(crate) use self::sorted::past_in_issuers_zone;
pub use self::{
    frozen::unverified,
    list::{List, Listed, list},
    of_session::of_session,
    rows::rows,
    sorted::{Filter, Order, SortKey, key},
};
use crate::{
    RecordsError, Text, Unit,
    entities::{
        invoice_lines,
        invoices::{Column, Entity, Model},
    },
};

/// An invoice, if the viewer sees it.
///
/// # Errors
/// When the primary does not answer.
pub async fn find(db: &impl ConnectionTrait, viewer: &Viewer, id: InvoiceId) -> Result<Option<Invoice>, RecordsError> {
    let row = Entity::find_by_id(Text(id)).one(db).await?;
    seen(db, viewer, row).await
}

/// An invoice under lock, if the viewer sees it.
///
/// # Errors
/// When the primary does not answer.
pub async fn lock(unit: &Unit, viewer: &Viewer, id: InvoiceId) -> Result<Option<Invoice>, RecordsError> {
    let row = Entity::find_by_id(Text(id)).lock_exclusive().one(unit).await?;
    seen(unit, viewer, row).await
}

/// Its lines are read for those only who see it.
async fn seen(db: &impl ConnectionTrait, viewer: &Viewer, row: Option<Model>) -> Result<Option<Invoice>, RecordsError> {
    let sees = |row: &Model| viewer.sees_invoice(row.freelancer_id.0, row.client_id.0, row.status.0);
    let Some(row) = row.filter(sees) else { return Ok(None) };
    whole(db, row).await.map(Some)
}

async fn whole(db: &impl ConnectionTrait, row: Model) -> Result<Invoice, RecordsError> {
    let lines = invoice_lines::Entity::find()
        .filter(invoice_lines::Column::InvoiceId.eq(row.id))
        .order_by_asc(invoice_lines::Column::Position)
        .all(db)
        .await?;
    invoice(row, lines).map_err(RecordsError::Unreadable)
}

/// The sent invoices of a project whose money is not decided, under lock, in the order of their ids: unpaid, or with money that is held.
///
/// # Errors
/// When the primary does not answer.
pub async fn lock_undecided(unit: &Unit, project: ProjectId) -> Result<Vec<Invoice>, RecordsError> {
    let rows = Entity::find()
        .filter(Column::ProjectId.eq(Text(project)))
        .filter(Column::Status.is_in([InvoiceStatus::Sent.word(), InvoiceStatus::Paid.word()]))
        .order_by_asc(Column::Id)
        .lock_exclusive()
        .all(unit)
        .await?;
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        all.push(whole(unit, row).await?);
    }
    Ok(all)
}

/// The invoice that funds a milestone, if there is one that is not void.
///
/// # Errors
/// When the primary does not answer.
pub async fn funding(db: &impl ConnectionTrait, milestone: MilestoneId) -> Result<Option<InvoiceId>, RecordsError> {
    let query = Entity::find().filter(Column::FundsMilestoneId.eq(Text(milestone))).select_only().column(Column::Id);
    let id: Option<Text<InvoiceId>> = query.into_tuple().one(db).await?;
    Ok(id.map(|Text(id)| id))
}

/// Saves a new invoice.
///
/// # Errors
/// [`RecordsError::Duplicate`] when another invoice funds its milestone.
pub async fn insert(unit: &mut Unit, new: Invoice) -> Result<Invoice, RecordsError> {
    let (row, lines) = rows(&new);
    // The milestone may be taken: that is this statement's error, not one of COMMIT.
    let saved = match new.milestone_id {
        Some(_) => unit.insert_with::<invoice_lines::Entity>(row, lines).await?,
        None => unit.insert_later_with::<invoice_lines::Entity>(row, lines).await?,
    };
    Ok(at_version(new, &saved))
}

/// Saves many new invoices in few statements.
///
/// # Errors
/// When the primary does not answer.
pub async fn insert_many(unit: &mut Unit, new: &[Invoice]) -> Result<(), RecordsError> {
    let (rows, lines): (Vec<_>, Vec<_>) = new.iter().map(|invoice| rows(invoice)).unzip();
    unit.insert_many_with::<invoice_lines::Entity>(rows, lines.concat()).await.map(drop)
}

/// Saves what differs between an invoice as it was read and as it shall be.
///
/// # Errors
/// [`RecordsError::Changed`] when it is no longer as it was read.
pub async fn update(unit: &mut Unit, before: &Invoice, next: Invoice) -> Result<Invoice, RecordsError> {
    let (old, new) = (row(before), row(&next));
    let saved = if before.content.lines == next.content.lines {
        unit.update::<Entity>(&old, new).await?
    } else {
        unit.update_with::<invoice_lines::Entity>(&old, new, line_rows(&next)).await?
    };
    Ok(at_version(next, &saved))
}

/// Removes an invoice with its lines.
///
/// # Errors
/// [`RecordsError::Changed`] when it is no longer as it was read.
pub async fn delete(unit: &mut Unit, before: &Invoice) -> Result<(), RecordsError> {
    unit.delete_with::<invoice_lines::Entity>(&row(before)).await
}

/// An invoice at the version and the moment that saving it has given to its row.
fn at_version(invoice: Invoice, saved: &Model) -> Invoice {
    let mut state = invoice.into_state();
    state.version = saved.version;
    state.updated_at = saved.updated_at;
    Invoice::stored(state)
}
