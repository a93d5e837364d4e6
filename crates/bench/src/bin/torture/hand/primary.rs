//! Operators', balancers' and clusters' faults of a live primary: locked tables, a switch-over, idle connections that
//! end or are dropped silently.

use std::time::Instant;

use anyhow::Context as _;
use chainbill_records::{
    Connections,
    connect::{ConnectSettings, connect},
};
use chainbill_testkit::sea_orm::ConnectionTrait as _;
use tokio::time::sleep;

use super::{Hand, Side};

/// The fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Harm {
    /// `LOCK TABLES … WRITE`, left open.
    Locked,
    /// An open transaction blocks an ALTER of a table that it read, and the ALTER blocks later statements.
    Altered,
    /// `super_read_only`, as before a planned switch-over, and back.
    ReadOnly,
    /// The server ends ChainBill's idle connections, as `wait_timeout` does.
    Rested,
    /// The proxy silently drops all connections.
    Forgotten,
}

impl Harm {
    /// All.
    pub const ALL: [Self; 5] = [Self::Locked, Self::Altered, Self::ReadOnly, Self::Rested, Self::Forgotten];

    /// Its table row.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Locked => "primary's table locked",
            Self::Altered => "primary's table altered behind a forgotten transaction",
            Self::ReadOnly => "primary read-only for a while",
            Self::Rested => "primary's resting connections ended",
            Self::Forgotten => "primary's connections forgotten in silence",
        }
    }
}

/// Lockable tables: one rarely used, one that all clients write.
const TABLES: [&str; 2] = ["reviews", "invoices"];

/// Keeps forgotten sessions open.
const PATIENT: &str = "SET SESSION wait_timeout=600";

impl Hand {
    /// Whether the fault is possible here; `TORTURE_READ_ONLY` marks an external server without other users.
    pub(super) fn can_harm(&self, harm: Harm) -> bool {
        match harm {
            // It would affect the server's other users.
            Harm::ReadOnly => self.databases.may_kill(Side::Primary) || std::env::var_os("TORTURE_READ_ONLY").is_some(),
            _ => self.databases.proxy(Side::Primary).is_some(),
        }
    }

    /// Injects and reverts it, then waits for clients' writes.
    pub(super) async fn harm(&mut self, harm: Harm) -> anyhow::Result<()> {
        let url = self.databases.fresh.primary.clone();
        // An operator's lock timeout is longer than a service's.
        let patient = ConnectSettings { statement_timeout: None, ..ConnectSettings::of(&url) };
        let stranger = connect(&patient).await?.db;
        match harm {
            Harm::Locked => self.lock(&stranger).await?,
            Harm::Altered => self.alter(&stranger).await?,
            Harm::ReadOnly => self.read_only(&stranger).await?,
            Harm::Rested => end(&stranger, &sessions(&stranger, &url, " AND command='Sleep'").await?).await,
            Harm::Forgotten => {
                let all = sessions(&stranger, &url, "").await?;
                self.databases.proxy(Side::Primary).context("a proxy")?.forget();
                // The server notices in time and rolls back; ChainBill gets no notice.
                end(&stranger, &all).await;
            }
        }
        let back = Instant::now();
        stranger.close().await?;
        self.acknowledged_since(Side::Primary, back).await
    }

    async fn lock(&mut self, stranger: &Connections) -> anyhow::Result<()> {
        let (table, pause) = (TABLES[usize::try_from(self.dice.roll(0, 1))?], self.some(500, 8_000));
        let session = stranger.begin().await?;
        session.execute_unprepared(PATIENT).await?;
        session.execute_unprepared(&format!("LOCK TABLES {table} WRITE")).await?;
        sleep(pause).await;
        session.execute_unprepared("UNLOCK TABLES").await?;
        Ok(session.rollback().await?)
    }

    async fn alter(&mut self, stranger: &Connections) -> anyhow::Result<()> {
        let (table, pause) = (TABLES[usize::try_from(self.dice.roll(0, 1))?], self.some(500, 8_000));
        let forgotten = stranger.begin().await?;
        forgotten.execute_unprepared(PATIENT).await?;
        forgotten.execute_unprepared(&format!("SELECT COUNT(*) FROM {table}")).await?;
        let altering = stranger.clone();
        let alter = tokio::spawn(async move {
            let session = altering.begin().await?;
            session.execute_unprepared(&format!("ALTER TABLE {table} COMMENT='torture'")).await?;
            session.rollback().await
        });
        sleep(pause).await;
        forgotten.rollback().await?;
        Ok(alter.await??)
    }

    async fn read_only(&mut self, stranger: &Connections) -> anyhow::Result<()> {
        let pause = self.some(300, 4_000);
        stranger.execute_unprepared("SET GLOBAL super_read_only=ON").await?;
        sleep(pause).await;
        stranger.execute_unprepared("SET GLOBAL super_read_only=OFF").await?;
        stranger.execute_unprepared("SET GLOBAL read_only=OFF").await?;
        Ok(())
    }
}

/// Other sessions on the database.
async fn sessions(stranger: &Connections, url: &str, which: &str) -> anyhow::Result<Vec<u64>> {
    let name = url.rsplit('/').next().unwrap_or("").split('?').next().unwrap_or("");
    let sql = format!("SELECT id FROM information_schema.processlist WHERE db='{name}' AND id<>CONNECTION_ID(){which}");
    let statement = chainbill_testkit::sea_orm::Statement::from_string(stranger.get_database_backend(), sql);
    let rows = stranger.query_all_raw(statement).await?;
    Ok(rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?)
}

/// Ends sessions; ended ones are ignored.
async fn end(stranger: &Connections, sessions: &[u64]) {
    for id in sessions {
        let _ = stranger.execute_unprepared(&format!("KILL {id}")).await;
    }
}
