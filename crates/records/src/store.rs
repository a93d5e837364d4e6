//! The primary database as the rest of the program holds it.

use std::sync::Arc;

use chainbill_domain::{Clock, Random, Timestamp, id::EventId};
use sea_orm::{ConnectionTrait, Statement, Value};
use tokio::sync::watch;

use crate::{
    Connections, RecordsError, Snapshot, Topology, Transaction, Unit,
    cluster::Cluster,
    dialect::Dialect,
    outbox::{PARTITIONS, Queued},
    recent_commits::RecentCommits,
    transaction::Purpose,
};

/// The source of truth. Cloning shares the connections.
#[derive(Clone)]
pub struct Records {
    db: Connections,
    dialect: Dialect,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    commits: watch::Sender<Commits>,
    recent: Arc<RecentCommits>,
    events: watch::Sender<u64>,
    positions: watch::Sender<u64>,
    pub(crate) cluster: Arc<Cluster>,
}

/// How often this process has committed entries to each partition of the outbox.
pub type Commits = [u64; PARTITIONS as usize];

impl Records {
    /// Wraps an open connection pool (see [`crate::connect`]).
    #[must_use]
    pub fn new(db: Connections, dialect: Dialect, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        let commits = watch::Sender::new([0; PARTITIONS as usize]);
        let cluster = Cluster::new(Topology::of(dialect), None).into();
        let (events, positions) = (watch::Sender::default(), watch::Sender::default());
        Self { db, dialect, clock, random, commits, recent: Arc::default(), events, positions, cluster }
    }

    /// The same primary through other connections, so that a flood on either side does not starve the other. Commits on
    /// both wake the same relay.
    #[must_use]
    pub fn through(&self, db: Connections) -> Self {
        Self { db, ..self.clone() }
    }

    /// The connections. They stay in this crate: others read through [`crate::repo`] and save through [`Unit`].
    pub(crate) fn db(&self) -> &Connections {
        &self.db
    }

    /// The kind of database.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The source of randomness.
    #[must_use]
    pub fn random(&self) -> &dyn Random {
        self.random.as_ref()
    }

    /// Begins a unit of work. On SQLite it takes the write lock at once, so that it never fails half-way for it.
    ///
    /// # Errors
    /// When the primary does not answer, or the lock is not free within its deadline.
    pub async fn begin(&self) -> Result<Unit, RecordsError> {
        Ok(Unit::new(Transaction::begin(&self.db, Purpose::Writing).await?, self.clone()))
    }

    /// Opens a consistent view: everything read through it is of one moment. It blocks no writer.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn snapshot(&self) -> Result<Snapshot, RecordsError> {
        Ok(Snapshot::new(Transaction::begin(self.reader(), Purpose::Reading).await?))
    }

    /// Counts what this process commits for the relay, so that the relay need not wait for its next poll.
    #[must_use]
    pub fn commits(&self) -> watch::Receiver<Commits> {
        self.commits.subscribe()
    }

    /// Changes when this process has committed events, so that its sequencer need not wait for its next poll.
    #[must_use]
    pub fn event_commits(&self) -> watch::Receiver<u64> {
        self.events.subscribe()
    }

    /// Changes when this process has given events their positions, so that its consumers need not wait for their next poll.
    #[must_use]
    pub fn event_positions(&self) -> watch::Receiver<u64> {
        self.positions.subscribe()
    }

    /// A small round trip, on connections of its own: it neither waits behind requests nor holds them up.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn ping(&self) -> Result<(), RecordsError> {
        self.db.probes().query_one_raw(self.statement("SELECT 1", [])).await?;
        Ok(())
    }

    /// Ends the connections, once those in use have come back. What an embedded primary has committed is in the file itself
    /// then, and not in the log beside it.
    pub async fn close(&self) {
        self.db.end().await;
    }

    /// Whether a write would be taken at the moment, as a write that changes nothing tells: servers that are read-only refuse
    /// it too. An embedded primary, whose writers wait for each other, is only asked whether it answers.
    ///
    /// # Errors
    /// When it would not.
    pub async fn takes_writes(&self) -> Result<(), RecordsError> {
        if self.dialect == Dialect::Sqlite {
            return self.ping().await;
        }
        self.db.probes().execute_raw(self.statement("DELETE FROM facts WHERE name=?", ["".into()])).await?;
        Ok(())
    }

    /// As [`Self::snapshot`], on the connections of [`Self::ping`]: for counts that no request waits for.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn glance(&self) -> Result<Snapshot, RecordsError> {
        Ok(Snapshot::new(Transaction::begin(self.db.probes(), Purpose::Reading).await?))
    }

    /// A new id for a row of the synchronisation's own tables.
    #[must_use]
    pub fn new_id(&self) -> String {
        EventId::new(self.now(), self.random().bytes()).to_string()
    }

    /// The entries that this process has committed to a partition after the count `seen` and up to the count `last` (see
    /// [`Self::commits`]), each returned once; `None` when the buffer has dropped some of them, so that the table must be read.
    #[must_use]
    pub fn recent_commits(&self, partition: u16, seen: u64, last: u64) -> Option<Vec<Queued>> {
        self.recent.take(partition, seen, last)
    }

    pub(crate) fn wake_relay(&self, committed: &[Queued]) {
        self.commits.send_modify(|commits| {
            for queued in committed {
                let count = &mut commits[usize::from(queued.partition)];
                *count = count.wrapping_add(1);
                self.recent.keep(*count, queued);
            }
        });
    }

    pub(crate) fn wake_sequencer(&self) {
        self.events.send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(crate) fn wake_consumers(&self) {
        self.positions.send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(crate) fn statement(&self, sql: impl Into<String>, values: impl IntoIterator<Item = Value>) -> Statement {
        self.dialect.timeless(Statement::from_sql_and_values(self.db.get_database_backend(), sql, values))
    }
}
