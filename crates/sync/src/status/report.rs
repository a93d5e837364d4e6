//! The status report. It is complete within a second, whatever hangs: what does not answer in time is reported as unknown.

use std::{collections::BTreeMap, time::Duration};

use chainbill_domain::{Model, Revision};
use chainbill_records::{BackfillState, ModelFault, ModelState, Run, events::EventsWaiting, outbox::Backlog};
use futures::{
    future::{self, join_all},
    join,
};
use serde::Serialize;

use crate::{
    engine::context::Engine,
    errors::SyncError,
    relay::heartbeat::{self, HEARTBEATS},
    status::{counting::Counts, observation::Database, observer::Observer},
    time::{age, rfc3339},
    verify::inspect::documents,
};

/// The state of a model that needs an operator, whatever the state of its backfill is.
pub(crate) const FAULTED: &str = "FAULTED";
/// No part of a report waits longer.
const PATIENCE: Duration = Duration::from_millis(700);

/// The whole synchronisation.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// `healthy`, `behind`, `stalled`, `faulted` or `unreachable`.
    pub status: &'static str,
    /// Why it is not healthy.
    pub reason: Option<String>,
    /// The kind of the mirror.
    pub engine: &'static str,
    /// The topology of the primary: one server, or several.
    pub topology: String,
    /// Whether the primary answered.
    pub primary_reachable: bool,
    /// Whether the mirror answered.
    pub mirror_reachable: bool,
    /// Pending entries of all models, and events that have not reached the mirror.
    pub backlog: Option<u64>,
    /// Age of the oldest.
    pub oldest_seconds: Option<f64>,
    /// Dead letters.
    pub parked: Option<u64>,
    /// Quarantined documents: known to be wrong, and no longer repaired.
    pub quarantined: Option<u64>,
    /// Whether the outbox does not move, or heartbeats do not come through; unknown while a database does not answer.
    pub stalled: Option<bool>,
    /// How far the mirror is behind: the age of the oldest pending change, or the lag of the last one where that is longer.
    pub lag_seconds: Option<f64>,
    /// The lag of the last applied change from its commit to the mirror, in milliseconds. Like the other counters of this process it
    /// is unknown where the process does not relay.
    pub lag_ms: Option<u64>,
    /// Writes per second of this process over the last second.
    pub rate: Option<u64>,
    /// The age of the last heartbeat in the mirror, of the partition where it is oldest; unknown before every partition has had one.
    pub heartbeat_seconds: Option<f64>,
    /// Writes that took effect since this process started.
    pub applied: Option<u64>,
    /// Failed turns since this process started.
    pub failures: Option<u64>,
    /// The last failure, until the next success.
    pub trouble: Option<String>,
    /// The length of the observation window: since the start of this process, or since both databases have answered again. `None` for a
    /// process that does not relay.
    pub judging_seconds: Option<f64>,
    /// Events on their way; unknown while the primary does not answer.
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
    /// Of each consumer, the events that have a position and that it has not taken.
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
    /// PENDING, COPYING, BACKFILLING, CATCHING_UP, LIVE or FAULTED; unknown while the primary does not answer.
    pub state: Option<&'static str>,
    /// Why it is faulted.
    pub reason: Option<String>,
    /// What an operator can do.
    pub hint: Option<String>,
    /// What its backfill waits for.
    pub waiting_for: Option<String>,
    /// Rows in the primary.
    pub mysql_count: Option<u64>,
    /// Documents in the mirror.
    pub mongodb_count: Option<u64>,
    /// Pending entries.
    pub backlog: Option<u64>,
    /// Age of the oldest.
    pub oldest_seconds: Option<f64>,
    /// Dead letters.
    pub parked: Option<u64>,
    /// Quarantined documents.
    pub quarantined: Option<u64>,
    /// The revision that its documents are of, or are being brought to; `None` from before there were revisions.
    pub revision: Option<String>,
    /// Rows that the last backfill has written or found to be in place.
    pub copied: i64,
    /// Rows that there were when it began.
    pub total: i64,
    /// Rows per second of the last backfill.
    pub rate: i64,
    /// When the last run ended.
    pub last_run: Option<String>,
    /// How it went.
    pub last_result: Option<String>,
    /// When the last comparison of any kind ended.
    pub last_verified: Option<String>,
    /// How it ended: `equal`, `repaired`, `behind`, `drift`, `breaker` or `failed`.
    pub last_verification: Option<String>,
    /// Whether it found differences that are still there; unknown while the primary does not answer.
    pub drift: Option<bool>,
    /// Seconds between scheduled runs.
    pub every_seconds: u64,
}

