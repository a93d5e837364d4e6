//! A lease on long work, renewed while it lasts.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{engine::context::Engine, errors::SyncError};

/// How long a lease lasts without being renewed.
pub(crate) const TTL: Duration = Duration::from_secs(15);
/// How long [`LeaseGuard::acquire_patiently`] waits for another holder.
const PATIENCE: Duration = Duration::from_secs(60);

/// A lease, held until it is released or dropped; the row of a dropped one expires by itself.
pub(crate) struct LeaseGuard {
    engine: Arc<Engine>,
    name: String,
    lost: CancellationToken,
    over: CancellationToken,
}

impl LeaseGuard {
    /// Acquires the lease.
    pub async fn acquire(engine: &Arc<Engine>, name: &str) -> Result<Self, SyncError> {
        if !engine.reserve_lease(name) {
            return Err(SyncError::LeaseTaken(name.to_owned()));
        }
        let guard = Self {
            engine: engine.clone(),
            name: name.to_owned(),
            lost: CancellationToken::new(),
            over: CancellationToken::new(),
        };
        engine.records.ensure_leases(&[name.to_owned()]).await?;
        if engine.records.take_lease(name, &engine.owner, TTL).await?.is_none() {
            return Err(SyncError::LeaseTaken(name.to_owned()));
        }
        guard.renew();
        Ok(guard)
    }

    /// Acquires the lease and waits for another holder a while: an operator's command should not fail because the schedule
    /// does the same work at this moment.
    pub async fn acquire_patiently(
        engine: &Arc<Engine>,
        name: &str,
        stop: &CancellationToken,
    ) -> Result<Self, SyncError> {
        let until = Instant::now() + PATIENCE;
        loop {
            match Self::acquire(engine, name).await {
                Err(SyncError::LeaseTaken(_)) if Instant::now() < until => tokio::select! {
                    () = stop.cancelled() => return Err(SyncError::Stopped),
                    () = tokio::time::sleep(Duration::from_millis(100)) => {}
                },
                acquired => return acquired,
            }
        }
    }

    fn renew(&self) {
        let (engine, names) = (self.engine.clone(), vec![self.name.clone()]);
        let (lost, over) = (self.lost.clone(), self.over.clone());
        tokio::spawn(async move {
            let mut renewed = Instant::now();
            loop {
                tokio::select! { () = over.cancelled() => return, () = tokio::time::sleep(TTL / 5) => {} }
                let asked = Instant::now();
                match tokio::time::timeout(TTL / 5, engine.records.renew_leases(&names, &engine.owner, TTL)).await {
                    Ok(Ok(kept)) if !kept.is_empty() => renewed = asked,
                    // Another process has it.
                    Ok(Ok(_)) => break lost.cancel(),
                    // The primary does not answer, and the lease may have expired by now.
                    _ if renewed.elapsed() >= TTL => break lost.cancel(),
                    _ => {}
                }
            }
        });
    }

    /// Does work for as long as the lease is held; losing it cancels the work.
    pub async fn protect<T>(&self, work: impl Future<Output = Result<T, SyncError>>) -> Result<T, SyncError> {
        tokio::select! {
            result = work => result,
            () = self.lost.cancelled() => Err(SyncError::LeaseTaken(self.name.clone())),
        }
    }

    /// Releases the lease.
    pub async fn release(self) {
        self.over.cancel();
        let names = [self.name.clone()];
        if let Err(error) = self.engine.records.release_leases(&names, &self.engine.owner).await {
            tracing::debug!("Sync lets the lease {} expire: {error}", self.name);
        }
    }
}

impl Drop for LeaseGuard {
    fn drop(&mut self) {
        self.over.cancel();
        self.engine.unreserve_lease(&self.name);
    }
}
