//! What operators ask of the synchronisation. The server implements the port; `views` holds the responses.

mod proof;
mod status;
mod views;

use std::time::Duration;

use async_trait::async_trait;
use chainbill_domain::{Timestamp, freshness::Token};
use serde::Deserialize;

pub use self::{
    proof::{CertificateView, ProofView},
    status::{EventsSyncStatus, ModelSyncStatus, SyncStatus},
    views::{
        BackfillReport, Backfilled, Certified, DeadLetter, Difference, EntityDiagnosis, FailedRun, LastRepair,
        ModelReport, Progress, RecentRepair, RepairEvidence, RepairedEntity, RunRecord, RunReport, Running, StartedRun,
        UnreadableEntity, VerificationReport, Verified,
    },
};

/// Why a request of an operator was refused.
#[derive(Debug, thiserror::Error)]
pub enum SyncAdminError {
    /// No such model, entity or certificate.
    #[error("{0}")]
    NotFound(String),
    /// Another process does it at this moment, or the drift exceeds what is repaired without force.
    #[error("{0}")]
    Conflict(String),
    /// A database does not answer.
    #[error("{0}")]
    Unavailable(String),
}

/// What is compared, and what becomes of drift.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Verification {
    /// One model; all when absent.
    pub model: Option<String>,
    /// Whether every row and document is read and encoded anew; otherwise versions and digests are compared.
    pub deep: bool,
    /// Whether drift is repaired.
    pub repair: bool,
    /// Whether an interrupted verification is resumed; a resumed one issues no certificate.
    pub resume: bool,
}

impl Default for Verification {
    fn default() -> Self {
        Self { model: None, deep: true, repair: false, resume: false }
    }
}

/// Bounds of a page: at most `limit` rows after the row with this key.
#[derive(Debug, Clone)]
pub struct PageBounds {
    /// The key of the last row of the page before; none for the first page.
    pub after: Option<String>,
    /// The largest number of rows.
    pub limit: u32,
}

/// A row of a list with its key.
pub type Row<T> = (String, T);

/// The synchronisation as its operators use it. The command line prints the same responses.
#[async_trait]
pub trait SyncAdmin: Send + Sync + 'static {
    /// The whole status, within a second.
    async fn status(&self) -> SyncStatus;
    /// The status without the counts of both databases, which cost most; within a second.
    async fn pulse(&self) -> SyncStatus;
    /// Refreshes the gauges, counts of both databases among them; within a second.
    async fn gauges(&self);
    /// Backfills all models.
    async fn initial(&self) -> Result<Progress<BackfillReport>, SyncAdminError>;
    /// Compares and repairs one model, or backfills it when it never was.
    async fn model(&self, model: &str) -> Result<Progress<ModelReport>, SyncAdminError>;
    /// Compares and repairs what has changed in one model since a moment.
    async fn since(&self, model: &str, since: Timestamp) -> Result<Progress<ModelReport>, SyncAdminError>;
    /// Compares and repairs one entity.
    async fn one(&self, model: &str, id: &str) -> Result<RepairedEntity, SyncAdminError>;
    /// Both sides of one entity.
    async fn explain(&self, model: &str, id: &str) -> Result<EntityDiagnosis, SyncAdminError>;
    /// Dead letters, by model and id.
    async fn dead_letters(
        &self,
        model: Option<&str>,
        page: &PageBounds,
    ) -> Result<Vec<Row<DeadLetter>>, SyncAdminError>;
    /// Puts a dead letter back on the queue.
    async fn retry(&self, model: &str, id: &str) -> Result<(), SyncAdminError>;
    /// Drops a dead letter.
    async fn drop_dead_letter(&self, model: &str, id: &str) -> Result<(), SyncAdminError>;
    /// Verifies one model or all.
    async fn verify(&self, verification: Verification) -> Result<Progress<VerificationReport>, SyncAdminError>;
    /// Recorded runs, newest first.
    async fn verifications(&self, page: &PageBounds) -> Result<Vec<Row<RunRecord>>, SyncAdminError>;
    /// One recorded run: its progress or its outcome.
    async fn verification(&self, id: &str) -> Result<RunRecord, SyncAdminError>;
    /// The differences that a verification found, in the order of ids.
    async fn differences(&self, id: &str, page: &PageBounds) -> Result<Vec<Row<Difference>>, SyncAdminError>;
    /// Evidence of repairs, newest first, of one model or all, of one entity or all.
    async fn evidence(
        &self,
        model: Option<&str>,
        entity: Option<&str>,
        page: &PageBounds,
    ) -> Result<Vec<Row<RepairEvidence>>, SyncAdminError>;
    /// Certificates, newest first.
    async fn certificates(&self, page: &PageBounds) -> Result<Vec<Row<CertificateView>>, SyncAdminError>;
    /// A proof from the newest certificate.
    async fn proof(&self, model: &str, id: &str) -> Result<ProofView, SyncAdminError>;
    /// Whether the mirror holds what a token names, after a bounded wait.
    async fn fresh(&self, token: &Token, bound: Duration) -> Result<bool, SyncAdminError>;
}
