//! Work that one process does at a time: the holder of its lease is the leader, and every other process stands by.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{cluster::lease::LeaseGuard, engine::context::Engine, errors::SyncError, panics::catch_panic};

/// Does the work whenever this process is the leader, and again after it has failed, until cancelled. A standby process tries
/// to become the leader after each `pause`; `may_lead` is asked first.
pub(crate) async fn lead<M, W>(
    engine: &Arc<Engine>,
    lease: &str,
    pause: Duration,
    may_lead: impl Fn() -> M,
    work: impl Fn() -> W,
    stop: &CancellationToken,
) where
    M: Future<Output = bool>,
    W: Future<Output = Result<(), SyncError>>,
{
    while !stop.is_cancelled() {
        if may_lead().await
            && let Ok(guard) = LeaseGuard::acquire(engine, lease).await
        {
            tokio::select! {
                () = stop.cancelled() => {}
                ended = guard.protect(catch_panic(work())) => match ended {
                    Ok(()) | Err(SyncError::LeaseTaken(_) | SyncError::Outranked) => {}
                    Err(error) => tracing::error!("Sync restarts the work of its leader ({lease}): {error}"),
                },
            }
            guard.release().await;
        }
        tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(pause) => {} }
    }
}
