//! The audit: who did what to which object, with the object before and after.

use chainbill_domain::{
    Timestamp,
    id::{Id, UserId},
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use crate::{RecordsError, Text, Unit, dialect::moment, entities::audit_entries};

/// An entry of the audit.
#[derive(Debug, Clone)]
pub struct Entry<'e> {
    /// Who did it; none where the caller is not authenticated.
    pub actor_id: Option<UserId>,
    /// What was done, as `invoice.send`.
    pub action: &'e str,
    /// The table of the object.
    pub subject_model: &'e str,
    /// The id of the object.
    pub subject_id: String,
    /// The object before, as JSON.
    pub before: Option<String>,
    /// The object after, as JSON.
    pub after: Option<String>,
    /// The request.
    pub request_id: Option<String>,
    /// Where the request came from.
    pub address: Option<String>,
}

/// Adds an entry in the unit of what it is about.
///
/// # Errors
/// When the primary does not answer.
pub async fn add(unit: &mut Unit, entry: Entry<'_>) -> Result<(), RecordsError> {
    let id = Id::<()>::new(unit.now(), unit.records().random().bytes());
    let row = audit_entries::Model {
        id: id.to_string(),
        at: unit.now(),
        actor_id: entry.actor_id.map(Text),
        action: entry.action.to_owned(),
        subject_model: entry.subject_model.to_owned(),
        subject_id: entry.subject_id,
        before_doc: entry.before,
        after_doc: entry.after,
        request_id: entry.request_id,
        address: entry.address,
    };
    unit.add_later::<audit_entries::Entity>(row).await
}

/// Which entries of an object's history.
#[derive(Debug, Clone)]
pub struct History<'h> {
    /// The table of the object.
    pub model: &'h str,
    /// The id of the object.
    pub id: String,
    /// Only those from this moment on.
    pub since: Option<Timestamp>,
    /// None of these actions.
    pub without: &'h [&'h str],
    /// The id before which the page begins.
    pub before: Option<&'h str>,
}

/// An entry as it was recorded.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Its id.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub actor_id: Option<UserId>,
    /// What was done.
    pub action: String,
    /// The object before, as JSON.
    pub before: Option<String>,
    /// The object after, as JSON.
    pub after: Option<String>,
    /// The request.
    pub request_id: Option<String>,
    /// Where the request came from.
    pub address: Option<String>,
}

/// Entries of an object's history, newest first. Each is read by itself and kept as what `view` makes of it: two documents of a
/// megabyte belong to an entry, and a page may have a hundred.
///
/// # Errors
/// When the primary does not answer.
pub async fn history<V>(
    db: &impl ConnectionTrait,
    history: History<'_>,
    limit: u64,
    view: impl Fn(Recorded) -> V,
) -> Result<Vec<V>, RecordsError> {
    use audit_entries::{Column, Entity};
    let mut ids = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::SubjectModel.eq(history.model))
        .filter(Column::SubjectId.eq(history.id))
        .order_by_desc(Column::Id)
        .limit(limit);
    if !history.without.is_empty() {
        ids = ids.filter(Column::Action.is_not_in(history.without.iter().copied()));
    }
    if let Some(since) = history.since {
        ids = ids.filter(Column::At.gte(moment(db.get_database_backend(), since)));
    }
    if let Some(before) = history.before {
        ids = ids.filter(Column::Id.lt(before));
    }
    let ids: Vec<String> = ids.into_tuple().all(db).await?;
    let mut entries = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(row) = Entity::find_by_id(id).one(db).await? {
            entries.push(view(Recorded {
                id: row.id,
                at: row.at,
                actor_id: row.actor_id.map(|id| id.0),
                action: row.action,
                before: row.before_doc,
                after: row.after_doc,
                request_id: row.request_id,
                address: row.address,
            }));
        }
    }
    Ok(entries)
}
