//! Durable jobs: work that happens later, or outside the transaction that asks for it.
//!
//! A job is a row. It is enqueued in the unit of work that needs it, so it exists if and only if that unit committed. A
//! worker claims it by one conditional update that raises its `epoch` and moves `run_at` to the end of the worker's lease:
//! a worker that dies loses the job to the next one when the lease ends. A worker that ends a job names the epoch that it
//! claimed; a worker that outlived its lease finds another epoch there and changes nothing. A handler that ends its job in
//! the unit of its effect ([`Unit::end_job`]) therefore has that effect exactly once, whatever is killed when.
//!
//! Nothing here depends on auto-increment order, `SKIP LOCKED`, or on one process being alone.

use std::time::Duration;

use chainbill_domain::{Timestamp, id::EventId};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use crate::{Records, RecordsError, Unit, outbox::marks, outbox::pad};

/// A job to be enqueued.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Its kind, at most 32 characters; one handler per kind.
    pub kind: &'static str,
    /// Names the work within its kind, at most 200 characters: while a job of this kind and key waits, a second one is not
    /// enqueued.
    pub key: String,
    /// What the handler needs: JSON. Never a secret.
    pub payload: String,
    /// Not before this moment.
    pub run_at: Timestamp,
}

/// A job that this worker has claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// Its key within its kind.
    pub key: String,
    /// What it was enqueued with.
    pub payload: String,
    /// How often it has failed since it was enqueued or last retried by hand.
    pub failures: u32,
    /// Rises with every claim: the fence against workers that outlived their lease.
    pub epoch: i64,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// It waits for its time, or for a worker.
    Queued,
    /// A worker holds its lease.
    Running,
    /// A dead letter: it failed for good, and waits for an operator.
    Dead,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Queued, Self::Running, Self::Dead];

    /// The word in answers: `QUEUED`, `RUNNING`, `DEAD`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Running => "RUNNING",
            Self::Dead => "DEAD",
        }
    }
}

/// A job as an operator sees it.
#[derive(Debug, Clone)]
pub struct JobView {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// Its key within its kind.
    pub key: String,
    /// What it was enqueued with.
    pub payload: String,
    /// Where it stands.
    pub state: JobState,
    /// When it runs; of a running one, when its lease ends.
    pub run_at: Timestamp,
    /// How often it has failed since it was enqueued or last retried by hand.
    pub failures: u32,
    /// Why it failed last.
    pub error: Option<String>,
    /// When it was enqueued.
    pub created_at: Timestamp,
}

/// How a job ends that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It is done, and its row goes.
    Done,
    /// It runs again at this moment: a recurring job.
    Again(Timestamp),
}

/// How many jobs there are, for metrics and alarms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobCounts {
    /// Those that are not dead, running ones included.
    pub queued: u64,
    /// Those of them whose time has come.
    pub due: u64,
    /// Dead letters.
    pub dead: u64,
}

const QUEUED: &str = "QUEUED";
const DEAD: &str = "DEAD";
/// Characters of an error that are kept.
const LONGEST_ERROR: usize = 4000;
const COLUMNS: &str = "id,kind,dedupe_key,payload,failures,epoch,state,run_at,owner,error,created_at";

impl Unit {
    /// Enqueues a job: it exists if and only if this unit commits. Whether it is new; one of the same kind and key that
    /// still waits is left as it is.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn enqueue_job(&mut self, job: NewJob) -> Result<bool, RecordsError> {
        let id = EventId::new(self.now(), self.records().random().bytes()).to_string();
        let now = self.now();
        let sql = "INSERT INTO jobs (id,kind,dedupe_key,payload,state,run_at,owner,epoch,failures,error,created_at,\
                   updated_at) VALUES (?,?,?,?,?,?,NULL,0,0,NULL,?,?)";
        let values: [Value; 8] = [
            id.into(),
            job.kind.into(),
            job.key.into(),
            job.payload.into(),
            QUEUED.into(),
            job.run_at.into(),
            now.into(),
            now.into(),
        ];
        match self.run_statement(sql, values).await {
            Ok(_) => Ok(true),
            Err(RecordsError::Duplicate(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes a job that waits off the queue; whether there was one. One that runs at this moment is left alone and meets
    /// what this unit has changed.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn cancel_job(&mut self, kind: &str, key: &str) -> Result<bool, RecordsError> {
        let sql = "DELETE FROM jobs WHERE kind=? AND dedupe_key=? AND owner IS NULL";
        Ok(self.run_statement(sql, [kind.into(), key.into()]).await? > 0)
    }

    /// Ends a job in the unit of its effect: both are saved or neither.
    ///
    /// # Errors
    /// [`RecordsError::Changed`] when another worker has claimed it since; this unit must not be committed then.
    pub async fn end_job(&mut self, job: &Job, ended: Ended) -> Result<(), RecordsError> {
        let (sql, values) = ending(job, ended, self.now());
        match self.run_statement(sql, values).await? {
            1 => Ok(()),
            _ => Err(RecordsError::Changed { model: "jobs", id: job.id.clone() }),
        }
    }

    /// Puts a dead letter back on the queue, due now, with as many attempts as a new job; `false` when there is no dead
    /// letter with this id.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn retry_dead_job(&mut self, id: &str) -> Result<bool, RecordsError> {
        let now = self.now();
        let sql = "UPDATE jobs SET state=?, run_at=?, failures=0, updated_at=? WHERE id=? AND state=?";
        let values: [Value; 5] = [QUEUED.into(), now.into(), now.into(), id.into(), DEAD.into()];
        Ok(self.run_statement(sql, values).await? == 1)
    }

    /// Drops a dead letter; `false` when there is none with this id.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn drop_dead_job(&mut self, id: &str) -> Result<bool, RecordsError> {
        let sql = "DELETE FROM jobs WHERE id=? AND state=?";
        Ok(self.run_statement(sql, [id.into(), DEAD.into()]).await? == 1)
    }

