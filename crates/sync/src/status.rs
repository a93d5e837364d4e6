//! What the synchronisation says of itself. Every answer comes within a second, whatever hangs: what cannot be asked in
//! time is said to be unknown.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chainbill_domain::{Model, Revision};
use chainbill_records::{Copy, CopyState, ModelFault, Run, events::EventsWaiting, outbox::Backlog};
use futures::future::join_all;
use serde::Serialize;

use crate::{
    SyncError,
    certificate::written,
    counting::{backlog, counts},
    engine::Engine,
    examine::documents,
    heartbeat::HEARTBEATS,
    held,
    judging::Side,
    keeper::age,
};

/// The state of a model that an operator should see to, whatever its copy's state is.
const FAULTED: &str = "FAULTED";
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
    /// What stands behind the primary's address: one server, or several.
    pub topology: String,
    /// Whether the primary answered.
    pub primary_reachable: bool,
    /// Whether the second database answered.
    pub mirror_reachable: bool,
    /// Entries that wait, of all models, and events that have not reached the mirror.
    pub backlog: Option<u64>,
    /// Age of the oldest.
    pub oldest_seconds: Option<f64>,
    /// Entities that are parked.
    pub parked: Option<u64>,
    /// Copies that are known to be wrong and left alone: they keep coming back, or no repair helped.
    pub quarantined: Option<u64>,
    /// Whether something waits and does not move, or heartbeats do not come through; unknown while a database is away.
    pub stalled: Option<bool>,
    /// How far the second database is behind: the age of the oldest change that waits, or how long the last one took
    /// where that is longer.
    pub lag_seconds: Option<f64>,
    /// How long the last applied change took from commit to the second database, in milliseconds; like the other figures
    /// of this process unknown where it does not relay.
    pub lag_ms: Option<u64>,
    /// Writes per second of this process over the last second.
    pub rate: Option<u64>,
    /// Age of the oldest partition's last heartbeat in the second database; unknown before every partition has had one.
    pub heartbeat_seconds: Option<f64>,
    /// Writes that took effect since this process started.
    pub applied: Option<u64>,
    /// Failed turns since this process started.
    pub failures: Option<u64>,
    /// What went wrong last and has not worked since.
    pub trouble: Option<String>,
    /// For how long this process has been able to judge what waits: since its start, or since both databases have answered
    /// again. Nothing for one that only looks.
    pub judging_seconds: Option<f64>,
    /// Events on their way; unknown while the primary is away.
    pub events: Option<EventsStatus>,
    /// Each model.
    pub models: Vec<ModelStatus>,
}

/// Events on their way from the primary to their consumers.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventsStatus {
    /// Committed events that have no position yet.
    pub unsequenced: u64,
    /// Of each consumer, the events that it has not taken.
    pub behind: BTreeMap<String, u64>,
}

impl From<EventsWaiting> for EventsStatus {
    fn from(waiting: EventsWaiting) -> Self {
        Self { unsequenced: waiting.unsequenced, behind: waiting.behind.into_iter().collect() }
    }
}

/// One model.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelStatus {
    /// Its name.
    pub model: &'static str,
    /// PENDING, COPYING, BACKFILLING, CATCHING_UP, LIVE or FAULTED; unknown while the primary is away.
    pub state: Option<&'static str>,
    /// Why it is faulted.
    pub reason: Option<String>,
    /// What an operator can do.
    pub hint: Option<String>,
    /// What it waits for, when it is not live and not being copied at the moment.
    pub waiting_for: Option<String>,
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
    /// Copies that are known to be wrong and left alone.
    pub quarantined: Option<u64>,
    /// The revision of the model's description that its documents are of, or are being brought to; none from before there were
    /// revisions.
    pub revision: Option<String>,
    /// Rows that the initial copy, or the last backfill, has written or found to be right.
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
    /// Whether it found differences that are still there; unknown while the primary is away.
    pub drift: Option<bool>,
    /// Seconds between scheduled runs.
    pub every_seconds: u64,
}

