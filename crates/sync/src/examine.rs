//! Looking at entities by their ids: both sides, at a moment of the primary and after it, twice where the first look
//! cannot decide. The base of repair, of manual synchronisation and of "why is this document as it is".

use std::collections::{BTreeMap, HashMap};

use chainbill_domain::{
    Model, Row, Timestamp,
    document::{Encoded, encode},
};
use chainbill_records::{Pending, Snapshot};

use crate::{
    SyncError,
    compare::{Seen, Verdict, second_look, verdicts},
    engine::Engine,
    plan::unreadable_cell,
};

/// Documents asked for at once.
const AT_ONCE: usize = 100;

/// Both sides of some entities.
pub(crate) struct Sides {
    /// The moment of the primary, of the last look at it.
    pub cut: Timestamp,
    pub rows: HashMap<String, Encoded>,
    pub documents: HashMap<String, Seen>,
    pub pending: BTreeMap<String, Pending>,
    /// Rows with values that cannot be read, and why.
    pub unreadable: Vec<(String, String)>,
    /// What differs; equal entities are left out.
    pub verdicts: BTreeMap<String, Verdict>,
}

/// Encodes rows; those that cannot be read are told apart.
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

/// Entries that have been carried out though they are still in the queue, by their entities: versions up to which nothing
/// is on its way because of them.
pub(crate) type CarriedOut = HashMap<String, i64>;

/// Looks at entities; nothing stays undecided.
pub(crate) async fn examine(engine: &Engine, model: &'static Model, ids: &[String]) -> Result<Sides, SyncError> {
    examine_after(engine, model, ids, &CarriedOut::new()).await
}

/// Looks at entities of which some entries have been carried out.
pub(crate) async fn examine_after(
    engine: &Engine,
    model: &'static Model,
    ids: &[String],
    carried_out: &CarriedOut,
) -> Result<Sides, SyncError> {
    let mut sides = look(engine, model, ids, carried_out).await?;
    leave_unreadable(&mut sides);
    let undecided: Vec<String> = undecided_of(&sides.verdicts);
    if undecided.is_empty() {
        return Ok(sides);
    }
    let then: Vec<Seen> = undecided.iter().filter_map(|id| sides.documents.remove(id)).collect();
    for id in &undecided {
        sides.verdicts.remove(id);
        sides.rows.remove(id);
    }
    // A moment after every commit that a document seen then can be of.
    let mut fence = engine.records.fence().await?;
    let snapshot = engine.snapshot_after(&mut fence).await?;
    let Looked { cut, rows, pending, unreadable, documents } =
        read(engine, model, &undecided, carried_out, snapshot).await?;
    let revisions = engine.revisions_of(model, &then).await?;
    sides.verdicts.extend(second_look(model, &then, &rows, &documents, &pending, &revisions, cut));
    sides.cut = cut;
    sides.rows.extend(rows.into_iter().map(|row| (row.id.clone(), row)));
    sides.documents.extend(documents.into_iter().map(|seen| (seen.stamp.id.clone(), seen)));
    sides.pending.extend(pending);
    sides.unreadable.extend(unreadable);
    leave_unreadable(&mut sides);
    Ok(sides)
}

/// A row that cannot be read is there all the same: its document is no phantom.
fn leave_unreadable(sides: &mut Sides) {
    for (id, _) in &sides.unreadable {
        sides.verdicts.remove(id);
    }
}

fn undecided_of(verdicts: &BTreeMap<String, Verdict>) -> Vec<String> {
    let undecided = verdicts.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Undecided(_)));
    undecided.map(|(id, _)| id.clone()).collect()
}

/// A moment of the primary, and documents that were read after it.
struct Looked {
    cut: Timestamp,
    rows: Vec<Encoded>,
    pending: BTreeMap<String, Pending>,
    unreadable: Vec<(String, String)>,
    documents: Vec<Seen>,
}

async fn read(
    engine: &Engine,
    model: &'static Model,
    ids: &[String],
    carried_out: &CarriedOut,
    snapshot: Snapshot,
) -> Result<Looked, SyncError> {
    let cut = engine.now();
    let rows = snapshot.rows(model, ids).await?;
    let mut pending = snapshot.pending(model, ids).await?;
    pending.retain(|id, pending| carried_out.get(id).is_none_or(|version| pending.version > *version));
    snapshot.close().await?;
    let (rows, unreadable) = encode_all(model, rows);
    Ok(Looked { cut, rows, pending, unreadable, documents: documents(engine, model, ids).await? })
}

async fn look(
    engine: &Engine,
    model: &'static Model,
    ids: &[String],
    carried_out: &CarriedOut,
) -> Result<Sides, SyncError> {
    let snapshot = engine.records.snapshot().await?;
    let Looked { cut, rows, pending, unreadable, documents } = read(engine, model, ids, carried_out, snapshot).await?;
    let revisions = engine.revisions_of(model, &documents).await?;
    let verdicts = verdicts(model, &rows, &documents, &pending, &revisions).into_iter().collect();
    Ok(Sides {
        cut,
        rows: rows.into_iter().map(|row| (row.id.clone(), row)).collect(),
        documents: documents.into_iter().map(|seen| (seen.stamp.id.clone(), seen)).collect(),
        pending,
        unreadable,
        verdicts,
    })
}

/// The documents with these ids, those that exist.
pub(crate) async fn documents(engine: &Engine, model: &'static Model, ids: &[String]) -> Result<Vec<Seen>, SyncError> {
    let mut found = Vec::with_capacity(ids.len());
    for ids in ids.chunks(AT_ONCE) {
        found.extend(engine.mirror.get_many(model, ids).await?.into_iter().map(Seen::from));
    }
    Ok(found)
}
