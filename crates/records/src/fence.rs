//! Reads that may land behind a commit, and how one proves that it has not.
//!
//! One server answers each question from its present state. In a cluster, or behind a proxy that spreads connections over
//! servers, a read may land on a server that has not applied the newest commits yet: it shows rows as they were, none
//! where one was just made, and one where it was just removed. No setting of a session helps on all of them, so nothing
//! here depends on which cluster it is. Two proofs are enough, and both need only that a transaction becomes visible as a
//! whole and that a server shows commits in the order in which they were made:
//!
//! - a read that shows an **entry of the outbox** is of a moment after the commit that wrote it ([`Records::rows_beside`]);
//! - a read that shows a **fence**, a mark that was committed for the purpose, has reached everything that was committed
//!   before the mark ([`Records::snapshot_after`]).
//!
//! Group Replication is the exception to that order: what is committed at a server shows there before what others have
//! committed earlier and it has not applied yet. There a mark is committed by a session that applies all of that first.

use std::{collections::HashSet, time::Duration};

use chainbill_domain::{Model, Row, Timestamp};
use sea_orm::{DbErr, RuntimeErr};
use sqlx::{AssertSqlSafe, Executor as _};
use tokio::time::Instant;

use crate::{Records, RecordsError, Snapshot, Topology, retry};

/// A mark that was committed to the primary.
#[derive(Debug, Clone)]
pub struct Fence(Option<Mark>);

#[derive(Debug, Clone)]
struct Mark {
    id: String,
    at: Timestamp,
}

/// How long a read that has reached a fence is looked for. A server that is further behind does not become a reader.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one server of a group is waited for to have applied what others have committed.
const ONE_TRY: Duration = Duration::from_secs(1);
/// Shortest and longest pause between two reads.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(200));
/// A fence is set anew after this: marks are forgotten after a day.
const OLD: Duration = Duration::from_secs(3600);

impl Records {
    /// Sets a fence. Where every read shows every commit, as of an embedded primary, nothing is written.
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

    /// One server may be far behind: another connection may lead to one that is not.
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

    /// Sets a mark by a session of Group Replication that waits for whatever was committed anywhere before it.
    async fn set_behind_all(&self, Mark { id, at }: &Mark) -> Result<(), RecordsError> {
        const VARIABLE: &str = "SET SESSION group_replication_consistency";
        let failed = |error: sqlx::Error| RecordsError::from(DbErr::Exec(RuntimeErr::SqlxError(error.into())));
        let mut connection = self.db().get_mysql_connection_pool().acquire().await.map_err(failed)?;
        let at = at.format("%Y-%m-%d %H:%M:%S%.3f");
        let insert = format!("INSERT INTO sync_fences (id, at) VALUES ('{id}', '{at}')");
        let text = format!("{VARIABLE}='BEFORE';{insert};{VARIABLE}=DEFAULT");
        let done = tokio::time::timeout(ONE_TRY, connection.execute(AssertSqlSafe(text))).await;
        if !matches!(done, Ok(Ok(_))) {
            // It would go on waiting, or wait each time from now on.
            connection.close_on_drop();
        }
        done.map_err(|_| RecordsError::Late(PATIENCE.as_secs()))?.map(drop).map_err(failed)
    }

    /// Opens a consistent view that shows everything that was committed before the fence. Views that are behind it are
    /// closed again, and asked for anew: other connections may lead to other servers.
    ///
    /// # Errors
    /// [`RecordsError::Late`] when none has reached it within half a minute; when the primary does not answer.
    pub async fn snapshot_after(&self, fence: &mut Fence) -> Result<Snapshot, RecordsError> {
        if fence.0.as_ref().is_some_and(|mark| mark.at + OLD < self.now()) {
            *fence = self.fence().await?;
        }
        let (began, mut pause) = (Instant::now(), PAUSES.0);
        loop {
            let snapshot = self.snapshot().await?;
            let Some(mark) = &fence.0 else { return Ok(snapshot) };
            if snapshot.shows("SELECT 1 FROM sync_fences WHERE id=?", &mark.id).await? {
                return Ok(snapshot);
            }
            snapshot.close().await?;
            if began.elapsed() >= PATIENCE {
                return Err(RecordsError::Late(PATIENCE.as_secs()));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Rows as [`Self::rows`], and which of these entries of the outbox the very same read showed. What such an entry
    /// tells of has been committed before the read's moment.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn rows_beside(
        &self,
        model: &Model,
        ids: &[String],
        entries: &[(u16, String)],
    ) -> Result<(Vec<Row>, HashSet<String>), RecordsError> {
        let snapshot = self.snapshot().await?;
        let rows = snapshot.rows(model, ids).await?;
        let shown = snapshot.entries(entries).await?;
        snapshot.close().await?;
        Ok((rows, shown))
    }

    /// Forgets marks that were set before a moment.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn forget_fences(&self, before: Timestamp) -> Result<u64, RecordsError> {
        self.run("DELETE FROM sync_fences WHERE at<?", [before.into()]).await
    }
}
