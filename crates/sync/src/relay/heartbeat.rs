//! The heartbeat: one entry per partition that goes through the whole pipe, so that a stall is noticed within seconds.

use chainbill_domain::{
    Model, Row, Timestamp, Value,
    mapping::{minutes, time},
};
use chainbill_records::outbox::{self, Entry, Op};

use crate::{engine::context::Engine, errors::SyncError};

/// The collection of heartbeats: one document per partition. It is no business model: it has no table and no schedule.
pub static HEARTBEATS: Model = Model {
    name: outbox::HEARTBEAT,
    columns: &[time("at", "at")],
    embeds: &[],
    omitted: &[],
    search: &[],
    indexes: &[],
    every: minutes(60),
};

/// Sends a heartbeat, unless the last one is still pending: a queue of heartbeats would prove nothing more.
pub(crate) async fn send(engine: &Engine) -> Result<(), SyncError> {
    if !engine.records.any_pending(HEARTBEATS.name, &ids()).await? {
        engine.records.enqueue(&entries(engine.now())).await?;
    }
    Ok(())
}

/// One entry per partition. Its version is its time in milliseconds.
fn entries(at: Timestamp) -> Vec<Entry> {
    ids()
        .into_iter()
        .map(|id| Entry {
            model: HEARTBEATS.name.to_owned(),
            entity_id: id,
            version: at.timestamp_millis(),
            op: Op::Upsert,
            body: None,
        })
        .collect()
}

/// A heartbeat as a row: it has no table, and its entry holds everything.
pub(crate) fn row(entry: &Entry) -> Row {
    Row {
        id: entry.entity_id.clone(),
        version: entry.version,
        cells: vec![Value::Time(entry.version)],
        children: Vec::new(),
    }
}

/// An id for each partition: the first number whose text falls into it.
pub(crate) fn ids() -> Vec<String> {
    let mut ids: Vec<Option<String>> = vec![None; usize::from(outbox::PARTITIONS)];
    let mut number = 0;
    while ids.iter().any(Option::is_none) {
        let id = format!("beat-{number}");
        let partition = usize::from(outbox::partition_of(&id));
        ids[partition].get_or_insert(id);
        number += 1;
    }
    ids.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_has_one_heartbeat() {
        let mut partitions: Vec<u16> = ids().iter().map(|id| outbox::partition_of(id)).collect();
        partitions.sort_unstable();
        assert_eq!(partitions, (0..outbox::PARTITIONS).collect::<Vec<_>>());
    }
}
