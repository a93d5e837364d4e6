//! The heartbeat: an entry for every partition that goes through the whole pipe, so that silence is noticed.

use chainbill_domain::{
    Model, Row, Timestamp, Value,
    mapping::{minutes, time},
};
use chainbill_records::outbox::{self, Entry, Op};

/// Where beats arrive: one document per partition. It is not a business model: no table, no schedule.
pub static HEARTBEATS: Model = Model {
    name: outbox::HEARTBEAT,
    columns: &[time("at", "at")],
    embeds: &[],
    omitted: &[],
    search: &[],
    indexes: &[],
    every: minutes(60),
};

/// One beat for every partition. A beat's version is its moment in milliseconds.
#[must_use]
pub fn beats(at: Timestamp) -> Vec<Entry> {
    let ids = ids();
    ids.into_iter()
        .map(|id| Entry {
            model: HEARTBEATS.name.to_owned(),
            entity_id: id,
            version: at.timestamp_millis(),
            op: Op::Upsert,
            body: None,
        })
        .collect()
}

/// The beat as a row: it has no table, its entry says everything.
#[must_use]
pub fn row(entry: &Entry) -> Row {
    Row {
        id: entry.entity_id.clone(),
        version: entry.version,
        cells: vec![Value::Time(entry.version)],
        children: Vec::new(),
    }
}

/// An id for each partition: the first numbers whose text falls into it.
fn ids() -> Vec<String> {
    let mut ids: Vec<Option<String>> = vec![None; usize::from(outbox::PARTS)];
    let mut number = 0;
    while ids.iter().any(Option::is_none) {
        let id = format!("beat-{number}");
        let part = usize::from(outbox::part_of(&id));
        ids[part].get_or_insert(id);
        number += 1;
    }
    ids.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_has_one_beat() {
        let mut parts: Vec<u16> = ids().iter().map(|id| outbox::part_of(id)).collect();
        parts.sort_unstable();
        assert_eq!(parts, (0..outbox::PARTS).collect::<Vec<_>>());
    }
}
