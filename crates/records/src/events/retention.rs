//! The end of events: those that every consumer has taken, after their time.

use chainbill_domain::Timestamp;
use sea_orm::{ConnectionTrait as _, Value};

use crate::{
    Records, RecordsError,
    dialect::Dialect,
    outbox::{marks, pad},
};

/// Events that are removed at once.
const AT_ONCE: usize = 200;

impl Records {
    /// Removes events that were saved before a moment and that every consumer has taken; how many.
    ///
    /// They are looked for without locks, the lowest positions first, and removed a few at a time by their ids.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn purge_events(&self, before: Timestamp) -> Result<u64, RecordsError> {
        let sql = format!(
            "SELECT id, recorded_at FROM events WHERE position<=(SELECT MIN(position) FROM event_consumers) \
             ORDER BY position LIMIT {AT_ONCE}"
        );
        let mut purged = 0;
        loop {
            let rows = self.db().query_all_raw(self.statement(&*sql, [])).await?;
            let lowest: Vec<(String, Timestamp)> = rows
                .iter()
                .map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?)))
                .collect::<Result<_, RecordsError>>()?;
            let over = lowest.into_iter().take_while(|(_, recorded_at)| *recorded_at < before);
            let over: Vec<String> = over.map(|(id, _)| id).collect();
            if over.is_empty() {
                return Ok(purged);
            }
            purged += self.remove_events(&over).await?;
            if over.len() < AT_ONCE {
                return Ok(purged);
            }
        }
    }

    /// As entries leave the outbox: servers that lock what they look at are led to each event by its key.
    async fn remove_events(&self, ids: &[String]) -> Result<u64, RecordsError> {
        match self.dialect() {
            Dialect::MySql | Dialect::MariaDb => {
                let sql = "DELETE e FROM JSON_TABLE(?, '$[*]' COLUMNS(id VARCHAR(36) CHARACTER SET utf8mb4 PATH '$')) gone \
                           STRAIGHT_JOIN events e FORCE INDEX (PRIMARY) ON e.id=gone.id";
                self.run(sql, [serde_json::json!(ids).to_string().into()]).await
            }
            Dialect::Sqlite | Dialect::TiDb => {
                let sql = format!("DELETE FROM events WHERE id IN ({})", marks(ids.len()));
                self.run(&sql, pad(ids).collect::<Vec<Value>>()).await
            }
        }
    }
}
