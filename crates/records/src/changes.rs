//! Rows that have changed since a moment, for partial recovery.

use chainbill_domain::{
    Model, Timestamp,
    id::{EventId, Id},
};
use sea_orm::{ConnectionTrait as _, QueryResult};

use crate::{Records, RecordsError};

impl Records {
    /// Ids of rows that have changed since a moment, ascending, after an id, at most so many. There is no index by
    /// `updated_at`, which every write would pay for: the table is read in the order of its keys.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn changed_since(
        &self,
        model: &Model,
        since: Timestamp,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, RecordsError> {
        let name = model.name;
        let sql = format!("SELECT id FROM {name} WHERE id>? AND updated_at>=? ORDER BY id LIMIT {limit}");
        let values = [after.unwrap_or("").into(), since.into()];
        ids(&self.db().query_all_raw(self.statement(sql, values)).await?)
    }

    /// Ids of a model's rows that were deleted since a moment according to the audit, ascending.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn deleted_since(&self, model: &Model, since: Timestamp) -> Result<Vec<String>, RecordsError> {
        // Ids of audit entries begin with their time: older entries are not read.
        let first: EventId = Id::new(since, [0; 10]);
        let sql = "SELECT DISTINCT subject_id FROM audit_entries WHERE id>=? AND subject_model=? AND action LIKE '%.delete' \
                   ORDER BY subject_id";
        let values = [first.to_string().into(), model.name.into()];
        ids(&self.db().query_all_raw(self.statement(sql, values)).await?)
    }
}

fn ids(rows: &[QueryResult]) -> Result<Vec<String>, RecordsError> {
    rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}
