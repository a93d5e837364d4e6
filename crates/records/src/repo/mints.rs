//! Notarisations of invoices.

use chainbill_domain::{
    id::{InvoiceId, MintId},
    mint::{Mint, Receipt, Submission},
    states::MintStatus,
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use crate::{
    RecordsError, Text, Unit,
    entities::mints::{Column, Entity, Model},
};

/// The notarisation of an invoice.
///
/// # Errors
/// When the primary does not answer, or what it holds cannot be read.
pub async fn of_invoice(db: &impl ConnectionTrait, invoice: InvoiceId) -> Result<Option<Mint>, RecordsError> {
    let row = Entity::find().filter(Column::InvoiceId.eq(Text(invoice))).one(db).await?;
    row.map(mint).transpose()
}

/// The same under lock. Its invoice is locked first.
///
/// # Errors
/// When the primary does not answer, or what it holds cannot be read.
pub async fn lock_of_invoice(unit: &Unit, invoice: InvoiceId) -> Result<Option<Mint>, RecordsError> {
    let row = Entity::find().filter(Column::InvoiceId.eq(Text(invoice))).lock_exclusive().one(unit).await?;
    row.map(mint).transpose()
}

/// A notarisation.
///
/// # Errors
/// When the primary does not answer, or what it holds cannot be read.
pub async fn find(db: &impl ConnectionTrait, id: MintId) -> Result<Option<Mint>, RecordsError> {
    Entity::find_by_id(Text(id)).one(db).await?.map(mint).transpose()
}

/// Which notarisations.
#[derive(Debug, Clone, Copy)]
pub struct List<'l> {
    /// Only those in this state.
    pub status: Option<MintStatus>,
    /// The id after which the page begins.
    pub after: Option<&'l str>,
    /// How many at most.
    pub limit: u32,
}

/// Notarisations, newest first, and one more than asked for where there are more.
///
/// # Errors
/// When the primary does not answer, or what it holds cannot be read.
pub async fn list(db: &impl ConnectionTrait, list: List<'_>) -> Result<Vec<Mint>, RecordsError> {
    let mut query = Entity::find().order_by_desc(Column::Id).limit(u64::from(list.limit) + 1);
    if let Some(status) = list.status {
        query = query.filter(Column::Status.eq(Text(status)));
    }
    if let Some(after) = list.after {
        query = query.filter(Column::Id.lt(after));
    }
    query.all(db).await?.into_iter().map(mint).collect()
}

/// Saves a new notarisation.
///
/// # Errors
/// [`RecordsError::Duplicate`] when its invoice has one.
pub async fn insert(unit: &mut Unit, new: Mint) -> Result<Mint, RecordsError> {
    let new = Mint { version: 1, ..new };
    unit.add::<Entity>(row(&new)).await?;
    Ok(new)
}

/// Saves what differs.
///
/// # Errors
/// [`RecordsError::Changed`] when it is no longer as it was read; [`RecordsError::Duplicate`] when another one has its token.
pub async fn update(unit: &mut Unit, before: &Mint, next: Mint) -> Result<Mint, RecordsError> {
    let saved = unit.amend::<Entity>(&row(before), row(&next)).await?;
    Ok(Mint { version: saved.version, updated_at: saved.updated_at, ..next })
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn row(mint: &Mint) -> Model {
    let (submission, receipt) = (mint.submission.as_ref(), mint.receipt.as_ref());
    Model {
        id: Text(mint.id),
        version: mint.version,
        invoice_id: Text(mint.invoice_id),
        status: Text(mint.status),
        token_id: mint.token.map(Text),
        canonical_hash: mint.hash.clone(),
        canonical_form: mint.form.clone(),
        chain: submission.map(|it| it.chain.clone()),
        tx_hash: submission.map(|it| it.transaction.clone()),
        signed_bytes: submission.map(|it| hex::encode(&it.bytes)),
        expires_at: submission.map(|it| it.expires_at),
        builds: mint.builds,
        position: receipt.map(|it| number(it.position)),
        digest: receipt.map(|it| it.digest.clone()),
        gas_used: receipt.and_then(|it| it.gas_used.map(number)),
        confirmed_at: receipt.map(|it| it.at),
        error: mint.error.clone(),
        created_at: mint.created_at,
        updated_at: mint.updated_at,
    }
}

fn mint(row: Model) -> Result<Mint, RecordsError> {
    let corrupt = |what: &str| RecordsError::Corrupt(format!("the notarisation {} {what}", row.id.0));
    let submission = match (row.chain, row.tx_hash, row.signed_bytes, row.expires_at) {
        (Some(chain), Some(transaction), Some(bytes), Some(expires_at)) => {
            let bytes = hex::decode(bytes).map_err(|_| corrupt("has signed bytes that are not hexadecimal"))?;
            Some(Submission { chain, transaction, bytes, expires_at })
        }
        (None, None, None, None) => None,
        _ => return Err(corrupt("has a part of a submission")),
    };
    let receipt = match (row.position, row.digest, row.confirmed_at) {
        (Some(position), Some(digest), Some(at)) => {
            let unsigned = |value: i64| u64::try_from(value).map_err(|_| corrupt("has a negative number"));
            let gas_used = row.gas_used.map(unsigned).transpose()?;
            Some(Receipt { position: unsigned(position)?, digest, at, gas_used })
        }
        (None, None, None) => None,
        _ => return Err(corrupt("has a part of a receipt")),
    };
    Ok(Mint {
        id: row.id.0,
        version: row.version,
        invoice_id: row.invoice_id.0,
        status: row.status.0,
        token: row.token_id.map(|id| id.0),
        hash: row.canonical_hash,
        form: row.canonical_form,
        submission,
        builds: row.builds,
        receipt,
        error: row.error,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}
