//! The verdict on a status report: healthy, or what is wrong and why.

use std::time::Duration;

use chainbill_records::ModelState;

use crate::{
    cluster::lease,
    settings::Settings,
    status::{
        observer::Observer,
        report::{FAULTED, ModelStatus, Status, gather},
    },
};

/// The status report with its verdict.
pub(crate) async fn status(observer: &Observer, counted: bool) -> Status {
    let mut status = gather(observer, counted).await;
    status.stalled = stalled(observer, &status);
    (status.status, status.reason) = verdict(observer, &status);
    status
}

/// Whether the outbox does not move, as far as this process can judge.
fn stalled(observer: &Observer, status: &Status) -> Option<bool> {
    if !status.primary_reachable || !status.mirror_reachable {
        return None;
    }
    let stall = observer.engine.settings.stall_after;
    let waits_long = status.oldest_seconds? >= stall.as_secs_f64();
    // Heartbeats are queued too: their silence means something where the queue is short.
    let silent = silence(observer, status) >= heartbeats_within(observer);
    Some(if waits_long { observer.stalled_for() >= stall } else { silent })
}

/// For how long no heartbeat has come through, within the observation window.
fn silence(observer: &Observer, status: &Status) -> Duration {
    let beat = status.heartbeat_seconds.unwrap_or(0.0);
    Duration::try_from_secs_f64(beat).unwrap_or_default().min(observer.window_length())
}

/// The time within which a heartbeat comes through. A process that does not send them allows for a change of the leader.
fn heartbeats_within(observer: &Observer) -> Duration {
    let Settings { stall_after, heartbeat, .. } = observer.engine.settings;
    let takeover = if observer.leads() { Duration::ZERO } else { 2 * lease::TTL };
    stall_after + heartbeat + takeover
}

fn verdict(observer: &Observer, status: &Status) -> (&'static str, Option<String>) {
    if !status.primary_reachable {
        return ("unreachable", Some("the primary database does not answer".to_owned()));
    }
    if !status.mirror_reachable {
        let waiting = status.backlog.unwrap_or(0);
        return ("unreachable", Some(format!("the mirror does not answer; {waiting} changes wait for it")));
    }
    if let Some(faulted) = status.models.iter().find(|model| model.state == Some(FAULTED)) {
        return ("faulted", Some(format!("{}: {}", faulted.model, faulted.reason.as_deref().unwrap_or("unknown"))));
    }
    let oldest = status.oldest_seconds.unwrap_or(0.0);
    let waits_long = oldest >= observer.engine.settings.stall_after.as_secs_f64();
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

/// Everything that is not in step although it moves. The texts are our own: a database's message is shown with its model.
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

/// Whether a model is being backfilled.
fn is_filled(model: &ModelStatus) -> bool {
    model
        .state
        .is_some_and(|state| [ModelState::Copying, ModelState::Backfilling].map(ModelState::name).contains(&state))
}

/// The state of a model that is being backfilled, with its progress.
fn progress(model: &ModelStatus) -> String {
    format!("{}: {} of {} at {}/s", model.state.unwrap_or(""), model.copied, model.total, model.rate)
}
