//! Responses about runs, single entities, dead letters and repairs.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::CertificateView;

/// Requested work: finished within the response's deadline, or continuing in the background.
#[derive(Debug, Clone)]
pub enum Progress<T> {
    /// It is finished; the result.
    Done(T),
    /// It continues; what is known so far.
    Running(Running),
}

/// Work that continues in the background.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Running {
    /// Always `running`.
    pub state: &'static str,
    /// Where its progress can be read.
    pub hint: &'static str,
    /// The runs of a verification, in their order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub runs: Option<Vec<StartedRun>>,
}

impl Running {
    /// Work without recorded runs.
    #[must_use]
    pub const fn new(hint: &'static str) -> Self {
        Self { state: "running", hint, runs: None }
    }
}

/// A run of a verification that continues.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StartedRun {
    /// The model.
    pub model: &'static str,
    /// The run's id.
    pub id: String,
}

/// A backfill of every model.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BackfillReport {
    /// Each model.
    pub models: Vec<Backfilled>,
}

/// A backfill of one model.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Backfilled {
    /// The model.
    pub model: &'static str,
    /// Rows that were written or found equal.
    pub copied: u64,
    /// Rows that cannot be mirrored and are dead letters.
    pub parked: u64,
}

/// What was done for one model: a backfill where there never was one, a repair of recent changes with `since`, else a
/// comparison with repair.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ModelReport {
    /// It was compared and repaired.
    Compared(Box<RunReport>),
    /// It was backfilled.
    Backfilled(Backfilled),
    /// What has changed since a moment was compared and repaired.
    Recent(RecentRepair),
}

/// A comparison and repair of what has changed since a moment.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecentRepair {
    /// The model.
    pub model: &'static str,
    /// The moment.
    pub since: String,
    /// Entities that were compared.
    pub compared: u64,
    /// Documents that were repaired.
    pub repaired: u64,
    /// Documents that could not be repaired.
    pub not_repaired: u64,
    /// Documents that are no longer repaired, because they drift again and again.
    pub quarantined: u64,
}

/// A verification of one or more models.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VerificationReport {
    /// Whether every model ended equal.
    pub equal: bool,
    /// Each model's run.
    pub models: Vec<Verified>,
}

/// A model's run: its report, or why it failed.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Verified {
    /// It ran to its end.
    Reported(Box<RunReport>),
    /// It failed.
    Failed(FailedRun),
}

/// A run that failed.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailedRun {
    /// The model.
    pub model: &'static str,
    /// `failed`, or `breaker` when more drifts than is repaired without force.
    pub outcome: &'static str,
    /// Why.
    pub error: String,
    /// With `breaker`: entities that were compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub compared: Option<u64>,
    /// With `breaker`: entities that differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub drift: Option<u64>,
    /// With `breaker`: the first of the differences.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub differences: Option<Vec<Difference>>,
}

/// What a run found and did.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunReport {
    /// The run's id.
    pub id: String,
    /// The model.
    pub model: &'static str,
    /// `fast` (versions and digests) or `deep` (every field).
    pub level: &'static str,
    /// `equal`, `repaired`, `behind` or `drift`.
    pub outcome: &'static str,
    /// The moment of the primary that it is about.
    pub cut: String,
    /// Entities that were compared.
    pub compared: u64,
    /// Rows among them.
    pub rows: u64,
    /// Differences with a pending change.
    pub in_flight: u64,
    /// Pending changes that have waited for too long.
    pub waiting: u64,
    /// Dead letters.
    pub parked: u64,
    /// Documents of an earlier revision.
    pub outdated: u64,
    /// Documents of a later revision than this release knows.
    pub newer: u64,
    /// Outdated documents that were backfilled.
    pub backfilled: u64,
    /// Documents that differ.
    pub drift: u64,
    /// Documents that differ, by class of drift.
    pub classes: BTreeMap<String, u64>,
    /// Rows with values that this release cannot read.
    pub unreadable: Vec<UnreadableEntity>,
    /// The first of the differences.
    pub differences: Vec<Difference>,
    /// Documents that were repaired.
    pub repaired: u64,
    /// Documents that were equal when they were inspected again.
    pub came_right: u64,
    /// Documents that could not be repaired.
    pub not_repaired: u64,
    /// Documents that are no longer repaired, because they drift again and again.
    pub quarantined: u64,
    /// The certificate that a deep comparison issues when it ends equal.
    pub certificate: Option<CertificateView>,
}

/// A row that this release cannot read.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UnreadableEntity {
    /// Its id.
    pub id: String,
    /// Which value, and why.
    pub cause: String,
}

/// A document that differs from its row.
#[derive(Debug, Clone, Serialize, serde::Deserialize, ToSchema)]
pub struct Difference {
    /// The model; absent in lists of one verification, which are of one model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub model: Option<String>,
    /// The entity.
    pub id: String,
    /// `lost`, `stale`, `phantom`, `mutated` or `ahead`.
    pub class: String,
    /// The fields that differ.
    pub fields: Vec<String>,
}

