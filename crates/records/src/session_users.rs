//! The user of a session, in one statement: every authenticated request reads it.

use std::{any::type_name, str::FromStr};

use chainbill_domain::{
    id::{SessionId, UserId},
    states::{Role, UserStatus},
};
use sea_orm::{ConnectionTrait, QueryResult};

use crate::{Records, RecordsError, Unreadable};

/// A session with its user, as far as permissions need it: a profile with a value that this release cannot read locks nobody
/// out.
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

impl Records {
    /// The session whose token has this hash, with its user; none when it is unknown, expired or revoked.
    ///
    /// # Errors
    /// When the primary does not answer, or holds a role, a status or an id that this release cannot read.
    pub async fn session_user(&self, token_hash: &str) -> Result<Option<SessionUser>, RecordsError> {
        let sql = "SELECT s.id, u.id, u.role, u.status FROM sessions s JOIN users u ON u.id=s.user_id \
                   WHERE s.token_hash=? AND s.revoked_at IS NULL AND s.expires_at>?";
        let statement = self.statement(sql, [token_hash.into(), self.now().into()]);
        let row = self.db().query_one_raw(statement).await?;
        row.map(|row| {
            Ok(SessionUser {
                session: parsed(&row, 0, "id")?,
                user: parsed(&row, 1, "id")?,
                role: parsed(&row, 2, "role")?,
                status: parsed(&row, 3, "status")?,
            })
        })
        .transpose()
    }
}

fn parsed<T: FromStr>(row: &QueryResult, place: usize, column: &str) -> Result<T, RecordsError> {
    let text: String = row.try_get_by_index(place)?;
    text.parse().map_err(|_| {
        let cause = format!("{text:?} is no {}", type_name::<T>());
        RecordsError::Unreadable(Unreadable { column: column.to_owned(), cause })
    })
}
