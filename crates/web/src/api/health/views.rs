//! Responses of the health endpoints. They are public: what a database reported, which names hosts and users, stays with
//! operators in the status of the synchronisation.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{ModelSyncStatus, SyncStatus};

/// The primary.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PrimaryHealth {
    /// `healthy` or `unhealthy`.
    pub status: &'static str,
    /// The kind of database.
    pub engine: &'static str,
    /// Rows of the synchronised models, a few seconds old; null where they could not be counted in time.
    pub record_count: Option<u64>,
}

/// The mirror.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct MirrorHealth {
    /// `healthy` or `unhealthy`.
    pub status: &'static str,
    /// The kind of database.
    pub engine: &'static str,
    /// Names of its collections.
    pub collections: Vec<String>,
}

/// Both databases.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Health {
    /// `healthy`, `degraded` (the mirror does not answer) or `unhealthy` (the primary does not answer).
    pub status: &'static str,
    /// The version of the program.
    pub version: &'static str,
    /// The primary.
    pub mysql: PrimaryHealth,
    /// The mirror.
    pub mongodb: MirrorHealth,
    /// The clock's moment in test mode; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub test_clock: Option<String>,
}

/// Both databases and the synchronisation between them.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HealthWithSync {
    /// The synchronisation's status.
    pub status: String,
    /// The primary.
    pub mysql: PrimaryHealth,
    /// The mirror.
    pub mongodb: MirrorHealth,
    /// The synchronisation.
    pub sync: SyncHealth,
    /// The clock's moment in test mode; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub test_clock: Option<String>,
}

/// The public part of the synchronisation's status. What could not be read in time is null.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SyncHealth {
    /// `healthy`, `behind`, `stalled`, `faulted` or `unreachable`.
    pub status: String,
    /// Why it is not healthy.
    pub reason: Option<String>,
    /// The kind of the mirror's database.
    pub engine: Option<String>,
    /// What stands behind the primary's address: one server, or several.
    pub topology: Option<String>,
    /// Whether the primary answered.
    pub primary_reachable: Option<bool>,
    /// Whether the mirror answered.
    pub mirror_reachable: Option<bool>,
    /// Outbox entries that wait, of all models.
    pub backlog: Option<u64>,
    /// Age of the oldest waiting entry.
    pub oldest_seconds: Option<f64>,
    /// Dead letters.
    pub parked: Option<u64>,
    /// Mirrored documents that are known to be wrong and are no longer repaired.
    pub quarantined: Option<u64>,
    /// Writes per second of this process over the last second.
    pub rate: Option<u64>,
    /// Lag of the last change that this process applied, in milliseconds.
    pub lag_ms: Option<u64>,
    /// Age of the oldest partition's last heartbeat in the mirror.
    pub heartbeat_seconds: Option<f64>,
    /// Writes of this process that took effect.
    pub applied: Option<u64>,
    /// Failed relay turns of this process.
    pub failures: Option<u64>,
    /// Each model.
    pub models: Vec<ModelHealth>,
}

/// The public part of a model's status.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ModelHealth {
    /// Its name.
    pub model: String,
    /// `PENDING`, `COPYING`, `BACKFILLING`, `CATCHING_UP`, `LIVE` or `FAULTED`; null while the primary is unreachable.
    pub state: Option<String>,
    /// Outbox entries that wait.
    pub backlog: Option<u64>,
    /// Age of the oldest waiting entry.
    pub oldest_seconds: Option<f64>,
    /// Dead letters.
    pub parked: Option<u64>,
    /// Mirrored documents that are known to be wrong and are no longer repaired.
    pub quarantined: Option<u64>,
    /// Rows that the last backfill has written or found equal.
    pub copied: i64,
    /// Rows that existed when the backfill began.
    pub total: i64,
    /// Rows per second of the last backfill.
    pub rate: i64,
    /// When the last run ended.
    pub last_run: Option<String>,
    /// Seconds between scheduled runs.
    pub every_seconds: u64,
    /// Rows in the primary, a few seconds old.
    pub mysql_count: Option<u64>,
    /// Documents in the mirror, a few seconds old.
    pub mongodb_count: Option<u64>,
}

