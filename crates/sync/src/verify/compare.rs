//! The comparison of both sides, as pure functions: rows and their outbox entries of one snapshot of the primary, against documents
//! that were read *after* the snapshot.
//!
//! Every entry that had left the outbox before the snapshot had been applied. So a difference with a pending entry is in
//! flight; a document newer than its row is undecided until a recheck, against a later snapshot; every other difference is
//! drift. No pause and no retry is needed.

use std::collections::{BTreeMap, HashMap, HashSet};

use chainbill_domain::{
    Document, Model, Revision, Timestamp,
    document::{Encoded, digest, digest_at},
};
use chainbill_mirror::{Stamp, Stored};
use chainbill_records::Pending;

pub use crate::{
    comparison::{Class, Level},
    engine::schemas::Revisions,
};

/// The verdict on an entity whose sides are not equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A change is in flight since this moment.
    InFlight(Timestamp),
    /// The document may come from a commit after the snapshot: a recheck decides.
    Undecided(Class),
    /// The document is intact and of an earlier revision: it is to be backfilled, and is no drift.
    Outdated,
    /// The document is of a later revision than is known here, and is accepted by its version.
    Newer,
    /// The document is wrong.
    Drift(Class),
}

/// The relation of a document's revision to the model's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Own,
    Outdated,
    Newer,
    Unknown,
}

fn standing(revisions: &Revisions, own: Revision, stored: Option<Revision>) -> Standing {
    match stored {
        Some(stored) if stored == own => Standing::Own,
        Some(stored) if revisions.newer == Some(stored) => Standing::Newer,
        Some(stored) if !revisions.known.contains(&stored) => Standing::Unknown,
        // Documents without a revision are older than revisions.
        _ => Standing::Outdated,
    }
}

/// A document as it was read from the mirror.
#[derive(Debug, Clone)]
pub struct ObservedDocument {
    /// Its sync metadata.
    pub stamp: Stamp,
    /// Its fields; `None` at the fast level.
    pub body: Option<Document>,
}

impl ObservedDocument {
    /// Whether it is a document of another revision than this one.
    #[must_use]
    pub fn has_other_revision_than(&self, own: Revision) -> bool {
        let Stamp { version, revision, tombstone, .. } = &self.stamp;
        version.is_some() && !tombstone && *revision != Some(own)
    }

    /// Whether its fields, where they were read, have the digest that it carries. No description of the model is needed.
    fn is_intact(&self, model: &Model) -> bool {
        let Stamp { id, version, digest, revision, .. } = &self.stamp;
        let (Some(version), Some(written)) = (version, digest) else { return false };
        let as_written = |body| digest_at(model.name, *revision, id, *version, body) == *written;
        self.body.as_ref().is_none_or(as_written)
    }
}

impl From<Stamp> for ObservedDocument {
    fn from(stamp: Stamp) -> Self {
        Self { stamp, body: None }
    }
}

impl From<Stored> for ObservedDocument {
    fn from(stored: Stored) -> Self {
        Self { stamp: stored.stamp, body: Some(stored.body) }
    }
}

/// The verdicts on all entities of either side; equal ones are left out.
#[must_use]
pub fn verdicts(
    model: &'static Model,
    rows: &[Encoded],
    documents: &[ObservedDocument],
    pending: &BTreeMap<String, Pending>,
    revisions: &Revisions,
) -> Vec<(String, Verdict)> {
    let by_id: HashMap<&str, &ObservedDocument> = documents.iter().map(|seen| (seen.stamp.id.as_str(), seen)).collect();
    let known: HashSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let of_rows = rows.iter().filter_map(|row| {
        let verdict = judge_row(model, row, by_id.get(row.id.as_str()).copied(), pending.get(&row.id), revisions)?;
        Some((row.id.clone(), verdict))
    });
    let of_documents = documents.iter().filter(|seen| !known.contains(seen.stamp.id.as_str())).filter_map(|seen| {
        let verdict = judge_rowless(seen, pending.get(&seen.stamp.id))?;
        Some((seen.stamp.id.clone(), verdict))
    });
    of_rows.chain(of_documents).collect()
}