/// A run as it is recorded.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunRecord {
    /// Its id.
    pub id: String,
    /// What started it: `verify`, `repair`, `manual`, `initial`, `schedule` or `scheduled-deep`.
    pub kind: String,
    /// The model.
    pub model: String,
    /// `fast` or `deep`.
    pub level: String,
    /// `running`, `equal`, `repaired`, `behind`, `drift`, `breaker`, `failed` or `interrupted`.
    pub outcome: String,
    /// When it began.
    pub started_at: String,
    /// When it ended; null while it runs, or when its process died.
    pub finished_at: Option<String>,
    /// The moment of the primary that it is about.
    pub cut: Option<String>,
    /// Entities that were compared.
    pub compared: i64,
    /// Rows that existed when it began.
    pub total: i64,
    /// Differences with a pending change.
    pub in_flight: i64,
    /// Pending changes that have waited for too long.
    pub waiting: i64,
    /// Dead letters.
    pub parked: i64,
    /// Rows with values that this release cannot read.
    pub unreadable: i64,
    /// Documents of another revision.
    pub outdated: i64,
    /// Documents that differ.
    pub drift: i64,
    /// Documents that were repaired.
    pub repaired: i64,
    /// Hash of the certificate that it issued.
    pub certificate: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
}

/// Both sides of one entity.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntityDiagnosis {
    /// The model.
    pub model: &'static str,
    /// The entity.
    pub id: String,
    /// `equal`, `in flight`, `parked`, `unreadable`, `absent`, `outdated` (of an earlier revision), `newer` (of a later
    /// revision than this release knows), or the class of drift.
    pub verdict: String,
    /// The fields that differ.
    pub fields: Vec<String>,
    /// The row's version.
    pub row_version: Option<i64>,
    /// The document's version.
    pub document_version: Option<i64>,
    /// Whether the document is a tombstone.
    pub tombstone: bool,
    /// The digest of the row's encoding.
    pub expected_digest: Option<String>,
    /// The digest in the document.
    pub stored_digest: Option<String>,
    /// The document's revision.
    pub revision: Option<String>,
    /// The mirrored document.
    pub document: Option<serde_json::Value>,
    /// Outbox entries that wait: operation, version, since when.
    pub waiting: Vec<String>,
    /// Failed attempts of a dead letter.
    pub attempts: i64,
    /// Why it is a dead letter.
    pub cause: Option<String>,
    /// What the model's newest certificate states about it; null where it was not among the certified rows.
    pub certified: Option<Certified>,
    /// Repairs within the last day.
    pub repairs: u64,
    /// Whether it is no longer repaired, because it drifts again and again.
    pub quarantined: bool,
    /// The newest repair of which evidence is kept.
    pub last_repair: Option<LastRepair>,
}

/// What a certificate states about an entity.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Certified {
    /// The certificate's hash.
    pub certificate: String,
    /// The certificate's moment of the primary.
    pub cut: String,
    /// The row's version at that moment.
    pub version: i64,
}

/// A repair.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LastRepair {
    /// The evidence's id.
    pub evidence: String,
    /// When.
    pub at: String,
    /// The class of drift: `lost`, `stale`, `phantom`, `mutated` or `ahead`.
    pub class: String,
    /// What was done.
    pub action: String,
}

/// An entity that was compared and repaired.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RepairedEntity {
    /// Whether its document was repaired.
    pub repaired: bool,
    /// Whether it is no longer repaired, because it drifts again and again.
    pub quarantined: bool,
    /// The entity afterwards.
    pub entity: EntityDiagnosis,
}

/// An entity that cannot be mirrored and waits for an operator.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The model.
    pub model: String,
    /// The entity.
    pub id: String,
    /// `upsert` or `delete`.
    pub operation: &'static str,
    /// The row's version.
    pub version: i64,
    /// Why it cannot be mirrored.
    pub cause: String,
    /// How often it was tried.
    pub attempts: i64,
    /// The first attempt.
    pub first_at: String,
    /// The last attempt.
    pub last_at: String,
}

/// Evidence of a repair, recorded before anything is changed and completed afterwards.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RepairEvidence {
    /// Its id.
    pub id: String,
    /// The run that found the difference.
    pub run_id: String,
    /// The model.
    pub model: String,
    /// The entity.
    pub entity_id: String,
    /// The class of drift: `lost`, `stale`, `phantom`, `mutated` or `ahead`.
    pub class: String,
    /// The fields that differed.
    pub fields: Vec<String>,
    /// What was done; `none` until it is done.
    pub action: String,
    /// The moment of the primary that proved the difference.
    pub cut: String,
    /// When it was recorded.
    pub at: String,
    /// The document before the repair; a text where it was cut for its length.
    pub before: Option<serde_json::Value>,
    /// The row's encoding; a text where it was cut for its length. Null where there is no row.
    pub expected: Option<serde_json::Value>,
    /// The document after the repair; a text where it was cut for its length.
    pub after: Option<serde_json::Value>,
    /// What outbox, dead letters and audit recorded about the entity.
    pub journal: Option<String>,
}
