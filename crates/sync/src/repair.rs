//! Repair of proven drift: examined again, with evidence before and after, quarantined when it keeps coming back.

use std::{collections::HashMap, time::Duration};

use chainbill_domain::{
    Digest, Model,
    document::{Encoded, digest as document_digest},
    id::Id,
    wire,
};
use chainbill_mirror::{Content, Guard, Outcome, Write};
use chainbill_records::{
    Evidence,
    outbox::{Entry, Op},
};

use crate::{
    SyncError,
    certificate::written,
    compare::{Class, Revisions, Seen, Verdict, fields_that_differ},
    engine::Engine,
    examine::{CarriedOut, Sides, documents, examine_after},
    pace,
    planted::{Mistake, is as planted},
    quarantine,
};

/// What a repair did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Repaired {
    /// Copies that were wrong and have been seen to be right since.
    pub repaired: u64,
    /// Copies that had come right by themselves since they were found.
    pub right: u64,
    /// Copies that are wrong still: the second database did not take what they should be.
    pub failed: u64,
    /// Copies left alone because they were repaired too often.
    pub quarantined: u64,
}

/// Entities examined at once.
const AT_ONCE: usize = 100;
/// The same of documents that may be megabytes.
const FEW: usize = 8;

/// In whose name copies are repaired.
pub(crate) struct Mandate<'m> {
    /// The run, or `relay`.
    pub run: &'m str,
    /// Whether what keeps coming back is repaired too.
    pub force: bool,
    /// Entries that have been carried out: what differs in spite of them is not on its way.
    pub carried_out: CarriedOut,
}

/// Repairs what is proven to be wrong among these entities.
pub(crate) async fn repair(
    engine: &Engine,
    model: &'static Model,
    ids: &[String],
    mandate: &Mandate<'_>,
) -> Result<Repaired, SyncError> {
    let Mandate { run, force, carried_out } = mandate;
    let at_once = if model.is_large() { FEW } else { AT_ONCE };
    let mut total = Repaired::default();
    for ids in ids.chunks(at_once) {
        let sides = examine_after(engine, model, ids, carried_out).await?;
        let (mut mended, mut left) = (Vec::new(), 0);
        quarantine::end_where_right(engine, model, ids, &sides).await?;
        let drift = |(id, verdict)| match verdict {
            &Verdict::Drift(class) => Some((id, class)),
            _ => None,
        };
        let mut drifting: Vec<(&String, Class)> = sides.verdicts.iter().filter_map(drift).collect();
        // As in the order of ids.
        drifting.sort_by_key(|(_, class)| *class != Class::Phantom);
        for (id, class) in drifting {
            if !*force && quarantined(engine, model, id, class).await? {
                left += 1;
                continue;
            }
            mended.push(mend(engine, model, &sides, id, class, run).await?);
        }
        let unreadable: Vec<String> = sides.unreadable.iter().map(|(id, _)| id.clone()).collect();
        engine.ask_relay(model, &unreadable).await?;
        total.quarantined += left;
        total.right += (ids.len() - mended.len() - unreadable.len()) as u64 - left;
        let repaired = record(engine, model, mended).await?;
        total.repaired += repaired.repaired;
        total.failed += repaired.failed;
    }
    Ok(total)
}

/// Repairs are counted over this long.
const DAY: Duration = Duration::from_secs(86_400);

/// How often a copy was repaired within the last day.
pub(crate) async fn repairs_of_the_day(engine: &Engine, model: &'static Model, id: &str) -> Result<u64, SyncError> {
    Ok(engine.records.repairs_since(model.name, id, engine.now() - DAY).await?)
}

async fn quarantined(engine: &Engine, model: &'static Model, id: &str, class: Class) -> Result<bool, SyncError> {
    let repairs = repairs_of_the_day(engine, model, id).await?;
    let too_many = engine.settings.are_too_many(repairs);
    if too_many {
        let cause = format!("repaired {repairs} times within a day");
        engine.records.quarantine(model, id, class.name(), &cause).await?;
        metrics::counter!("chainbill_sync_quarantined_total").increment(1);
        tracing::error!(
            model = model.name,
            id,
            "Sync leaves {} {id} alone: repaired {repairs} times within a day",
            model.name
        );
    }
    Ok(too_many)
}

