//! The explanation of a document: both sides of one entity, and everything that is known about it.

use chainbill_domain::{Digest, Model, Revision, wire};
use serde::Serialize;

use crate::{
    engine::context::Engine,
    errors::SyncError,
    repair::drift::repairs_of_the_day,
    time::rfc3339,
    verify::{
        certificate::{Certified, certified},
        compare::Verdict,
        field_diff::fields_that_differ,
        inspect::inspect,
    },
};

/// Why a document is as it is.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The model.
    pub model: &'static str,
    /// The entity.
    pub id: String,
    /// `equal`, `in flight`, `parked`, `unreadable`, `absent`, `outdated` (of an earlier revision of the model), `newer` (of a
    /// later one than is known here), or the class of drift.
    pub verdict: String,
    /// Fields that differ.
    pub fields: Vec<String>,
    /// The row's version.
    pub row_version: Option<i64>,
    /// The document's version.
    pub document_version: Option<i64>,
    /// Whether the document is a tombstone.
    pub tombstone: bool,
    /// The digest of the row as it should be encoded.
    pub expected_digest: Option<String>,
    /// The digest that the document carries.
    pub stored_digest: Option<String>,
    /// The revision of the model that the document is of.
    pub revision: Option<String>,
    /// The document as it is in the mirror.
    pub document: Option<serde_json::Value>,
    /// Pending entries: operation, version, since when.
    pub waiting: Vec<String>,
    /// Failed attempts of a parked entity, and the last cause.
    pub attempts: i64,
    /// Why it is parked.
    pub cause: Option<String>,
    /// What the model's newest certificate says of it; `None` where it was not among the certified rows.
    pub certified: Option<Certified>,
    /// Repairs within the last day.
    pub repairs: u64,
    /// Whether it was repaired so often that it is quarantined.
    pub quarantined: bool,
    /// The newest repair of which evidence is kept.
    pub last_repair: Option<LastRepair>,
}

/// A repair.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LastRepair {
    /// The evidence's id.
    pub evidence: String,
    /// When.
    pub at: String,
    /// What was wrong: `lost`, `stale`, `phantom`, `mutated` or `ahead`.
    pub class: String,
    /// What was done.
    pub action: String,
}

impl Explanation {
    /// Whether neither database knows the entity: no row, no document, no pending entry, no dead letter.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.verdict == "absent" && self.document.is_none() && !self.tombstone && self.waiting.is_empty()
    }
}

/// Explains a document.
pub(crate) async fn explain(engine: &Engine, model: &'static Model, id: &str) -> Result<Explanation, SyncError> {
    let ids = [id.to_owned()];
    let pairs = inspect(engine, model, &ids).await?;
    let dead_letter = engine.records.dead_letter(model.name, id).await?;
    let waiting = engine.records.queued_of(model, id).await?;
    let repairs = repairs_of_the_day(engine, model, id).await?;
    let last = engine.records.evidence(Some(model.name), Some(id), None, 1).await?.pop();
    let (row, seen) = (pairs.rows.get(id), pairs.documents.get(id));
    let unreadable = pairs.unreadable.first().map(|(_, cause)| cause.clone());
    let verdict = match pairs.verdicts.get(id) {
        _ if unreadable.is_some() => "unreadable",
        _ if dead_letter.is_some() => "parked",
        Some(Verdict::InFlight(_)) => "in flight",
        Some(Verdict::Outdated) => "outdated",
        Some(Verdict::Newer) => "newer",
        Some(Verdict::Drift(class) | Verdict::Undecided(class)) => class.name(),
        None if row.is_none() => "absent",
        None => "equal",
    };
    Ok(Explanation {
        model: model.name,
        id: id.to_owned(),
        verdict: verdict.to_owned(),
        fields: fields_that_differ(model, row, seen),
        row_version: row.map(|row| row.version),
        document_version: seen.and_then(|seen| seen.stamp.version),
        tombstone: seen.is_some_and(|seen| seen.stamp.tombstone),
        expected_digest: row.map(|row| row.digest.to_hex()),
        stored_digest: seen.and_then(|seen| seen.stamp.digest).map(Digest::to_hex),
        revision: seen.and_then(|seen| seen.stamp.revision).map(Revision::to_hex),
        document: seen.and_then(|seen| seen.body.as_ref()).map(wire::to_json),
        waiting: waiting
            .iter()
            .map(|entry| {
                format!(
                    "{} of version {} since {}",
                    entry.entry.op.name(),
                    entry.entry.version,
                    rfc3339(entry.created_at)
                )
            })
            .collect(),
        attempts: dead_letter.as_ref().map_or(0, |letter| letter.attempts),
        cause: dead_letter.map(|letter| letter.cause).or(unreadable),
        certified: certified(engine, model, id).await?,
        repairs,
        quarantined: engine.settings.are_too_many(repairs),
        last_repair: last.map(|kept| LastRepair {
            evidence: kept.id,
            at: rfc3339(kept.at),
            class: kept.class,
            action: kept.action,
        }),
    })
}
