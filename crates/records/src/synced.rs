//! Which entities are synchronised, and what the saving path must know of each.

use chainbill_domain::{Model, Timestamp, models};
use sea_orm::EntityTrait;

use crate::entities;

/// An entity whose rows have mirrored documents.
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

/// An entity whose rows are not synchronised: neither a synchronised one nor a child of one.
///
/// ```
/// # use chainbill_records::{Unit, entities::audit_entries};
/// async fn beside(unit: &mut Unit, row: audit_entries::Model) {
///     unit.add::<audit_entries::Entity>(row).await.expect("the primary answers");
/// }
/// ```
///
/// A synchronised row cannot be saved past its version and its outbox entry:
///
/// ```compile_fail
/// # use chainbill_records::{Unit, entities::users};
/// async fn past(unit: &mut Unit, row: users::Model) {
///     unit.add::<users::Entity>(row).await.expect("the primary answers");
/// }
/// ```
pub trait Unsynced: EntityTrait {}

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

macro_rules! unsynced {
    ($($entity:ident),* $(,)?) => {$(
        impl Unsynced for entities::$entity::Entity {}
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
    project_milestones of projects by ProjectId;
    skill_aliases of skills by SkillId;
    invoice_lines of invoices by InvoiceId;
    dispute_evidence of disputes by DisputeId;
    dispute_votes of disputes by DisputeId;
}

unsynced! {
    payments, payment_allocations, payment_references, payment_reversals, checkouts, provider_events,
    client_credits, credit_notes, refunds, available_balances, ledger_postings, invoice_counters,
    number_counters, recurrence_occurrences, reminder_rules, reminders, billing_profiles, sessions,
    idempotency_keys, audit_entries, shared_keys,
}
