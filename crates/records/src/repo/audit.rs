//! The audit: who did what to which object, with the object before and after.

use chainbill_domain::{id::Id, id::UserId};

use crate::{RecordsError, Text, Unit, entities::audit_entries};

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
