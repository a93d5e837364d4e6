//! What operators, balancers and clusters do to the primary without killing it: locked tables, a switch-over, connections
//! that end or are forgotten while they rest.

use std::time::Instant;

use anyhow::Context as _;
use chainbill_records::{
    Connections,
    connect::{ConnectSettings, connect},
};
use chainbill_testkit::sea_orm::ConnectionTrait as _;
use tokio::time::sleep;

use super::{Hand, Side};

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Harm {
    /// `LOCK TABLES … WRITE`, and somebody forgets about it.
    Locked,
    /// A transaction that read a table is forgotten, and an ALTER of it waits behind: so does everybody after it.
    Altered,
    /// `super_read_only`, as before a planned switch-over, and back.
    ReadOnly,
    /// Every connection of ChainBill that rests is ended by the server, as `wait_timeout` does.
    Rested,
    /// What stands between forgets all connections in silence.
    Forgotten,
}

impl Harm {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Locked, Self::Altered, Self::ReadOnly, Self::Rested, Self::Forgotten];

    /// Its line in the table.
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

/// Tables that somebody may lock: one that few ask for, and the one that everybody writes.
const TABLES: [&str; 2] = ["reviews", "invoices"];

/// Whoever forgets a session keeps it open.
const PATIENT: &str = "SET SESSION wait_timeout=600";

impl Hand {
    /// Whether it can be done here; `TORTURE_READ_ONLY` says that the server is nobody else's though we may not kill it.
    pub(super) fn can_harm(&self, harm: Harm) -> bool {
        match harm {
            // Other users of a server would be refused too.
            Harm::ReadOnly => self.databases.may_kill(Side::Primary) || std::env::var_os("TORTURE_READ_ONLY").is_some(),
            _ => self.databases.proxy(Side::Primary).is_some(),
        }
    }

    /// Does it, takes it back, and waits until clients write again.
    pub(super) async fn harm(&mut self, harm: Harm) -> anyhow::Result<()> {
        let url = self.databases.fresh.primary.clone();
        // An operator waits for locks longer than a service does.
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
                // A server hears of it in its own time, and ends what they had begun; ChainBill is told nothing.
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

/// The sessions of others on the database.
async fn sessions(stranger: &Connections, url: &str, which: &str) -> anyhow::Result<Vec<u64>> {
    let name = url.rsplit('/').next().unwrap_or("").split('?').next().unwrap_or("");
    let sql = format!("SELECT id FROM information_schema.processlist WHERE db='{name}' AND id<>CONNECTION_ID(){which}");
    let statement = chainbill_testkit::sea_orm::Statement::from_string(stranger.get_database_backend(), sql);
    let rows = stranger.query_all_raw(statement).await?;
    Ok(rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?)
}

/// Ends sessions; those that are gone already are as good.
async fn end(stranger: &Connections, sessions: &[u64]) {
    for id in sessions {
        let _ = stranger.execute_unprepared(&format!("KILL {id}")).await;
    }
}
