//! Whose account it is: what logins and permissions need of a person and nothing else, so that a profile with a value that this
//! release cannot read locks nobody out.

use std::{any::type_name, str::FromStr};

use chainbill_domain::{
    id::UserId,
    states::{Role, UserStatus},
};
use chainbill_records::{
    RecordsError, Unreadable,
    entities::users::{Column, Entity},
    sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QuerySelect as _, Select},
};

use crate::AppError;

/// An account as it is stored.
pub(crate) struct Account {
    id: String,
    role: String,
    status: String,
    /// The hash of its password.
    pub password_hash: Option<String>,
}

/// An account as it is understood.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    pub id: UserId,
    pub role: Role,
    pub status: UserStatus,
}

impl Account {
    /// The account of an address.
    pub async fn of_email(db: &impl ConnectionTrait, email: &str) -> Result<Option<Self>, AppError> {
        Self::one(db, Entity::find().filter(Column::Email.eq(email))).await
    }

    /// The account of an id as it is stored.
    pub async fn of_id(db: &impl ConnectionTrait, id: &str) -> Result<Option<Self>, AppError> {
        Self::one(db, Entity::find().filter(Column::Id.eq(id))).await
    }

    async fn one(db: &impl ConnectionTrait, query: Select<Entity>) -> Result<Option<Self>, AppError> {
        let columns = [Column::Id, Column::Role, Column::Status, Column::PasswordHash];
        let row: Option<(String, String, String, Option<String>)> =
            query.select_only().columns(columns).into_tuple().one(db).await?;
        Ok(row.map(|(id, role, status, password_hash)| Self { id, role, status, password_hash }))
    }

    /// The stored id, for the audit.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it has this role.
    pub fn is(&self, role: Role) -> bool {
        self.role == role.word()
    }

    /// The account, when this release understands it.
    pub fn understood(&self) -> Result<Identity, AppError> {
        Ok(Identity {
            id: parsed("id", &self.id)?,
            role: parsed("role", &self.role)?,
            status: parsed("status", &self.status)?,
        })
    }
}

fn parsed<T: FromStr>(column: &str, text: &str) -> Result<T, AppError> {
    text.parse().map_err(|_| {
        let cause = format!("{text:?} is no {}", type_name::<T>());
        RecordsError::Unreadable(Unreadable { column: column.to_owned(), cause }).into()
    })
}
