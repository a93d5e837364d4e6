//! Rows as documents and as guarded writes, through the one encoder. Rows with unreadable values are set apart with the cause.

use chainbill_domain::{
    Model, Row, Value,
    document::{Encoded, encode},
};
use chainbill_mirror::{Content, Write};

/// Encodes rows. Those with unreadable values come second: id and cause.
pub(crate) fn encode_all(model: &'static Model, rows: Vec<Row>) -> (Vec<Encoded>, Vec<(String, String)>) {
    let (mut encoded, mut unreadable) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        match unreadable_cell(&row) {
            None => encoded.push(encode(model, row)),
            Some(cause) => unreadable.push((row.id, cause)),
        }
    }
    (encoded, unreadable)
}

/// The write that puts the row's document into the mirror, or the cause why the row is unreadable.
pub(crate) fn write_of(model: &'static Model, row: Row) -> Result<Write, String> {
    if let Some(cause) = unreadable_cell(&row) {
        return Err(cause);
    }
    let Encoded { id, version, body, digest } = encode(model, row);
    Ok(Write { id, version, content: Content::Document { body, digest }, fresh: version == 1 })
}

fn unreadable_cell(row: &Row) -> Option<String> {
    let children = row.children.iter().flatten().flatten();
    row.cells.iter().chain(children).find_map(|cell| match cell {
        Value::Foreign(cause) => Some(cause.clone()),
        _ => None,
    })
}
