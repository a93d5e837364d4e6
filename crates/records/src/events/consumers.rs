//! Consumers of events: how far each has come, and which process works for it at the moment.

use std::time::Duration;

use chainbill_domain::Timestamp;
use sea_orm::{ConnectionTrait as _, Value};

use crate::{Records, RecordsError};

/// A consumer that this process works for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerLease {
    /// The consumer's name.
    pub name: String,
    /// Rises with every acquisition: the fence against owners that outlived their lease.
    pub epoch: i64,
    /// It has taken every event up to this position.
    pub position: i64,
}

/// A consumer as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerView {
    /// Its name.
    pub name: String,
    /// It has taken every event up to this position.
    pub position: i64,
    /// Which process works for it.
    pub owner: Option<String>,
    /// Rises with every acquisition.
    pub epoch: i64,
    /// When its lease ends.
    pub until: Timestamp,
}

/// Which rows may be acquired: by their owner's name, and by the time now and the latest plausible end of a lease.
const FREE: &str = "(owner IS NULL OR owner=? OR until_at<? OR until_at>?)";

impl Records {
    /// Acquires a consumer's lease where it is free, over, or ends implausibly late because its owner's clock was wrong; a
    /// consumer that is not known begins before the first event that is kept. `None` while another process has it.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn acquire_consumer(
        &self,
        name: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<Option<ConsumerLease>, RecordsError> {
        let now = self.now();
        let free: [Value; 3] = [owner.into(), now.into(), (now + 3 * ttl).into()];
        let found = match self.free_epoch(name, &free).await? {
            None if self.add_consumer(name).await? => self.free_epoch(name, &free).await?,
            found => found,
        };
        let Some(epoch) = found else { return Ok(None) };
        // From this epoch to the next one: of several that find it free one acquires it, even of one owner.
        let sql = format!(
            "UPDATE event_consumers SET owner=?, epoch=epoch+1, until_at=? WHERE name=? AND epoch=? AND {FREE}"
        );
        let values: [Value; 4] = [owner.into(), (now + ttl).into(), name.into(), epoch.into()];
        if self.run(&sql, values.into_iter().chain(free)).await? != 1 {
            return Ok(None);
        }
        let (epoch, sql) = (epoch + 1, "SELECT position FROM event_consumers WHERE name=? AND epoch=?");
        let row = self.db().query_one_raw(self.statement(sql, [name.into(), epoch.into()])).await?;
        row.map(|row| Ok(ConsumerLease { name: name.to_owned(), epoch, position: row.try_get_by_index(0)? }))
            .transpose()
    }

    /// The epoch of a consumer that may be acquired.
    async fn free_epoch(&self, name: &str, free: &[Value; 3]) -> Result<Option<i64>, RecordsError> {
        let sql = format!("SELECT epoch FROM event_consumers WHERE name=? AND {FREE}");
        let values = std::iter::once(name.into()).chain(free.iter().cloned());
        let row = self.db().query_one_raw(self.statement(sql, values)).await?;
        Ok(row.map(|row| row.try_get_by_index(0)).transpose()?)
    }

    /// Makes the row of a consumer; whether there was none.
    async fn add_consumer(&self, name: &str) -> Result<bool, RecordsError> {
        let known = "SELECT 1 FROM event_consumers WHERE name=?";
        if self.db().query_one_raw(self.statement(known, [name.into()])).await?.is_some() {
            return Ok(false);
        }
        let sql = "INSERT INTO event_consumers (name, position, owner, epoch, until_at) VALUES (?, 0, NULL, 0, ?)";
        match self.run(sql, [name.into(), self.now().into()]).await {
            Ok(_) | Err(RecordsError::Duplicate(_)) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Prolongs a lease; `false` when it is another's by now.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn renew_consumer(&self, lease: &ConsumerLease, ttl: Duration) -> Result<bool, RecordsError> {
        let sql = "UPDATE event_consumers SET until_at=? WHERE name=? AND epoch=?";
        let values = [(self.now() + ttl).into(), lease.name.as_str().into(), lease.epoch.into()];
        Ok(self.run(sql, values).await? == 1)
    }

    /// Notes that a consumer has taken every event up to a position, and prolongs its lease. `false` when the lease is
    /// another's by now, or the consumer was sent back: nothing has changed then.
    ///
    /// # Errors
    /// When the primary does not answer: what was taken since is taken again.
    pub async fn advance_consumer(
        &self,
        lease: &mut ConsumerLease,
        position: i64,
        ttl: Duration,
    ) -> Result<bool, RecordsError> {
        let sql = "UPDATE event_consumers SET position=?, until_at=? WHERE name=? AND epoch=? AND position=?";
        let values: [Value; 5] = [
            position.into(),
            (self.now() + ttl).into(),
            lease.name.as_str().into(),
            lease.epoch.into(),
            lease.position.into(),
        ];
        let advanced = self.run(sql, values).await? == 1;
        if advanced {
            lease.position = position;
        }
        Ok(advanced)
    }

    /// Gives a lease back, so that another process need not wait for its end.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn release_consumer(&self, lease: &ConsumerLease) -> Result<(), RecordsError> {
        let sql = "UPDATE event_consumers SET owner=NULL WHERE name=? AND epoch=?";
        self.run(sql, [lease.name.as_str().into(), lease.epoch.into()]).await?;
        Ok(())
    }

    /// Sends a consumer back before the first event that is kept. The process that works for it at the moment loses the lease.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn rewind_consumer(&self, name: &str) -> Result<(), RecordsError> {
        let sql = "UPDATE event_consumers SET position=0, owner=NULL, epoch=epoch+1 WHERE name=?";
        self.run(sql, [name.into()]).await?;
        Ok(())
    }

    /// All consumers, the sequencer among them, by name.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn consumers(&self) -> Result<Vec<ConsumerView>, RecordsError> {
        let sql = "SELECT name, position, owner, epoch, until_at FROM event_consumers ORDER BY name";
        let rows = self.db().query_all_raw(self.statement(sql, [])).await?;
        rows.iter()
            .map(|row| {
                Ok(ConsumerView {
                    name: row.try_get_by_index(0)?,
                    position: row.try_get_by_index(1)?,
                    owner: row.try_get_by_index(2)?,
                    epoch: row.try_get_by_index(3)?,
                    until: row.try_get_by_index(4)?,
                })
            })
            .collect()
    }
}
