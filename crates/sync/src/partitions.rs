//! Sharing the partitions among processes: each says that it lives, takes its fair share of leases and gives back what is
//! too much. One that is silent loses its leases when they end.

use std::{sync::Arc, time::Duration};

use chainbill_records::outbox::PARTS;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{SyncError, caught::caught, engine::Engine};

fn lease_name(part: u16) -> String {
    format!("outbox-{part:02}")
}

/// Keeps this process's share of the partitions.
pub(crate) struct Partitions {
    engine: Arc<Engine>,
    held: watch::Sender<Vec<u16>>,
}

impl Partitions {
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, held: watch::Sender::new(Vec::new()) }
    }

    /// The partitions that this process holds, as they change.
    pub fn held(&self) -> watch::Receiver<Vec<u16>> {
        self.held.subscribe()
    }

    /// Works until asked to stop, then gives everything back.
    pub async fn run(self, stop: CancellationToken, lanes_ended: CancellationToken) {
        let lease = self.engine.settings.lease;
        while !stop.is_cancelled() {
            let pause = match caught(self.round()).await {
                Ok(()) => lease / 3,
                Err(error) => {
                    tracing::warn!("Sync cannot renew its leases: {error}");
                    lease / 10
                }
            };
            tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(pause) => {} }
        }
        lanes_ended.cancelled().await;
        if let Err(error) = self.give_back().await {
            tracing::warn!("Sync leaves its leases to their end: {error}");
        }
    }

    /// Says that it lives, renews, gives back what exceeds the share, takes what is free up to the share.
    pub async fn round(&self) -> Result<(), SyncError> {
        let Engine { records, settings, owner, .. } = self.engine.as_ref();
        // Before anything is written with these descriptions, they are made known.
        self.engine.attend().await?;
        let names: Vec<String> = (0..PARTS).map(lease_name).collect();
        records.ensure_leases(&names).await?;
        let workers = records.worker_alive(owner, "relay", settings.lease).await?;
        let share = u64::from(PARTS).div_ceil(workers);
        let share = usize::try_from(share).unwrap_or(usize::from(PARTS));
        let held = self.held.borrow().clone();
        let mine: Vec<String> = held.iter().map(|part| lease_name(*part)).collect();
        let mut kept = records.renew_leases(&mine, owner, settings.lease).await?;
        if kept.len() > share {
            let surplus = kept.split_off(share);
            let remaining = parts_of(&kept);
            self.held.send_replace(remaining);
            records.release_leases(&surplus, owner).await?;
        }
        for name in names.iter().filter(|name| !mine.contains(name)) {
            if kept.len() >= share {
                break;
            }
            if let Some(lease) = records.take_lease(name, owner, settings.lease).await? {
                tracing::debug!(lease = lease.name, epoch = lease.epoch, "Sync holds a partition");
                kept.push(lease.name);
            }
        }
        let mut parts = parts_of(&kept);
        parts.sort_unstable();
        self.held.send_if_modified(|held| {
            let changed = *held != parts;
            *held = parts;
            changed
        });
        Ok(())
    }

    async fn give_back(&self) -> Result<(), SyncError> {
        let names: Vec<String> = self.held.borrow().iter().map(|part| lease_name(*part)).collect();
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

fn parts_of(names: &[String]) -> Vec<u16> {
    (0..PARTS).filter(|part| names.contains(&lease_name(*part))).collect()
}
