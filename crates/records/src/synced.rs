//! Which entities are synchronised, and what the saving path must know of each.

use chainbill_domain::{Model, Timestamp, models};
use sea_orm::EntityTrait;

use crate::entities;

/// An entity whose rows have a copy in the second database.
pub trait Synced: EntityTrait {
    /// Its description.
    const MODEL: &'static Model;
    /// The key's column.
    const ID: Self::Column;
    /// The version's column.
    const VERSION: Self::Column;
    /// The row's key as text.
    fn id(row: &Self::Model) -> String;
    /// The row's version.
    fn version(row: &Self::Model) -> i64;
    /// Gives the row a version and, when it is a change, its moment.
    fn stamp(row: &mut Self::Model, version: i64, changed_at: Option<Timestamp>);
}

/// A child whose rows live inside its parent's document. It is saved with its parent only, so that no change of a child
/// can forget the parent's version.
pub trait Child: EntityTrait {
    /// The parent.
    type Parent: Synced;
    /// The column that holds the parent's key.
    const PARENT: Self::Column;
}

macro_rules! synced {
    ($($entity:ident: $model:ident;)*) => {$(
        impl Synced for entities::$entity::Entity {
            const MODEL: &'static Model = &models::$model;
            const ID: Self::Column = entities::$entity::Column::Id;
            const VERSION: Self::Column = entities::$entity::Column::Version;
            fn id(row: &Self::Model) -> String {
                row.id.to_string()
            }
            fn version(row: &Self::Model) -> i64 {
                row.version
            }
            fn stamp(row: &mut Self::Model, version: i64, changed_at: Option<Timestamp>) {
                row.version = version;
                if let Some(at) = changed_at {
                    row.updated_at = at;
                }
            }
        }
    )*};
}

macro_rules! children {
    ($($child:ident of $parent:ident by $column:ident;)*) => {$(
        impl Child for entities::$child::Entity {
            type Parent = entities::$parent::Entity;
            const PARENT: Self::Column = entities::$child::Column::$column;
        }
    )*};
}

synced! {
    users: USERS;
    skills: SKILLS;
    projects: PROJECTS;
    invoices: INVOICES;
    reviews: REVIEWS;
    disputes: DISPUTES;
    stored_files: STORED_FILES;
    reputations: REPUTATIONS;
}

children! {
    user_skills of users by UserId;
    project_skills of projects by ProjectId;
    invoice_lines of invoices by InvoiceId;
    dispute_votes of disputes by DisputeId;
}
