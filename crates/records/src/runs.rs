//! Runs over a model: verification, reconciliation, repair.

use chainbill_domain::{Model, Timestamp, models};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use crate::{
    Records, RecordsError,
    outbox::{marks, pad},
    upsert::Upsert,
};

/// A run over a model.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// `verify`, `repair`, `manual`, `initial`, `schedule` or `scheduled-deep`.
    pub kind: String,
    /// The model.
    pub model: String,
    /// `fast` or `deep`.
    pub level: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; `None` while it runs, or when its process died.
    pub finished_at: Option<Timestamp>,
    /// `running`, `equal`, `repaired`, `behind`, `drift`, `breaker`, `failed` or `interrupted`.
    pub outcome: String,
    /// Entities compared.
    pub compared: i64,
    /// Rows that there were to compare when it began.
    pub total: i64,
    /// Wrong documents.
    pub drift: i64,
    /// Repaired documents.
    pub repaired: i64,
    /// Differences with a change in flight.
    pub in_flight: i64,
    /// Differences whose change has been in flight for too long.
    pub waiting: i64,
    /// Dead letters.
    pub parked: i64,
    /// Rows with unreadable values.
    pub unreadable: i64,
    /// Documents of another revision.
    pub outdated: i64,
    /// Hash of the certificate that it issued.
    pub certificate: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// The moment of the primary that it speaks of.
    pub cut: Option<Timestamp>,
    /// The differences as JSON, the first ten thousand.
    pub findings: Option<String>,
}

/// The progress of an unfinished run.
#[derive(Debug, Clone)]
pub struct Resume {
    /// The last id that it has compared.
    pub cursor: String,
    /// Its findings so far, in the run's own format.
    pub state: String,
}

const COLUMNS: &str = "id, kind, model, level, started_at, finished_at, outcome, compared, total, drift, repaired, \
                       in_flight, waiting, parked, unreadable, certificate, error, cut, findings, outdated";
/// Runs past their retention are deleted so many at once, so that no delete takes long.
const FORGOTTEN_AT_ONCE: u32 = 1000;

/// The saved columns, the key last.
const SAVED: &[&str] = &[
    "kind",
    "model",
    "level",
    "started_at",
    "finished_at",
    "outcome",
    "compared",
    "total",
    "drift",
    "repaired",
    "in_flight",
    "waiting",
    "parked",
    "unreadable",
    "certificate",
    "error",
    "cut",
    "findings",
    "outdated",
    "id",
];

