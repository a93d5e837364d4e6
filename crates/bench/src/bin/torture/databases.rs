//! The two databases, proxies before both, and kill commands for our own servers.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use chainbill_testkit::{EMBEDDED, ForeignDocuments, Fresh, Proxy, address, server};
use tokio::{net::TcpStream, process::Command};

use crate::group::{self, Group};

/// A database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The primary.
    Primary,
    /// The mirror.
    Second,
}

impl Side {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Primary, Self::Second];

    /// Its `cargo xtask databases` name.
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

/// Both databases and their proxies.
pub struct Databases {
    /// Direct addresses; ChainBill uses the proxies'.
    pub fresh: Fresh,
    /// The primary's proxy address.
    pub primary: String,
    /// The mirror's proxy address.
    pub secondary: String,
    proxies: [Option<Proxy>; 2],
    /// Further servers of a primary cluster.
    pub group: Option<Group>,
    /// Kills and starts them; none for external servers.
    xtask: Option<PathBuf>,
}

impl Databases {
    /// Creates databases on the environment's servers.
    pub async fn make() -> Self {
        let name = |side: Side| server(side.variable()).unwrap_or_else(|| EMBEDDED.to_owned());
        let group = group::named();
        let primary = group.as_ref().map_or_else(|| name(Side::Primary), |urls| urls[0].clone());
        let secondary = name(Side::Second);
        let fresh = Fresh::make(&primary, &secondary).await;
        let mut databases = Self {
            primary: fresh.primary.clone(),
            secondary: fresh.secondary.clone(),
            fresh,
            proxies: [None, None],
            group: None,
            xtask: std::env::var_os("TORTURE_XTASK").map(PathBuf::from),
        };
        if let Some(urls) = group {
            let database = databases.primary.rsplit('/').next().unwrap_or_default().to_owned();
            databases.group = Some(Group::before(&urls, &database).await);
        }
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

    /// The mirror through a plain driver, past the proxy. An embedded one must exist.
    pub async fn mirror(&self) -> ForeignDocuments {
        if self.fresh.secondary == EMBEDDED {
            return ForeignDocuments::file(&self.fresh.folder.join("secondary.db")).await;
        }
        ForeignDocuments::server(&self.fresh.secondary).await
    }

    /// A database's proxy; none for an embedded one.
    pub fn proxy(&self, side: Side) -> Option<&Proxy> {
        self.proxies[side as usize].as_ref()
    }

    /// Whether a database may be killed. Group members may not: rejoining the group is not implemented here.
    pub fn may_kill(&self, side: Side) -> bool {
        self.xtask.is_some() && (side == Side::Second || self.group.is_none())
    }

    /// The primary's address for this ChainBill server.
    pub fn primary_of(&self, place: usize) -> String {
        match &self.group {
            Some(group) if place > 0 => group.in_turn(&self.fresh.primary),
            _ => self.primary.clone(),
        }
    }

    /// `kill`, `stop`, `cont`.
    pub async fn harm(&self, side: Side, word: &str) -> anyhow::Result<()> {
        let xtask = self.xtask.as_ref().context("the databases are external")?;
        let ended = Command::new(xtask).args(["databases", "--set", "torture", word, side.server()]).status().await?;
        ensure!(ended.success(), "{word} failed for {side:?}");
        Ok(())
    }

    /// Starts a killed one; returns when it listens again.
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
