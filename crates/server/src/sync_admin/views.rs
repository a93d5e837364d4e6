//! What the synchronisation returns, in the form of the API. The command line prints the same.

use chainbill_app::moment;
use chainbill_domain::{Model, Timestamp};
use chainbill_records::{DeadLetter as StoredDeadLetter, Evidence, Run};
use chainbill_sync::{BackfillReport, Comparison, EventsStatus, Explanation, ModelStatus, Recovery, Status, SyncError};
use chainbill_web::{
    Backfilled, Certified, DeadLetter, Difference, EntityDiagnosis, EventsSyncStatus, FailedRun, LastRepair,
    ModelSyncStatus, RecentRepair, RepairEvidence, RunRecord, RunReport, SyncAdminError, SyncStatus, UnreadableEntity,
    VerificationReport, Verified,
};
use serde_json::Value as Json;

/// Runs over several models: a failed one does not hide the reports of the others.
#[derive(Default)]
pub(crate) struct Runs {
    pub reports: Vec<chainbill_sync::RunReport>,
    pub failures: Vec<(&'static Model, SyncError)>,
}

impl Runs {
    /// # Errors
    /// [`SyncError::Stopped`], which ends all of them.
    pub fn add(
        &mut self,
        model: &'static Model,
        ended: Result<chainbill_sync::RunReport, SyncError>,
    ) -> Result<(), SyncError> {
        match ended {
            Ok(report) => self.reports.push(report),
            Err(SyncError::Stopped) => return Err(SyncError::Stopped),
            Err(error) => self.failures.push((model, error)),
        }
        Ok(())
    }

    pub fn equal(&self) -> bool {
        self.failures.is_empty() && self.reports.iter().all(|report| report.outcome.is_equal())
    }

    /// The report; the error itself of a single run that failed.
    ///
    /// # Errors
    /// When the only run failed.
    pub fn into_report(mut self) -> Result<VerificationReport, SyncError> {
        match self.failures.pop() {
            Some((_, error)) if self.reports.is_empty() && self.failures.is_empty() => Err(error),
            last => {
                self.failures.extend(last);
                Ok(self.report())
            }
        }
    }

