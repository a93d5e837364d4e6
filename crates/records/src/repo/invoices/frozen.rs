//! Proof that sent invoices are what was frozen: the hash of each is computed again.

use chainbill_domain::invoice::verify;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use super::rows::invoice;
use crate::{
    RecordsError, by_parent, each,
    entities::{
        invoice_lines,
        invoices::{Column, Entity, Model},
    },
};

/// Invoices that are read at once.
const PAGE: u64 = 500;

/// The ids of at most so many numbered invoices whose content is not what was hashed, or cannot be read.
///
/// # Errors
/// When the primary does not answer.
pub async fn unverified(db: &impl ConnectionTrait, most: usize) -> Result<Vec<String>, RecordsError> {
    let (mut found, mut after) = (Vec::new(), String::new());
    while found.len() < most {
        let query = Entity::find()
            .filter(Column::Number.is_not_null())
            .filter(Column::Id.gt(after.as_str()))
            .order_by_asc(Column::Id)
            .limit(PAGE);
        let rows = each(db, query, Column::Id).await?;
        let lines = invoice_lines::Entity::find()
            .filter(invoice_lines::Column::InvoiceId.is_in(rows.iter().flatten().map(|row| row.id)))
            .order_by_asc(invoice_lines::Column::InvoiceId)
            .order_by_asc(invoice_lines::Column::Position);
        let mut lines = by_parent(db, lines, invoice_lines::Column::InvoiceId).await?;
        let mut is_verified = |row: Model| {
            let lines = lines.remove(&row.id.to_string()).unwrap_or_else(|| Ok(Vec::new()));
            lines.and_then(|lines| invoice(row, lines)).is_ok_and(|invoice| verify(&invoice).is_ok())
        };
        let Some(last) = rows.last() else { break };
        after = last.as_ref().map_or_else(|odd| odd.id.clone(), |row| row.id.to_string());
        for row in rows {
            let (id, verified) = match row {
                Ok(row) => (row.id.to_string(), is_verified(row)),
                Err(odd) => (odd.id, false),
            };
            if !verified {
                found.push(id);
            }
        }
    }
    found.truncate(most);
    Ok(found)
}
