//! Repair of proven drift: examined again, with evidence before and after, quarantined when it keeps coming back.

use std::collections::HashMap;

use chainbill_domain::{Model, wire};
use chainbill_mirror::{Content, Guard, Write};
use chainbill_records::{
    Evidence,
    outbox::{Entry, Op},
};

use crate::{
    SyncError,
    compare::{Class, Seen, Verdict, fields_that_differ},
    engine::Engine,
    examine::{Sides, documents, examine},
};

/// What a repair did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Repaired {
    /// Copies that were wrong and are right now.
    pub repaired: u64,
    /// Copies that had come right by themselves since they were found.
    pub right: u64,
    /// Copies left alone because they were repaired too often.
    pub quarantined: u64,
}

/// Entities examined at once.
const AT_ONCE: usize = 100;

/// Repairs what is proven to be wrong among these entities.
pub(crate) async fn repair(
    engine: &Engine,
    model: &'static Model,
    ids: &[String],
    run: &str,
) -> Result<Repaired, SyncError> {
    let mut total = Repaired::default();
    for ids in ids.chunks(AT_ONCE) {
        let sides = examine(engine, model, ids).await?;
        let mut evidence = Vec::new();
        for (id, verdict) in &sides.verdicts {
            let Verdict::Drift(class) = verdict else { continue };
            if quarantined(engine, model, id).await? {
                total.quarantined += 1;
                continue;
            }
            let proof = mend(engine, model, &sides, id, *class, run).await?;
            evidence.push(proof);
        }
        total.repaired += evidence.len() as u64;
        total.right += (ids.len() - evidence.len()) as u64;
        record(engine, model, evidence).await?;
        let unreadable: Vec<String> = sides.unreadable.iter().map(|(id, _)| id.clone()).collect();
        engine.ask_relay(model, &unreadable).await?;
    }
    total.right = total.right.saturating_sub(total.quarantined);
    Ok(total)
}

async fn quarantined(engine: &Engine, model: &'static Model, id: &str) -> Result<bool, SyncError> {
    let day_ago = engine.now() - std::time::Duration::from_secs(86_400);
    let repairs = engine.records.repairs_since(model.name, id, day_ago).await?;
    let too_many = repairs >= u64::from(engine.settings.quarantine_after);
    if too_many {
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

/// Mends one copy. The evidence is on record before anything is changed.
async fn mend(
    engine: &Engine,
    model: &'static Model,
    sides: &Sides,
    id: &str,
    class: Class,
    run: &str,
) -> Result<Evidence, SyncError> {
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
        fields: fields_that_differ(row, seen).join(","),
        cut: engine.now(),
        journal: Some(journal(sides, id)),
        at: engine.now(),
        action: "none".to_owned(),
    };
    engine.records.add_evidence(&evidence).await?;
    let version = seen.and_then(|seen| seen.stamp.version);
    evidence.action = match (row, class) {
        (Some(row), Class::Ahead) => {
            engine.mirror.remove(model, &[id.to_owned()]).await?;
            engine.records.enqueue(&[entry(model, id, row.version, Op::Upsert)]).await?;
            apply(engine, model, Guard::Newer, document(row)).await?;
            "removed and written again"
        }
        (Some(row), _) => {
            apply(engine, model, Guard::NotNewer, document(row)).await?;
            "written again"
        }
        (None, _) => match version.and_then(|version| version.checked_add(1)) {
            Some(next) => {
                let write = Write { id: id.to_owned(), version: next, content: Content::Tombstone, fresh: false };
                apply(engine, model, Guard::Newer, write).await?;
                "replaced by a tombstone"
            }
            None => {
                engine.mirror.remove(model, &[id.to_owned()]).await?;
                "removed"
            }
        },
    }
    .to_owned();
    Ok(evidence)
}

fn document(row: &chainbill_domain::document::Encoded) -> Write {
    let content = Content::Document { body: row.body.clone(), digest: row.digest };
    Write { id: row.id.clone(), version: row.version, content, fresh: false }
}

async fn apply(engine: &Engine, model: &'static Model, guard: Guard, write: Write) -> Result<(), SyncError> {
    let id = write.id.clone();
    let outcomes = engine.mirror.apply(model, guard, &[write], engine.now()).await?;
    if let Some(chainbill_mirror::Outcome::Rejected(_)) = outcomes.into_iter().next() {
        engine.ask_relay(model, &[id]).await?;
    }
    Ok(())
}

fn entry(model: &'static Model, id: &str, version: i64, op: Op) -> Entry {
    Entry { model: model.name.to_owned(), entity_id: id.to_owned(), version, op, body: None }
}

/// Completes the evidence with what is there now.
async fn record(engine: &Engine, model: &'static Model, evidence: Vec<Evidence>) -> Result<(), SyncError> {
    let ids: Vec<String> = evidence.iter().map(|evidence| evidence.entity_id.clone()).collect();
    let found = documents(engine, model, &ids).await?;
    let now: HashMap<&str, &Seen> = found.iter().map(|seen| (seen.stamp.id.as_str(), seen)).collect();
    for mut evidence in evidence {
        evidence.after = now.get(evidence.entity_id.as_str()).map(|seen| text(seen));
        tracing::warn!(
            model = model.name,
            id = evidence.entity_id,
            class = evidence.class,
            fields = evidence.fields,
            "Sync repaired {} {}: {} ({})",
            model.name,
            evidence.entity_id,
            evidence.class,
            evidence.action
        );
        metrics::counter!("chainbill_sync_repaired_total", "class" => evidence.class.clone()).increment(1);
        engine.records.finish_evidence(&evidence).await?;
    }
    Ok(())
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
                "tombstone": seen.stamp.tombstone,
            }),
        );
    }
    json.to_string()
}

/// What the journal of changes held for the entity when it was judged.
fn journal(sides: &Sides, id: &str) -> String {
    match sides.pending.get(id) {
        Some(pending) => format!("{} of version {} waits", pending.op.name(), pending.version),
        None => "nothing waits in the outbox".to_owned(),
    }
}
