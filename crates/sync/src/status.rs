//! What the synchronisation says of itself. Every answer comes within a second, whatever hangs: what cannot be asked in
//! time is said to be unknown.

use std::{collections::BTreeMap, future::Future, sync::atomic::Ordering, time::Duration};

use chainbill_domain::{Digest, Model, wire};
use chainbill_records::{Copy, CopyState, ModelFault, Run, outbox::Backlog};
use futures::future::join_all;
use serde::Serialize;

use crate::{
    SyncError,
    certificate::written,
    compare::{Verdict, fields_that_differ},
    engine::Engine,
    examine::{documents, examine},
    heartbeat::HEARTBEATS,
    keeper::age,
};

/// The state of a model that an operator should see to, whatever its copy's state is.
const FAULTED: &str = "FAULTED";
/// Repairs are counted over this long.
const DAY: Duration = Duration::from_secs(86_400);
/// Nothing in a status waits longer.
const PATIENCE: Duration = Duration::from_millis(700);

/// The whole synchronisation.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// `healthy`, `behind`, `stalled`, `faulted` or `unreachable`.
    pub status: &'static str,
    /// Why it is not healthy.
    pub reason: Option<String>,
    /// The kind of the second database.
    pub engine: &'static str,
    /// Whether the primary answered.
    pub primary_reachable: bool,
    /// Whether the second database answered.
    pub mirror_reachable: bool,
    /// Entries that wait, of all models.
    pub backlog: Option<u64>,
    /// Age of the oldest.
    pub oldest_seconds: Option<f64>,
    /// Entities that are parked.
    pub parked: Option<u64>,
    /// Entities that keep coming back however often they are repaired, and are left alone for a day.
    pub quarantined: Option<u64>,
    /// Writes per second of this process over the last second.
    pub rate: u64,
    /// How long the last applied change took from commit to the second database, in milliseconds.
    pub lag_ms: u64,
    /// Age of the oldest partition's last heartbeat in the second database; unknown before every partition has had one.
    pub heartbeat_seconds: Option<f64>,
    /// Writes that took effect since this process started.
    pub applied: u64,
    /// Failed turns since this process started.
    pub failures: u64,
    /// What went wrong last and has not worked since.
    pub trouble: Option<String>,
    /// Each model.
    pub models: Vec<ModelStatus>,
}

/// One model.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelStatus {
    /// Its name.
    pub model: &'static str,
    /// PENDING, COPYING, CATCHING_UP, LIVE or FAULTED.
    pub state: &'static str,
    /// Why it is faulted.
    pub reason: Option<String>,
    /// What an operator can do.
    pub hint: Option<String>,
    /// Rows in the primary.
    pub mysql_count: Option<u64>,
    /// Documents in the second database.
    pub mongodb_count: Option<u64>,
    /// Entries that wait.
    pub backlog: Option<u64>,
    /// Age of the oldest.
    pub oldest_seconds: Option<f64>,
    /// Entities that are parked.
    pub parked: Option<u64>,
    /// Rows that the initial copy has written.
    pub copied: i64,
    /// Rows that there were when it began.
    pub total: i64,
    /// Rows per second of the last copy.
    pub rate: i64,
    /// When the last run ended.
    pub last_run: Option<String>,
    /// How it went.
    pub last_result: Option<String>,
    /// When the last comparison of any kind ended.
    pub last_verified: Option<String>,
    /// How it ended: `equal`, `repaired`, `behind`, `drift`, `breaker` or `failed`.
    pub last_verification: Option<String>,
    /// Whether it found differences that are still there.
    pub drift: bool,
    /// Seconds between scheduled runs.
    pub every_seconds: u64,
}

async fn in_time<T>(work: impl Future<Output = Result<T, impl Into<SyncError>>>) -> Option<T> {
    tokio::time::timeout(PATIENCE, work).await.ok().and_then(Result::ok)
}

