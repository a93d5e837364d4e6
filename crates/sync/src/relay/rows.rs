//! Reading the rows of tasks. On a cluster a read may be late: of a moment before the commits of the tasks' entries (see
//! [`chainbill_records::Records::rows_beside`]).
//!
//! Rows are read plainly first, which is all on one server. A row that is behind its entry, or missing, is read again together
//! with the entry and on other connections, since another server may be further. If every read was late, the entry stays in
//! the queue: no write is made, and a missing row is no delete.

use chainbill_domain::Model;

use crate::{
    engine::context::Engine,
    errors::SyncError,
    relay::{
        heartbeat::{self, HEARTBEATS},
        plan::{Batch, Found, Task},
    },
};

/// How often rows that may be late are read again at once.
const REREADS: usize = 2;

/// Reads the rows of tasks.
pub(crate) async fn read(engine: &Engine, model: &'static Model, tasks: &[Task]) -> Result<Found, SyncError> {
    if model.name == HEARTBEATS.name {
        return Ok(Found::of(tasks.iter().map(|task| heartbeat::row(&task.newest)).collect()));
    }
    let mut found = Found::of(engine.records.rows(model, &Batch::ids(tasks)).await?);
    for _ in 0..REREADS {
        let late: Vec<&Task> = tasks.iter().filter(|task| found.may_be_late(task)).collect();
        if late.is_empty() {
            break;
        }
        let ids: Vec<String> = late.iter().map(|task| task.newest.entity_id.clone()).collect();
        let entries: Vec<(u16, String)> = late.iter().map(|task| task.newest_at.clone()).collect();
        let (rows, shown) = engine.records.rows_beside(model, &ids, &entries).await?;
        for id in &ids {
            found.rows.remove(id);
        }
        found.rows.extend(rows.into_iter().map(|row| (row.id.clone(), row)));
        found.shown.extend(shown);
    }
    Ok(found)
}
