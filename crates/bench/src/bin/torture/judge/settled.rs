//! Waiting until everything is right again.

use std::time::{Duration, Instant};

use anyhow::ensure;
use reqwest::Client;
use serde_json::Value;

/// How long things may take to come right after the last fault.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until nothing waits any more, nothing is parked and every model is live.
pub async fn settled(client: &Client, base: &str) -> anyhow::Result<Duration> {
    let started = Instant::now();
    loop {
        let health: Value = client.get(format!("{base}/api/health/sync")).send().await?.json().await?;
        let sync = &health["sync"];
        let live = sync["models"].as_array().is_some_and(|all| all.iter().all(|model| model["state"] == "LIVE"));
        if sync["backlog"] == 0 && sync["parked"] == 0 && live {
            return Ok(started.elapsed());
        }
        ensure!(started.elapsed() < PATIENCE, "it does not come right by itself: {health:#}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
