//! Leases: a row with an owner and an end, acquired by one conditional update.
//!
//! A lease makes work efficient, never correct: what a relay writes is fenced by versions, so an owner that slept past
//! its lease harms nothing. Each acquisition raises the `epoch`, which identifies it in logs.

use std::time::Duration;

use chainbill_domain::Timestamp;
use sea_orm::{ConnectionTrait, Value};

use crate::{Records, RecordsError, outbox::marks, retry};

/// A lease that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Its name.
    pub name: String,
    /// Rises with every acquisition.
    pub epoch: i64,
}

/// A lease as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseView {
    /// Its name.
    pub name: String,
    /// Its holder; `None` when it was released.
    pub owner: Option<String>,
    /// Rises with every acquisition.
    pub epoch: i64,
    /// When it ends.
    pub until: Timestamp,
}

impl Records {
    /// Inserts missing lease rows, without an owner.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn ensure_leases(&self, names: &[String]) -> Result<(), RecordsError> {
        let known: Vec<String> = self.leases().await?.into_iter().map(|lease| lease.name).collect();
        for name in names.iter().filter(|name| !known.contains(name)) {
            let sql = "INSERT INTO sync_leases (name, owner, epoch, until_at) VALUES (?, NULL, 0, ?)";
            match self.run(sql, [name.as_str().into(), self.now().into()]).await {
                Ok(_) | Err(RecordsError::Duplicate(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// All leases, by name.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn leases(&self) -> Result<Vec<LeaseView>, RecordsError> {
        let sql = "SELECT name, owner, epoch, until_at FROM sync_leases ORDER BY name";
        let rows = self.db().query_all_raw(self.statement(sql, [])).await?;
        rows.iter()
            .map(|row| {
                Ok(LeaseView {
                    name: row.try_get_by_index(0)?,
                    owner: row.try_get_by_index(1)?,
                    epoch: row.try_get_by_index(2)?,
                    until: row.try_get_by_index(3)?,
                })
            })
            .collect()
    }

    /// Acquires a lease when it is free, expired, or ends implausibly late (its owner's clock was wrong). `None` when another owner
    /// holds it.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn take_lease(&self, name: &str, owner: &str, ttl: Duration) -> Result<Option<Lease>, RecordsError> {
        let now = self.now();
        let sql = "UPDATE sync_leases SET owner=?, epoch=epoch+1, until_at=? \
                   WHERE name=? AND (owner IS NULL OR owner=? OR until_at<? OR until_at>?)";
        let values: [Value; 6] =
            [owner.into(), (now + ttl).into(), name.into(), owner.into(), now.into(), (now + 3 * ttl).into()];
        if self.run(sql, values).await? != 1 {
            return Ok(None);
        }
        let sql = "SELECT epoch FROM sync_leases WHERE name=? AND owner=?";
        let row = self.db().query_one_raw(self.statement(sql, [name.into(), owner.into()])).await?;
        row.map(|row| Ok(Lease { name: name.to_owned(), epoch: row.try_get_by_index(0)? })).transpose()
    }

    /// Renews leases that this owner still holds, and returns their names.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn renew_leases(
        &self,
        names: &[String],
        owner: &str,
        ttl: Duration,
    ) -> Result<Vec<String>, RecordsError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        if self.prolong(names, owner, ttl).await? == names.len() {
            return Ok(names.to_vec());
        }
        // They are lost, or this server has not applied their acquisition yet.
        let mut fence = self.fence().await?;
        let snapshot = self.snapshot_after(&mut fence).await?;
        let held = snapshot.leases_of(owner).await?;
        snapshot.close().await?;
        let still: Vec<String> = names.iter().filter(|name| held.contains(*name)).cloned().collect();
        if !still.is_empty() {
            self.prolong(&still, owner, ttl).await?;
        }
        Ok(still)
    }

    async fn prolong(&self, names: &[String], owner: &str, ttl: Duration) -> Result<usize, RecordsError> {
        let sql = format!("UPDATE sync_leases SET until_at=? WHERE owner=? AND name IN ({})", marks(names.len()));
        let values = [(self.now() + ttl).into(), Value::from(owner)].into_iter().chain(crate::outbox::pad(names));
        Ok(usize::try_from(self.run(&sql, values).await?).unwrap_or(usize::MAX))
    }

    /// Releases leases, so that their next holder need not wait for their end.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn release_leases(&self, names: &[String], owner: &str) -> Result<(), RecordsError> {
        if names.is_empty() {
            return Ok(());
        }
        let sql = format!("UPDATE sync_leases SET owner=NULL WHERE owner=? AND name IN ({})", marks(names.len()));
        let values = std::iter::once(Value::from(owner)).chain(crate::outbox::pad(names));
        self.run(&sql, values).await?;
        Ok(())
    }

    /// Records a sign of life of this worker, deletes those silent for a day, and counts those seen within `within`.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn worker_alive(&self, id: &str, name: &str, within: Duration) -> Result<u64, RecordsError> {
        let now = self.now();
        let update = "UPDATE sync_workers SET seen_at=? WHERE id=?";
        if self.run(update, [now.into(), id.into()]).await? == 0 {
            let insert = "INSERT INTO sync_workers (id, seen_at, name) VALUES (?, ?, ?)";
            self.run(insert, [id.into(), now.into(), name.into()]).await?;
            let day_ago = now - Duration::from_secs(86_400);
            self.run("DELETE FROM sync_workers WHERE seen_at<?", [day_ago.into()]).await?;
        }
        // A worker seen in the future had a clock that was ahead, and may be dead.
        let count = "SELECT COUNT(*) FROM sync_workers WHERE seen_at>=? AND seen_at<=?";
        let span = [(now - within).into(), (now + 3 * within).into()];
        let row = self.db().query_one_raw(self.statement(count, span)).await?;
        let count: i64 = row.map_or(Ok(1), |row| row.try_get_by_index(0))?;
        Ok(u64::try_from(count).unwrap_or(1).max(1))
    }

    /// Removes this worker.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn worker_gone(&self, id: &str) -> Result<(), RecordsError> {
        self.run("DELETE FROM sync_workers WHERE id=?", [id.into()]).await?;
        Ok(())
    }

    /// Executes a statement that is a transaction of its own, and retries it after a conflict: in a cluster with several writers that
    /// is detected at its commit.
    pub(crate) async fn run(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Result<u64, RecordsError> {
        let statement = self.statement(sql, values);
        let once = || async { Ok(self.db().execute_raw(statement.clone()).await?.rows_affected()) };
        retry(self.random(), once).await
    }
}
