//! Answers of commands under the keys that their callers chose, for replays.

use chainbill_domain::Timestamp;
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::Expr,
};

use super::{AT_ONCE, Cleaned};
use crate::{
    Records, RecordsError, Unit,
    entities::idempotency_keys::{Column, Entity, Model},
    outbox::literal,
};

/// Whose key it is, and the key.
#[derive(Debug, Clone, Copy)]
pub struct Key<'k> {
    /// Whose it is.
    pub owner: &'k str,
    /// The key.
    pub key: &'k str,
}

/// What is known of a key.
#[derive(Debug, Clone)]
pub struct Known {
    /// The digest of the command that it stands for.
    pub fingerprint: String,
    /// Status and answer; none while the command has not been committed.
    pub answer: Option<(u16, String)>,
}

/// Takes a key: the first thing that a unit saves. A second unit with the same key waits for this one.
///
/// # Errors
/// [`RecordsError::Duplicate`] when the key is taken.
pub async fn take(unit: &mut Unit, key: Key<'_>, fingerprint: &str, until: Timestamp) -> Result<(), RecordsError> {
    let row = Model {
        user_id: key.owner.to_owned(),
        idem_key: key.key.to_owned(),
        fingerprint: fingerprint.to_owned(),
        status: None,
        answer: None,
        created_at: unit.now(),
        expires_at: until,
    };
    unit.add::<Entity>(row).await
}

/// A longer answer is cheaper as a prepared statement's.
const FEW_BYTES: usize = 16 * 1024;

/// Keeps the answer under a key that this unit has taken.
///
/// # Errors
/// When the primary does not answer.
pub async fn keep(unit: &Unit, key: Key<'_>, status: u16, answer: String) -> Result<(), RecordsError> {
    if unit.records().dialect().takes_texts() && answer.len() <= FEW_BYTES {
        let [answer, owner, key] = [&answer, key.owner, key.key].map(literal);
        let sql = format!(
            "UPDATE idempotency_keys SET status={status},answer={answer} WHERE user_id={owner} AND idem_key={key}"
        );
        return Ok(unit.db().execute_later(sql).await?);
    }
    Entity::update_many()
        .col_expr(Column::Status, Expr::val(i64::from(status)))
        .col_expr(Column::Answer, Expr::val(answer))
        .filter(Column::UserId.eq(key.owner))
        .filter(Column::IdemKey.eq(key.key))
        .exec(unit)
        .await?;
    Ok(())
}

/// What is known of a key.
///
/// # Errors
/// When the primary does not answer.
pub async fn find(records: &Records, key: Key<'_>) -> Result<Option<Known>, RecordsError> {
    let row = Entity::find_by_id((key.owner.to_owned(), key.key.to_owned())).one(records).await?;
    Ok(row.map(|row| Known {
        fingerprint: row.fingerprint,
        answer: row.status.and_then(|status| u16::try_from(status).ok()).zip(row.answer),
    }))
}

/// Removes the answer under a key when its time is over; whether it did.
///
/// # Errors
/// When the primary does not answer.
pub async fn forget_expired(records: &Records, key: Key<'_>) -> Result<bool, RecordsError> {
    let expired = Entity::delete_many()
        .filter(Column::UserId.eq(key.owner))
        .filter(Column::IdemKey.eq(key.key))
        .filter(Column::ExpiresAt.lte(records.now()));
    Ok(expired.exec(records).await?.rows_affected > 0)
}

/// Removes some answers whose time is over.
///
/// # Errors
/// When the primary does not answer.
pub async fn clean(records: &Records, now: Timestamp) -> Result<Cleaned, RecordsError> {
    let over: Vec<(String, String)> = Entity::find()
        .select_only()
        .columns([Column::UserId, Column::IdemKey])
        .filter(Column::ExpiresAt.lt(now))
        .order_by_asc(Column::ExpiresAt)
        .limit(AT_ONCE)
        .into_tuple()
        .all(records)
        .await?;
    let has_more = over.len() as u64 == AT_ONCE;
    if over.is_empty() {
        return Ok(Cleaned { removed: 0, has_more });
    }
    let these = over.into_iter().fold(Condition::any(), |these, (user, key)| {
        these.add(Condition::all().add(Column::UserId.eq(user)).add(Column::IdemKey.eq(key)))
    });
    let removed = Entity::delete_many().filter(these).exec(records).await?.rows_affected;
    Ok(Cleaned { removed, has_more })
}
