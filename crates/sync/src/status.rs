//! What the synchronisation says of itself. Every answer comes within a second, whatever hangs: what cannot be asked in
//! time is said to be unknown.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use chainbill_domain::Model;
use chainbill_records::{Copy, CopyState, ModelFault, Run, outbox::Backlog};
use futures::future::join_all;
use serde::Serialize;

use crate::{
    SyncError,
    certificate::written,
    counting::{backlog, counts},
    engine::Engine,
    examine::documents,
    heartbeat::HEARTBEATS,
    keeper::age,
    repair::often_repaired,
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
    /// Each model.
    pub models: Vec<ModelStatus>,
}

/// One model.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelStatus {
    /// Its name.
    pub model: &'static str,
    /// PENDING, COPYING, CATCHING_UP, LIVE or FAULTED; unknown while the primary is away.
    pub state: Option<&'static str>,
    /// Why it is faulted, or what it waits for while it is PENDING.
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
    let (primary, ping, oldest, backlog, parked, copies, faults, often, runs, sides, beat) = futures::join!(
        in_time(engine.records.ping()),
        in_time(engine.mirror.ping()),
        in_time(engine.records.oldest_waiting()),
        backlog(engine, PATIENCE),
        in_time(engine.records.parked_counts()),
        in_time(engine.records.copies()),
        in_time(engine.records.faults()),
        in_time(often_repaired(engine)),
        in_time(engine.records.last_verifications()),
        join_all(models.iter().map(async |model| if counted {
            counts(engine, model, PATIENCE).await
        } else {
            (None, None)
        })),
        in_time(last_beat(engine)),
    );
    let backlog = backlog.filter(|_| primary.is_some());
    let parked: Option<BTreeMap<String, u64>> = parked.map(|counts| counts.into_iter().collect());
    let known = Known {
        copies: copies.as_deref(),
        faults: faults.as_deref(),
        runs: runs.as_deref(),
        backlog: backlog.as_ref().map(|all| all.as_slice()),
        parked: parked.as_ref(),
    };
    let now = engine.now();
    let oldest = oldest.map(|oldest| oldest.map_or(0.0, |oldest| age(now, oldest).as_secs_f64()));
    let lag_ms = engine.figures.of_relay(&engine.figures.lag_ms);
    let mut status = Status {
        status: "healthy",
        reason: None,
        engine: engine.mirror.engine(),
        primary_reachable: primary.is_some(),
        mirror_reachable: ping.is_some(),
        backlog: backlog.as_ref().map(|all| business(all).map(|waiting| waiting.entries).sum()),
        oldest_seconds: oldest,
        parked: parked.as_ref().map(|counts| counts.values().sum()),
        quarantined: often,
        stalled: None,
        lag_seconds: oldest.map(|oldest| oldest.max(lag_ms.map_or(0.0, |millis| millis as f64 / 1000.0))),
        lag_ms,
        rate: engine.figures.of_relay(&engine.figures.rate),
        heartbeat_seconds: beat.flatten(),
        applied: engine.figures.of_relay(&engine.figures.applied),
        failures: engine.figures.of_relay(&engine.figures.failures),
        trouble: engine.figures.trouble().map(|(at, text)| format!("{}: {text}", written(at))),
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
    let silent = status.heartbeat_seconds.is_some_and(|beat| beat >= (stall + engine.settings.heartbeat).as_secs_f64());
    Some(if waits_long { engine.figures.stuck_for(engine.now()) >= stall } else { silent })
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
    if let Some(copying) = status.models.iter().find(|model| model.state != Some(CopyState::Live.name())) {
        let state = copying.state.unwrap_or("in an unknown state");
        let reason = copying.reason.as_ref().map_or_else(String::new, |reason| format!(": it {reason}"));
        return ("behind", Some(format!("{} is {state}{reason}", copying.model)));
    }
    if let Some(drifting) = status.models.iter().find(|model| model.drift == Some(true)) {
        let result = drifting.last_verification.as_deref().unwrap_or("");
        return ("behind", Some(format!("{} was found different: {result}", drifting.model)));
    }
    if status.parked.unwrap_or(0) > 0 {
        return ("behind", Some(format!("{} entities are parked", status.parked.unwrap_or(0))));
    }
    ("healthy", None)
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
}

fn model_status(
    engine: &Engine,
    model: &'static Model,
    known: Known<'_>,
    (mysql_count, mongodb_count): (Option<u64>, Option<u64>),
) -> ModelStatus {
    let Known { copies, faults, runs, backlog, parked } = known;
    let copy = copies.and_then(|all| all.iter().find(|copy| copy.model == model.name));
    let fault = faults.and_then(|all| all.iter().find(|fault| fault.model == model.name));
    let run = runs.and_then(|all| all.iter().find(|run| run.model == model.name));
    let waiting = backlog.map(|all| all.iter().find(|waiting| waiting.model == model.name));
    // A model of which nothing is written down was never copied.
    let own = copies.map(|_| copy.map_or(CopyState::Pending, |copy| copy.state).name());
    ModelStatus {
        model: model.name,
        state: if fault.is_some() { Some(FAULTED) } else { own.filter(|_| faults.is_some()) },
        reason: match fault {
            Some(fault) => Some(fault.reason.clone()),
            None => engine.figures.waiting().filter(|_| own == Some(CopyState::Pending.name())),
        },
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
        drift: runs.map(|_| run.is_some_and(|run| ["drift", "breaker"].contains(&run.outcome.as_str()))),
        every_seconds: engine.settings.every(model).as_secs(),
    }
}