async fn in_time<T>(work: impl Future<Output = Result<T, impl Into<SyncError>>>) -> Option<T> {
    tokio::time::timeout(PATIENCE, work).await.ok().and_then(Result::ok)
}

/// Gathers the report, without its verdict. The counts of both sides, which take longest on large tables, may be left out.
pub(crate) async fn gather(observer: &Observer, counted: bool) -> Status {
    let (engine, counting) = (&observer.engine, &observer.counting);
    let models = engine.settings.models();
    let (primary, ping, oldest, backlog, parked, backfills, faults, quarantined, waiting, runs, counts, pipe) = join!(
        in_time(engine.records.ping()),
        in_time(engine.mirror.ping()),
        in_time(engine.records.oldest_waiting()),
        counting.backlog(PATIENCE),
        in_time(engine.records.dead_letter_counts()),
        in_time(engine.records.backfill_states()),
        in_time(engine.records.faults()),
        in_time(engine.records.quarantine_counts()),
        in_time(engine.records.waiting()),
        in_time(engine.records.last_verifications()),
        join_all(models.iter().map(async |model| if counted {
            counting.model(model, PATIENCE).await
        } else {
            (None, None)
        })),
        future::join(in_time(last_heartbeat(engine)), in_time(engine.records.events_waiting())),
    );
    let (beat, events) = pipe;
    observer.note_answer(Database::Primary, primary.is_some());
    observer.note_answer(Database::Mirror, ping.is_some());
    let backlog = backlog.filter(|_| primary.is_some());
    let parked: Option<BTreeMap<String, u64>> = parked.map(|counts| counts.into_iter().collect());
    let quarantined: Option<BTreeMap<String, u64>> = quarantined.map(|counts| counts.into_iter().collect());
    let waiting: Option<BTreeMap<String, String>> = waiting.map(|all| all.into_iter().collect());
    let known = Known {
        backfills: backfills.as_deref(),
        faults: faults.as_deref(),
        runs: runs.as_deref(),
        backlog: backlog.as_ref().map(|all| all.as_slice()),
        parked: parked.as_ref(),
        quarantined: quarantined.as_ref(),
        waiting: waiting.as_ref(),
    };
    let now = engine.now();
    let oldest = oldest.map(|oldest| oldest.map_or(0.0, |oldest| age(now, oldest).as_secs_f64()));
    let (metrics, window) = (&engine.metrics, observer.window_length());
    let lag_ms = metrics.of_relay(&metrics.lag_ms);
    Status {
        status: "healthy",
        reason: None,
        engine: engine.mirror.engine(),
        topology: engine.records.topology().to_string(),
        primary_reachable: primary.is_some(),
        mirror_reachable: ping.is_some(),
        backlog: backlog.as_ref().map(|all| business(all).map(|waiting| waiting.entries).sum()),
        oldest_seconds: oldest,
        parked: parked.as_ref().map(|counts| counts.values().sum()),
        quarantined: quarantined.as_ref().map(|counts| counts.values().sum()),
        stalled: None,
        lag_seconds: oldest.map(|oldest| oldest.max(lag_ms.map_or(0.0, |millis| millis as f64 / 1000.0))),
        lag_ms,
        rate: metrics.of_relay(&metrics.rate),
        heartbeat_seconds: beat.flatten(),
        applied: metrics.of_relay(&metrics.applied),
        failures: metrics.of_relay(&metrics.failures),
        trouble: metrics.trouble().map(|(at, text)| format!("{}: {text}", rfc3339(at))),
        judging_seconds: Some(window).filter(|span| *span != Duration::MAX).map(|span| span.as_secs_f64()),
        events: events.map(EventsStatus::from),
        models: models.iter().zip(counts).map(|(model, counts)| model_status(engine, model, known, counts)).collect(),
    }
}

