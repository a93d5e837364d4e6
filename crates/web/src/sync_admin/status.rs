//! The status of the synchronisation.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// The whole synchronisation. What could not be read within its deadline is null.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncStatus {
    /// `healthy`, `behind`, `stalled`, `faulted` or `unreachable`.
    pub status: String,
    /// Why it is not healthy.
    pub reason: Option<String>,
    /// The kind of the mirror's database.
    pub engine: String,
    /// What stands behind the primary's address: one server, or several.
    pub topology: String,
    /// Whether the primary answered.
    pub primary_reachable: bool,
    /// Whether the mirror answered.
    pub mirror_reachable: bool,
    /// Outbox entries that wait, of all models.
    pub backlog: Option<u64>,
    /// Age of the oldest waiting entry.
    pub oldest_seconds: Option<f64>,
    /// Dead letters.
    pub parked: Option<u64>,
    /// Mirrored documents that are known to be wrong and are no longer repaired.
    pub quarantined: Option<u64>,
    /// Whether entries wait and do not move, or heartbeats are missing; null while a database is unreachable.
    pub stalled: Option<bool>,
    /// Replication lag: the age of the oldest waiting change, or the lag of the last applied one where that is longer.
    pub lag_seconds: Option<f64>,
    /// Lag of the last change that this process applied, in milliseconds; null where this process does not relay.
    pub lag_ms: Option<u64>,
    /// Writes per second of this process over the last second; null where it does not relay.
    pub rate: Option<u64>,
    /// Age of the oldest partition's last heartbeat in the mirror; null before every partition has had one.
    pub heartbeat_seconds: Option<f64>,
    /// Writes of this process that took effect; null where it does not relay.
    pub applied: Option<u64>,
    /// Failed relay turns of this process; null where it does not relay.
    pub failures: Option<u64>,
    /// The last failure that has not been followed by a success.
    pub trouble: Option<String>,
    /// For how long this process has observed both databases; null for a process that only reads the status.
    pub judging_seconds: Option<f64>,
    /// Events on their way to their consumers; null while the primary is unreachable.
    pub events: Option<EventsSyncStatus>,
    /// Each model.
    pub models: Vec<ModelSyncStatus>,
}

/// Events on their way from the primary to their consumers.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventsSyncStatus {
    /// Committed events that have no position yet.
    pub unsequenced: u64,
    /// Of each consumer, the events that have a position and that it has not taken.
    pub behind: BTreeMap<String, u64>,
}

/// One model.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelSyncStatus {
    /// Its name.
    pub model: String,
    /// `PENDING`, `COPYING`, `BACKFILLING`, `CATCHING_UP`, `LIVE` or `FAULTED`; null while the primary is unreachable.
    pub state: Option<String>,
    /// Why it is faulted.
    pub reason: Option<String>,
    /// What an operator can do about it.
    pub hint: Option<String>,
    /// What the model waits for when it is neither live nor being backfilled at the moment.
    pub waiting_for: Option<String>,
    /// Rows in the primary.
    pub mysql_count: Option<u64>,
    /// Documents in the mirror.
    pub mongodb_count: Option<u64>,
    /// Outbox entries that wait.
    pub backlog: Option<u64>,
    /// Age of the oldest waiting entry.
    pub oldest_seconds: Option<f64>,
    /// Dead letters.
    pub parked: Option<u64>,
    /// Mirrored documents that are known to be wrong and are no longer repaired.
    pub quarantined: Option<u64>,
    /// The revision of the model's description that its documents have, or are being backfilled to.
    pub revision: Option<String>,
    /// Rows that the last backfill has written or found equal.
    pub copied: i64,
    /// Rows that existed when the backfill began.
    pub total: i64,
    /// Rows per second of the last backfill.
    pub rate: i64,
    /// When the last run ended.
    pub last_run: Option<String>,
    /// The last run's result.
    pub last_result: Option<String>,
    /// When the last comparison of any kind ended.
    pub last_verified: Option<String>,
    /// The last comparison's outcome.
    pub last_verification: Option<String>,
    /// Whether it found differences that still exist; null while the primary is unreachable.
    pub drift: Option<bool>,
    /// Seconds between scheduled runs.
    pub every_seconds: u64,
}
