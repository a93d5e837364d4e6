//! The one place that runs a unit of work again.

use std::time::Duration;

use chainbill_domain::Random;

use crate::RecordsError;

/// An error that may mean "run the whole unit of work again".
pub trait Retryable {
    /// Whether it does.
    fn is_again(&self) -> bool;
}

impl Retryable for RecordsError {
    fn is_again(&self) -> bool {
        self.is_again()
    }
}

/// How often a unit of work runs before its conflict is the caller's problem.
pub const ATTEMPTS: u32 = 10;

/// Runs a whole unit of work (begin, read, decide, save, commit) until it ends otherwise than by a conflict, at most
/// [`ATTEMPTS`] times, with growing random pauses (about 2 ms to 250 ms). Nothing but certain undoing is repeated.
///
/// # Errors
/// Those of the work; the last conflict when all attempts met one.
pub async fn retry<T, E, F>(random: &dyn Random, mut work: impl FnMut() -> F) -> Result<T, E>
where
    E: Retryable,
    F: Future<Output = Result<T, E>>,
{
    let mut attempt = 0;
    loop {
        let result = work().await;
        attempt += 1;
        match result {
            Err(error) if error.is_again() && attempt < ATTEMPTS => tokio::time::sleep(pause(random, attempt)).await,
            other => return other,
        }
    }
}

/// Between half and all of 2, 4, 8, … 256 ms, so that two that collided do not collide again.
fn pause(random: &dyn Random, attempt: u32) -> Duration {
    jittered(random, Duration::from_millis(2 << attempt.saturating_sub(1).min(7)))
}

/// Between half and all of it, so that two tasks do not stay in step.
pub(crate) fn jittered(random: &dyn Random, most: Duration) -> Duration {
    let half = most / 2;
    half + half * u32::from(random.bytes::<1>()[0]) / 255
}
