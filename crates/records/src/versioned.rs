//! Rows that have a version and are not synchronised: they are changed as synchronised ones are, without an outbox entry.

use chainbill_domain::Timestamp;
use sea_orm::{ColumnTrait as _, EntityTrait, Iterable as _, ModelTrait, QueryFilter as _, sea_query::Expr};

use crate::{RecordsError, Unit, Unsynced, entities};

/// An entity whose rows have a version, and are not synchronised.
pub trait Versioned: Unsynced {
    /// The table, in errors.
    const TABLE: &'static str;
    /// The key's column.
    const ID: Self::Column;
    /// The version's column.
    const VERSION: Self::Column;
    /// The row's key as text.
    fn id(row: &Self::Model) -> String;
    /// The row's version.
    fn version(row: &Self::Model) -> i64;
    /// Gives the row a version, and the moment of its change.
    fn stamp(row: &mut Self::Model, version: i64, changed_at: Timestamp);
}

impl Unit {
    /// Saves what differs between a row as it was read and as it shall be, at the next version and with this unit's moment as its
    /// change time. One conditional statement on key and version decides.
    ///
    /// # Errors
    /// [`RecordsError::Changed`] when the row is no longer at the version that was read.
    pub async fn amend<E>(&mut self, before: &E::Model, mut after: E::Model) -> Result<E::Model, RecordsError>
    where
        E: Versioned,
        E::Model: ModelTrait<Entity = E>,
    {
        let (id, version) = (E::id(before), E::version(before));
        E::stamp(&mut after, version + 1, self.now());
        let mut statement = E::update_many().filter(E::ID.eq(id.clone())).filter(E::VERSION.eq(version));
        for column in <E as EntityTrait>::Column::iter() {
            let value = after.get(column);
            if value != before.get(column) {
                statement = statement.col_expr(column, Expr::val(value));
            }
        }
        if self.save(&statement).await? == 1 {
            return Ok(after);
        }
        Err(RecordsError::Changed { model: E::TABLE, id })
    }
}

macro_rules! versioned {
    ($($entity:ident),* $(,)?) => {$(
        impl Unsynced for entities::$entity::Entity {}

        impl Versioned for entities::$entity::Entity {
            const TABLE: &'static str = stringify!($entity);
            const ID: Self::Column = entities::$entity::Column::Id;
            const VERSION: Self::Column = entities::$entity::Column::Version;
            fn id(row: &Self::Model) -> String {
                row.id.to_string()
            }
            fn version(row: &Self::Model) -> i64 {
                row.version
            }
            fn stamp(row: &mut Self::Model, version: i64, changed_at: Timestamp) {
                row.version = version;
                row.updated_at = changed_at;
            }
        }
    )*};
}

versioned! { mints, number_series, payouts, proposals, quotes, recurrences, skill_verifications }
