//! Sharing the partitions among processes: each sends a sign of life, acquires its fair share of leases and releases the surplus.
//! The leases of a silent process expire.

use std::{sync::Arc, time::Duration};

use chainbill_records::outbox::PARTITIONS;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{engine::context::Engine, errors::SyncError, panics::catch_panic};

fn lease_name(partition: u16) -> String {
    format!("outbox-{partition:02}")
}

/// Keeps this process's share of the partitions.
pub(crate) struct Partitions {
    engine: Arc<Engine>,
    leased: watch::Sender<Vec<u16>>,
}

impl Partitions {
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, leased: watch::Sender::new(Vec::new()) }
    }

    /// The partitions whose leases this process holds, as they change.
    pub fn leased(&self) -> watch::Receiver<Vec<u16>> {
        self.leased.subscribe()
    }

    /// Renews until cancelled; releases everything when the workers have ended.
    pub async fn run(self, stop: CancellationToken, workers_ended: CancellationToken) {
        let lease = self.engine.settings.lease;
        while !stop.is_cancelled() {
            let pause = match catch_panic(self.round()).await {
                Ok(()) => lease / 3,
                Err(error) => {
                    tracing::warn!("Sync cannot renew its leases: {error}");
                    lease / 10
                }
            };
            tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(pause) => {} }
        }
        workers_ended.cancelled().await;
        if let Err(error) = self.release_all().await {
            tracing::warn!("Sync lets its leases expire: {error}");
        }
    }

    /// Sends a sign of life, renews, releases what exceeds the share, and acquires free leases up to the share.
    pub async fn round(&self) -> Result<(), SyncError> {
        let Engine { records, settings, owner, .. } = self.engine.as_ref();
        // A schema is registered before a document of its revisions is written.
        self.engine.schemas.attend().await?;
        let names: Vec<String> = (0..PARTITIONS).map(lease_name).collect();
        records.ensure_leases(&names).await?;
        let workers = records.worker_alive(owner, "relay", settings.lease).await?;
        let share = u64::from(PARTITIONS).div_ceil(workers);
        let share = usize::try_from(share).unwrap_or(usize::from(PARTITIONS));
        let mine: Vec<String> = self.leased.borrow().iter().map(|partition| lease_name(*partition)).collect();
        let mut kept = records.renew_leases(&mine, owner, settings.lease).await?;
        if kept.len() > share {
            let surplus = kept.split_off(share);
            let remaining = partitions_of(&kept);
            self.leased.send_replace(remaining);
            records.release_leases(&surplus, owner).await?;
        }
        for name in names.iter().filter(|name| !mine.contains(name)) {
            if kept.len() >= share {
                break;
            }
            if let Some(lease) = records.take_lease(name, owner, settings.lease).await? {
                tracing::debug!(lease = lease.name, epoch = lease.epoch, "Sync has leased a partition");
                kept.push(lease.name);
            }
        }
        let partitions = partitions_of(&kept);
        self.leased.send_if_modified(|leased| {
            let changed = *leased != partitions;
            *leased = partitions;
            changed
        });
        Ok(())
    }

    async fn release_all(&self) -> Result<(), SyncError> {
        let names: Vec<String> = self.leased.borrow().iter().map(|partition| lease_name(*partition)).collect();
        let Engine { records, owner, .. } = self.engine.as_ref();
        let all = async {
            records.release_leases(&names, owner).await?;
            records.worker_gone(owner).await
        };
        match tokio::time::timeout(Duration::from_secs(2), all).await {
            Ok(result) => Ok(result?),
            Err(_) => Err(SyncError::Stopped),
        }
    }
}

/// The partitions of these leases, ascending.
fn partitions_of(names: &[String]) -> Vec<u16> {
    (0..PARTITIONS).filter(|partition| names.contains(&lease_name(*partition))).collect()
}