async fn in_time<T>(work: impl Future<Output = Result<T, impl Into<SyncError>>>) -> Option<T> {
    tokio::time::timeout(PATIENCE, work).await.ok().and_then(Result::ok)
}

/// Everything; without the counts of both sides, which take longest on large tables, where they are not wanted.
pub(crate) async fn status(engine: &Arc<Engine>, counted: bool) -> Status {
    let models = engine.settings.models();
    let (primary, ping, oldest, backlog, parked, copies, faults, wrong, waiting, runs, sides, beat, events) = futures::join!(
        in_time(engine.records.ping()),
        in_time(engine.mirror.ping()),
        in_time(engine.records.oldest_waiting()),
        backlog(engine, PATIENCE),
        in_time(engine.records.parked_counts()),
        in_time(engine.records.copies()),
        in_time(engine.records.faults()),
        in_time(engine.records.quarantine_counts()),
        in_time(engine.records.waiting()),
        in_time(engine.records.last_verifications()),
        join_all(models.iter().map(async |model| if counted {
            counts(engine, model, PATIENCE).await
        } else {
            (None, None)
        })),
        in_time(last_beat(engine)),
        in_time(engine.records.events_waiting()),
    );
    engine.note_answer(Side::Primary, primary.is_some());
    engine.note_answer(Side::Mirror, ping.is_some());
    let backlog = backlog.filter(|_| primary.is_some());
    let parked: Option<BTreeMap<String, u64>> = parked.map(|counts| counts.into_iter().collect());
    let wrong: Option<BTreeMap<String, u64>> = wrong.map(|counts| counts.into_iter().collect());
    let waiting: Option<BTreeMap<String, String>> = waiting.map(|all| all.into_iter().collect());
    let known = Known {
        copies: copies.as_deref(),
        faults: faults.as_deref(),
        runs: runs.as_deref(),
        backlog: backlog.as_ref().map(|all| all.as_slice()),
        parked: parked.as_ref(),
        wrong: wrong.as_ref(),
        waiting: waiting.as_ref(),
    };
    let now = engine.now();
    let oldest = oldest.map(|oldest| oldest.map_or(0.0, |oldest| age(now, oldest).as_secs_f64()));
    let lag_ms = engine.figures.of_relay(&engine.figures.lag_ms);
    let mut status = Status {
        status: "healthy",
        reason: None,
        engine: engine.mirror.engine(),
        topology: engine.records.topology().to_string(),
        primary_reachable: primary.is_some(),
        mirror_reachable: ping.is_some(),
        backlog: backlog.as_ref().map(|all| business(all).map(|waiting| waiting.entries).sum()),
        oldest_seconds: oldest,
        parked: parked.as_ref().map(|counts| counts.values().sum()),
        quarantined: wrong.as_ref().map(|counts| counts.values().sum()),
        stalled: None,
        lag_seconds: oldest.map(|oldest| oldest.max(lag_ms.map_or(0.0, |millis| millis as f64 / 1000.0))),
        lag_ms,
        rate: engine.figures.of_relay(&engine.figures.rate),
        heartbeat_seconds: beat.flatten(),
        applied: engine.figures.of_relay(&engine.figures.applied),
        failures: engine.figures.of_relay(&engine.figures.failures),
        trouble: engine.figures.trouble().map(|(at, text)| format!("{}: {text}", written(at))),
        judging_seconds: Some(engine.judges_for()).filter(|span| *span != Duration::MAX).map(|span| span.as_secs_f64()),
        events: events.map(EventsStatus::from),
        models: models.iter().zip(sides).map(|(model, sides)| model_status(engine, model, known, sides)).collect(),
    };
    status.stalled = stalled(engine, &status);
    (status.status, status.reason) = verdict(engine, &status);
    status
}

