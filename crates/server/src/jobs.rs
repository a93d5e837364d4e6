//! Durable jobs of this process: their workers, and what is counted of them.

use std::time::Duration;

use chainbill_app::{
    App,
    jobs::{JobRunner, kinds},
};
use tokio_util::sync::CancellationToken;

/// The queue is counted so often.
const COUNT_EVERY: Duration = Duration::from_secs(10);

/// Runs jobs until it is stopped. `owner` names this process in the queue.
pub async fn work(app: App, owner: String, stop: CancellationToken) {
    let runner = JobRunner::new(app.clone(), kinds(), owner);
    let workers = runner.run(stop.clone());
    let counting = async {
        let mut ticks = tokio::time::interval(COUNT_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => count(&app).await,
                () = stop.cancelled() => return,
            }
        }
    };
    tokio::join!(workers, counting);
}

async fn count(app: &App) {
    match app.job_counts().await {
        Ok(counts) => {
            let gauge =
                |state: &'static str, count: u64| metrics::gauge!("chainbill_jobs", "state" => state).set(count as f64);
            gauge("queued", counts.queued);
            gauge("due", counts.due);
            gauge("dead", counts.dead);
        }
        Err(error) => tracing::debug!("jobs could not be counted: {error}"),
    }
}
