//! Every metric of the program with its kind and its help text. `docs/operations.md` has the same list; a test compares the two.

use metrics::{describe_counter, describe_gauge, describe_histogram};

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

use Kind::{Counter, Gauge, Histogram};

/// All of them.
const METRICS: &[(&str, Kind, &str)] = &[
    ("chainbill_http_requests_total", Counter, "Requests."),
    ("chainbill_http_request_seconds", Histogram, "Duration of a request."),
    ("chainbill_connections", Gauge, "Open client connections."),
    ("chainbill_connections_refused_total", Counter, "Connections refused because there were too many."),
    ("chainbill_connections_closed_total", Counter, "Idle connections and stalled readers closed in favour of others."),
    ("chainbill_primary_up", Gauge, "1 while the primary answers."),
    ("chainbill_secondary_up", Gauge, "1 while the mirror answers."),
    ("chainbill_sync_healthy", Gauge, "1 while the synchronisation is healthy."),
    ("chainbill_sync_stalled", Gauge, "1 while the same change has been the oldest for longer than SYNC_STALL_AFTER."),
    ("chainbill_sync_state", Gauge, "1 at the state of the model."),
    ("chainbill_sync_backlog", Gauge, "Waiting changes of the model."),
    (
        "chainbill_sync_backlog_entries",
        Gauge,
        "Entries of the outbox, heartbeats among them, and events that have not reached the mirror.",
    ),
    ("chainbill_sync_oldest_seconds", Gauge, "Age of the oldest pending entry or event."),
    ("chainbill_sync_lag_seconds", Histogram, "Replication lag: time from the commit to the mirror."),
    ("chainbill_sync_heartbeat_seconds", Gauge, "Age of the oldest partition's heartbeat in the mirror."),
    ("chainbill_sync_parked", Gauge, "Dead letters."),
    ("chainbill_sync_parked_entities", Gauge, "Dead letters of the model."),
    ("chainbill_sync_rate", Gauge, "Writes per second of this process."),
    ("chainbill_sync_applied_total", Counter, "Writes that took effect."),
    ("chainbill_sync_stale_total", Counter, "Writes that found the same or a newer version."),
    ("chainbill_sync_failures_total", Counter, "Failed relay turns."),
    ("chainbill_sync_drift", Gauge, "Drifting documents that this process's last comparison found."),
    ("chainbill_sync_repaired_total", Counter, "Repaired documents."),
    (
        "chainbill_sync_quarantined_total",
        Counter,
        "Documents that were quarantined because they drift again and again.",
    ),
    ("chainbill_sync_quarantined", Gauge, "Quarantined documents."),
    (
        "chainbill_sync_last_verification_timestamp_seconds",
        Gauge,
        "When the last comparison of the model ended, in Unix time.",
    ),
    (
        "chainbill_sync_last_verification_different",
        Gauge,
        "1 when the last comparison found differences that are still there.",
    ),
    ("chainbill_sync_primary_rows", Gauge, "Rows of the model in the primary."),
    ("chainbill_sync_secondary_documents", Gauge, "Documents of the model in the mirror."),
    ("chainbill_sync_outdated", Gauge, "Documents of another revision that the last comparison of the model found."),
    ("chainbill_events_unsequenced", Gauge, "Committed events that have no position yet."),
    ("chainbill_events_behind", Gauge, "Events that the consumer has not taken yet."),
    ("chainbill_jobs", Gauge, "Durable jobs by their state."),
    (
        "chainbill_app_logs_dropped_total",
        Counter,
        "Log lines that did not fit into the queue to app_logs, or were refused.",
    ),
];

/// Registers kind and help text of every metric. To be called once, after the recorder is installed.
pub(crate) fn describe() {
    for &(name, kind, help) in METRICS {
        match kind {
            Counter => describe_counter!(name, help),
            Gauge => describe_gauge!(name, help),
            Histogram => describe_histogram!(name, help),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_document_and_the_program_name_the_same_metrics() {
        let document = include_str!("../../../docs/operations.md");
        let mut documented = BTreeMap::new();
        for line in document.lines().filter(|line| line.starts_with("| `chainbill_")) {
            let mut cells = line.split('|').skip(1).map(str::trim);
            let (names, kind) = (cells.next().unwrap(), cells.next().unwrap());
            for name in names.split(',') {
                documented.insert(name.trim().trim_matches('`').to_owned(), kind.to_owned());
            }
        }
        let program = METRICS.iter().map(|(name, kind, _)| ((*name).to_owned(), format!("{kind:?}").to_lowercase()));
        assert_eq!(documented, program.collect::<BTreeMap<_, _>>());
    }
}
