//! Logins. Only hashes of their tokens are kept.

use chainbill_domain::{
    Timestamp,
    id::{SessionId, UserId},
    states::{Role, UserStatus},
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QueryResult,
    QuerySelect as _, sea_query::Expr,
};

use super::{AT_ONCE, Cleaned};
use crate::{
    Records, RecordsError, Text,
    by_place::at,
    entities::sessions::{Column, Entity},
};

/// A login with its user, as far as permissions need it: a profile with a value that this release cannot read does not
/// block the login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionUser {
    /// The session.
    pub session: SessionId,
    /// The user.
    pub user: UserId,
    /// The user's role.
    pub role: Role,
    /// The user's status.
    pub status: UserStatus,
}

/// What of a login and its user is read, from `sessions s JOIN users u`.
pub(super) const COLUMNS: &str = "s.id,u.id,u.role,u.status";
/// How many columns that are.
pub(super) const WIDTH: usize = 4;
/// The login of a token that is neither expired nor revoked: the token's hash and the present moment are asked for.
pub(super) const FROM_ACTIVE: &str = "FROM sessions s JOIN users u ON u.id=s.user_id";
/// Its condition.
pub(super) const IS_ACTIVE: &str = "s.token_hash=? AND s.revoked_at IS NULL AND s.expires_at>?";

/// The login of a token that is neither expired nor revoked, with its user, in one statement: every authenticated request reads
/// it.
///
/// # Errors
/// When the primary does not answer, or holds a role, a status or an id that this release cannot read.
pub async fn active(records: &Records, token_hash: &str) -> Result<Option<SessionUser>, RecordsError> {
    let sql = format!("SELECT {COLUMNS} {FROM_ACTIVE} WHERE {IS_ACTIVE}");
    let statement = records.statement(sql, [token_hash.into(), records.now().into()]);
    let row = records.query_one_raw(statement).await?;
    row.map(|row| session_user(&row)).transpose()
}

/// A login with its user from the first columns of a row.
pub(super) fn session_user(row: &QueryResult) -> Result<SessionUser, RecordsError> {
    Ok(SessionUser {
        session: at::<Text<SessionId>>(row, 0, "id")?.0,
        user: at::<Text<UserId>>(row, 1, "id")?.0,
        role: at::<Text<Role>>(row, 2, "role")?.0,
        status: at::<Text<UserStatus>>(row, 3, "status")?.0,
    })
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