/// What was done about a copy, and what should be there now.
struct Mended {
    evidence: Evidence,
    /// Its version and digest; none when nothing but a tombstone may be there.
    expected: Option<(i64, Digest)>,
}

/// Mends one copy. The evidence is on record before anything is changed.
async fn mend(
    engine: &Engine,
    model: &'static Model,
    sides: &Sides,
    id: &str,
    class: Class,
    run: &str,
) -> Result<Mended, SyncError> {
    let (row, seen) = (sides.rows.get(id), sides.documents.get(id));
    let mut evidence = Evidence {
        id: engine.records.new_id(),
        run_id: run.to_owned(),
        model: model.name.to_owned(),
        entity_id: id.to_owned(),
        class: class.name().to_owned(),
        before: seen.map(text),
        expected: row.map(|row| wire::to_json(&row.body).to_string()),
        after: None,
        fields: fields_that_differ(model, row, seen).join(","),
        cut: sides.cut,
        journal: Some(journal(engine, model, sides, id).await?),
        at: engine.now(),
        action: "none".to_owned(),
    };
    engine.records.add_evidence(&evidence).await?;
    evidence.action = match row {
        Some(row) => write_again(engine, model, row, class).await?,
        None => take_away(engine, model, id, seen.and_then(|seen| seen.stamp.version)).await?,
    };
    Ok(Mended { evidence, expected: row.map(|row| (row.version, row.digest)) })
}

async fn write_again(engine: &Engine, model: &'static Model, row: &Encoded, class: Class) -> Result<String, SyncError> {
    let (guard, done) = match class {
        Class::Ahead => {
            // The entry is there before the document is gone: whatever happens in between, the relay writes it.
            engine.records.enqueue(&[entry(model, &row.id, row.version, Op::Upsert)]).await?;
            engine.mirror.remove(model, std::slice::from_ref(&row.id)).await?;
            (Guard::Newer, "removed and written again")
        }
        _ => (Guard::NotNewer, "written again"),
    };
    match apply(engine, model, guard, document(row)).await? {
        Some(Outcome::Rejected(cause)) => {
            engine.ask_relay(model, std::slice::from_ref(&row.id)).await?;
            Ok(format!("cannot be written: {}", cause.chars().take(40).collect::<String>()))
        }
        _ => Ok(done.to_owned()),
    }
}

/// A tombstone keeps late writes of a relay away. An id that no row of ours can have needs none, and cannot have one where
/// ids are not text.
async fn take_away(
    engine: &Engine,
    model: &'static Model,
    id: &str,
    version: Option<i64>,
) -> Result<String, SyncError> {
    let next = version.and_then(|version| version.checked_add(1)).filter(|_| id.parse::<Id<()>>().is_ok());
    match next {
        Some(next) => {
            let write = Write { id: id.to_owned(), version: next, content: Content::Tombstone, fresh: false };
            apply(engine, model, Guard::Newer, write).await?;
            Ok("replaced by a tombstone".to_owned())
        }
        None => {
            engine.mirror.remove(model, &[id.to_owned()]).await?;
            Ok("removed".to_owned())
        }
    }
}

fn document(row: &Encoded) -> Write {
    let content = Content::Document { body: row.body.clone(), digest: row.digest };
    Write { id: row.id.clone(), version: row.version, content, fresh: false }
}

async fn apply(
    engine: &Engine,
    model: &'static Model,
    guard: Guard,
    write: Write,
) -> Result<Option<Outcome>, SyncError> {
    let mut outcomes = pace::apply(engine, model, guard, &[write]).await?;
    pace::all_done(&outcomes)?;
    Ok(outcomes.pop())
}

fn entry(model: &'static Model, id: &str, version: i64, op: Op) -> Entry {
    Entry { model: model.name.to_owned(), entity_id: id.to_owned(), version, op, body: None }
}