    async fn run_statement(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<u64, RecordsError> {
        let statement = self.records().statement(sql, values);
        Ok(self.db().execute_raw(statement).await?.rows_affected())
    }
}

/// The statement that ends a job of that epoch.
fn ending(job: &Job, ended: Ended, now: Timestamp) -> (&'static str, Vec<Value>) {
    let key = [Value::from(job.id.as_str()), job.epoch.into()];
    match ended {
        Ended::Done => ("DELETE FROM jobs WHERE id=? AND epoch=?", key.into()),
        Ended::Again(at) => (
            "UPDATE jobs SET run_at=?, owner=NULL, failures=0, error=NULL, updated_at=? WHERE id=? AND epoch=?",
            [at.into(), now.into()].into_iter().chain(key).collect(),
        ),
    }
}

impl Records {
    /// Claims jobs of these kinds whose time has come, the longest due first, at most `limit`, for `lease`.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn claim_jobs(
        &self,
        kinds: &[String],
        owner: &str,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<Job>, RecordsError> {
        if kinds.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let now = self.now();
        let sql = format!(
            "SELECT {COLUMNS} FROM jobs WHERE state='{QUEUED}' AND run_at<=? AND kind IN ({}) ORDER BY run_at, id LIMIT ?",
            marks(kinds.len())
        );
        let values = std::iter::once(Value::from(now)).chain(pad(kinds)).chain([Value::from(limit)]);
        let due = self.db().query_all_raw(self.statement(sql, values)).await?;
        let mut claimed = Vec::with_capacity(due.len());
        for row in &due {
            let mut job = read_job(row)?;
            let sql = "UPDATE jobs SET owner=?, epoch=epoch+1, run_at=?, updated_at=? WHERE id=? AND epoch=? AND state=? \
                       AND run_at<=?";
            let values: [Value; 7] = [
                owner.into(),
                (now + lease).into(),
                now.into(),
                job.id.as_str().into(),
                job.epoch.into(),
                QUEUED.into(),
                now.into(),
            ];
            if self.run(sql, values).await? == 1 {
                job.epoch += 1;
                claimed.push(job);
            }
        }
        Ok(claimed)
    }

    /// Prolongs the lease of a claimed job; `false` when it is another worker's by now.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn renew_job(&self, job: &Job, lease: Duration) -> Result<bool, RecordsError> {
        let sql = "UPDATE jobs SET run_at=? WHERE id=? AND epoch=? AND owner IS NOT NULL";
        let values = [(self.now() + lease).into(), job.id.as_str().into(), job.epoch.into()];
        Ok(self.run(sql, values).await? == 1)
    }

    /// Ends a claimed job that has ended well; `false` when it is another worker's by now. For handlers whose effect is no
    /// unit of work; the others use [`Unit::end_job`].
    ///
    /// # Errors
    /// When the primary does not answer: the job runs again when its lease ends.
    pub async fn end_job(&self, job: &Job, ended: Ended) -> Result<bool, RecordsError> {
        let (sql, values) = ending(job, ended, self.now());
        Ok(self.run(sql, values).await? == 1)
    }

    /// Notes that a claimed job failed: it runs again at `retry_at`, or is a dead letter from now on where there is none.
    /// `false` when it is another worker's by now.
    ///
    /// # Errors
    /// When the primary does not answer: the job runs again when its lease ends.
    pub async fn fail_job(&self, job: &Job, error: &str, retry_at: Option<Timestamp>) -> Result<bool, RecordsError> {
        let now = self.now();
        let state = if retry_at.is_some() { QUEUED } else { DEAD };
        let error: String = error.chars().take(LONGEST_ERROR).collect();
        let sql = "UPDATE jobs SET state=?, run_at=?, owner=NULL, failures=failures+1, error=?, updated_at=? WHERE id=? AND \
                   epoch=?";
        let values: [Value; 6] = [
            state.into(),
            retry_at.unwrap_or(now).into(),
            error.into(),
            now.into(),
            job.id.as_str().into(),
            job.epoch.into(),
        ];
        Ok(self.run(sql, values).await? == 1)
    }

