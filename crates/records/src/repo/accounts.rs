//! Accounts as logins and permissions need them: four columns and nothing else, so that a profile with a value that this
//! release cannot read prevents no login.

use std::{any::type_name, str::FromStr};

use chainbill_domain::{
    id::UserId,
    states::{Role, UserStatus},
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, PaginatorTrait as _, QueryFilter as _, QuerySelect as _,
    Select,
};

use crate::{
    RecordsError, Unreadable,
    entities::{
        audit_entries,
        users::{Column, Entity},
    },
};

/// An account as it is stored.
#[derive(Clone)]
pub struct Account {
    id: String,
    role: String,
    status: String,
    /// The hash of its password.
    pub password_hash: Option<String>,
}

/// An account as this release understands it.
#[derive(Debug, Clone, Copy)]
pub struct Identity {
    /// Its id.
    pub id: UserId,
    /// Its role.
    pub role: Role,
    /// Whether it may be used.
    pub status: UserStatus,
}

impl Account {
    /// The account of an address.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn of_email(db: &impl ConnectionTrait, email: &str) -> Result<Option<Self>, RecordsError> {
        Self::one(db, Entity::find().filter(Column::Email.eq(email))).await
    }

    /// The account of an id as it is stored.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn of_id(db: &impl ConnectionTrait, id: &str) -> Result<Option<Self>, RecordsError> {
        Self::one(db, Entity::find().filter(Column::Id.eq(id))).await
    }

    async fn one(db: &impl ConnectionTrait, query: Select<Entity>) -> Result<Option<Self>, RecordsError> {
        let columns = [Column::Id, Column::Role, Column::Status, Column::PasswordHash];
        let row: Option<(String, String, String, Option<String>)> =
            query.select_only().columns(columns).into_tuple().one(db).await?;
        Ok(row.map(|(id, role, status, password_hash)| Self { id, role, status, password_hash }))
    }

    /// The stored id, for the audit.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it has this role.
    #[must_use]
    pub fn is(&self, role: Role) -> bool {
        self.role == role.word()
    }

    /// The account, when this release understands it.
    ///
    /// # Errors
    /// [`RecordsError::Unreadable`] when it does not.
    pub fn understood(&self) -> Result<Identity, RecordsError> {
        Ok(Identity {
            id: parsed("id", &self.id)?,
            role: parsed("role", &self.role)?,
            status: parsed("status", &self.status)?,
        })
    }
}

fn parsed<T: FromStr>(column: &str, text: &str) -> Result<T, RecordsError> {
    text.parse().map_err(|_| {
        let cause = format!("{text:?} is no {}", type_name::<T>());
        RecordsError::Unreadable(Unreadable { column: column.to_owned(), cause })
    })
}

/// Whether there is an operator.
///
/// # Errors
/// When the primary does not answer.
pub async fn has_operator(db: &impl ConnectionTrait) -> Result<bool, RecordsError> {
    Ok(Entity::find().filter(Column::Role.eq(Role::Admin.word())).count(db).await? > 0)
}

/// Whether the account of an address has ever been logged in to.
///
/// # Errors
/// When the primary does not answer.
pub async fn has_logged_in(db: &impl ConnectionTrait, email: &str) -> Result<bool, RecordsError> {
    let Some(account) = Account::of_email(db, email).await? else { return Ok(false) };
    let opened = audit_entries::Entity::find()
        .filter(audit_entries::Column::ActorId.eq(account.id))
        .filter(audit_entries::Column::Action.eq("session.open"))
        .one(db)
        .await?;
    Ok(opened.is_some())
}

/// How many accounts there are of people (operators are none) whose addresses do not end with this.
///
/// # Errors
/// When the primary does not answer.
pub async fn people_without(db: &impl ConnectionTrait, ending: &str) -> Result<u64, RecordsError> {
    let people =
        Entity::find().filter(Column::Role.ne(Role::Admin.word())).filter(Column::Email.not_like(format!("%{ending}")));
    Ok(people.count(db).await?)
}
