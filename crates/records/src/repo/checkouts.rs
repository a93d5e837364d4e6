//! Checkouts, and the events of payment providers that were acted on.

use chainbill_domain::{
    checkout::Checkout,
    id::{CheckoutId, PaymentId},
    ledger::Counterparties,
    money::Money,
    states::CheckoutStatus,
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QuerySelect as _, sea_query::Expr,
};

use crate::{
    Records, RecordsError, Text, Unit,
    entities::{
        checkouts::{Column, Entity, Model},
        provider_events,
    },
};

/// Adds a checkout.
///
/// # Errors
/// When the primary does not answer.
pub async fn add(unit: &mut Unit, checkout: &Checkout) -> Result<(), RecordsError> {
    unit.add::<Entity>(row(checkout)).await
}

/// A checkout.
///
/// # Errors
/// When the primary does not answer.
pub async fn find(db: &impl ConnectionTrait, id: CheckoutId) -> Result<Option<Checkout>, RecordsError> {
    Ok(Entity::find_by_id(Text(id)).one(db).await?.map(checkout))
}

/// A checkout under lock.
///
/// # Errors
/// When the primary does not answer.
pub async fn lock(unit: &Unit, id: CheckoutId) -> Result<Option<Checkout>, RecordsError> {
    Ok(Entity::find_by_id(Text(id)).lock_exclusive().one(unit).await?.map(checkout))
}

/// Saves what the provider has answered: its name for it, and where the client pays.
///
/// # Errors
/// When the primary does not answer.
pub async fn begun(
    records: &Records,
    id: CheckoutId,
    provider_id: &str,
    url: Option<&str>,
) -> Result<(), RecordsError> {
    let unit = records.begin().await?;
    Entity::update_many()
        .col_expr(Column::ProviderId, Expr::val(provider_id))
        .col_expr(Column::Url, Expr::val(url))
        .filter(Column::Id.eq(Text(id)))
        .exec(&unit)
        .await?;
    unit.commit().await.map(drop)
}

/// Saves how an open checkout has ended.
///
/// # Errors
/// When the primary does not answer.
pub async fn end(
    unit: &Unit,
    id: CheckoutId,
    status: CheckoutStatus,
    payment: Option<PaymentId>,
) -> Result<(), RecordsError> {
    Entity::update_many()
        .col_expr(Column::Status, Expr::val(Text(status)))
        .col_expr(Column::PaymentId, Expr::val(payment.map(Text)))
        .filter(Column::Id.eq(Text(id)))
        .exec(unit)
        .await?;
    Ok(())
}

/// Notes that an event of a provider is acted on in this unit.
///
/// # Errors
/// [`RecordsError::Duplicate`] when it was before.
pub async fn note_event(unit: &mut Unit, id: &str, kind: &str, result: &str) -> Result<(), RecordsError> {
    let row = provider_events::Model {
        id: id.to_owned(),
        kind: kind.chars().take(100).collect(),
        result: result.chars().take(200).collect(),
        received_at: unit.now(),
    };
    unit.add::<provider_events::Entity>(row).await
}

fn row(checkout: &Checkout) -> Model {
    Model {
        id: Text(checkout.id),
        invoice_id: Text(checkout.invoice_id),
        invoice_number: checkout.invoice_number.clone(),
        client_id: Text(checkout.parties.client),
        freelancer_id: Text(checkout.parties.freelancer),
        currency: Text(checkout.amount.currency),
        amount_minor: checkout.amount.minor,
        status: Text(checkout.status),
        provider_id: checkout.provider_id.clone(),
        url: checkout.url.clone(),
        success_url: checkout.success_url.clone(),
        cancel_url: checkout.cancel_url.clone(),
        payment_id: checkout.payment_id.map(Text),
        expires_at: checkout.expires_at,
        created_at: checkout.created_at,
    }
}

fn checkout(row: Model) -> Checkout {
    Checkout {
        id: row.id.0,
        invoice_id: row.invoice_id.0,
        invoice_number: row.invoice_number,
        parties: Counterparties { freelancer: row.freelancer_id.0, client: row.client_id.0 },
        amount: Money { minor: row.amount_minor, currency: row.currency.0 },
        status: row.status.0,
        provider_id: row.provider_id,
        url: row.url,
        success_url: row.success_url,
        cancel_url: row.cancel_url,
        payment_id: row.payment_id.map(|id| id.0),
        expires_at: row.expires_at,
        created_at: row.created_at,
    }
}
