//! The leader's scheduler: jobs that recur, each with its own pause.

use std::time::Duration;

use futures::{
    FutureExt as _,
    future::{BoxFuture, join_all},
};

use crate::errors::{Retry, SyncError, retry};

/// A recurring job.
pub(crate) struct Job<'j> {
    /// What the log says it failed to do.
    what: &'static str,
    /// From the end of one execution to the beginning of the next.
    pause: Duration,
    work: Box<dyn Fn() -> BoxFuture<'j, Result<(), SyncError>> + Send + Sync + 'j>,
}

impl<'j> Job<'j> {
    pub fn new<W: Future<Output = Result<(), SyncError>> + Send + 'j>(
        what: &'static str,
        pause: Duration,
        work: impl Fn() -> W + Send + Sync + 'j,
    ) -> Self {
        Self { what, pause, work: Box::new(move || work().boxed()) }
    }

    async fn repeat(&self) {
        loop {
            match (self.work)().await {
                Ok(()) => {}
                Err(error) if retry(&error) == Retry::Soon => tracing::debug!("Sync could not {}: {error}", self.what),
                Err(error) => tracing::warn!("Sync could not {}: {error}", self.what),
            }
            tokio::time::sleep(self.pause).await;
        }
    }
}

/// Executes all jobs side by side, for ever.
pub(crate) async fn run(jobs: &[Job<'_>]) {
    join_all(jobs.iter().map(Job::repeat)).await;
}
