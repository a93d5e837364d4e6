//! A task of one process at a time: it holds the lease of its row among the consumers while it works, reads when it is woken,
//! and polls for what other processes have done.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chainbill_records::events::ConsumerLease;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{backoff::Backoff, engine::context::Engine, errors::SyncError, panics::catch_panic};

/// What a leased task does.
#[async_trait]
pub(crate) trait Leased: Send + Sync {
    /// Its name among the consumers.
    fn name(&self) -> &'static str;

    /// Changes when there may be something to do.
    fn wakes(&self, engine: &Engine) -> watch::Receiver<u64>;

    /// The shortest time between the beginnings of two turns over few events: what comes meanwhile makes one batch instead
    /// of several.
    fn pace(&self, engine: &Engine) -> Duration;

    /// Does some of what there is to do.
    async fn turn(&self, engine: &Engine, lease: &mut ConsumerLease) -> Result<Turn, SyncError>;
}

/// What a turn came to.
pub(crate) enum Turn {
    /// So many events were dealt with, and the lease prolonged.
    Events(usize),
    /// There was nothing to do.
    Idle,
    /// The lease is another's by now.
    Lost,
}

/// Fewer events are few.
const FEW: usize = 256;

/// Works until asked to stop. A turn that has begun is brought to its end.
pub(crate) async fn run(engine: Arc<Engine>, task: impl Leased, stop: CancellationToken) {
    let mut backoff = Backoff::new(engine.settings.backoff);
    while !stop.is_cancelled() {
        let pause = match catch_panic(hold(&engine, &task, &mut backoff, &stop)).await {
            // The lease was held until now: another process has taken it over, or the consumer was sent back and begins anew.
            Ok(true) => continue,
            Ok(false) => engine.settings.lease / 3,
            Err(error) => {
                if backoff.failures() == 0 {
                    tracing::warn!("Sync of events ({}) waits: {error}", task.name());
                }
                engine.metrics.set_trouble(engine.now(), Some(error.to_string()));
                backoff.failed(engine.records.random())
            }
        };
        tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(pause) => {} }
    }
}

/// Takes turns for as long as this process has the lease. Returns whether it had it at all.
async fn hold(
    engine: &Engine,
    task: &impl Leased,
    backoff: &mut Backoff,
    stop: &CancellationToken,
) -> Result<bool, SyncError> {
    let Some(_reservation) = Reservation::take(engine, task.name()) else { return Ok(false) };
    let Engine { records, owner, settings, .. } = engine;
    let Some(mut lease) = records.acquire_consumer(task.name(), owner, settings.lease).await? else {
        return Ok(false);
    };
    tracing::debug!(epoch = lease.epoch, position = lease.position, "Sync of events ({}) is leased", lease.name);
    let done = turns(engine, task, &mut lease, backoff, stop).await;
    if let Err(error) = records.release_consumer(&lease).await {
        tracing::debug!("Sync of events ({}) leaves its lease to its end: {error}", lease.name);
    }
    done.map(|()| true)
}

async fn turns(
    engine: &Engine,
    task: &impl Leased,
    lease: &mut ConsumerLease,
    backoff: &mut Backoff,
    stop: &CancellationToken,
) -> Result<(), SyncError> {
    let (shortest, longest) = engine.settings.poll;
    let (mut wakes, mut pause, mut renewed) = (task.wakes(engine), shortest, Instant::now());
    while !stop.is_cancelled() {
        wakes.mark_unchanged();
        let began = Instant::now();
        match task.turn(engine, lease).await? {
            Turn::Lost => return Ok(()),
            Turn::Events(count) => {
                succeeded(engine, backoff);
                (pause, renewed) = (shortest, began);
                if count < FEW {
                    tokio::time::sleep_until(began + task.pace(engine)).await;
                }
                continue;
            }
            Turn::Idle => succeeded(engine, backoff),
        }
        if renewed.elapsed() >= engine.settings.lease / 3 {
            if !engine.records.renew_consumer(lease, engine.settings.lease).await? {
                return Ok(());
            }
            renewed = began;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            _ = wakes.changed() => {}
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(longest),
        }
    }
    Ok(())
}

fn succeeded(engine: &Engine, backoff: &mut Backoff) {
    if backoff.failures() > 0 {
        backoff.succeeded();
        engine.metrics.set_trouble(engine.now(), None);
    }
}

/// Leases tell processes apart, not tasks of one process: one task at a time has the reservation.
struct Reservation<'e> {
    engine: &'e Engine,
    name: String,
}

impl<'e> Reservation<'e> {
    fn take(engine: &'e Engine, task: &str) -> Option<Self> {
        let name = format!("events-{task}");
        engine.reserve_lease(&name).then_some(Self { engine, name })
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.engine.unreserve_lease(&self.name);
    }
}
