//! The two databases: proxies before both, and the power to kill them where they are ours.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use chainbill_testkit::{EMBEDDED, ForeignDocuments, Fresh, Proxy, address, server};
use tokio::{net::TcpStream, process::Command};

use crate::group::{self, Group};

/// One of the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The primary.
    Primary,
    /// The second database.
    Second,
}

impl Side {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Primary, Self::Second];

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
    /// The other servers of a primary that has several.
    pub group: Option<Group>,
    /// What kills and starts them; none where they are not ours.
    xtask: Option<PathBuf>,
}

impl Databases {
    /// Makes databases on the servers that the environment names.
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

    /// Whether one of them may be killed. The servers of a group are not: nobody here knows how to bring one back into it.
    pub fn may_kill(&self, side: Side) -> bool {
        self.xtask.is_some() && (side == Side::Second || self.group.is_none())
    }

    /// Where the ChainBill of this place finds the primary.
    pub fn primary_of(&self, place: usize) -> String {
        match &self.group {
            Some(group) if place > 0 => group.in_turn(&self.fresh.primary),
            _ => self.primary.clone(),
        }
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
