//! Panics as errors: a bug must not end the synchronisation. Where work is restarted in a loop, a panic is one of its failures.

use std::{any::Any, panic::AssertUnwindSafe};

use futures::FutureExt as _;
use tokio::task::JoinError;

use crate::errors::SyncError;

/// Runs the work and turns a panic into [`SyncError::Bug`]. State that the work shares is behind locks, which a panic does not
/// leave half written.
pub(crate) async fn catch_panic<T>(work: impl Future<Output = Result<T, SyncError>>) -> Result<T, SyncError> {
    // Boxed: the nesting of these futures is deeper than the compiler resolves.
    let done = AssertUnwindSafe(Box::pin(work)).catch_unwind().await;
    done.unwrap_or_else(|panic| Err(SyncError::Bug(message(panic.as_ref()))))
}

/// The error of a task that did not finish: it panicked, or the runtime shuts down.
pub(crate) fn cancelled(error: JoinError) -> SyncError {
    match error.try_into_panic() {
        Ok(panic) => SyncError::Bug(message(panic.as_ref())),
        Err(_) => SyncError::Stopped,
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_an_error_with_its_message() {
        let fails = async |panics: fn() -> Result<(), SyncError>| catch_panic(async { panics() }).await.unwrap_err();
        let (plain, formatted) = (fails(|| panic!("no seat")).await, fails(|| panic!("no seat for {}", 7)).await);
        assert!(matches!(&plain, SyncError::Bug(text) if text == "no seat"), "{plain}");
        assert!(matches!(&formatted, SyncError::Bug(text) if text == "no seat for 7"), "{formatted}");
        assert!(matches!(catch_panic(async { Ok(3) }).await, Ok(3)));
    }
}