/// Business entries: the heartbeat's are our own.
fn business(backlog: &[Backlog]) -> impl Iterator<Item = &Backlog> {
    backlog.iter().filter(|pending| pending.model != HEARTBEATS.name)
}

/// The age of the last heartbeat, of the partition where it is oldest.
async fn last_heartbeat(engine: &Engine) -> Result<Option<f64>, SyncError> {
    let ids = heartbeat::ids();
    let seen = documents(engine, &HEARTBEATS, &ids).await?;
    let oldest = seen.iter().filter_map(|seen| seen.stamp.version).min().filter(|_| seen.len() == ids.len());
    let millis = oldest.map(|beat| engine.now().timestamp_millis().saturating_sub(beat));
    #[expect(clippy::cast_precision_loss, reason = "an age in seconds")]
    Ok(millis.map(|millis| millis.max(0) as f64 / 1000.0))
}

/// What is known about all models.
#[derive(Clone, Copy)]
struct Known<'k> {
    backfills: Option<&'k [BackfillState]>,
    faults: Option<&'k [ModelFault]>,
    runs: Option<&'k [Run]>,
    backlog: Option<&'k [Backlog]>,
    parked: Option<&'k BTreeMap<String, u64>>,
    quarantined: Option<&'k BTreeMap<String, u64>>,
    waiting: Option<&'k BTreeMap<String, String>>,
}

fn model_status(
    engine: &Engine,
    model: &'static Model,
    known: Known<'_>,
    (mysql_count, mongodb_count): Counts,
) -> ModelStatus {
    let Known { backfills, faults, runs, backlog, parked, quarantined, waiting: waits } = known;
    let backfill = backfills.and_then(|all| all.iter().find(|state| state.model == model.name));
    let fault = faults.and_then(|all| all.iter().find(|fault| fault.model == model.name));
    let run = runs.and_then(|all| all.iter().find(|run| run.model == model.name));
    let pending = backlog.map(|all| all.iter().find(|pending| pending.model == model.name));
    // A model without a saved state was never backfilled.
    let own = backfills.map(|_| backfill.map_or(ModelState::Pending, |state| state.state).name());
    ModelStatus {
        model: model.name,
        state: if fault.is_some() { Some(FAULTED) } else { own.filter(|_| faults.is_some()) },
        reason: fault.map(|fault| fault.reason.clone()),
        hint: fault.map(|fault| fault.hint.clone()),
        waiting_for: waits_for(backfill, waits.and_then(|all| all.get(model.name)), pending.flatten()),
        mysql_count,
        mongodb_count,
        backlog: pending.map(|pending| pending.map_or(0, |pending| pending.entries)),
        oldest_seconds: pending.map(|pending| {
            pending.and_then(|pending| pending.oldest).map_or(0.0, |oldest| age(engine.now(), oldest).as_secs_f64())
        }),
        parked: parked.map(|counts| counts.get(model.name).copied().unwrap_or(0)),
        quarantined: quarantined.map(|counts| counts.get(model.name).copied().unwrap_or(0)),
        revision: backfill.and_then(|state| state.revision).map(Revision::to_hex),
        copied: backfill.map_or(0, |state| state.copied),
        total: backfill.map_or(0, |state| state.total),
        rate: backfill.map_or(0, |state| state.rate),
        last_run: backfill.and_then(|state| state.last_run_at).map(rfc3339),
        last_result: backfill.and_then(|state| state.last_result.clone()),
        last_verified: run.and_then(|run| run.finished_at).map(rfc3339),
        last_verification: run.map(|run| run.outcome.clone()),
        drift: runs.map(|_| run.is_some_and(|run| ["drift", "breaker"].contains(&run.outcome.as_str()))),
        every_seconds: engine.settings.every(model).as_secs(),
    }
}

/// What a backfill waits for: what its process has saved, or entries of the outbox.
fn waits_for(backfill: Option<&BackfillState>, noted: Option<&String>, pending: Option<&Backlog>) -> Option<String> {
    match backfill.map_or(ModelState::Pending, |state| state.state) {
        ModelState::Live => None,
        ModelState::CatchingUp => {
            let entries = pending.map_or(0, |pending| pending.entries);
            Some(format!("changes from before the copy's end, among {entries} that wait"))
        }
        ModelState::Pending | ModelState::Copying | ModelState::Backfilling => noted.cloned(),
    }
}