/// Everything; without the counts of both sides, which take longest on large tables, where they are not wanted.
pub(crate) async fn status(engine: &Engine, counted: bool) -> Status {
    let models = engine.settings.models();
    let (ping, backlog, parked, copies, faults, often, runs, sides, beat) = futures::join!(
        in_time(engine.mirror.ping()),
        in_time(engine.records.backlog()),
        in_time(engine.records.parked_counts()),
        in_time(engine.records.copies()),
        in_time(engine.records.faults()),
        in_time(engine.records.often_repaired(engine.settings.quarantine_after, engine.now() - DAY)),
        in_time(engine.records.last_verifications()),
        join_all(models.iter().map(async |model| if counted { counts(engine, model).await } else { (None, None) })),
        in_time(last_beat(engine)),
    );
    let parked: Option<BTreeMap<String, u64>> = parked.map(|counts| counts.into_iter().collect());
    let of_models: Vec<ModelStatus> = models
        .iter()
        .zip(sides)
        .map(|(model, sides)| {
            let copy = copies.as_ref().and_then(|all| all.iter().find(|copy| copy.model == model.name));
            let fault = faults.as_ref().and_then(|all| all.iter().find(|fault| fault.model == model.name));
            let run = runs.as_ref().and_then(|all| all.iter().find(|run| run.model == model.name));
            let known = Known { copy, fault, run, backlog: backlog.as_deref(), parked: parked.as_ref() };
            model_status(engine, model, known, sides)
        })
        .collect();
    let now = engine.now();
    let oldest = backlog.as_ref().map(|all| {
        all.iter().filter_map(|waiting| waiting.oldest).min().map_or(0.0, |oldest| age(now, oldest).as_secs_f64())
    });
    let mut status = Status {
        status: "healthy",
        reason: None,
        engine: engine.mirror.engine(),
        primary_reachable: backlog.is_some(),
        mirror_reachable: ping.is_some(),
        backlog: backlog.as_ref().map(|all| business(all).map(|waiting| waiting.entries).sum()),
        oldest_seconds: oldest,
        parked: parked.as_ref().map(|counts| counts.values().sum()),
        quarantined: often,
        rate: engine.figures.rate.load(Ordering::Relaxed),
        lag_ms: engine.figures.lag_ms.load(Ordering::Relaxed),
        heartbeat_seconds: beat.flatten(),
        applied: engine.figures.applied.load(Ordering::Relaxed),
        failures: engine.figures.failures.load(Ordering::Relaxed),
        trouble: engine.figures.trouble().map(|(at, text)| format!("{}: {text}", written(at))),
        models: of_models,
    };
    (status.status, status.reason) = verdict(engine, &status);
    status
}

/// What waits for the business: the heartbeat is ours.
fn business(backlog: &[Backlog]) -> impl Iterator<Item = &Backlog> {
    backlog.iter().filter(|waiting| waiting.model != HEARTBEATS.name)
}

fn verdict(engine: &Engine, status: &Status) -> (&'static str, Option<String>) {
    if !status.primary_reachable {
        return ("unreachable", Some("the primary database does not answer".to_owned()));
    }
    if !status.mirror_reachable {
        let waiting = status.backlog.unwrap_or(0);
        return ("unreachable", Some(format!("the second database does not answer; {waiting} changes wait for it")));
    }
    if let Some(faulted) = status.models.iter().find(|model| model.state == FAULTED) {
        return ("faulted", Some(format!("{}: {}", faulted.model, faulted.reason.as_deref().unwrap_or("unknown"))));
    }
    let oldest = status.oldest_seconds.unwrap_or(0.0);
    let stall = engine.settings.stall_after;
    if oldest >= stall.as_secs_f64() {
        // Where nobody in this process watches the queue, nobody knows whether it moves.
        let stuck = engine.figures.stuck_for(engine.now()) >= stall;
        let word = if stuck { "stalled" } else { "behind" };
        return (word, Some(format!("the oldest change waits for {oldest:.1} s")));
    }
    let silent = stall + 2 * engine.settings.heartbeat;
    if let Some(beat) = status.heartbeat_seconds.filter(|beat| *beat >= silent.as_secs_f64()) {
        return ("stalled", Some(format!("no heartbeat has come through for {beat:.1} s")));
    }
    if let Some(copying) = status.models.iter().find(|model| model.state != CopyState::Live.name()) {
        return ("behind", Some(format!("{} is {}", copying.model, copying.state)));
    }
    if let Some(drifting) = status.models.iter().find(|model| model.drift) {
        let result = drifting.last_verification.as_deref().unwrap_or("");
        return ("behind", Some(format!("{} was found different: {result}", drifting.model)));
    }
    if status.parked.unwrap_or(0) > 0 {
        return ("behind", Some(format!("{} entities are parked", status.parked.unwrap_or(0))));
    }
    ("healthy", None)
}

async fn counts(engine: &Engine, model: &'static Model) -> (Option<u64>, Option<u64>) {
    let rows = async {
        let snapshot = engine.records.snapshot().await?;
        let count = snapshot.count(model).await?;
        snapshot.close().await?;
        Ok::<_, SyncError>(count)
    };
    futures::join!(in_time(rows), in_time(engine.mirror.count(model)))
}

/// Age of the oldest partition's last beat.
async fn last_beat(engine: &Engine) -> Result<Option<f64>, SyncError> {
    let ids: Vec<String> = crate::heartbeat::beats(engine.now()).into_iter().map(|beat| beat.entity_id).collect();
    let seen = documents(engine, &HEARTBEATS, &ids).await?;
    let oldest = seen.iter().filter_map(|seen| seen.stamp.version).min().filter(|_| seen.len() == ids.len());
    let millis = oldest.map(|beat| engine.now().timestamp_millis().saturating_sub(beat));
    #[expect(clippy::cast_precision_loss, reason = "an age in seconds")]
    Ok(millis.map(|millis| millis.max(0) as f64 / 1000.0))
}

