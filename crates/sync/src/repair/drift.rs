//! Repair of proven drift: entities are inspected again, evidence is kept before and after, and what keeps coming back is
//! quarantined.

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
    comparison::Class,
    engine::{
        context::Engine,
        schemas::Revisions,
        throttled::{self, all_done},
    },
    errors::SyncError,
    repair::quarantine,
    time::rfc3339,
    verify::{
        compare::{ObservedDocument, Verdict},
        field_diff::fields_that_differ,
        inspect::{AppliedVersions, EntityPairs, documents, inspect_applied},
        revisions::revisions_of,
    },
};

/// What a repair did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Repaired {
    /// Documents that were wrong and have been verified since.
    pub repaired: u64,
    /// Documents that were correct when they were inspected again.
    pub right: u64,
    /// Documents that are still wrong: the mirror did not take the correction.
    pub failed: u64,
    /// Documents that are quarantined because they were repaired too often.
    pub quarantined: u64,
}

/// Entities inspected at once.
const BATCH: usize = 100;
/// The same for models whose documents may be megabytes.
const LARGE_BATCH: usize = 8;

/// On whose behalf documents are repaired.
pub(crate) struct RepairContext<'r> {
    /// The run, or `relay`.
    pub run: &'r str,
    /// Whether quarantined documents are repaired too.
    pub force: bool,
    /// Entries that have been applied: they do not excuse a difference as in flight.
    pub applied: AppliedVersions,
}

/// Repairs the documents of these entities that are proven to be wrong.
pub(crate) async fn repair(
    engine: &Engine,
    model: &'static Model,
    ids: &[String],
    context: &RepairContext<'_>,
) -> Result<Repaired, SyncError> {
    let RepairContext { run, force, applied } = context;
    let batch = if model.is_large() { LARGE_BATCH } else { BATCH };
    let mut total = Repaired::default();
    for ids in ids.chunks(batch) {
        let pairs = inspect_applied(engine, model, ids, applied).await?;
        let (mut attempts, mut left) = (Vec::new(), 0);
        quarantine::end_where_correct(engine, model, ids, &pairs).await?;
        let drift = |(id, verdict)| match verdict {
            &Verdict::Drift(class) => Some((id, class)),
            _ => None,
        };
        let mut drifting: Vec<(&String, Class)> = pairs.verdicts.iter().filter_map(drift).collect();
        // Phantoms first: one may have the place of what is to be written.
        drifting.sort_by_key(|(_, class)| *class != Class::Phantom);
        for (id, class) in drifting {
            if !*force && quarantined(engine, model, id, class).await? {
                left += 1;
                continue;
            }
            attempts.push(repair_one(engine, model, &pairs, id, class, run).await?);
        }
        let unreadable: Vec<String> = pairs.unreadable.iter().map(|(id, _)| id.clone()).collect();
        engine.enqueue_for_relay(model, &unreadable).await?;
        total.quarantined += left;
        total.right += (ids.len() - attempts.len() - unreadable.len()) as u64 - left;
        let repaired = verify_attempts(engine, model, attempts).await?;
        total.repaired += repaired.repaired;
        total.failed += repaired.failed;
    }
    Ok(total)
}

/// Repairs are counted over this long.
const DAY: Duration = Duration::from_secs(86_400);

/// How often a document was repaired within the last day.
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
            "Sync quarantines {} {id}: repaired {repairs} times within a day",
            model.name
        );
    }
    Ok(too_many)
}

/// A repair, and the document that should be there now.
struct RepairAttempt {
    evidence: Evidence,
    /// Its version and digest; `None` when nothing but a tombstone may be there.
    expected: Option<(i64, Digest)>,
}

/// Repairs one document. The evidence is saved before anything is changed.
async fn repair_one(
    engine: &Engine,
    model: &'static Model,
    pairs: &EntityPairs,
    id: &str,
    class: Class,
    run: &str,
) -> Result<RepairAttempt, SyncError> {
    let (row, seen) = (pairs.rows.get(id), pairs.documents.get(id));
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
        cut: pairs.cut,
        journal: Some(journal(engine, model, pairs, id).await?),
        at: engine.now(),
        action: "none".to_owned(),
    };
    engine.records.add_evidence(&evidence).await?;
    evidence.action = match row {
        Some(row) => rewrite(engine, model, row, class).await?,
        None => remove(engine, model, id, seen.and_then(|seen| seen.stamp.version)).await?,
    };
    Ok(RepairAttempt { evidence, expected: row.map(|row| (row.version, row.digest)) })
}

