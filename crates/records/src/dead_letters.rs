//! Dead letters: entities that cannot be written to the mirror as they are, with the cause. They block no other entity, and are
//! retried by the schedule, by an operator, or with their own next change.

use chainbill_domain::Timestamp;
use sea_orm::{ConnectionTrait, QueryResult, Value};

use crate::{
    Records, RecordsError,
    outbox::{self, Entry, EntryKey, Op},
};

/// A dead letter.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// What should be written.
    pub entry: Entry,
    /// Why it cannot be.
    pub cause: String,
    /// How often it was tried.
    pub attempts: i64,
    /// When it first failed.
    pub first_at: Timestamp,
    /// When it last failed.
    pub last_at: Timestamp,
}

const COLUMNS: &str = "model, entity_id, version, op, body, cause, attempts, first_at, last_at";

impl Records {
    /// Adds a dead letter, or counts one more failure of it, and removes its entries from the outbox, in one transaction.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn add_dead_letter(&self, entry: &Entry, cause: &str, entries: &[EntryKey]) -> Result<(), RecordsError> {
        let cause: String = cause.chars().take(2000).collect();
        let unit = self.begin().await?;
        let now = unit.now();
        let update = "UPDATE sync_parked SET version=?, op=?, body=?, cause=?, attempts=attempts+1, last_at=? \
                      WHERE model=? AND entity_id=?";
        let values: [Value; 7] = [
            entry.version.into(),
            entry.op.name().into(),
            entry.body.clone().into(),
            cause.clone().into(),
            now.into(),
            entry.model.clone().into(),
            entry.entity_id.clone().into(),
        ];
        let changed = unit.db().execute_raw(self.statement(update, values)).await?.rows_affected();
        if changed == 0 {
            let insert = format!("INSERT INTO sync_parked ({COLUMNS}) VALUES (?,?,?,?,?,?,1,?,?)");
            let values: [Value; 8] = [
                entry.model.clone().into(),
                entry.entity_id.clone().into(),
                entry.version.into(),
                entry.op.name().into(),
                entry.body.clone().into(),
                cause.into(),
                now.into(),
                now.into(),
            ];
            unit.db().execute_raw(self.statement(insert, values)).await?;
        }
        for (partition, id) in entries {
            let delete =
                self.statement("DELETE FROM outbox WHERE part=? AND id=?", [(*partition).into(), id.clone().into()]);
            unit.db().execute_raw(delete).await?;
        }
        unit.commit().await?;
        Ok(())
    }

    /// Dead letters of one model or all, the oldest first.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn dead_letters(&self, model: Option<&str>, limit: u32) -> Result<Vec<DeadLetter>, RecordsError> {
        let (clause, values) = match model {
            Some(model) => (" WHERE model=?", vec![Value::from(model)]),
            None => ("", Vec::new()),
        };
        let sql =
            format!("SELECT {COLUMNS} FROM sync_parked{clause} ORDER BY first_at, model, entity_id LIMIT {limit}");
        self.db().query_all_raw(self.statement(sql, values)).await?.iter().map(dead_letter).collect()
    }

    /// The dead letter of an entity.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn dead_letter(&self, model: &str, id: &str) -> Result<Option<DeadLetter>, RecordsError> {
        let sql = format!("SELECT {COLUMNS} FROM sync_parked WHERE model=? AND entity_id=?");
        let row = self.db().query_one_raw(self.statement(sql, [model.into(), id.into()])).await?;
        row.as_ref().map(dead_letter).transpose()
    }

    /// The number of dead letters per model.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn dead_letter_counts(&self) -> Result<Vec<(String, u64)>, RecordsError> {
        let sql = "SELECT model, COUNT(*) FROM sync_parked GROUP BY model ORDER BY model";
        let rows = self.db().query_all_raw(self.statement(sql, [])).await?;
        rows.iter()
            .map(|row| Ok((row.try_get_by_index(0)?, u64::try_from(row.try_get_by_index::<i64>(1)?).unwrap_or(0))))
            .collect()
    }

    /// Enqueues a dead letter again. It stays listed until its document is written. `false` when there is none.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn retry_dead_letter(&self, model: &str, id: &str) -> Result<bool, RecordsError> {
        let Some(letter) = self.dead_letter(model, id).await? else { return Ok(false) };
        self.enqueue(&[letter.entry]).await?;
        Ok(true)
    }

    /// Deletes dead letters: their documents were written, or an operator dropped them. Returns their number.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn delete_dead_letters(&self, model: &str, ids: &[String]) -> Result<u64, RecordsError> {
        let mut count = 0;
        for batch in ids.chunks(1000) {
            let sql =
                format!("DELETE FROM sync_parked WHERE model=? AND entity_id IN ({})", outbox::marks(batch.len()));
            count += self.run(&sql, std::iter::once(model.into()).chain(outbox::pad(batch))).await?;
        }
        Ok(count)
    }

    /// Dead letters of one model or all, by model and id, after one of them.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn dead_letters_after(
        &self,
        model: Option<&str>,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, RecordsError> {
        let (mut clauses, mut values) = (vec!["1=1"], Vec::<Value>::new());
        if let Some(model) = model {
            clauses.push("model=?");
            values.push(model.into());
        }
        if let Some((model, id)) = after {
            clauses.push("(model>? OR (model=? AND entity_id>?))");
            values.extend([model.into(), model.into(), id.into()]);
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM sync_parked WHERE {} ORDER BY model, entity_id LIMIT {limit}",
            clauses.join(" AND ")
        );
        self.db().query_all_raw(self.statement(sql, values)).await?.iter().map(dead_letter).collect()
    }
}

fn dead_letter(row: &QueryResult) -> Result<DeadLetter, RecordsError> {
    Ok(DeadLetter {
        entry: Entry {
            model: row.try_get_by_index(0)?,
            entity_id: row.try_get_by_index(1)?,
            version: row.try_get_by_index(2)?,
            op: Op::named(&row.try_get_by_index::<String>(3)?),
            body: row.try_get_by_index(4)?,
        },
        cause: row.try_get_by_index(5)?,
        attempts: row.try_get_by_index(6)?,
        first_at: row.try_get_by_index(7)?,
        last_at: row.try_get_by_index(8)?,
    })
}
