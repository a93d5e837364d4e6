//! Inspection of entities by their ids: both sides at a snapshot of the primary, with a recheck where the first comparison is
//! undecided. Repair, manual synchronisation and explanations are built on it.

use std::collections::{BTreeMap, HashMap};

use chainbill_domain::{Model, Timestamp, document::Encoded};
use chainbill_records::{Pending, Snapshot};

use crate::{
    engine::{context::Engine, encoding::encode_all},
    errors::SyncError,
    verify::{
        compare::{ObservedDocument, Verdict, recheck, verdicts},
        revisions::revisions_of,
    },
};

/// Documents read at once.
const BATCH: usize = 100;

/// Both sides of some entities, by id.
pub(crate) struct EntityPairs {
    /// The time of the last snapshot of the primary.
    pub cut: Timestamp,
    pub rows: HashMap<String, Encoded>,
    pub documents: HashMap<String, ObservedDocument>,
    pub pending: BTreeMap<String, Pending>,
    /// Rows with unreadable values: id and cause.
    pub unreadable: Vec<(String, String)>,
    /// The verdicts on differences; equal entities have none.
    pub verdicts: BTreeMap<String, Verdict>,
}

impl EntityPairs {
    fn add(&mut self, read: BothSides) {
        let BothSides { cut, rows, pending, unreadable, documents } = read;
        self.cut = cut;
        self.rows.extend(rows.into_iter().map(|row| (row.id.clone(), row)));
        self.documents.extend(documents.into_iter().map(|seen| (seen.stamp.id.clone(), seen)));
        self.pending.extend(pending);
        // A row that cannot be read exists: its document is no phantom.
        for (id, _) in &unreadable {
            self.verdicts.remove(id);
        }
        self.unreadable.extend(unreadable);
    }

    fn undecided(&self) -> Vec<String> {
        let undecided = self.verdicts.iter().filter(|(_, verdict)| matches!(verdict, Verdict::Undecided(_)));
        undecided.map(|(id, _)| id.clone()).collect()
    }
}

/// Entities whose entries have been applied and are still in the outbox: the version up to which pending entries no longer excuse
/// a difference.
pub(crate) type AppliedVersions = HashMap<String, i64>;

/// Inspects entities; no verdict stays undecided.
pub(crate) async fn inspect(engine: &Engine, model: &'static Model, ids: &[String]) -> Result<EntityPairs, SyncError> {
    inspect_applied(engine, model, ids, &AppliedVersions::new()).await
}

/// Inspects entities of which some entries have been applied.
pub(crate) async fn inspect_applied(
    engine: &Engine,
    model: &'static Model,
    ids: &[String],
    applied: &AppliedVersions,
) -> Result<EntityPairs, SyncError> {
    let first = read(engine, model, ids, applied, engine.records.snapshot().await?).await?;
    let revisions = revisions_of(engine, model, &first.documents).await?;
    let found = verdicts(model, &first.rows, &first.documents, &first.pending, &revisions);
    let mut pairs = EntityPairs {
        cut: first.cut,
        rows: HashMap::new(),
        documents: HashMap::new(),
        pending: BTreeMap::new(),
        unreadable: Vec::new(),
        verdicts: found.into_iter().collect(),
    };
    pairs.add(first);
    let undecided = pairs.undecided();
    if undecided.is_empty() {
        return Ok(pairs);
    }
    let then: Vec<ObservedDocument> = undecided.iter().filter_map(|id| pairs.documents.remove(id)).collect();
    for id in &undecided {
        pairs.verdicts.remove(id);
        pairs.rows.remove(id);
    }
    // This snapshot shows every commit that the documents observed so far can come from.
    let mut fence = engine.records.fence().await?;
    let snapshot = engine.snapshot_after(&mut fence).await?;
    let second = read(engine, model, &undecided, applied, snapshot).await?;
    let revisions = revisions_of(engine, model, &then).await?;
    let decided = recheck(model, &then, &second.rows, &second.documents, &second.pending, &revisions, second.cut);
    pairs.verdicts.extend(decided);
    pairs.add(second);
    Ok(pairs)
}

/// Rows of a snapshot, and documents that were read after it.
struct BothSides {
    cut: Timestamp,
    rows: Vec<Encoded>,
    pending: BTreeMap<String, Pending>,
    unreadable: Vec<(String, String)>,
    documents: Vec<ObservedDocument>,
}

async fn read(
    engine: &Engine,
    model: &'static Model,
    ids: &[String],
    applied: &AppliedVersions,
    snapshot: Snapshot,
) -> Result<BothSides, SyncError> {
    let cut = engine.now();
    let rows = snapshot.rows(model, ids).await?;
    let mut pending = snapshot.pending(model, ids).await?;
    pending.retain(|id, pending| applied.get(id).is_none_or(|version| pending.version > *version));
    snapshot.close().await?;
    let (rows, unreadable) = encode_all(model, rows);
    Ok(BothSides { cut, rows, pending, unreadable, documents: documents(engine, model, ids).await? })
}

/// The documents with these ids, those that exist.
pub(crate) async fn documents(
    engine: &Engine,
    model: &'static Model,
    ids: &[String],
) -> Result<Vec<ObservedDocument>, SyncError> {
    let mut found = Vec::with_capacity(ids.len());
    for ids in ids.chunks(BATCH) {
        found.extend(engine.mirror.get_many(model, ids).await?.into_iter().map(ObservedDocument::from));
    }
    Ok(found)
}