fn judge_row(
    model: &'static Model,
    row: &Encoded,
    seen: Option<&ObservedDocument>,
    pending: Option<&Pending>,
    revisions: &Revisions,
) -> Option<Verdict> {
    let in_flight_or = |class| pending.map_or(Verdict::Drift(class), |pending| Verdict::InFlight(pending.since));
    let Some(seen) = seen else { return Some(in_flight_or(Class::Lost)) };
    let Some(version) = seen.stamp.version else { return Some(Verdict::Drift(Class::Mutated)) };
    // A relay that carries out an older entry after the row was deleted leaves a tombstone at the version that the row had.
    // The entries of that version and of the delete are still pending then.
    if seen.stamp.tombstone && version <= row.version {
        return Some(in_flight_or(Class::Lost));
    }
    if version < row.version {
        return Some(in_flight_or(Class::Stale));
    }
    if version > row.version {
        return Some(Verdict::Undecided(Class::AheadOfSource));
    }
    match standing(revisions, model.revision(), seen.stamp.revision) {
        Standing::Own if seen.stamp.digest == Some(row.digest) && body_matches(model, row, seen) => None,
        Standing::Newer => Some(Verdict::Newer),
        Standing::Outdated if seen.is_intact(model) => Some(Verdict::Outdated),
        _ => Some(Verdict::Drift(Class::Mutated)),
    }
}

/// A body that equals the row's value by value has its digest too: only others are hashed.
fn body_matches(model: &'static Model, row: &Encoded, seen: &ObservedDocument) -> bool {
    let same = |body: &Document| *body == row.body || digest(model, &row.id, row.version, body) == row.digest;
    seen.body.as_ref().is_none_or(same)
}

fn judge_rowless(seen: &ObservedDocument, pending: Option<&Pending>) -> Option<Verdict> {
    let empty = seen.body.as_ref().is_none_or(|body| body.0.is_empty());
    if seen.stamp.tombstone && seen.stamp.version.is_some() && empty {
        return None;
    }
    Some(match pending {
        Some(pending) => Verdict::InFlight(pending.since),
        // A tombstone has sync metadata and nothing else: with a body it was written by hand.
        None if !empty && seen.stamp.tombstone => Verdict::Drift(Class::Mutated),
        None if seen.stamp.version.is_none() => Verdict::Drift(Class::Phantom),
        None => Verdict::Undecided(Class::Phantom),
    })
}

/// Decides what the first comparison could not: documents as they were *observed then*, against rows and pending entries of a
/// later snapshot, taken at about `moment`, and documents read after it. Every document comes from a commit before it was
/// observed, so a row that has not reached its version in the later snapshot never will. The first observation is what is
/// judged: a document that is read anew could be newer again, without end.
#[must_use]
pub fn recheck(
    model: &'static Model,
    observed_then: &[ObservedDocument],
    rows: &[Encoded],
    documents: &[ObservedDocument],
    pending: &BTreeMap<String, Pending>,
    revisions: &Revisions,
    moment: Timestamp,
) -> Vec<(String, Verdict)> {
    let rows: HashMap<&str, &Encoded> = rows.iter().map(|row| (row.id.as_str(), row)).collect();
    let now: HashMap<&str, &ObservedDocument> = documents.iter().map(|seen| (seen.stamp.id.as_str(), seen)).collect();
    let decide = |then: &ObservedDocument| {
        let id = then.stamp.id.as_str();
        let verdict = match rows.get(id) {
            Some(row) if then.stamp.version > Some(row.version) => Some(Verdict::Drift(Class::AheadOfSource)),
            // The observed document has been overtaken by a commit of which nothing is known to be wrong.
            Some(row) if then.stamp.version < Some(row.version) => {
                Some(Verdict::InFlight(pending.get(id).map_or(moment, |pending| pending.since)))
            }
            Some(row) => judge_row(model, row, Some(then), pending.get(id), revisions),
            None if pending.contains_key(id) => pending.get(id).map(|pending| Verdict::InFlight(pending.since)),
            // Its delete, if there was one, was applied before the later snapshot.
            None => match now.get(id) {
                Some(seen) if !seen.stamp.tombstone => Some(Verdict::Drift(Class::Phantom)),
                _ => None,
            },
        };
        verdict.map(|verdict| (id.to_owned(), verdict))
    };
    observed_then.iter().filter_map(decide).collect()
}