impl Records {
    /// Saves a run.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn save_run(&self, run: &Run) -> Result<(), RecordsError> {
        let values: Vec<Value> = vec![
            run.kind.clone().into(),
            run.model.clone().into(),
            run.level.clone().into(),
            run.started_at.into(),
            run.finished_at.into(),
            run.outcome.clone().into(),
            run.compared.into(),
            run.total.into(),
            run.drift.into(),
            run.repaired.into(),
            run.in_flight.into(),
            run.waiting.into(),
            run.parked.into(),
            run.unreadable.into(),
            run.certificate.clone().into(),
            run.error.clone().into(),
            run.cut.into(),
            run.findings.clone().into(),
            run.outdated.into(),
            run.id.clone().into(),
        ];
        let updated = &SAVED[..SAVED.len() - 1];
        let upsert = Upsert { table: "sync_runs", key: &["id"], columns: SAVED, updated };
        self.put(&upsert, values).await
    }

    /// Saves the progress of a run: shown in its record, and resumed from after an interruption.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn save_resume(
        &self,
        run: &str,
        (compared, total): (u64, u64),
        resume: &Resume,
    ) -> Result<(), RecordsError> {
        let count = |number: u64| Value::from(i64::try_from(number).unwrap_or(i64::MAX));
        let sql = "UPDATE sync_runs SET compared=?, total=? WHERE id=?";
        self.run(sql, [count(compared), count(total), run.into()]).await?;
        let columns = ["cursor", "state", "at", "run_id"];
        let upsert = Upsert { table: "sync_resume", key: &["run_id"], columns: &columns, updated: &columns[..3] };
        self.put(&upsert, [resume.cursor.clone().into(), resume.state.clone().into(), self.now().into(), run.into()])
            .await
    }

    /// The progress of a run; `None` when none was saved, or the run is over.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn resume(&self, run: &str) -> Result<Option<Resume>, RecordsError> {
        let sql = "SELECT `cursor`, state FROM sync_resume WHERE run_id=?";
        let row = self.db().query_one_raw(self.statement(sql, [run.into()])).await?;
        row.map(|row| Ok(Resume { cursor: row.try_get_by_index(0)?, state: row.try_get_by_index(1)? })).transpose()
    }

    /// Deletes the progress of a run that is over.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn forget_resume(&self, run: &str) -> Result<(), RecordsError> {
        self.run("DELETE FROM sync_resume WHERE run_id=?", [run.into()]).await?;
        Ok(())
    }

    /// Runs, newest first, without their findings: of one model or all, of one kind or all, before an id.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn runs(
        &self,
        kind: Option<&str>,
        model: Option<&str>,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Run>, RecordsError> {
        let (mut clauses, mut values) = (Vec::new(), Vec::<Value>::new());
        for (clause, bound) in [("kind=?", kind), ("model=?", model), ("id<?", before)] {
            if let Some(bound) = bound {
                clauses.push(clause);
                values.push(bound.into());
            }
        }
        let clause = if clauses.is_empty() { String::new() } else { format!(" WHERE {}", clauses.join(" AND ")) };
        let columns = without_findings();
        let sql = format!("SELECT {columns} FROM sync_runs{clause} ORDER BY id DESC LIMIT {limit}");
        self.db().query_all_raw(self.statement(sql, values)).await?.iter().map(run).collect()
    }

    /// A run by its id.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn run_of(&self, id: &str) -> Result<Option<Run>, RecordsError> {
        let sql = format!("SELECT {COLUMNS} FROM sync_runs WHERE id=?");
        self.db().query_one_raw(self.statement(sql, [id.into()])).await?.as_ref().map(run).transpose()
    }

    /// Unfinished runs over a model: one that is under way, and those whose process died.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn unfinished_runs(&self, model: &Model) -> Result<Vec<Run>, RecordsError> {
        let sql = format!("SELECT {COLUMNS} FROM sync_runs WHERE model=? AND finished_at IS NULL ORDER BY id");
        self.db().query_all_raw(self.statement(sql, [model.name.into()])).await?.iter().map(run).collect()
    }

    /// The newest finished comparison of each model, without its findings.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn last_verifications(&self) -> Result<Vec<Run>, RecordsError> {
        let columns = without_findings();
        let one = format!(
            "SELECT * FROM (SELECT {columns} FROM sync_runs WHERE model=? AND finished_at IS NOT NULL \
             AND outcome<>'interrupted' ORDER BY id DESC LIMIT 1) newest"
        );
        let sql = vec![one; models::ALL.len()].join(" UNION ALL ");
        let names = models::ALL.iter().map(|model| Value::from(model.name));
        self.db().query_all_raw(self.statement(sql, names)).await?.iter().map(run).collect()
    }

    /// Deletes some runs that ended before a moment, and returns their number. The newest of each kind over each model stays: schedules
    /// count from it.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn forget_runs(&self, before: Timestamp) -> Result<u64, RecordsError> {
        let newest = "SELECT MAX(id) FROM sync_runs GROUP BY model, kind";
        let kept = ids(&self.db().query_all_raw(self.statement(newest, [])).await?)?;
        let old = format!("SELECT id FROM sync_runs WHERE finished_at<? ORDER BY id LIMIT {FORGOTTEN_AT_ONCE}");
        let mut old = ids(&self.db().query_all_raw(self.statement(old, [before.into()])).await?)?;
        old.retain(|id| !kept.contains(id));
        self.forget("sync_runs", &old).await
    }

    /// Removes rows by their ids.
    pub(crate) async fn forget(&self, table: &str, ids: &[String]) -> Result<u64, RecordsError> {
        if ids.is_empty() {
            return Ok(0);
        }
        self.run(&format!("DELETE FROM {table} WHERE id IN ({})", marks(ids.len())), pad(ids)).await
    }
}

fn run(row: &QueryResult) -> Result<Run, RecordsError> {
    Ok(Run {
        id: row.try_get_by_index(0)?,
        kind: row.try_get_by_index(1)?,
        model: row.try_get_by_index(2)?,
        level: row.try_get_by_index(3)?,
        started_at: row.try_get_by_index(4)?,
        finished_at: row.try_get_by_index(5)?,
        outcome: row.try_get_by_index(6)?,
        compared: row.try_get_by_index(7)?,
        total: row.try_get_by_index(8)?,
        drift: row.try_get_by_index(9)?,
        repaired: row.try_get_by_index(10)?,
        in_flight: row.try_get_by_index(11)?,
        waiting: row.try_get_by_index(12)?,
        parked: row.try_get_by_index(13)?,
        unreadable: row.try_get_by_index(14)?,
        certificate: row.try_get_by_index(15)?,
        error: row.try_get_by_index(16)?,
        cut: row.try_get_by_index(17)?,
        findings: row.try_get_by_index(18)?,
        outdated: row.try_get_by_index(19)?,
    })
}

/// Findings may be megabytes, so lists leave them out.
fn without_findings() -> String {
    COLUMNS.replace("findings", "NULL")
}

/// The first column of rows, as ids.
pub(crate) fn ids(rows: &[QueryResult]) -> Result<Vec<String>, RecordsError> {
    rows.iter().map(|row| Ok(row.try_get_by_index(0)?)).collect()
}
