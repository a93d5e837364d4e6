//! Logins. Only hashes of their tokens are kept.

use chainbill_domain::{Timestamp, id::SessionId};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, sea_query::Expr,
};

use super::{AT_ONCE, Cleaned};
use crate::{
    Records, RecordsError, Text,
    entities::sessions::{Column, Entity},
};

/// The login of a token that is neither over nor revoked, and the stored id of its user.
///
/// # Errors
/// When the primary does not answer.
pub async fn active(records: &Records, token_hash: &str) -> Result<Option<(SessionId, String)>, RecordsError> {
    let session: Option<(Text<SessionId>, String)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::UserId])
        .filter(Column::TokenHash.eq(token_hash))
        .filter(Column::RevokedAt.is_null())
        .filter(Column::ExpiresAt.gt(records.now()))
        .into_tuple()
        .one(records)
        .await?;
    Ok(session.map(|(Text(session), user)| (session, user)))
}

/// Revokes the login of a token, if there is one.
///
/// # Errors
/// When the primary does not answer.
pub async fn revoke(records: &Records, token_hash: &str) -> Result<(), RecordsError> {
    Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::val(records.now()))
        .filter(Column::TokenHash.eq(token_hash))
        .filter(Column::RevokedAt.is_null())
        .exec(records)
        .await?;
    Ok(())
}

/// Removes some logins whose time is over.
///
/// # Errors
/// When the primary does not answer.
pub async fn clean(records: &Records, now: Timestamp) -> Result<Cleaned, RecordsError> {
    let over: Vec<Text<SessionId>> = Entity::find()
        .select_only()
        .column(Column::Id)
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
    let removed = Entity::delete_many().filter(Column::Id.is_in(over)).exec(records).await?.rows_affected;
    Ok(Cleaned { removed, has_more })
}
