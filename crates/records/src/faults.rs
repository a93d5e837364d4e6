//! Faults of a model's synchronisation, by their source: a fault of the relay ends when the relay works again, that of a comparison
//! when a comparison succeeds. Neither ends the other's.

use chainbill_domain::Model;
use sea_orm::{ConnectionTrait, Value};

use crate::{Records, RecordsError, upsert::Upsert};

/// The source of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultSource {
    /// The collection or an index of it could not be created.
    Prepare,
    /// The relay could not write.
    Relay,
    /// The backfill failed.
    Backfill,
    /// A comparison failed, or found more drift than may be repaired.
    Run,
}

impl FaultSource {
    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Relay => "relay",
            Self::Backfill => "copy",
            Self::Run => "run",
        }
    }
}

/// A fault that needs an operator.
#[derive(Debug, Clone)]
pub struct ModelFault {
    /// The model's name.
    pub model: String,
    /// What went wrong.
    pub reason: String,
    /// What an operator can do.
    pub hint: String,
}

impl Records {
    /// Adds a fault.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn add_fault(
        &self,
        model: &Model,
        source: FaultSource,
        reason: &str,
        hint: &str,
    ) -> Result<(), RecordsError> {
        let columns = ["model", "source", "reason", "hint", "at"];
        let upsert = Upsert { table: "sync_faults", key: &columns[..2], columns: &columns, updated: &columns[2..] };
        let values: [Value; 5] =
            [model.name.into(), source.name().into(), reason.into(), hint.into(), self.now().into()];
        self.put(&upsert, values).await
    }

    /// Ends a fault. Returns whether there was one.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn end_fault(&self, model: &Model, source: FaultSource) -> Result<bool, RecordsError> {
        let sql = "DELETE FROM sync_faults WHERE model=? AND source=?";
        Ok(self.run(sql, [model.name.into(), source.name().into()]).await? > 0)
    }

    /// All faults, the oldest first.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn faults(&self) -> Result<Vec<ModelFault>, RecordsError> {
        let sql = "SELECT model, reason, hint FROM sync_faults ORDER BY at, model, source";
        let rows = self.db().query_all_raw(self.statement(sql, [])).await?;
        rows.iter()
            .map(|row| {
                Ok(ModelFault {
                    model: row.try_get_by_index(0)?,
                    reason: row.try_get_by_index(1)?,
                    hint: row.try_get_by_index(2)?,
                })
            })
            .collect()
    }
}