    /// Jobs, newest first, after the id of an earlier page, of one kind or in one state where these are given.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn jobs(
        &self,
        kind: Option<&str>,
        state: Option<JobState>,
        before: Option<&str>,
        limit: u64,
    ) -> Result<Vec<JobView>, RecordsError> {
        let (mut clauses, mut values) = (vec!["1=1".to_owned()], Vec::new());
        for (column, value) in [("kind=?", kind), ("id<?", before)] {
            if let Some(value) = value {
                clauses.push(column.to_owned());
                values.push(Value::from(value));
            }
        }
        match state {
            Some(JobState::Dead) => clauses.push(format!("state='{DEAD}'")),
            Some(JobState::Running) => clauses.push(format!("state='{QUEUED}' AND owner IS NOT NULL")),
            Some(JobState::Queued) => clauses.push(format!("state='{QUEUED}' AND owner IS NULL")),
            None => {}
        }
        let sql = format!("SELECT {COLUMNS} FROM jobs WHERE {} ORDER BY id DESC LIMIT ?", clauses.join(" AND "));
        values.push(limit.into());
        let rows = self.db().query_all_raw(self.statement(sql, values)).await?;
        rows.iter().map(read_view).collect()
    }

    /// As [`Unit::retry_dead_job`], in a unit of its own.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn retry_dead_job(&self, id: &str) -> Result<bool, RecordsError> {
        let mut unit = self.begin().await?;
        let known = unit.retry_dead_job(id).await?;
        unit.commit().await?;
        Ok(known)
    }

    /// As [`Unit::drop_dead_job`], in a unit of its own.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn drop_dead_job(&self, id: &str) -> Result<bool, RecordsError> {
        let mut unit = self.begin().await?;
        let known = unit.drop_dead_job(id).await?;
        unit.commit().await?;
        Ok(known)
    }

    /// How many jobs there are, counted on the connections of [`Self::ping`].
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn job_counts(&self) -> Result<JobCounts, RecordsError> {
        let sql = "SELECT COALESCE(SUM(CASE WHEN state=? THEN 1 ELSE 0 END),0), \
                   COALESCE(SUM(CASE WHEN state=? AND run_at<=? THEN 1 ELSE 0 END),0), \
                   COALESCE(SUM(CASE WHEN state=? THEN 1 ELSE 0 END),0) FROM jobs";
        let sql = match self.db().get_database_backend() {
            // A sum is a decimal there.
            sea_orm::DbBackend::MySql => {
                sql.replace("COALESCE(SUM", "CAST(COALESCE(SUM").replace("),0)", "),0) AS SIGNED)")
            }
            _ => sql.to_owned(),
        };
        let values = [QUEUED.into(), QUEUED.into(), self.now().into(), DEAD.into()];
        let Some(row) = self.db().probes().query_one_raw(self.statement(sql, values)).await? else {
            return Ok(JobCounts::default());
        };
        let count = |place| -> Result<u64, RecordsError> {
            Ok(u64::try_from(row.try_get_by_index::<i64>(place)?).unwrap_or(0))
        };
        Ok(JobCounts { queued: count(0)?, due: count(1)?, dead: count(2)? })
    }
}

fn read_job(row: &QueryResult) -> Result<Job, RecordsError> {
    Ok(Job {
        id: row.try_get_by_index(0)?,
        kind: row.try_get_by_index(1)?,
        key: row.try_get_by_index(2)?,
        payload: row.try_get_by_index(3)?,
        failures: u32::try_from(row.try_get_by_index::<i64>(4)?).unwrap_or(u32::MAX),
        epoch: row.try_get_by_index(5)?,
    })
}

fn read_view(row: &QueryResult) -> Result<JobView, RecordsError> {
    let Job { id, kind, key, payload, failures, .. } = read_job(row)?;
    let state: String = row.try_get_by_index(6)?;
    let owner: Option<String> = row.try_get_by_index(8)?;
    let state = match (state.as_str(), owner) {
        (DEAD, _) => JobState::Dead,
        (_, Some(_)) => JobState::Running,
        (_, None) => JobState::Queued,
    };
    let (run_at, error, created_at) = (row.try_get_by_index(7)?, row.try_get_by_index(9)?, row.try_get_by_index(10)?);
    Ok(JobView { id, kind, key, payload, state, run_at, failures, error, created_at })
}
