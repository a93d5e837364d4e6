#![doc = include_str!("../README.md")]

mod api;
mod body;
mod client_address;
mod coalesced;
mod description;
mod extract;
mod framing;
mod limits;
mod measured;
mod objects;
mod pages;
mod problem;
mod query;
mod router;
mod schemas;
mod serde_errors;
mod serve;
mod sync_admin;
mod tags;

pub use api::test_clock::AdvancingClock;
pub use limits::Rates;
pub use problem::Problem;
pub use router::{PublicUrls, Serving, State, metrics_router, openapi, router};
pub use serve::{ConnectionLimits, serve};
pub use sync_admin::{
    BackfillReport, Backfilled, CertificateView, Certified, DeadLetter, Difference, EntityDiagnosis, EventsSyncStatus,
    FailedRun, LastRepair, ModelReport, ModelSyncStatus, PageBounds, Progress, ProofView, RecentRepair, RepairEvidence,
    RepairedEntity, Row, RunRecord, RunReport, Running, StartedRun, SyncAdmin, SyncAdminError, SyncStatus,
    UnreadableEntity, Verification, VerificationReport, Verified,
};