    pub fn report(&self) -> VerificationReport {
        let reports = self.reports.iter().map(|report| Verified::Reported(Box::new(run_report(report))));
        let failures = self.failures.iter().map(|(model, error)| Verified::Failed(failed_run(model, error)));
        VerificationReport { equal: self.equal(), models: reports.chain(failures).collect() }
    }
}

fn failed_run(model: &Model, error: &SyncError) -> FailedRun {
    let comparison = match error {
        SyncError::Breaker { comparison, .. } => Some(comparison),
        _ => None,
    };
    FailedRun {
        model: model.name,
        outcome: if comparison.is_some() { "breaker" } else { "failed" },
        error: error.to_string(),
        compared: comparison.map(|found| found.compared),
        drift: comparison.map(|found| found.drifting()),
        differences: comparison.map(|found| differences(found)),
    }
}

pub(crate) fn status(status: Status) -> SyncStatus {
    SyncStatus {
        status: status.status.to_owned(),
        reason: status.reason,
        engine: status.engine.to_owned(),
        topology: status.topology,
        primary_reachable: status.primary_reachable,
        mirror_reachable: status.mirror_reachable,
        backlog: status.backlog,
        oldest_seconds: status.oldest_seconds,
        parked: status.parked,
        quarantined: status.quarantined,
        stalled: status.stalled,
        lag_seconds: status.lag_seconds,
        lag_ms: status.lag_ms,
        rate: status.rate,
        heartbeat_seconds: status.heartbeat_seconds,
        applied: status.applied,
        failures: status.failures,
        trouble: status.trouble,
        judging_seconds: status.judging_seconds,
        events: status.events.map(events_status),
        models: status.models.into_iter().map(model_status).collect(),
    }
}

fn events_status(events: EventsStatus) -> EventsSyncStatus {
    EventsSyncStatus { unsequenced: events.unsequenced, behind: events.behind }
}

fn model_status(model: ModelStatus) -> ModelSyncStatus {
    ModelSyncStatus {
        model: model.model.to_owned(),
        state: model.state.map(str::to_owned),
        reason: model.reason,
        hint: model.hint,
        waiting_for: model.waiting_for,
        mysql_count: model.mysql_count,
        mongodb_count: model.mongodb_count,
        backlog: model.backlog,
        oldest_seconds: model.oldest_seconds,
        parked: model.parked,
        quarantined: model.quarantined,
        revision: model.revision,
        copied: model.copied,
        total: model.total,
        rate: model.rate,
        last_run: model.last_run,
        last_result: model.last_result,
        last_verified: model.last_verified,
        last_verification: model.last_verification,
        drift: model.drift,
        every_seconds: model.every_seconds,
    }
}

pub(crate) fn backfilled(model: &Model, copied: BackfillReport) -> Backfilled {
    Backfilled { model: model.name, copied: copied.rows, parked: copied.parked }
}

pub(crate) fn recent_repair(model: &Model, since: Timestamp, recent: &Recovery) -> RecentRepair {
    RecentRepair {
        model: model.name,
        since: moment(since),
        compared: recent.compared,
        repaired: recent.repaired.repaired,
        not_repaired: recent.repaired.failed,
        quarantined: recent.repaired.quarantined,
    }
}

pub(crate) fn run_record(run: Run) -> RunRecord {
    RunRecord {
        id: run.id,
        kind: run.kind,
        model: run.model,
        level: run.level,
        outcome: run.outcome,
        started_at: moment(run.started_at),
        finished_at: run.finished_at.map(moment),
        cut: run.cut.map(moment),
        compared: run.compared,
        total: run.total,
        in_flight: run.in_flight,
        waiting: run.waiting,
        parked: run.parked,
        unreadable: run.unreadable,
        outdated: run.outdated,
        drift: run.drift,
        repaired: run.repaired,
        certificate: run.certificate,
        error: run.error,
    }
}

pub(crate) fn run_report(report: &chainbill_sync::RunReport) -> RunReport {
    let (comparison, repaired) = (&report.comparison, &report.repaired);
    let unreadable = |(id, cause): &(String, String)| UnreadableEntity { id: id.clone(), cause: cause.clone() };
    RunReport {
        id: report.id.clone(),
        model: comparison.model,
        level: comparison.level.name(),
        outcome: report.outcome.name(),
        cut: moment(comparison.cut),
        compared: comparison.compared,
        rows: comparison.rows,
        in_flight: comparison.in_flight,
        waiting: comparison.waiting,
        parked: comparison.parked,
        outdated: comparison.outdated,
        newer: comparison.newer,
        backfilled: report.backfilled,
        drift: comparison.drifting(),
        classes: comparison.drift.iter().map(|(class, count)| (class.name().to_owned(), *count)).collect(),
        unreadable: comparison.unreadable.iter().map(unreadable).collect(),
        differences: differences(comparison),
        repaired: repaired.repaired,
        came_right: repaired.right,
        not_repaired: repaired.failed,
        quarantined: repaired.quarantined,
        certificate: report.certificate.clone().map(Into::into),
    }
}

fn differences(comparison: &Comparison) -> Vec<Difference> {
    let found = comparison.findings.iter().map(|finding| Difference {
        model: Some(comparison.model.to_owned()),
        id: finding.id.clone(),
        class: finding.class.name().to_owned(),
        fields: finding.fields.iter().map(ToString::to_string).collect(),
    });
    found.collect()
}

/// The differences that a run has recorded.
///
/// # Errors
/// When the record is not one that this release writes.
pub(crate) fn recorded_differences(findings: Option<&str>) -> serde_json::Result<Vec<Difference>> {
    findings.map_or_else(|| Ok(Vec::new()), serde_json::from_str)
}

/// What is known about an entity that exists in one of the databases.
///
/// # Errors
/// [`SyncAdminError::NotFound`] when neither database knows it.
pub(crate) fn existing(found: Explanation) -> Result<EntityDiagnosis, SyncAdminError> {
    match found.is_nothing() {
        true => Err(SyncAdminError::NotFound(format!("there is no {} {} in either database", found.model, found.id))),
        false => Ok(diagnosis(found)),
    }
}

pub(crate) fn diagnosis(found: Explanation) -> EntityDiagnosis {
    let certified = found.certified.map(|certified| Certified {
        certificate: certified.certificate,
        cut: certified.cut,
        version: certified.version,
    });
    let last_repair = found.last_repair.map(|repair| LastRepair {
        evidence: repair.evidence,
        at: repair.at,
        class: repair.class,
        action: repair.action,
    });
    EntityDiagnosis {
        model: found.model,
        id: found.id,
        verdict: found.verdict,
        fields: found.fields,
        row_version: found.row_version,
        document_version: found.document_version,
        tombstone: found.tombstone,
        expected_digest: found.expected_digest,
        stored_digest: found.stored_digest,
        revision: found.revision,
        document: found.document,
        waiting: found.waiting,
        attempts: found.attempts,
        cause: found.cause,
        certified,
        repairs: found.repairs,
        quarantined: found.quarantined,
        last_repair,
    }
}

pub(crate) fn dead_letter(parked: &StoredDeadLetter) -> DeadLetter {
    DeadLetter {
        model: parked.entry.model.to_string(),
        id: parked.entry.entity_id.clone(),
        operation: parked.entry.op.name(),
        version: parked.entry.version,
        cause: parked.cause.clone(),
        attempts: parked.attempts,
        first_at: moment(parked.first_at),
        last_at: moment(parked.last_at),
    }
}

pub(crate) fn evidence(kept: Evidence) -> RepairEvidence {
    let fields = kept.fields.split(',').filter(|field| !field.is_empty()).map(str::to_owned).collect();
    RepairEvidence {
        id: kept.id,
        run_id: kept.run_id,
        model: kept.model,
        entity_id: kept.entity_id,
        class: kept.class,
        fields,
        action: kept.action,
        cut: moment(kept.cut),
        at: moment(kept.at),
        before: kept.before.map(document),
        expected: kept.expected.map(document),
        after: kept.after.map(document),
        journal: kept.journal,
    }
}

/// A recorded document; one that was cut for its length is shown as the text that is left of it.
fn document(text: String) -> Json {
    serde_json::from_str(&text).unwrap_or(Json::String(text))
}