/// Whether nothing moves, as far as this can be told: where nobody in this process watches the queue, nobody knows
/// whether its head stays.
fn stalled(engine: &Engine, status: &Status) -> Option<bool> {
    if !status.primary_reachable || !status.mirror_reachable {
        return None;
    }
    let stall = engine.settings.stall_after;
    let waits_long = status.oldest_seconds? >= stall.as_secs_f64();
    // Beats wait in the queue too: they say something where it is short.
    let silent = silence(engine, status) >= heartbeats_within(engine);
    Some(if waits_long { engine.figures.stuck_for(engine.now()).min(engine.judges_for()) >= stall } else { silent })
}

/// For how long no heartbeat has come through while somebody could judge it.
fn silence(engine: &Engine, status: &Status) -> Duration {
    let beat = status.heartbeat_seconds.unwrap_or(0.0);
    Duration::try_from_secs_f64(beat).unwrap_or_default().min(engine.judges_for())
}

/// Within which time a heartbeat comes through. Who does not send them allows for another's taking over.
fn heartbeats_within(engine: &Engine) -> Duration {
    let takeover = if engine.figures.beats.load(Ordering::Relaxed) { Duration::ZERO } else { 2 * held::TTL };
    engine.settings.stall_after + engine.settings.heartbeat + takeover
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
    if let Some(faulted) = status.models.iter().find(|model| model.state == Some(FAULTED)) {
        return ("faulted", Some(format!("{}: {}", faulted.model, faulted.reason.as_deref().unwrap_or("unknown"))));
    }
    let oldest = status.oldest_seconds.unwrap_or(0.0);
    let waits_long = oldest >= engine.settings.stall_after.as_secs_f64();
    match (status.stalled, waits_long) {
        (Some(true), false) => {
            let beat = status.heartbeat_seconds.unwrap_or(0.0);
            return ("stalled", Some(format!("no heartbeat has come through for {beat:.1} s")));
        }
        (stalled, true) => {
            let word = if stalled == Some(true) { "stalled" } else { "behind" };
            return (word, Some(format!("the oldest change waits for {oldest:.1} s")));
        }
        _ => {}
    }
    let behind = behind(status);
    if behind.is_empty() { ("healthy", None) } else { ("behind", Some(behind.join("; "))) }
}

