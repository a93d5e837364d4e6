//! One connection to a server: how it is opened, how long it lives, and when it may be handed out again.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chainbill_domain::Random;
use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, MySqlConnection, mysql::MySqlConnectOptions,
};
use tokio::{runtime::Handle, time::timeout};

use super::trust::Trust;

/// A connection that was idle for longer is probed before it is handed out.
const TESTED_AFTER: Duration = Duration::from_secs(1);
/// The deadline of that probe.
const TEST_PATIENCE: Duration = Duration::from_secs(1);
/// The deadline of an orderly close.
const GOODBYE: Duration = Duration::from_secs(1);

/// An open connection.
pub(crate) struct Link {
    /// None only while it is being closed.
    sql: Option<MySqlConnection>,
    opened: Instant,
    /// When it was last given back.
    pub used: Instant,
    ends: Instant,
    /// Whether it is unusable: it is then dropped without an orderly close.
    pub broken: bool,
}

impl Link {
    /// The driver's connection.
    pub fn sql(&mut self) -> &mut MySqlConnection {
        self.sql.as_mut().expect("it is taken out only by being dropped")
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let Some(sql) = self.sql.take().filter(|_| !self.broken) else { return };
        // Servers count connections without an orderly close as aborted.
        if let Ok(runtime) = Handle::try_current() {
            drop(runtime.spawn(timeout(GOODBYE, sql.close())));
        }
    }
}

/// Opens connections and checks them before reuse.
pub(crate) struct Opener {
    pub options: MySqlConnectOptions,
    /// The first statement of every connection.
    pub session: String,
    /// How long opening may take.
    pub patience: Duration,
    /// How long a connection lives, some less than others.
    pub life: Duration,
    /// How long it may rest.
    pub rest: Duration,
    pub trust: Arc<Trust>,
    pub random: Arc<dyn Random>,
}

impl Opener {
    /// Opens a connection.
    pub async fn open(&self) -> Result<Link, sqlx::Error> {
        timeout(self.patience, self.connect()).await.unwrap_or_else(|_| Err(silence(self.patience)))
    }

    async fn connect(&self) -> Result<Link, sqlx::Error> {
        let mut sql = self.options.connect().await?;
        sql.execute(AssertSqlSafe(self.session.as_str())).await?;
        // The variable has another name on older MariaDB; the statement has not.
        sql.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ").await?;
        // Only MariaDB knows it; there it turns a silently lost update into an error that is retried.
        if let Err(error) = sql.execute("SET SESSION innodb_snapshot_isolation=ON").await
            && !matches!(error, sqlx::Error::Database(_))
        {
            return Err(error);
        }
        let opened = Instant::now();
        // Those that were opened together do not end together.
        let share = u32::from(self.random.bytes::<1>()[0]);
        let life = self.life - self.life / 5 * share / 255;
        Ok(Link { sql: Some(sql), opened, used: opened, ends: opened + life, broken: false })
    }

    /// Whether its age allows another use.
    pub fn is_fresh(&self, link: &Link, now: Instant) -> bool {
        let rested = now.saturating_duration_since(link.used);
        now < link.ends && rested < self.rest && self.trust.holds(link.opened, link.used)
    }
}

impl Manager for Opener {
    type Type = Link;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<Link, sqlx::Error> {
        self.open().await
    }

    async fn recycle(&self, link: &mut Link, _: &Metrics) -> RecycleResult<sqlx::Error> {
        let now = Instant::now();
        if !self.is_fresh(link, now) {
            return Err(RecycleError::message("its time is over"));
        }
        if now.saturating_duration_since(link.used) < TESTED_AFTER {
            return Ok(());
        }
        match timeout(TEST_PATIENCE.min(self.patience / 2), link.sql().ping()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                link.broken = true;
                Err(error.into())
            }
            Err(_) => {
                link.broken = true;
                self.trust.silent(now);
                Err(RecycleError::message("it does not answer"))
            }
        }
    }
}

/// The error of a server that does not answer.
pub(crate) fn silence(patience: Duration) -> sqlx::Error {
    let text = format!("no answer within {patience:?}");
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, text))
}
