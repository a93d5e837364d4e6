//! A bug must not end the synchronisation: where work is begun again and again, a panic is one of its failures.

use std::{any::Any, panic::AssertUnwindSafe};

use futures::FutureExt as _;
use tokio::task::JoinError;

use crate::SyncError;

/// Does the work, and makes a failure of a panic. What the work had in hand is dropped then; what it shares with others is
/// behind locks that a panic does not leave half written.
pub(crate) async fn caught<T>(work: impl Future<Output = Result<T, SyncError>>) -> Result<T, SyncError> {
    // In a box: what is begun again and again is deep, and the compiler does not follow futures without end.
    let done = AssertUnwindSafe(Box::pin(work)).catch_unwind().await;
    done.unwrap_or_else(|panic| Err(SyncError::Bug(words(panic.as_ref()))))
}

/// What became of a task that did not come to its end: it panicked, unless the whole program ends.
pub(crate) fn broken_off(broken: JoinError) -> SyncError {
    match broken.try_into_panic() {
        Ok(panic) => SyncError::Bug(words(panic.as_ref())),
        Err(_) => SyncError::Stopped,
    }
}

/// What a panic says.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_failure_that_says_what_it_said() {
        let fails = async |panics: fn() -> Result<(), SyncError>| caught(async { panics() }).await.unwrap_err();
        let (plain, formatted) = (fails(|| panic!("no seat")).await, fails(|| panic!("no seat for {}", 7)).await);
        assert!(matches!(&plain, SyncError::Bug(text) if text == "no seat"), "{plain}");
        assert!(matches!(&formatted, SyncError::Bug(text) if text == "no seat for 7"), "{formatted}");
        assert!(matches!(caught(async { Ok(3) }).await, Ok(3)));
    }
}
