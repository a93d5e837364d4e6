//! The sequencer: gives positions to events that are committed and have none.

use std::time::Duration;

use sea_orm::ConnectionTrait as _;

use super::{ConsumerLease, SEQUENCER, by_position};
use crate::{
    Records, RecordsError, Transaction,
    dialect::Dialect,
    outbox::{literal, moment},
    transaction::Purpose,
};

/// What one turn of the sequencer came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sequenced {
    /// So many events have got their positions; none were without where it is zero.
    Events(u32),
    /// The lease is another's by now: nothing was done.
    Lost,
}

impl Records {
    /// Gives the next positions to committed events without one, in the order of their ids, at most so many.
    ///
    /// The sequencer's own position moves and the events get theirs in one transaction, both on condition of the epoch and
    /// of the last position given. A former owner finds another epoch or another last position and changes nothing. Servers
    /// get the whole transaction as one text: a process that is frozen anywhere leaves no lock behind.
    ///
    /// # Errors
    /// When the primary does not answer. The events have their positions or not; the next turn sees which.
    pub async fn sequence_events(
        &self,
        lease: &ConsumerLease,
        limit: u32,
        ttl: Duration,
    ) -> Result<Sequenced, RecordsError> {
        let sql = format!(
            "SELECT s.epoch, s.position, e.id FROM event_consumers s LEFT JOIN \
             (SELECT id FROM events{} WHERE position IS NULL LIMIT ?) e ON 1=1 WHERE s.name=?",
            by_position(self.db().get_database_backend())
        );
        let rows = self.db().query_all_raw(self.statement(sql, [limit.into(), SEQUENCER.into()])).await?;
        let Some(first) = rows.first() else { return Ok(Sequenced::Lost) };
        let (epoch, last): (i64, i64) = (first.try_get_by_index(0)?, first.try_get_by_index(1)?);
        if epoch != lease.epoch {
            return Ok(Sequenced::Lost);
        }
        let ids: Vec<Option<String>> = rows.iter().map(|row| row.try_get_by_index(2)).collect::<Result<_, _>>()?;
        let mut ids: Vec<String> = ids.into_iter().flatten().collect();
        ids.sort_unstable();
        if !ids.is_empty() {
            self.give_positions(epoch, last, &ids, ttl).await?;
            self.wake_consumers();
        }
        Ok(Sequenced::Events(u32::try_from(ids.len()).unwrap_or(u32::MAX)))
    }

    async fn give_positions(&self, epoch: i64, last: i64, ids: &[String], ttl: Duration) -> Result<(), RecordsError> {
        let next = last + i64::try_from(ids.len()).unwrap_or(i64::MAX);
        let until = moment(self.now() + ttl);
        let advance = format!(
            "UPDATE event_consumers SET position={next}, until_at={until} WHERE name='{SEQUENCER}' AND epoch={epoch} AND \
             position={last}"
        );
        let advanced = format!(
            "EXISTS (SELECT 1 FROM event_consumers s WHERE s.name='{SEQUENCER}' AND s.epoch={epoch} AND s.position={next})"
        );
        let give = giving(self.dialect(), last, ids, &advanced);
        if self.dialect() != Dialect::TiDb {
            let both = format!("{advance};{give}");
            return Transaction::whole(self.db(), &both).await.map_err(RecordsError::at_commit);
        }
        // It takes one statement at a time.
        let tx = Transaction::begin(self.db(), Purpose::Writing).await?;
        tx.execute_unprepared(&advance).await?;
        tx.execute_unprepared(&give).await?;
        tx.commit().await.map_err(RecordsError::at_commit)
    }
}

/// The statement that gives the positions after `last`, in the order of the ids. Servers that lock what they look at are led
/// to each row by its key: given a list they may scan the table, and lock every row of it.
fn giving(dialect: Dialect, last: i64, ids: &[String], advanced: &str) -> String {
    let list = || literal(&serde_json::json!(ids).to_string());
    match dialect {
        Dialect::MySql | Dialect::MariaDb => format!(
            "UPDATE JSON_TABLE({}, '$[*]' COLUMNS(place FOR ORDINALITY, id VARCHAR(36) CHARACTER SET utf8mb4 PATH '$')) given \
             STRAIGHT_JOIN events e FORCE INDEX (PRIMARY) ON e.id=given.id SET e.position={last}+given.place \
             WHERE e.position IS NULL AND {advanced}",
            list()
        ),
        // The plus keeps the index of positions out: it would lead from every event without one through the whole list.
        Dialect::Sqlite => format!(
            "UPDATE events SET position={}+given.place FROM (SELECT key AS place, value AS id FROM json_each({})) given \
             WHERE events.id=given.id AND +events.position IS NULL AND {advanced}",
            last + 1,
            sqlite_text(&serde_json::json!(ids).to_string())
        ),
        Dialect::TiDb => {
            let place = |(position, id): (i64, &String)| format!(" WHEN {} THEN {position}", literal(id));
            let places: String = (last + 1..).zip(ids).map(place).collect();
            let ids: Vec<String> = ids.iter().map(|id| literal(id)).collect();
            format!(
                "UPDATE events SET position=CASE id{places} END WHERE id IN ({}) AND position IS NULL AND {advanced}",
                ids.join(",")
            )
        }
    }
}

fn sqlite_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
