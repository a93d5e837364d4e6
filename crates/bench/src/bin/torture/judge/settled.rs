//! Waits for full recovery.

use std::time::{Duration, Instant};

use anyhow::ensure;
use reqwest::Client;
use serde_json::Value;

/// Time limit for recovery after the last fault.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits for an empty backlog, no parked entities and live models.
pub async fn settled(client: &Client, base: &str) -> anyhow::Result<Duration> {
    let started = Instant::now();
    loop {
        let health: Value = client.get(format!("{base}/api/health/sync")).send().await?.json().await?;
        let sync = &health["sync"];
        let live = sync["models"].as_array().is_some_and(|all| all.iter().all(|model| model["state"] == "LIVE"));
        if sync["backlog"] == 0 && sync["parked"] == 0 && live {
            return Ok(started.elapsed());
        }
        ensure!(started.elapsed() < PATIENCE, "no recovery in time: {health:#}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
