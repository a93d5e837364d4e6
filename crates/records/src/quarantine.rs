//! Quarantined documents: known to be wrong and no longer repaired, because they were repaired too often, or no repair helped. They
//! are listed until they are verified, and the synchronisation is not healthy meanwhile.

use chainbill_domain::{Model, Timestamp};
use sea_orm::{ConnectionTrait, Value};

use crate::{
    Records, RecordsError,
    evidence::key,
    outbox::{marks, pad},
    upsert::Upsert,
};

/// A quarantined document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// The model's name.
    pub model: String,
    /// The entity.
    pub entity_id: String,
    /// The class of the difference: `lost`, `stale`, `phantom`, `mutated` or `ahead`.
    pub class: String,
    /// Why it is quarantined.
    pub cause: String,
    /// Since when.
    pub since: Timestamp,
}

impl Records {
    /// Quarantines a document.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn quarantine(&self, model: &Model, id: &str, class: &str, cause: &str) -> Result<(), RecordsError> {
        let columns = ["model", "entity_id", "class", "cause", "since_at"];
        let upsert =
            Upsert { table: "sync_quarantine", key: &columns[..2], columns: &columns, updated: &columns[2..4] };
        let cause: String = cause.chars().take(255).collect();
        let values: [Value; 5] = [model.name.into(), key(id).into(), class.into(), cause.into(), self.now().into()];
        self.put(&upsert, values).await
    }

    /// Ends the quarantine of documents. Returns how many were quarantined.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn end_quarantine(&self, model: &Model, ids: &[String]) -> Result<u64, RecordsError> {
        let (keys, mut ended) = (ids.iter().map(|id| key(id)).collect::<Vec<_>>(), 0);
        for keys in keys.chunks(1000) {
            let sql = format!("DELETE FROM sync_quarantine WHERE model=? AND entity_id IN ({})", marks(keys.len()));
            ended += self.run(&sql, std::iter::once(Value::from(model.name)).chain(pad(keys))).await?;
        }
        Ok(ended)
    }

    /// The number of quarantined documents per model.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn quarantine_counts(&self) -> Result<Vec<(String, u64)>, RecordsError> {
        let sql = "SELECT model, COUNT(*) FROM sync_quarantine GROUP BY model ORDER BY model";
        let rows = self.db().query_all_raw(self.statement(sql, [])).await?;
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        rows.iter().map(|row| Ok((row.try_get_by_index(0)?, count(row.try_get_by_index(1)?)))).collect()
    }

    /// Quarantined documents, the oldest first, at most so many.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn quarantined(&self, limit: u32) -> Result<Vec<Quarantined>, RecordsError> {
        let sql = format!(
            "SELECT model, entity_id, class, cause, since_at FROM sync_quarantine \
             ORDER BY since_at, model, entity_id LIMIT {limit}"
        );
        let rows = self.db().query_all_raw(self.statement(sql, [])).await?;
        rows.iter()
            .map(|row| {
                Ok(Quarantined {
                    model: row.try_get_by_index(0)?,
                    entity_id: row.try_get_by_index(1)?,
                    class: row.try_get_by_index(2)?,
                    cause: row.try_get_by_index(3)?,
                    since: row.try_get_by_index(4)?,
                })
            })
            .collect()
    }
}