/// Whatever is known not to be in step though it moves. The words are ours: what a database said stands with its model.
fn behind(status: &Status) -> Vec<String> {
    let named = |which: &dyn Fn(&ModelStatus) -> bool| {
        let names: Vec<&str> = status.models.iter().filter(|model| which(model)).map(|model| model.model).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let mut reasons = Vec::new();
    for state in [None, Some("PENDING"), Some("CATCHING_UP")] {
        let names = named(&|model| model.state == state);
        reasons.extend(names.map(|names| format!("{}: {names}", state.unwrap_or("in an unknown state"))));
    }
    for model in status.models.iter().filter(|model| is_filled(model)) {
        reasons.push(format!("{} is {}", model.model, progress(model)));
    }
    reasons.extend(named(&|model| model.drift == Some(true)).map(|names| format!("found different: {names}")));
    let counted = |count: fn(&ModelStatus) -> Option<u64>| {
        let of = status.models.iter().filter_map(|model| Some((model.model, count(model).filter(|count| *count > 0)?)));
        let of: Vec<String> = of.map(|(model, count)| format!("{count} of {model}")).collect();
        if of.is_empty() { String::new() } else { format!(": {}", of.join(", ")) }
    };
    if let Some(count @ 1..) = status.quarantined {
        let of = counted(|model| model.quarantined);
        reasons.push(format!("{count} copies are known to be wrong and left alone{of}"));
    }
    if let Some(count @ 1..) = status.parked {
        reasons.push(format!("{count} entities are parked{}", counted(|model| model.parked)));
    }
    reasons
}

/// Whether a model's documents are being copied or backfilled.
fn is_filled(model: &ModelStatus) -> bool {
    model.state.is_some_and(|state| [CopyState::Copying, CopyState::Backfilling].map(CopyState::name).contains(&state))
}

/// The state of a model that is copied or backfilled, with how far it is.
fn progress(model: &ModelStatus) -> String {
    format!("{}: {} of {} at {}/s", model.state.unwrap_or(""), model.copied, model.total, model.rate)
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

/// What is known of all models.
#[derive(Clone, Copy)]
struct Known<'k> {
    copies: Option<&'k [Copy]>,
    faults: Option<&'k [ModelFault]>,
    runs: Option<&'k [Run]>,
    backlog: Option<&'k [Backlog]>,
    parked: Option<&'k BTreeMap<String, u64>>,
    wrong: Option<&'k BTreeMap<String, u64>>,
    waiting: Option<&'k BTreeMap<String, String>>,
}

fn model_status(
    engine: &Engine,
    model: &'static Model,
    known: Known<'_>,
    (mysql_count, mongodb_count): (Option<u64>, Option<u64>),
) -> ModelStatus {
    let Known { copies, faults, runs, backlog, parked, wrong, waiting: waits } = known;
    let copy = copies.and_then(|all| all.iter().find(|copy| copy.model == model.name));
    let fault = faults.and_then(|all| all.iter().find(|fault| fault.model == model.name));
    let run = runs.and_then(|all| all.iter().find(|run| run.model == model.name));
    let waiting = backlog.map(|all| all.iter().find(|waiting| waiting.model == model.name));
    // A model of which nothing is written down was never copied.
    let own = copies.map(|_| copy.map_or(CopyState::Pending, |copy| copy.state).name());
    ModelStatus {
        model: model.name,
        state: if fault.is_some() { Some(FAULTED) } else { own.filter(|_| faults.is_some()) },
        reason: fault.map(|fault| fault.reason.clone()),
        hint: fault.map(|fault| fault.hint.clone()),
        waiting_for: waits_for(copy, waits.and_then(|all| all.get(model.name)), waiting.flatten()),
        mysql_count,
        mongodb_count,
        backlog: waiting.map(|waiting| waiting.map_or(0, |waiting| waiting.entries)),
        oldest_seconds: waiting.map(|waiting| {
            waiting.and_then(|waiting| waiting.oldest).map_or(0.0, |oldest| age(engine.now(), oldest).as_secs_f64())
        }),
        parked: parked.map(|counts| counts.get(model.name).copied().unwrap_or(0)),
        quarantined: wrong.map(|counts| counts.get(model.name).copied().unwrap_or(0)),
        revision: copy.and_then(|copy| copy.revision).map(Revision::to_hex),
        copied: copy.map_or(0, |copy| copy.copied),
        total: copy.map_or(0, |copy| copy.total),
        rate: copy.map_or(0, |copy| copy.rate),
        last_run: copy.and_then(|copy| copy.last_run_at).map(written),
        last_result: copy.and_then(|copy| copy.last_result.clone()),
        last_verified: run.and_then(|run| run.finished_at).map(written),
        last_verification: run.map(|run| run.outcome.clone()),
        drift: runs.map(|_| run.is_some_and(|run| ["drift", "breaker"].contains(&run.outcome.as_str()))),
        every_seconds: engine.settings.every(model).as_secs(),
    }
}

/// What a copy waits for: what its process has written down, or what has to come from the queue.
fn waits_for(copy: Option<&Copy>, noted: Option<&String>, waiting: Option<&Backlog>) -> Option<String> {
    match copy.map_or(CopyState::Pending, |copy| copy.state) {
        CopyState::Live => None,
        CopyState::CatchingUp => {
            let entries = waiting.map_or(0, |waiting| waiting.entries);
            Some(format!("changes from before the copy's end, among {entries} that wait"))
        }
        CopyState::Pending | CopyState::Copying | CopyState::Backfilling => noted.cloned(),
    }
}
