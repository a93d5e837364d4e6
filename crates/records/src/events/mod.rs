//! Events of the primary: an append-only table, written in the transaction of each event's cause.
//!
//! **Positions come after the commit.** Ids, auto-increments and moments are given before it, so transactions become
//! visible out of their order, and a reader that remembers "all up to here" passes over the ones that commit late. An event
//! is therefore committed without a position. One leased sequencer gives consecutive positions to events that are already
//! committed ([`Records::sequence_events`]), batch after batch, each in one transaction that moves the sequencer's own
//! position from the last one given. A reader of `position > x` misses nothing: whatever becomes visible later gets a later
//! position.
//!
//! **Consumers** remember a position each ([`ConsumerLease`]). Lease and position are one row, so one conditional update
//! proves both: a consumer that slept past its lease moves nothing. The sequencer is a row of the same table, whose
//! position is the last one given.

mod consumers;
mod retention;
mod saving;
mod sequencing;

pub(crate) use saving::{literals, write};

pub use consumers::{ConsumerLease, ConsumerView};
pub use sequencing::Sequenced;

use chainbill_domain::{Timestamp, event::EventRecord};
use sea_orm::{ConnectionTrait as _, DbBackend, QueryResult};

use crate::{
    Records, RecordsError,
    outbox::{ANALYTICS, Backlog},
};

/// The sequencer's row among the consumers.
pub const SEQUENCER: &str = "sequencer";

/// An event with its position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionedEvent {
    /// Its position: later events have higher ones.
    pub position: i64,
    /// When it was saved; its own moment may be an earlier one.
    pub recorded_at: Timestamp,
    /// The event.
    pub event: EventRecord,
}

/// How many events are on their way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventsWaiting {
    /// Those without a position.
    pub unsequenced: u64,
    /// Of each consumer, those that have a position and that it has not taken.
    pub behind: Vec<(String, u64)>,
}

impl Records {
    /// Events after a position, in the order of positions, at most so many.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn events_after(&self, position: i64, limit: u32) -> Result<Vec<PositionedEvent>, RecordsError> {
        let sql = "SELECT position, recorded_at, id, kind, at, user_id, receiver_id, invoice_id, project_id, amount_minor, \
                   currency, details FROM events WHERE position>? ORDER BY position LIMIT ?";
        let rows = self.db().query_all_raw(self.statement(sql, [position.into(), limit.into()])).await?;
        rows.iter().map(positioned).collect()
    }

    /// How many events are on their way, counted on the connections of [`Self::ping`]. The lag of a consumer follows
    /// from its position alone, so it costs the same at any size.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn events_waiting(&self) -> Result<EventsWaiting, RecordsError> {
        let probes = self.db().probes();
        let sql = "SELECT COUNT(*) FROM events WHERE position IS NULL";
        let row = probes.query_one_raw(self.statement(sql, [])).await?;
        let unsequenced: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
        let sql = "SELECT c.name, s.position-c.position FROM event_consumers c \
                   JOIN event_consumers s ON s.name=? WHERE c.name<>? ORDER BY c.name";
        let rows = probes.query_all_raw(self.statement(sql, [SEQUENCER.into(), SEQUENCER.into()])).await?;
        let behind = rows.iter().map(|row| Ok((row.try_get_by_index(0)?, count(row.try_get_by_index(1)?))));
        Ok(EventsWaiting { unsequenced: count(unsequenced), behind: behind.collect::<Result<_, RecordsError>>()? })
    }

    /// Events that have not reached analytics, as a part of what waits for the mirror.
    pub(crate) async fn events_backlog(&self) -> Result<Backlog, RecordsError> {
        let of = |condition: &str| format!("SELECT COUNT(*), MIN(recorded_at) FROM events WHERE {condition}");
        let sql = format!("{} UNION ALL {}", of("position IS NULL"), of(&format!("position>{TAKEN}")));
        let mut backlog = Backlog { model: ANALYTICS.to_owned(), entries: 0, oldest: None };
        for row in self.db().query_all_raw(self.statement(sql, [])).await? {
            let oldest: Option<Timestamp> = row.try_get_by_index(1)?;
            backlog.add(count(row.try_get_by_index(0)?), oldest);
        }
        Ok(backlog)
    }
}

/// The position of analytics, before which everything has reached the mirror.
const TAKEN: &str = "(SELECT COALESCE(MAX(position),0) FROM event_consumers WHERE name='analytics')";

/// Asks for the moment of an event that is among the oldest without a position, and of the oldest that analytics has not
/// taken.
pub(crate) fn oldest_events() -> String {
    format!(
        "SELECT * FROM (SELECT recorded_at FROM events WHERE position IS NULL LIMIT 1) u UNION ALL \
         SELECT * FROM (SELECT recorded_at FROM events WHERE position>{TAKEN} ORDER BY position LIMIT 1) b"
    )
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn positioned(row: &QueryResult) -> Result<PositionedEvent, RecordsError> {
    Ok(PositionedEvent {
        position: row.try_get_by_index(0)?,
        recorded_at: row.try_get_by_index(1)?,
        event: EventRecord {
            id: row.try_get_by_index(2)?,
            kind: row.try_get_by_index(3)?,
            at: row.try_get_by_index(4)?,
            user_id: row.try_get_by_index(5)?,
            receiver_id: row.try_get_by_index(6)?,
            invoice_id: row.try_get_by_index(7)?,
            project_id: row.try_get_by_index(8)?,
            amount_minor: row.try_get_by_index(9)?,
            currency: row.try_get_by_index(10)?,
            details: row.try_get_by_index(11)?,
        },
    })
}

/// Forces the index of positions, which also holds the events without one. With few rows the server would scan the
/// table instead, and read every event that has its position.
fn by_position(backend: DbBackend) -> &'static str {
    if backend == DbBackend::MySql { " FORCE INDEX (events_position)" } else { "" }
}
