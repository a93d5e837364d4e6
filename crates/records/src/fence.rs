//! Fences: proofs that a read is not behind a commit.
//!
//! One server answers each query from its present state. In a cluster, or behind a proxy that spreads connections over servers, a
//! read may land on a server that has not applied the newest commits yet: it shows old versions, misses new rows, and shows
//! deleted ones. No session setting helps on all clusters, so nothing here depends on their kind. Two proofs are enough. Both
//! need only that a transaction becomes visible as a whole, and that a server shows commits in their order:
//!
//! - a read that shows an **entry of the outbox** is of a moment after the commit that wrote it ([`Records::rows_beside`]);
//! - a read that shows a **fence**, a mark that was committed for the purpose, shows everything that was committed before the
//!   mark ([`Records::snapshot_after`]).
//!
//! Group Replication is the exception to that order: a commit at a server is visible there before earlier commits of other servers
//! that it has not applied yet. There a mark is committed by a session that applies all of those first.

use std::{collections::HashSet, time::Duration};

use chainbill_domain::{Model, Row, Timestamp};
use tokio::{sync::MutexGuard, time::Instant};

use crate::{Records, RecordsError, Snapshot, Topology, connections::Command, retry, retry::jittered};

/// A mark that was committed to the primary.
#[derive(Debug, Clone)]
pub struct Fence(Option<Mark>);

#[derive(Debug, Clone)]
struct Mark {
    id: String,
    at: Timestamp,
}

/// How long reads are repeated until one shows a fence.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one server of a group may take to apply the commits of others.
const ONE_TRY: Duration = Duration::from_secs(1);
/// Shortest and longest pause between two reads.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(200));
/// A fence is replaced after this: marks are deleted after a day.
const OLD: Duration = Duration::from_secs(3600);

impl Records {
    /// Sets a fence. Where every read shows every commit, as in an embedded primary, nothing is written.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn fence(&self) -> Result<Fence, RecordsError> {
        if !self.reads_may_be_late() {
            return Ok(Fence(None));
        }
        if let Topology::Group { .. } = self.topology() {
            return self.fence_of_group().await;
        }
        let mark = Mark { id: self.new_id(), at: self.now() };
        let sql = "INSERT INTO sync_fences (id, at) VALUES (?, ?)";
        self.run(sql, [mark.id.as_str().into(), mark.at.into()]).await?;
        Ok(Fence(Some(mark)))
    }

    /// One server may be far behind; another connection may lead to one that is not.
    async fn fence_of_group(&self) -> Result<Fence, RecordsError> {
        let began = Instant::now();
        loop {
            let mark = Mark { id: self.new_id(), at: self.now() };
            match retry(self.random(), || self.set_behind_all(&mark)).await {
                Ok(()) => return Ok(Fence(Some(mark))),
                Err(RecordsError::Late(_)) if began.elapsed() < PATIENCE => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sets a mark in a session of Group Replication that first applies everything that was committed before.
    async fn set_behind_all(&self, Mark { id, at }: &Mark) -> Result<(), RecordsError> {
        const VARIABLE: &str = "SET SESSION group_replication_consistency";
        let Some(server) = self.db().of_server() else { return Ok(()) };
        let at = at.format("%Y-%m-%d %H:%M:%S%.3f");
        let insert = format!("INSERT INTO sync_fences (id, at) VALUES ('{id}', '{at}')");
        let text = format!("{VARIABLE}='BEFORE';{insert};{VARIABLE}=DEFAULT");
        let command = Command::Text(&text);
        let mut link = server.borrow().await?;
        // After the timeout the connection is closed, and the next one may lead to another server.
        let done = tokio::time::timeout(ONE_TRY, link.ask(command)).await;
        done.map_err(|_| RecordsError::Late(ONE_TRY.as_secs()))?.map_err(|error| command.failed(error))?;
        Ok(())
    }

    /// Opens a snapshot that shows everything that was committed before the fence. Late snapshots are closed and opened again: other
    /// connections may lead to other servers.
    ///
    /// # Errors
    /// [`RecordsError::Late`] when none shows the fence within half a minute; when the primary does not answer.
    pub async fn snapshot_after(&self, fence: &mut Fence) -> Result<Snapshot, RecordsError> {
        if fence.0.as_ref().is_some_and(|mark| mark.at + OLD < self.now()) {
            *fence = self.fence().await?;
        }
        let (began, mut pause) = (Instant::now(), PAUSES.0);
        let mut behind = Behind::of(self);
        loop {
            let snapshot = self.snapshot().await?;
            let Some(mark) = &fence.0 else { return Ok(snapshot) };
            if snapshot.shows("SELECT 1 FROM sync_fences WHERE id=?", &mark.id).await? {
                return Ok(snapshot);
            }
            behind.keep(snapshot).await?;
            if began.elapsed() >= PATIENCE {
                return Err(RecordsError::Late(PATIENCE.as_secs()));
            }
            // In step with another reader, it would meet the same server of the turn each time.
            tokio::time::sleep(jittered(self.random(), pause)).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Rows as [`Self::rows`], and which of these entries the same read has shown: their changes were committed before it. A few
    /// connections are tried until one shows all.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn rows_beside(
        &self,
        model: &Model,
        ids: &[String],
        entries: &[(u16, String)],
    ) -> Result<(Vec<Row>, HashSet<String>), RecordsError> {
        let mut behind = Behind::of(self);
        for last in [false, false, true] {
            let snapshot = self.snapshot().await?;
            let shown = snapshot.entries(entries).await?;
            if last || shown.len() >= entries.len() {
                let rows = snapshot.rows(model, ids).await?;
                snapshot.close().await?;
                return Ok((rows, shown));
            }
            behind.keep(snapshot).await?;
        }
        // Unreachable: the last read is returned whatever it shows.
        Err(RecordsError::Late(0))
    }

    /// Deletes marks that were set before a moment.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn forget_fences(&self, before: Timestamp) -> Result<u64, RecordsError> {
        self.run("DELETE FROM sync_fences WHERE at<?", [before.into()]).await
    }
}

/// Late snapshots. While they are open, the next connection is another one.
struct Behind<'r> {
    turn: Option<MutexGuard<'r, ()>>,
    kept: Vec<Snapshot>,
}

/// So many stay open at most.
const KEPT: usize = 2;

impl<'r> Behind<'r> {
    fn of(records: &'r Records) -> Self {
        Self { turn: records.cluster.apart.try_lock().ok(), kept: Vec::new() }
    }

    async fn keep(&mut self, snapshot: Snapshot) -> Result<(), RecordsError> {
        self.kept.push(snapshot);
        let most = if self.turn.is_some() { KEPT } else { 0 };
        while self.kept.len() > most {
            self.kept.remove(0).close().await?;
        }
        Ok(())
    }
}
