//! Concurrent backfill of all models into an empty mirror: against the plain driver, and with an outbox entry waiting
//! for every row.

use std::time::Instant;

use chainbill_domain::models;
use chainbill_testkit::sea_orm::ConnectionTrait as _;
use tokio_util::sync::CancellationToken;

use crate::{Bench, enqueue_all, rate};

/// The results.
pub(crate) struct Seen {
    /// Rows copied.
    pub rows: u64,
    /// Seconds to a complete mirror and an empty backlog, starting from an empty backlog,
    pub alone: f64,
    /// and from an entry per row.
    pub waiting: f64,
}

impl Bench {
    /// Backfills all twice.
    pub(crate) async fn copy_all(&self) -> anyhow::Result<Seen> {
        let stop = CancellationToken::new();
        self.records.execute_unprepared("DELETE FROM outbox").await?;
        let (rows, alone) = self.copied_and_settled(&stop).await?;
        for model in models::ALL {
            enqueue_all(&self.records, model).await?;
        }
        let (_, waiting) = self.copied_and_settled(&stop).await?;
        Ok(Seen { rows, alone, waiting })
    }

    async fn copied_and_settled(&self, stop: &CancellationToken) -> anyhow::Result<(u64, f64)> {
        for model in models::ALL {
            self.empty(model).await?;
        }
        let (mut rows, started) = (0, Instant::now());
        for (_, copied) in self.sync.initial_of(models::ALL, &|_| {}, stop).await {
            rows += copied?.rows;
        }
        self.sync.drain(stop).await?;
        Ok((rows, started.elapsed().as_secs_f64()))
    }
}

impl Seen {
    /// Rows per second.
    pub(crate) fn rate(&self) -> f64 {
        rate(self.rows, self.alone)
    }
}