/// Completes the evidence with what is there now, which alone says whether it is right.
async fn record(engine: &Engine, model: &'static Model, mended: Vec<Mended>) -> Result<Repaired, SyncError> {
    let ids: Vec<String> = mended.iter().map(|mended| mended.evidence.entity_id.clone()).collect();
    let found = documents(engine, model, &ids).await?;
    let revisions = engine.revisions_of(model, &found).await?;
    let now: HashMap<&str, &Seen> = found.iter().map(|seen| (seen.stamp.id.as_str(), seen)).collect();
    let (mut total, mut mended_ids) = (Repaired::default(), Vec::new());
    for Mended { mut evidence, expected } in mended {
        let seen = now.get(evidence.entity_id.as_str()).copied();
        let right = planted(Mistake::RepairUnseen) || is_right(model, expected, seen, &revisions);
        if right {
            total.repaired += 1;
            mended_ids.push(evidence.entity_id.clone());
        } else {
            total.failed += 1;
            let cause = format!("a repair did not help: {}", evidence.action);
            engine.records.quarantine(model, &evidence.entity_id, &evidence.class, &cause).await?;
        }
        evidence.after = seen.map(text);
        tracing::warn!(
            model = model.name,
            id = evidence.entity_id,
            class = evidence.class,
            fields = evidence.fields,
            "Sync {} {} {}: {} ({})",
            if right { "repaired" } else { "could not repair" },
            model.name,
            evidence.entity_id,
            evidence.class,
            evidence.action
        );
        metrics::counter!("chainbill_sync_repaired_total", "class" => evidence.class.clone())
            .increment(u64::from(right));
        engine.records.finish_evidence(&evidence).await?;
    }
    if !mended_ids.is_empty() {
        engine.records.end_quarantine(model, &mended_ids).await?;
    }
    Ok(total)
}

/// Whether a document is what it should be, or newer: then the relay was faster, or whoever brings documents to a later
/// description.
fn is_right(
    model: &'static Model,
    expected: Option<(i64, Digest)>,
    seen: Option<&Seen>,
    revisions: &Revisions,
) -> bool {
    match (expected, seen) {
        (None, seen) => seen.is_none_or(|seen| seen.stamp.tombstone),
        (Some(_), None) => false,
        (Some((version, digest)), Some(seen)) => {
            let body = seen.body.as_ref().map(|body| document_digest(model, &seen.stamp.id, version, body));
            let newer = seen.stamp.revision.is_some() && seen.stamp.revision == revisions.newer;
            seen.stamp.version > Some(version)
                || (newer && seen.stamp.version == Some(version))
                || (seen.stamp.version == Some(version) && seen.stamp.digest == Some(digest) && body == Some(digest))
        }
    }
}

/// A document with what it says of itself, as text.
fn text(seen: &Seen) -> String {
    let mut json = seen.body.as_ref().map_or_else(|| serde_json::json!({}), wire::to_json);
    if let Some(object) = json.as_object_mut() {
        object.insert(
            "_sync".to_owned(),
            serde_json::json!({
                "version": seen.stamp.version,
                "digest": seen.stamp.digest.map(chainbill_domain::Digest::to_hex),
                "revision": seen.stamp.revision.map(chainbill_domain::Revision::to_hex),
                "tombstone": seen.stamp.tombstone,
            }),
        );
    }
    json.to_string()
}

/// What the journal of changes said of the entity when it was judged: whether something waits, whether it is parked, and the
/// last change that the application knows of. A copy that differs though nothing waits since then was changed by
/// somebody else, or its row was.
async fn journal(engine: &Engine, model: &'static Model, sides: &Sides, id: &str) -> Result<String, SyncError> {
    let mut said = vec![match sides.pending.get(id) {
        Some(pending) => {
            format!("{} of version {} waits since {}", pending.op.name(), pending.version, written(pending.since))
        }
        None => "nothing waits in the outbox".to_owned(),
    }];
    if let Some(parked) = engine.records.parked_one(model.name, id).await? {
        said.push(format!(
            "parked since {} after {} attempts: {}",
            written(parked.first_at),
            parked.attempts,
            parked.cause
        ));
    }
    said.push(match engine.records.last_audited(model.name, id).await? {
        Some((action, at)) => format!("the audit's last change is {action} at {}", written(at)),
        None => "the audit knows no change of it".to_owned(),
    });
    Ok(said.join("; "))
}
