//! Schemas of the releases that were at work on these databases: their order, and when each was last seen.
//!
//! A schema is the set of revisions that a release knows. Its place is its position in the order in which schemas came to rule: a new
//! one gets the last place, and so does one that returns. Places only grow, and are unique.

use std::{collections::BTreeMap, time::Duration};

use chainbill_domain::{Revision, Timestamp};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use crate::{Records, RecordsError};

/// The schema of one release, or of several with the same descriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// Its name, a hash over all revisions.
    pub id: Revision,
    /// Its place in the order.
    pub place: i64,
    /// The revision of each model.
    pub revisions: BTreeMap<String, Revision>,
    /// When a process with it was last seen at work.
    pub seen_at: Timestamp,
}

impl Schema {
    /// Whether no process with it has been at work for so long. One seen far in the future was seen by a clock that has jumped back
    /// since.
    #[must_use]
    pub fn is_gone(&self, now: Timestamp, after: Duration) -> bool {
        self.seen_at + after < now || self.seen_at > now + 3 * after
    }
}

/// Attempts at a place before the state is returned as it is.
const ROUNDS: usize = 5;

impl Records {
    /// All schemas, the ruling one first.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn schemas(&self) -> Result<Vec<Schema>, RecordsError> {
        let sql = "SELECT id, place, revisions, seen_at FROM sync_schemas ORDER BY place DESC";
        self.db().query_all_raw(self.statement(sql, [])).await?.iter().map(schema).collect()
    }

    /// Registers that a process with this schema is at work. The schema comes to rule when it is new here, or when no process with the
    /// ruling one has been at work for `gone`. Returns all schemas, the ruling one first.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn attend(
        &self,
        id: Revision,
        revisions: &BTreeMap<&'static str, Revision>,
        gone: Duration,
    ) -> Result<Vec<Schema>, RecordsError> {
        let name = id.to_hex();
        for _ in 0..ROUNDS {
            let now = self.now();
            let known =
                self.run("UPDATE sync_schemas SET seen_at=? WHERE id=?", [now.into(), name.clone().into()]).await?;
            let all = self.schemas().await?;
            let next = all.first().map_or(1, |ruling| ruling.place + 1);
            let taken = match all.first() {
                Some(ruling) if known > 0 && (ruling.id == id || !ruling.is_gone(now, gone)) => return Ok(all),
                _ if known > 0 => {
                    let values: [Value; 2] = [next.into(), name.clone().into()];
                    self.run("UPDATE sync_schemas SET place=? WHERE id=?", values).await
                }
                _ => {
                    let insert = "INSERT INTO sync_schemas (id, place, revisions, seen_at) VALUES (?,?,?,?)";
                    let written = serde_json::json!(written(revisions)).to_string();
                    self.run(insert, [name.clone().into(), next.into(), written.into(), now.into()]).await
                }
            };
            match taken {
                // Another process has taken this place, or registered the same schema: the order is read again.
                Ok(_) | Err(RecordsError::Duplicate(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.schemas().await
    }
}

fn written(revisions: &BTreeMap<&'static str, Revision>) -> BTreeMap<&'static str, String> {
    revisions.iter().map(|(model, revision)| (*model, revision.to_hex())).collect()
}

fn schema(row: &QueryResult) -> Result<Schema, RecordsError> {
    let corrupt = |what: &str| RecordsError::Corrupt(format!("sync_schemas holds {what:?}, which is no revision"));
    let named = |text: &str| Revision::from_hex(text).ok_or_else(|| corrupt(text));
    let (id, revisions): (String, String) = (row.try_get_by_index(0)?, row.try_get_by_index(2)?);
    let of_models: BTreeMap<String, String> = serde_json::from_str(&revisions).map_err(|_| corrupt(&revisions))?;
    let revisions = of_models.into_iter().map(|(model, revision)| Ok((model, named(&revision)?)));
    Ok(Schema {
        id: named(&id)?,
        place: row.try_get_by_index(1)?,
        revisions: revisions.collect::<Result<_, RecordsError>>()?,
        seen_at: row.try_get_by_index(3)?,
    })
}
