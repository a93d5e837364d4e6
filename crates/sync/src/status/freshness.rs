//! Freshness: whether the changes that a sync token names have reached the mirror, with a bounded wait.

use std::time::Duration;

use chainbill_domain::freshness::{Mark, Token};
use futures::future::try_join_all;
use tokio::time::Instant;

use crate::{engine::context::Engine, errors::SyncError};

/// The state of a sync token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// The mirror holds everything that it names.
    Reached,
    /// The mirror is older than the token.
    Older,
}

/// Waits until the mirror holds everything that the token names, at most so long.
pub(crate) async fn wait(engine: &Engine, token: &Token, bound: Duration) -> Result<Freshness, SyncError> {
    let until = Instant::now() + bound;
    let mut pause = Duration::from_millis(2);
    loop {
        let marks = token.marks.iter().map(|mark| reached(engine, mark));
        match tokio::time::timeout_at(until, try_join_all(marks)).await {
            Ok(Ok(all)) if !token.more && all.iter().all(|reached| *reached) => {
                return Ok(Freshness::Reached);
            }
            Ok(Err(error)) => return Err(error),
            Ok(Ok(_)) => {}
            Err(_) => return Ok(Freshness::Older),
        }
        if Instant::now() + pause >= until {
            return Ok(Freshness::Older);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

async fn reached(engine: &Engine, mark: &Mark) -> Result<bool, SyncError> {
    match mark {
        Mark::Entity { model, id, version } => {
            let stamp = engine.mirror.stamp(model, id).await?;
            Ok(stamp.and_then(|stamp| stamp.version).is_some_and(|there| there >= *version))
        }
        Mark::Event { id } => Ok(engine.mirror.has_tracked(id).await?),
    }
}
