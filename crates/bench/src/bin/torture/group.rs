//! A primary of several servers that all take writes. Clients and the first ChainBill keep to one of them; the second
//! ChainBill is led to each in turn, and relays, renews leases and takes entries off wherever it lands. The last server is
//! kept behind now and then: what it shows then has been overtaken.

use std::time::Duration;

use chainbill_testkit::sea_orm::ConnectionTrait as _;
use chainbill_testkit::{Proxy, address, open, with_database};

/// Servers as tests name them.
const VARIABLE: &str = "MYSQL_GROUP_TEST_URLS";

/// The servers of the group beside the first.
pub struct Group {
    /// Leads to each server in turn.
    in_turn: Proxy,
    /// The last server, past all proxies.
    last: String,
}

/// The addresses of a group, when one is named; the first is the one that clients keep to.
pub fn named() -> Option<Vec<String>> {
    let urls = std::env::var(VARIABLE).ok().filter(|urls| !urls.is_empty())?;
    Some(urls.split(',').map(str::to_owned).collect())
}

impl Group {
    /// Stands before all servers.
    pub async fn before(urls: &[String], database: &str) -> Self {
        let last = urls.last().map_or("", String::as_str);
        Self {
            in_turn: Proxy::among(urls.iter().map(|url| address(url)).collect()).await,
            last: with_database(last, database),
        }
    }

    /// The address by which each connection reaches the next server.
    pub fn in_turn(&self, url: &str) -> String {
        self.in_turn.instead_of(url)
    }

    /// The last server goes on answering and does not apply what the others commit.
    pub async fn falls_behind(&self, pause: Duration) -> anyhow::Result<()> {
        let db = open(&self.last).await.db;
        let holding = db.begin().await?;
        holding.execute_unprepared("LOCK TABLES users READ, invoices READ").await?;
        tokio::time::sleep(pause).await;
        holding.execute_unprepared("UNLOCK TABLES").await?;
        holding.rollback().await?;
        Ok(db.close().await?)
    }
}
