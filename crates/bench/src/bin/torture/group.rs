//! A multi-writer primary cluster. Clients and the first ChainBill use one server; the second ChainBill's connections
//! rotate over all, where it relays, renews leases and acks entries. The last server lags now and then and returns
//! stale reads.

use std::time::Duration;

use chainbill_testkit::sea_orm::ConnectionTrait as _;
use chainbill_testkit::{Proxy, address, open, with_database};

/// Server variable of tests.
const VARIABLE: &str = "MYSQL_GROUP_TEST_URLS";

/// The group's servers after the first.
pub struct Group {
    /// Rotates over the servers.
    in_turn: Proxy,
    /// Direct address of the last server.
    last: String,
}

/// The addresses of a configured group; clients use the first.
pub fn named() -> Option<Vec<String>> {
    let urls = std::env::var(VARIABLE).ok().filter(|urls| !urls.is_empty())?;
    Some(urls.split(',').map(str::to_owned).collect())
}

impl Group {
    /// Proxies all servers.
    pub async fn before(urls: &[String], database: &str) -> Self {
        let last = urls.last().map_or("", String::as_str);
        Self {
            in_turn: Proxy::among(urls.iter().map(|url| address(url)).collect()).await,
            last: with_database(last, database),
        }
    }

    /// The proxy's address, which rotates per connection.
    pub fn in_turn(&self, url: &str) -> String {
        self.in_turn.instead_of(url)
    }

    /// The last server answers but does not apply the others' commits.
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
