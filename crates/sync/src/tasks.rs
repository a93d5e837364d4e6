//! The tasks of a running synchronisation, and the recurring jobs of its leader.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    backfill::filler,
    cluster::{
        leader::lead,
        partitions::Partitions,
        retention,
        scheduler::{self, Job},
    },
    engine::context::Engine,
    events::{consumer::Consumer, kinds, leased, sequencer::Sequencer},
    relay::{concurrency::Concurrency, dead_letters, heartbeat, worker::Worker},
    repair::{quarantine, schedule},
    status::{observer::Observer, watch::watch},
};

/// A standby process tries so often to become the leader.
const STANDBY: Duration = Duration::from_secs(3);
const MINUTE: Duration = Duration::from_secs(60);

/// The tasks of a running synchronisation.
#[must_use = "dropping it ends the tasks in the middle of what they do"]
pub struct Running {
    stop: CancellationToken,
    workers_ended: CancellationToken,
    workers: JoinSet<()>,
    others: JoinSet<()>,
}

impl Running {
    /// Lets every worker finish its batch, releases all leases, and ends.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.workers.join_next().await.is_some() {}
        self.workers_ended.cancel();
        while self.others.join_next().await.is_some() {}
    }
}

/// Starts what empties the primary's queues: the relay's workers, the sharing of partitions, the sequencer and every consumer of events.
pub(crate) fn start_relay(engine: &Arc<Engine>) -> Running {
    engine.metrics.relays.store(true, Ordering::Relaxed);
    let (stop, workers_ended) = (CancellationToken::new(), CancellationToken::new());
    let (mut workers, mut others) = (JoinSet::new(), JoinSet::new());
    let partitions = Partitions::new(engine.clone());
    let count = engine.settings.workers;
    let concurrency = Concurrency::of(count);
    for index in 0..count {
        let worker = Worker::new(engine.clone(), index, concurrency.clone(), partitions.leased());
        workers.spawn(worker.run(stop.clone()));
    }
    others.spawn(partitions.run(stop.clone(), workers_ended.clone()));
    others.spawn(leased::run(engine.clone(), Sequencer, stop.clone()));
    for kind in kinds::all() {
        others.spawn(leased::run(engine.clone(), Consumer(kind), stop.clone()));
    }
    Running { stop, workers_ended, workers, others }
}

/// Starts everything.
pub(crate) fn start(observer: &Arc<Observer>) -> Running {
    let engine = &observer.engine;
    let mut running = start_relay(engine);
    running.others.spawn(watch(observer.clone(), running.stop.clone()));
    running.others.spawn(run_jobs(observer.clone(), running.stop.clone()));
    running.others.spawn(filler::run(engine.clone(), running.stop.clone()));
    tracing::info!(owner = engine.owner, "Sync runs to {}", engine.mirror.engine());
    running
}

/// Executes the leader's jobs whenever this process is the leader.
async fn run_jobs(observer: Arc<Observer>, stop: CancellationToken) {
    let engine = &observer.engine;
    let jobs = jobs(engine, &stop);
    let work = || async {
        let _leading = observer.leading();
        scheduler::run(&jobs).await;
        Ok(())
    };
    lead(engine, "keeper", STANDBY, || async { true }, work, &stop).await;
}

fn jobs<'j>(engine: &'j Arc<Engine>, stop: &'j CancellationToken) -> Vec<Job<'j>> {
    let second = Duration::from_secs(1);
    let verify_pause = (engine.settings.verify_every / 10).clamp(second, MINUTE);
    vec![
        Job::new("send heartbeats", engine.settings.heartbeat, move || heartbeat::send(engine)),
        Job::new("compare models", 5 * second, move || schedule::compare_due(engine, stop)),
        Job::new("verify models", verify_pause, move || schedule::verify_due(engine, stop)),
        Job::new("retry dead letters", MINUTE, move || dead_letters::retry_due(engine)),
        Job::new("recheck quarantined documents", MINUTE, move || quarantine::recheck(engine)),
        Job::new("purge its records", MINUTE, move || retention::purge_records(engine)),
        Job::new("purge the mirror", MINUTE, move || retention::purge_mirror(engine)),
    ]
}
