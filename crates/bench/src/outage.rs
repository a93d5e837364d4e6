//! A mirror outage under load: its backlog, its detection and the catch-up rate.

use std::{
    net::ToSocketAddrs as _,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use chainbill_records::Records;
use chainbill_sync::Replicator;
use chainbill_testkit::{EMBEDDED, Fault, Fresh, Proxy};
use tokio_util::sync::CancellationToken;

use crate::{
    deep,
    load::{Kind, Load, WRITTEN},
    settings,
};

const BEFORE: Duration = Duration::from_secs(3);
const AWAY: Duration = Duration::from_secs(45);
const AFTER: Duration = Duration::from_secs(30);
const TARGET: u64 = 500;

/// The results.
pub(crate) struct Seen {
    /// Overall commits per second.
    pub arriving: f64,
    /// Delay until the outage was reported.
    pub noticed: Duration,
    /// Backlog at its return.
    pub waiting: u64,
    /// Time until the backlog was drained.
    pub draining: Duration,
    /// Changes drained per second in that time, new ones included.
    pub drain_rate: f64,
    /// False healthy reports during the outage, at ten polls per second.
    pub false_healthy: u32,
    /// Final drift.
    pub drift: u64,
}

/// None without a mirror server.
pub(crate) async fn outage(fresh: &Fresh, records: &Records) -> anyhow::Result<Option<Seen>> {
    if fresh.secondary == EMBEDDED {
        return Ok(None);
    }
    let (_, rest) = fresh.secondary.split_once("://").context("an address")?;
    let server = rest.split('/').next().unwrap_or(rest).to_socket_addrs()?.next().context("a server")?;
    let proxy = Proxy::before(server).await;
    let through = Fresh::existing(&fresh.primary, &proxy.instead_of(&fresh.secondary));
    let sync = Replicator::new(fresh.beside(records).await, through.mirror().await, settings());
    let running = sync.start();
    anyhow::ensure!(sync.drained(Duration::from_secs(120)).await?, "the backlog did not drain");
    let load = Load { target: TARGET, rows: 1, kind: Kind::Mixed, lasting: BEFORE + AWAY + AFTER };
    let writing = {
        let records = records.clone();
        tokio::spawn(async move { load.run(&records, None).await })
    };
    tokio::time::sleep(BEFORE).await;
    proxy.set(Fault::Silence);
    let away = Instant::now();
    let (mut noticed, mut false_healthy) = (None, 0);
    while away.elapsed() < AWAY {
        match (sync.status().await.status, noticed) {
            ("healthy", None) => {}
            ("healthy", Some(_)) => false_healthy += 1,
            (_, None) => noticed = Some(away.elapsed()),
            (_, Some(_)) => {}
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let waiting = waiting(records).await?;
    proxy.set(Fault::None);
    let back = Instant::now();
    // A tenth of a second's changes are always in flight.
    while self::waiting(records).await? > TARGET / 10 {
        anyhow::ensure!(back.elapsed() < Duration::from_secs(300), "the backlog did not drain");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let draining = back.elapsed();
    let left = self::waiting(records).await?;
    let arriving = writing.await??;
    let arrived = arriving * draining.as_secs_f64();
    anyhow::ensure!(sync.drained(Duration::from_secs(120)).await?, "the backlog did not drain");
    running.stop().await;
    let comparison = sync.run(WRITTEN, deep(), &|_| {}, &CancellationToken::new()).await?.comparison;
    Ok(Some(Seen {
        arriving,
        noticed: noticed.unwrap_or(AWAY),
        waiting,
        draining,
        drain_rate: (waiting as f64 + arrived - left as f64) / draining.as_secs_f64(),
        false_healthy,
        drift: comparison.drifting(),
    }))
}

async fn waiting(records: &Records) -> anyhow::Result<u64> {
    Ok(records.backlog().await?.iter().map(|waiting| waiting.entries).sum())
}
