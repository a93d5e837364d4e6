//! The two databases: proxies before both, and the power to kill them where they are ours.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use chainbill_testkit::{EMBEDDED, ForeignDocuments, Fresh, Proxy, address, server};
use tokio::{net::TcpStream, process::Command};

/// One of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The primary.
    Primary,
    /// The second database.
    Second,
}

impl Side {
    /// Its word for `cargo xtask databases`.
    const fn server(self) -> &'static str {
        match self {
            Self::Primary => "mysql",
            Self::Second => "mongodb",
        }
    }

    const fn variable(self) -> &'static str {
        match self {
            Self::Primary => "MYSQL_TEST_URL",
            Self::Second => "MONGODB_TEST_URL",
        }
    }
}

/// Both databases and what stands before them.
pub struct Databases {
    /// As they are; ChainBill knows them by other addresses.
    pub fresh: Fresh,
    /// Where ChainBill finds the primary.
    pub primary: String,
    /// Where ChainBill finds the second database.
    pub secondary: String,
    proxies: [Option<Proxy>; 2],
    /// What kills and starts them; none where they are not ours.
    xtask: Option<PathBuf>,
}

impl Databases {
    /// Makes databases on the servers that the environment names.
    pub async fn make() -> Self {
        let name = |side: Side| server(side.variable()).unwrap_or_else(|| EMBEDDED.to_owned());
        let (primary, secondary) = (name(Side::Primary), name(Side::Second));
        let fresh = Fresh::make(&primary, &secondary).await;
        let mut databases = Self {
            primary: fresh.primary.clone(),
            secondary: fresh.secondary.clone(),
            fresh,
            proxies: [None, None],
            xtask: std::env::var_os("TORTURE_XTASK").map(PathBuf::from),
        };
        if primary != EMBEDDED {
            let proxy = Proxy::before(address(&primary)).await;
            databases.primary = proxy.instead_of(&databases.primary);
            databases.proxies[Side::Primary as usize] = Some(proxy);
        }
        if secondary != EMBEDDED {
            let proxy = Proxy::before(address(&secondary)).await;
            databases.secondary = proxy.instead_of(&databases.secondary);
            databases.proxies[Side::Second as usize] = Some(proxy);
        }
        databases
    }

    /// The second database as a stranger sees it, past the proxy. An embedded one must have been made.
    pub async fn copies(&self) -> ForeignDocuments {
        if self.fresh.secondary == EMBEDDED {
            return ForeignDocuments::file(&self.fresh.folder.join("secondary.db")).await;
        }
        ForeignDocuments::server(&self.fresh.secondary).await
    }

    /// The proxy before one of them; none before an embedded one.
    pub fn proxy(&self, side: Side) -> Option<&Proxy> {
        self.proxies[side as usize].as_ref()
    }

    /// Whether they may be killed.
    pub fn ours(&self) -> bool {
        self.xtask.is_some()
    }

    /// `kill`, `stop`, `cont`.
    pub async fn harm(&self, side: Side, word: &str) -> anyhow::Result<()> {
        let xtask = self.xtask.as_ref().context("these databases are not ours")?;
        let ended = Command::new(xtask).args(["databases", "--set", "torture", word, side.server()]).status().await?;
        ensure!(ended.success(), "{side:?} could not be told to {word}");
        Ok(())
    }

    /// Starts a killed one; the moment at which it listened again.
    pub async fn start(&self, side: Side) -> anyhow::Result<Instant> {
        let (started, back) = tokio::join!(self.harm(side, "up"), self.listens(side));
        started?;
        back
    }

    async fn listens(&self, side: Side) -> anyhow::Result<Instant> {
        let url = server(side.variable()).context("a server")?;
        let until = Instant::now() + Duration::from_secs(90);
        while TcpStream::connect(address(&url)).await.is_err() {
            ensure!(Instant::now() < until, "{side:?} does not listen again");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(Instant::now())
    }
}