async fn rewrite(engine: &Engine, model: &'static Model, row: &Encoded, class: Class) -> Result<String, SyncError> {
    let (guard, done) = match class {
        Class::AheadOfSource => {
            // The entry is enqueued before the document is removed: after a crash in between, the relay writes it.
            engine.records.enqueue(&[entry(model, &row.id, row.version, Op::Upsert)]).await?;
            engine.mirror.remove(model, std::slice::from_ref(&row.id)).await?;
            (Guard::Newer, "removed and written again")
        }
        _ => (Guard::NotNewer, "written again"),
    };
    match apply(engine, model, guard, document(row)).await? {
        Some(Outcome::Rejected(cause)) => {
            engine.enqueue_for_relay(model, std::slice::from_ref(&row.id)).await?;
            Ok(format!("cannot be written: {}", cause.chars().take(40).collect::<String>()))
        }
        _ => Ok(done.to_owned()),
    }
}

/// Replaces a document by a tombstone, which fences late writes of a relay. An id that no row can have needs no tombstone, and
/// can have none where it is not a string: such a document is removed.
async fn remove(engine: &Engine, model: &'static Model, id: &str, version: Option<i64>) -> Result<String, SyncError> {
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
    let mut outcomes = throttled::apply(engine, model, guard, &[write]).await?;
    all_done(&outcomes)?;
    Ok(outcomes.pop())
}

fn entry(model: &'static Model, id: &str, version: i64, op: Op) -> Entry {
    Entry { model: model.name.to_owned(), entity_id: id.to_owned(), version, op, body: None }
}

/// Reads the repaired documents back, which alone proves the repairs, and completes their evidence.
async fn verify_attempts(
    engine: &Engine,
    model: &'static Model,
    attempts: Vec<RepairAttempt>,
) -> Result<Repaired, SyncError> {
    let ids: Vec<String> = attempts.iter().map(|attempt| attempt.evidence.entity_id.clone()).collect();
    let found = documents(engine, model, &ids).await?;
    let revisions = revisions_of(engine, model, &found).await?;
    let now: HashMap<&str, &ObservedDocument> = found.iter().map(|seen| (seen.stamp.id.as_str(), seen)).collect();
    let (mut total, mut repaired_ids) = (Repaired::default(), Vec::new());
    for RepairAttempt { mut evidence, expected } in attempts {
        let seen = now.get(evidence.entity_id.as_str()).copied();
        let correct = is_correct(model, expected, seen, &revisions);
        if correct {
            total.repaired += 1;
            repaired_ids.push(evidence.entity_id.clone());
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
            if correct { "repaired" } else { "could not repair" },
            model.name,
            evidence.entity_id,
            evidence.class,
            evidence.action
        );
        metrics::counter!("chainbill_sync_repaired_total", "class" => evidence.class.clone())
            .increment(u64::from(correct));
        engine.records.finish_evidence(&evidence).await?;
    }
    if !repaired_ids.is_empty() {
        engine.records.end_quarantine(model, &repaired_ids).await?;
    }
    Ok(total)
}

/// Whether a document is what it should be, or newer: then the relay, or the backfill of a later schema, was faster.
fn is_correct(
    model: &'static Model,
    expected: Option<(i64, Digest)>,
    seen: Option<&ObservedDocument>,
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

/// A document with its sync metadata as JSON.
fn text(seen: &ObservedDocument) -> String {
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

/// What the outbox, the dead letters and the audit held on the entity when it was inspected. A document that differs although
/// nothing has been pending since its last audited change was changed by another program, or its row was.
async fn journal(engine: &Engine, model: &'static Model, pairs: &EntityPairs, id: &str) -> Result<String, SyncError> {
    let mut facts = vec![match pairs.pending.get(id) {
        Some(pending) => {
            format!("{} of version {} waits since {}", pending.op.name(), pending.version, rfc3339(pending.since))
        }
        None => "nothing waits in the outbox".to_owned(),
    }];
    if let Some(parked) = engine.records.dead_letter(model.name, id).await? {
        facts.push(format!(
            "parked since {} after {} attempts: {}",
            rfc3339(parked.first_at),
            parked.attempts,
            parked.cause
        ));
    }
    facts.push(match engine.records.last_audited(model.name, id).await? {
        Some((action, at)) => format!("the audit's last change is {action} at {}", rfc3339(at)),
        None => "the audit has no change of it".to_owned(),
    });
    Ok(facts.join("; "))
}
