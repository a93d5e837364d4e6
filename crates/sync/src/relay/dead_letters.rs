//! Retrying dead letters.

use std::time::Duration;

use crate::{engine::context::Engine, errors::SyncError, time::age};

/// The pause after the first failure; it doubles with each,
const FIRST_PAUSE: Duration = Duration::from_secs(60);
/// up to this one.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// Enqueues the dead letters that are due for another attempt.
pub(crate) async fn retry_due(engine: &Engine) -> Result<(), SyncError> {
    let (records, now) = (&engine.records, engine.now());
    for letter in records.dead_letters(None, 1000).await? {
        let doublings = u32::try_from(letter.attempts).unwrap_or(u32::MAX).min(6);
        let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
        let due = age(now, letter.last_at) >= pause;
        if due && !records.is_pending(&letter.entry.model, &letter.entry.entity_id).await? {
            records.retry_dead_letter(&letter.entry.model, &letter.entry.entity_id).await?;
        }
    }
    Ok(())
}
