//! Gauges of the synchronisation's state, refreshed periodically, and its alarms. `docs/operations.md` lists them.

use std::time::Duration;

use chainbill_domain::{Clock as _, SystemClock};
use chainbill_sync::{Replicator, Status};
use chrono::DateTime;
use metrics::gauge;
use tokio_util::sync::CancellationToken;

use crate::alerts::{Alerts, Conditions};

/// How often the gauges are refreshed and alarms evaluated.
const EVERY: Duration = Duration::from_secs(2);
/// Every so many refreshes both databases are counted, which takes long on large tables.
const COUNT_EVERY: u32 = 30;

/// Refreshes the gauges and raises alarms until it is stopped.
pub(crate) async fn watch(sync: Replicator, mut conditions: Conditions, alerts: Alerts, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for turn in 0_u32.. {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stop.cancelled() => return,
        }
        let status = if turn.is_multiple_of(COUNT_EVERY) { sync.status().await } else { sync.pulse().await };
        publish(&status);
        for alert in conditions.evaluate(&status, SystemClock.now()) {
            alerts.raise(&alert);
        }
    }
}

/// Sets the gauges to a status; unknown values stay as they were.
#[expect(clippy::cast_precision_loss, reason = "gauges are floating")]
pub(crate) fn publish(status: &Status) {
    let flag = |value: bool| if value { 1.0 } else { 0.0 };
    gauge!("chainbill_primary_up").set(flag(status.primary_reachable));
    gauge!("chainbill_secondary_up").set(flag(status.mirror_reachable));
    gauge!("chainbill_sync_healthy").set(flag(status.status == "healthy"));
    gauge!("chainbill_sync_rate").set(status.rate.unwrap_or(0) as f64);
    if let Some(seconds) = status.heartbeat_seconds {
        gauge!("chainbill_sync_heartbeat_seconds").set(seconds);
    }
    if let Some(count) = status.quarantined {
        gauge!("chainbill_sync_quarantined").set(count as f64);
    }
    if let Some(events) = &status.events {
        gauge!("chainbill_events_unsequenced").set(events.unsequenced as f64);
        for (consumer, count) in &events.behind {
            gauge!("chainbill_events_behind", "consumer" => consumer.clone()).set(*count as f64);
        }
    }
    for model in &status.models {
        if let Some(at) = model.last_verified.as_deref().and_then(|at| DateTime::parse_from_rfc3339(at).ok()) {
            gauge!("chainbill_sync_last_verification_timestamp_seconds", "model" => model.model)
                .set(at.timestamp() as f64);
        }
        if let Some(drift) = model.drift {
            gauge!("chainbill_sync_last_verification_different", "model" => model.model).set(flag(drift));
        }
        for state in ["PENDING", "COPYING", "BACKFILLING", "CATCHING_UP", "LIVE", "FAULTED"]
            .into_iter()
            .filter(|_| model.state.is_some())
        {
            gauge!("chainbill_sync_state", "model" => model.model, "state" => state)
                .set(flag(model.state == Some(state)));
        }
        for (name, value) in [
            ("chainbill_sync_backlog", model.backlog),
            ("chainbill_sync_parked_entities", model.parked),
            ("chainbill_sync_primary_rows", model.mysql_count),
            ("chainbill_sync_secondary_documents", model.mongodb_count),
        ] {
            if let Some(value) = value {
                gauge!(name, "model" => model.model).set(value as f64);
            }
        }
    }
}
