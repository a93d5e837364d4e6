//! Scaling of relay processes.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use chainbill_domain::models::INVOICES;
use chainbill_records::Records;
use chainbill_sync::Replicator;
use chainbill_testkit::Fresh;
use chainbill_testkit::sea_orm::ConnectionTrait as _;

use crate::{
    child::{self, Role},
    enqueue_all, rate,
};

/// Changes every invoice, to be relayed by this many processes with equal shares; changes per second.
pub(crate) async fn drain(fresh: &Fresh, records: &Records, sync: &Replicator, count: usize) -> anyhow::Result<f64> {
    let db = records;
    for statement in ["DELETE FROM outbox", "UPDATE invoices SET version = version + 1"] {
        db.execute_unprepared(statement).await?;
    }
    let entries = enqueue_all(records, &INVOICES).await?;
    // The backlog is set aside until all processes run, and restored at once.
    for statement in ["CREATE TABLE aside AS SELECT * FROM outbox", "DELETE FROM outbox"] {
        db.execute_unprepared(statement).await?;
    }
    let children: Vec<_> = (0..count).map(|_| child::start(Role::Relay, fresh)).collect::<Result<_, _>>()?;
    shared(records, count).await?;
    let started = Instant::now();
    db.execute_unprepared("INSERT INTO outbox SELECT * FROM aside").await?;
    anyhow::ensure!(sync.drained(Duration::from_secs(600)).await?, "the backlog did not drain");
    let rate = rate(entries, started.elapsed().as_secs_f64());
    drop(children);
    db.execute_unprepared("DROP TABLE aside").await?;
    Ok(rate)
}

/// Waits until this many processes hold the partitions in equal shares.
async fn shared(records: &Records, count: usize) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let mut shares: HashMap<String, usize> = HashMap::new();
        for lease in records.leases().await?.into_iter().filter(|lease| lease.name.starts_with("outbox-")) {
            if let Some(owner) = lease.owner.filter(|_| lease.until > records.now()) {
                *shares.entry(owner).or_default() += 1;
            }
        }
        let whole = shares.values().sum::<usize>() == 16;
        if whole && shares.len() == count && shares.values().all(|share| *share <= 16_usize.div_ceil(count)) {
            return Ok(());
        }
        anyhow::ensure!(began.elapsed() < Duration::from_secs(120), "the shares do not settle: {shares:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
