//! From a commit's answer to the moment at which the second database has acknowledged its document, and readers see it.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chainbill_domain::{Model, Timestamp};
use chainbill_mirror::{Guard, Mirror, MirrorError, Outcome, Write};
use chainbill_records::Records;
use chainbill_sync::Sync;
use chainbill_testkit::{Between, Fresh, Writing};
use tokio::sync::mpsc;

use crate::{
    load::{Kind, Load},
    settings,
};

/// What was seen.
pub(crate) struct Seen {
    pub reached: f64,
    pub p50: f64,
    pub p99: f64,
    pub cpu_per_thousand: f64,
}

const LASTING: Duration = Duration::from_secs(10);

/// Stands before the second database and remembers when it acknowledged what. Reading documents again and again until
/// they are there would be a load of its own.
#[derive(Default)]
struct Acknowledged(Mutex<HashMap<String, Instant>>);

#[async_trait]
impl Writing for Acknowledged {
    async fn apply(
        &self,
        inner: &dyn Mirror,
        model: &'static Model,
        guard: Guard,
        writes: &[Write],
        at: Timestamp,
    ) -> Result<Vec<Outcome>, MirrorError> {
        let outcomes = inner.apply(model, guard, writes, at).await?;
        let now = Instant::now();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for write in writes {
            known.entry(write.id.clone()).or_insert(now);
        }
        Ok(outcomes)
    }
}

pub(crate) async fn commit_to_visible(fresh: &Fresh, records: &Records, target: u64) -> anyhow::Result<Seen> {
    let watched = Between::before(fresh.mirror().await, Acknowledged::default());
    let sync = Sync::new(fresh.beside(records).await, watched.clone(), settings());
    let load = Load { target, rows: 1, kind: Kind::Creations, lasting: LASTING };
    let alone = load.run(records, None).await?;
    let running = sync.start();
    anyhow::ensure!(sync.drained(Duration::from_secs(120)).await?, "the backlog did not drain");
    let (tell, mut told) = mpsc::unbounded_channel();
    let relayed = load.run(records, Some(tell)).await?;
    anyhow::ensure!(sync.drained(Duration::from_secs(120)).await?, "the backlog did not drain");
    running.stop().await;
    let mut seen = Vec::new();
    let known = watched.writing.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    while let Ok((id, committed)) = told.try_recv() {
        let Some(acknowledged) = known.get(&id) else { anyhow::bail!("{id} never appeared") };
        seen.push(acknowledged.saturating_duration_since(committed).as_secs_f64() * 1000.0);
    }
    seen.sort_by(f64::total_cmp);
    let at = |share: usize| seen[(seen.len() - 1) * share / 100];
    Ok(Seen {
        reached: relayed.rate,
        p50: at(50),
        p99: at(99),
        cpu_per_thousand: relayed.cpu_per_thousand - alone.cpu_per_thousand,
    })
}
