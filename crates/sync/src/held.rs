//! A lease on a long piece of work, renewed while it lasts.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{SyncError, engine::Engine};

const TTL: Duration = Duration::from_secs(15);
/// How long somebody waits for another holder.
const PATIENCE: Duration = Duration::from_secs(60);

/// A lease that is held until released or dropped; a dropped one ends by itself.
pub(crate) struct Held {
    engine: Arc<Engine>,
    name: String,
    owner: String,
    lost: CancellationToken,
    over: CancellationToken,
}

impl Held {
    /// Takes the lease.
    pub async fn take(engine: &Arc<Engine>, name: &str) -> Result<Self, SyncError> {
        let owner: String = engine.records.random().bytes::<8>().iter().map(|byte| format!("{byte:02x}")).collect();
        engine.records.ensure_leases(&[name.to_owned()]).await?;
        if engine.records.take_lease(name, &owner, TTL).await?.is_none() {
            return Err(SyncError::Held(name.to_owned()));
        }
        let held = Self {
            engine: engine.clone(),
            name: name.to_owned(),
            owner,
            lost: CancellationToken::new(),
            over: CancellationToken::new(),
        };
        held.keep();
        Ok(held)
    }

    /// Takes the lease, waiting for another holder a while: what somebody asks for should not fail because the schedule
    /// does the same at this moment.
    pub async fn wait(engine: &Arc<Engine>, name: &str, stop: &CancellationToken) -> Result<Self, SyncError> {
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            match Self::take(engine, name).await {
                Err(SyncError::Held(_)) if tokio::time::Instant::now() < until => tokio::select! {
                    () = stop.cancelled() => return Err(SyncError::Stopped),
                    () = tokio::time::sleep(Duration::from_millis(100)) => {}
                },
                taken => return taken,
            }
        }
    }

    fn keep(&self) {
        let Self { engine, name, owner, lost, over } = self;
        let (engine, names, owner) = (engine.clone(), vec![name.clone()], owner.clone());
        let (lost, over) = (lost.clone(), over.clone());
        tokio::spawn(async move {
            loop {
                tokio::select! { () = over.cancelled() => return, () = tokio::time::sleep(TTL / 3) => {} }
                // A primary that does not answer ends the lease by itself; only a clear answer ends the work.
                if let Ok(kept) = engine.records.renew_leases(&names, &owner, TTL).await
                    && kept.is_empty()
                {
                    lost.cancel();
                    return;
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
        if let Err(error) = self.engine.records.release_leases(&names, &self.owner).await {
            tracing::debug!("Sync leaves the lease {} to its end: {error}", self.name);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.over.cancel();
    }
}
