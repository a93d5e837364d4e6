//! A lease on a long piece of work, renewed while it lasts.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{SyncError, engine::Engine};

pub(crate) const TTL: Duration = Duration::from_secs(15);
/// How long somebody waits for another holder.
const PATIENCE: Duration = Duration::from_secs(60);

/// A lease that is held until released or dropped; a dropped one ends by itself.
pub(crate) struct Held {
    engine: Arc<Engine>,
    name: String,
    lost: CancellationToken,
    over: CancellationToken,
}

impl Held {
    /// Takes the lease.
    pub async fn take(engine: &Arc<Engine>, name: &str) -> Result<Self, SyncError> {
        if !engine.hold(name) {
            return Err(SyncError::Held(name.to_owned()));
        }
        let held = Self {
            engine: engine.clone(),
            name: name.to_owned(),
            lost: CancellationToken::new(),
            over: CancellationToken::new(),
        };
        engine.records.ensure_leases(&[name.to_owned()]).await?;
        if engine.records.take_lease(name, &engine.owner, TTL).await?.is_none() {
            return Err(SyncError::Held(name.to_owned()));
        }
        held.keep();
        Ok(held)
    }

    /// Takes the lease, waiting for another holder a while: what somebody asks for should not fail because the schedule
    /// does the same at this moment.
    pub async fn wait(engine: &Arc<Engine>, name: &str, stop: &CancellationToken) -> Result<Self, SyncError> {
        let until = Instant::now() + PATIENCE;
        loop {
            match Self::take(engine, name).await {
                Err(SyncError::Held(_)) if Instant::now() < until => tokio::select! {
                    () = stop.cancelled() => return Err(SyncError::Stopped),
                    () = tokio::time::sleep(Duration::from_millis(100)) => {}
                },
                taken => return taken,
            }
        }
    }

    fn keep(&self) {
        let (engine, names) = (self.engine.clone(), vec![self.name.clone()]);
        let (lost, over) = (self.lost.clone(), self.over.clone());
        tokio::spawn(async move {
            let mut renewed = Instant::now();
            loop {
                tokio::select! { () = over.cancelled() => return, () = tokio::time::sleep(TTL / 5) => {} }
                let asked = Instant::now();
                match tokio::time::timeout(TTL / 5, engine.records.renew_leases(&names, &engine.owner, TTL)).await {
                    Ok(Ok(kept)) if !kept.is_empty() => renewed = asked,
                    // Another has it; or nobody can tell, and it may have ended by now.
                    Ok(Ok(_)) => break lost.cancel(),
                    _ if renewed.elapsed() >= TTL => break lost.cancel(),
                    _ => {}
                }
            }
        });
    }

    /// Ends when somebody else has taken it.
    pub async fn lost(&self) {
        self.lost.cancelled().await;
    }

    /// Gives it back.
    pub async fn release(self) {
        self.over.cancel();
        let names = [self.name.clone()];
        if let Err(error) = self.engine.records.release_leases(&names, &self.engine.owner).await {
            tracing::debug!("Sync leaves the lease {} to its end: {error}", self.name);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.over.cancel();
        self.engine.let_go(&self.name);
    }
}
