//! Reading the rows of tasks where a read may land behind the commits that the tasks tell of (see
//! [`chainbill_records::Records::rows_beside`]).
//!
//! Rows are read plainly first: on one server that is all. What is behind its entry, or missing, is read again together with
//! the entry, and on other connections, for another server may be further. What no read has reached by then stays in the
//! queue: nothing is made of it, and a row that is missing there is no delete.

use chainbill_domain::Model;

use crate::{
    SyncError,
    engine::Engine,
    heartbeat::{self, HEARTBEATS},
    plan::{Batch, Found, Task},
};

/// How often rows that may be late are read again at once.
const AGAIN: usize = 2;

/// Reads the rows of tasks.
pub(crate) async fn read(engine: &Engine, model: &'static Model, tasks: &[Task]) -> Result<Found, SyncError> {
    if model.name == HEARTBEATS.name {
        return Ok(Found::of(tasks.iter().map(|task| heartbeat::row(&task.newest)).collect()));
    }
    let mut found = Found::of(engine.records.rows(model, &Batch::ids(tasks)).await?);
    for _ in 0..AGAIN {
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