impl SyncHealth {
    /// The public part of a status, with the counts of another one, which may be a few seconds older. Neither is there when
    /// the synchronisation did not answer in time.
    pub fn of(pulse: Option<&SyncStatus>, counted: Option<&SyncStatus>) -> Self {
        let Some(pulse) = pulse else { return Self::unreachable() };
        let reason = match pulse.status.as_str() {
            "faulted" => Some("a model needs an operator: see /api/sync/status".to_owned()),
            // These reasons are texts of the synchronisation's own.
            _ => pulse.reason.clone(),
        };
        let counts = |name: &str| counted?.models.iter().find(|model| model.model == name);
        Self {
            status: pulse.status.clone(),
            reason,
            engine: Some(pulse.engine.clone()),
            topology: Some(pulse.topology.clone()),
            primary_reachable: Some(pulse.primary_reachable),
            mirror_reachable: Some(pulse.mirror_reachable),
            backlog: pulse.backlog,
            oldest_seconds: pulse.oldest_seconds,
            parked: pulse.parked,
            quarantined: pulse.quarantined,
            rate: pulse.rate,
            lag_ms: pulse.lag_ms,
            heartbeat_seconds: pulse.heartbeat_seconds,
            applied: pulse.applied,
            failures: pulse.failures,
            models: pulse.models.iter().map(|model| ModelHealth::of(model, counts(&model.model))).collect(),
        }
    }

    fn unreachable() -> Self {
        Self {
            status: "unreachable".to_owned(),
            reason: Some("the synchronisation does not answer in time".to_owned()),
            engine: None,
            topology: None,
            primary_reachable: None,
            mirror_reachable: None,
            backlog: None,
            oldest_seconds: None,
            parked: None,
            quarantined: None,
            rate: None,
            lag_ms: None,
            heartbeat_seconds: None,
            applied: None,
            failures: None,
            models: Vec::new(),
        }
    }
}

impl ModelHealth {
    fn of(model: &ModelSyncStatus, counted: Option<&ModelSyncStatus>) -> Self {
        Self {
            model: model.model.clone(),
            state: model.state.clone(),
            backlog: model.backlog,
            oldest_seconds: model.oldest_seconds,
            parked: model.parked,
            quarantined: model.quarantined,
            copied: model.copied,
            total: model.total,
            rate: model.rate,
            last_run: model.last_run.clone(),
            every_seconds: model.every_seconds,
            mysql_count: counted.and_then(|model| model.mysql_count),
            mongodb_count: counted.and_then(|model| model.mongodb_count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A status in which every text that may come from a database holds this one.
    fn status(reported: &str) -> SyncStatus {
        let text = || Some(reported.to_owned());
        let model = ModelSyncStatus {
            model: "users".to_owned(),
            state: Some("FAULTED".to_owned()),
            reason: text(),
            hint: text(),
            waiting_for: text(),
            mysql_count: Some(7),
            mongodb_count: Some(4),
            backlog: Some(3),
            oldest_seconds: None,
            parked: None,
            quarantined: None,
            revision: None,
            copied: 0,
            total: 0,
            rate: 0,
            last_run: None,
            last_result: text(),
            last_verified: None,
            last_verification: None,
            drift: None,
            every_seconds: 60,
        };
        SyncStatus {
            status: "faulted".to_owned(),
            reason: text(),
            engine: "MongoDB".to_owned(),
            topology: "one server".to_owned(),
            primary_reachable: true,
            mirror_reachable: true,
            backlog: Some(3),
            oldest_seconds: None,
            parked: None,
            quarantined: None,
            stalled: None,
            lag_seconds: None,
            lag_ms: None,
            rate: None,
            heartbeat_seconds: None,
            applied: None,
            failures: None,
            trouble: text(),
            judging_seconds: None,
            events: None,
            models: vec![model],
        }
    }

    #[test]
    fn nothing_that_a_database_reported_is_public() {
        let status = status("access denied for user 'chainbill'@'db.internal'");
        let health = SyncHealth::of(Some(&status), Some(&status));
        let shown = serde_json::to_string(&health).unwrap();
        assert!(!shown.contains("db.internal"), "{shown}");
        assert_eq!((health.status.as_str(), health.backlog), ("faulted", Some(3)));
        assert_eq!((health.models[0].mysql_count, health.models[0].backlog), (Some(7), Some(3)));
    }

    #[test]
    fn a_synchronisation_that_does_not_answer_is_unreachable() {
        assert_eq!(SyncHealth::of(None, None).status, "unreachable");
    }
}