/// What is known of a model.
struct Known<'k> {
    copy: Option<&'k Copy>,
    fault: Option<&'k ModelFault>,
    run: Option<&'k Run>,
    backlog: Option<&'k [Backlog]>,
    parked: Option<&'k BTreeMap<String, u64>>,
}

fn model_status(
    engine: &Engine,
    model: &'static Model,
    known: Known<'_>,
    (mysql_count, mongodb_count): (Option<u64>, Option<u64>),
) -> ModelStatus {
    let Known { copy, fault, run, backlog, parked } = known;
    let waiting = backlog.map(|all| all.iter().find(|waiting| waiting.model == model.name));
    ModelStatus {
        model: model.name,
        state: fault.map_or_else(|| copy.map_or(CopyState::Pending, |copy| copy.state).name(), |_| FAULTED),
        reason: fault.map(|fault| fault.reason.clone()),
        hint: fault.map(|fault| fault.hint.clone()),
        mysql_count,
        mongodb_count,
        backlog: waiting.map(|waiting| waiting.map_or(0, |waiting| waiting.entries)),
        oldest_seconds: waiting.map(|waiting| {
            waiting.and_then(|waiting| waiting.oldest).map_or(0.0, |oldest| age(engine.now(), oldest).as_secs_f64())
        }),
        parked: parked.map(|counts| counts.get(model.name).copied().unwrap_or(0)),
        copied: copy.map_or(0, |copy| copy.copied),
        total: copy.map_or(0, |copy| copy.total),
        rate: copy.map_or(0, |copy| copy.rate),
        last_run: copy.and_then(|copy| copy.last_run_at).map(written),
        last_result: copy.and_then(|copy| copy.last_result.clone()),
        last_verified: run.and_then(|run| run.finished_at).map(written),
        last_verification: run.map(|run| run.outcome.clone()),
        drift: run.is_some_and(|run| ["drift", "breaker"].contains(&run.outcome.as_str())),
        every_seconds: engine.settings.every(model).as_secs(),
    }
}

/// Why a document is as it is.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    /// The model.
    pub model: &'static str,
    /// The entity.
    pub id: String,
    /// `equal`, `in flight`, `parked`, `unreadable`, `absent`, or the class of drift.
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
    /// The document as it stands.
    pub document: Option<serde_json::Value>,
    /// Entries that wait: operation, version, since when.
    pub waiting: Vec<String>,
    /// Failed attempts of a parked entity, and the last cause.
    pub attempts: i64,
    /// Why it is parked.
    pub cause: Option<String>,
    /// Hash of the model's newest certificate.
    pub certificate: Option<String>,
}

pub(crate) async fn why(engine: &Engine, model: &'static Model, id: &str) -> Result<Why, SyncError> {
    let ids = [id.to_owned()];
    let sides = examine(engine, model, &ids).await?;
    let parked = engine.records.parked_one(model.name, id).await?;
    let waiting = engine.records.queued_of(model, id).await?;
    let certificate = engine.records.certificate(model).await?;
    let (row, seen) = (sides.rows.get(id), sides.documents.get(id));
    let unreadable = sides.unreadable.first().map(|(_, cause)| cause.clone());
    let verdict = match sides.verdicts.get(id) {
        _ if unreadable.is_some() => "unreadable",
        _ if parked.is_some() => "parked",
        Some(Verdict::InFlight(_)) => "in flight",
        Some(Verdict::Drift(class) | Verdict::Undecided(class)) => class.name(),
        None if row.is_none() => "absent",
        None => "equal",
    };
    Ok(Why {
        model: model.name,
        id: id.to_owned(),
        verdict: verdict.to_owned(),
        fields: fields_that_differ(row, seen),
        row_version: row.map(|row| row.version),
        document_version: seen.and_then(|seen| seen.stamp.version),
        tombstone: seen.is_some_and(|seen| seen.stamp.tombstone),
        expected_digest: row.map(|row| row.digest.to_hex()),
        stored_digest: seen.and_then(|seen| seen.stamp.digest).map(Digest::to_hex),
        document: seen.and_then(|seen| seen.body.as_ref()).map(wire::to_json),
        waiting: waiting
            .iter()
            .map(|entry| {
                format!(
                    "{} of version {} since {}",
                    entry.entry.op.name(),
                    entry.entry.version,
                    written(entry.created_at)
                )
            })
            .collect(),
        attempts: parked.as_ref().map_or(0, |parked| parked.attempts),
        cause: parked.map(|parked| parked.cause).or(unreadable),
        certificate: certificate.map(|(_, certificate)| certificate.hash),
    })
}
