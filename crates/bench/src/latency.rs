//! From a commit's answer to the moment at which a reader of the second database sees the change.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use chainbill_domain::models::USERS;
use chainbill_mirror::Mirror;
use chainbill_records::{Records, entities::users};
use chainbill_sync::Sync;
use tokio::sync::mpsc;

use crate::{commits::user, processor_seconds};

/// What was seen.
pub(crate) struct Seen {
    pub reached: f64,
    pub p50: f64,
    pub p99: f64,
    pub cpu_per_thousand: f64,
}

const SECONDS: u64 = 8;
const WRITERS: u64 = 16;
/// Changes whose appearance is watched, per second.
const WATCHED: u64 = 20;

pub(crate) async fn commit_to_visible(
    records: &Records,
    sync: &Sync,
    mirror: Arc<dyn Mirror>,
    target: u64,
) -> anyhow::Result<Seen> {
    let alone = load(records, target, None).await?;
    let running = sync.start();
    anyhow::ensure!(sync.drained(Duration::from_secs(120)).await?, "the backlog did not drain");
    let with_relay = load(records, target, None).await?;
    anyhow::ensure!(sync.drained(Duration::from_secs(120)).await?, "the backlog did not drain");
    let (tell, told) = mpsc::unbounded_channel();
    let watching = tokio::spawn(watch(mirror, told));
    let watched = load(records, target, Some(tell)).await?;
    let mut seen = watching.await??;
    anyhow::ensure!(sync.drained(Duration::from_secs(120)).await?, "the backlog did not drain");
    running.stop().await;
    seen.sort_by(f64::total_cmp);
    let at = |share: usize| seen[(seen.len() - 1) * share / 100];
    Ok(Seen {
        reached: watched.rate,
        p50: at(50),
        p99: at(99),
        cpu_per_thousand: with_relay.cpu_per_thousand - alone.cpu_per_thousand,
    })
}

type Committed = (String, Instant);

/// Milliseconds from each commit to its document. One question at a time names all that are awaited, so that watching
/// does not become a load of its own.
async fn watch(mirror: Arc<dyn Mirror>, mut told: mpsc::UnboundedReceiver<Committed>) -> anyhow::Result<Vec<f64>> {
    let (mut awaited, mut all) = (Vec::<Committed>::new(), Vec::new());
    loop {
        if awaited.is_empty() {
            let Some(first) = told.recv().await else { return Ok(all) };
            awaited.push(first);
        }
        while let Ok(more) = told.try_recv() {
            awaited.push(more);
        }
        // Documents become visible one after another; the oldest answers for the moment.
        let looks = awaited.iter().map(|(id, _)| mirror.get(&USERS, id));
        let found = futures::future::try_join_all(looks).await?;
        let seen = Instant::now();
        let mut found = found.into_iter();
        awaited.retain(|(_, committed)| {
            let there = found.next().flatten().is_some();
            if there {
                all.push((seen - *committed).as_secs_f64() * 1000.0);
            }
            !there
        });
        anyhow::ensure!(
            awaited.iter().all(|(_, committed)| committed.elapsed() < Duration::from_secs(60)),
            "a change never appeared"
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// What a load came to.
struct Load {
    rate: f64,
    cpu_per_thousand: f64,
}

/// Commits at a steady rate, some of which are told to a watcher.
async fn load(records: &Records, target: u64, tell: Option<mpsc::UnboundedSender<Committed>>) -> anyhow::Result<Load> {
    let count = Arc::new(AtomicU64::new(0));
    let (started, cpu) = (Instant::now(), processor_seconds()?);
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..WRITERS {
        writers.spawn(write(records.clone(), target, count.clone(), tell.clone()));
    }
    drop(tell);
    while let Some(one) = writers.join_next().await {
        one??;
    }
    let written = count.load(Relaxed) as f64;
    Ok(Load {
        rate: written / started.elapsed().as_secs_f64(),
        cpu_per_thousand: (processor_seconds()? - cpu) / written * 1000.0,
    })
}

/// One of the writers: its share of the commits, evenly spread.
async fn write(
    records: Records,
    target: u64,
    count: Arc<AtomicU64>,
    tell: Option<mpsc::UnboundedSender<Committed>>,
) -> anyhow::Result<()> {
    let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 * WRITERS / target));
    let until = Instant::now() + Duration::from_secs(SECONDS);
    while Instant::now() < until {
        ticks.tick().await;
        let mut unit = records.begin().await?;
        let row = unit.insert::<users::Entity>(user(&records)).await?;
        unit.commit().await?;
        let place = count.fetch_add(1, Relaxed);
        if let Some(tell) = tell.as_ref().filter(|_| place.is_multiple_of((target / WATCHED).max(1))) {
            tell.send((row.id.to_string(), Instant::now()))?;
        }
    }
    Ok(())
}
