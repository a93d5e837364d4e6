//! Latency from a commit's answer to the mirror's acknowledgement, when readers see the document; and the relay's
//! processor time.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chainbill_domain::{Model, Timestamp};
use chainbill_mirror::{Guard, Mirror, MirrorError, Outcome, Write};
use chainbill_records::Records;
use chainbill_sync::Replicator;
use chainbill_testkit::{Between, Fresh, Writing};
use tokio::{runtime, sync::mpsc};

use crate::{
    load::{Kind, Load},
    processor_seconds_of, settings,
};

/// The results.
pub(crate) struct Seen {
    pub reached: f64,
    pub p50: f64,
    pub p99: f64,
    pub cpu_per_thousand: f64,
}

const LASTING: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(120);
/// Name of the relay's threads.
const RELAY: &str = "relay";

/// A mirror wrapper that records acknowledgement times. Polling for documents would add load.
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
    // Separate threads, connections included: their processor time is the relay's alone.
    let threads = runtime::Builder::new_multi_thread().worker_threads(2).thread_name(RELAY).enable_all().build()?;
    let (place, primary) = (Fresh::existing(&fresh.primary, &fresh.secondary), records.clone());
    let begun = threads.spawn(async move {
        let watched = Between::before(place.mirror().await, Acknowledged::default());
        let sync = Replicator::new(place.beside(&primary).await, watched.clone(), settings());
        let running = sync.start();
        let drained = sync.drained(PATIENCE).await;
        (watched, sync, running, drained)
    });
    let (watched, sync, running, drained) = begun.await?;
    anyhow::ensure!(drained?, "the backlog did not drain");
    let (tell, mut told) = mpsc::unbounded_channel();
    let load = Load { target, rows: 1, kind: Kind::Creations, lasting: LASTING };
    let before = processor_seconds_of(RELAY)?;
    let reached = load.run(records, Some(tell)).await?;
    let waiting = sync.clone();
    anyhow::ensure!(threads.spawn(async move { waiting.drained(PATIENCE).await }).await??, "the backlog did not drain");
    let relaying = processor_seconds_of(RELAY)? - before;
    threads.spawn(running.stop()).await?;
    threads.shutdown_background();
    let mut seen = Vec::new();
    let known = watched.writing.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    while let Ok((id, committed)) = told.try_recv() {
        let Some(acknowledged) = known.get(&id) else { anyhow::bail!("{id} never appeared") };
        seen.push(acknowledged.saturating_duration_since(committed).as_secs_f64() * 1000.0);
    }
    seen.sort_by(f64::total_cmp);
    let at = |share: usize| seen[(seen.len() - 1) * share / 100];
    Ok(Seen { reached, p50: at(50), p99: at(99), cpu_per_thousand: relaying / seen.len() as f64 * 1000.0 })
}
