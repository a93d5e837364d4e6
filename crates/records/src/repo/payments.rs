//! Payments: one row per external event, never edited.

use chainbill_domain::{id::PaymentId, money::Money, payment::Payment};
use sea_orm::{ConnectionTrait, EntityTrait as _};

use crate::{
    RecordsError, Text, Unit,
    entities::payments::{Entity, Model},
};

/// Adds a payment.
///
/// # Errors
/// [`RecordsError::Duplicate`] when its reference is known.
pub async fn add(unit: &mut Unit, payment: &Payment) -> Result<(), RecordsError> {
    unit.add::<Entity>(row(payment)).await
}

/// Adds many payments, in few statements.
///
/// # Errors
/// As [`add`].
pub async fn add_many(unit: &mut Unit, payments: &[Payment]) -> Result<(), RecordsError> {
    unit.add_many::<Entity>(payments.iter().map(row).collect()).await
}

/// A payment.
///
/// # Errors
/// When the primary does not answer.
pub async fn find(db: &impl ConnectionTrait, id: PaymentId) -> Result<Option<Payment>, RecordsError> {
    Ok(Entity::find_by_id(Text(id)).one(db).await?.map(payment))
}

fn row(payment: &Payment) -> Model {
    Model {
        id: Text(payment.id),
        invoice_id: Text(payment.invoice_id),
        payer_id: Text(payment.payer_id),
        external_ref: payment.external_ref.clone(),
        method: Text(payment.method),
        amount_minor: payment.amount.minor,
        currency: Text(payment.amount.currency),
        received_at: payment.received_at,
        recorded_by: Text(payment.recorded_by),
        created_at: payment.created_at,
    }
}

fn payment(row: Model) -> Payment {
    Payment {
        id: row.id.0,
        invoice_id: row.invoice_id.0,
        payer_id: row.payer_id.0,
        external_ref: row.external_ref,
        method: row.method.0,
        amount: Money { minor: row.amount_minor, currency: row.currency.0 },
        received_at: row.received_at,
        recorded_by: row.recorded_by.0,
        created_at: row.created_at,
    }
}
