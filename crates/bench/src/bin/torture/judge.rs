//! What is there in the end, held against what clients were told.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::ensure;
use reqwest::Client;
use serde_json::Value;

use crate::load::Load;

/// How long things may take to come right after the last fault.
const PATIENCE: Duration = Duration::from_secs(120);

/// Acknowledged writes that are missing, and bills that exist twice or were paid twice.
pub async fn judge(load: &Load, base: &str, oracle: &Path) -> anyhow::Result<(u64, u64)> {
    let bills = bills(load, base).await?;
    let text = std::fs::read_to_string(oracle)?;
    let mut titles: BTreeMap<&str, u64> = BTreeMap::new();
    let mut doubled = 0;
    for bill in bills.values() {
        *titles.entry(bill["title"].as_str().unwrap_or("")).or_default() += 1;
        doubled += u64::from(!matches!(bill["paid"]["amount"].as_str(), Some("0.00" | "20.00")));
    }
    doubled += titles.values().filter(|count| **count > 1).count() as u64;
    Ok((lost(&text, &bills), doubled))
}

async fn bills(load: &Load, base: &str) -> anyhow::Result<BTreeMap<String, Value>> {
    let (mut bills, mut cursor) = (BTreeMap::new(), String::new());
    loop {
        let url = format!("{base}/api/invoices?limit=100{cursor}");
        let answer = load.client.get(url).bearer_auth(&load.writer).send().await?.error_for_status()?;
        let page: Value = answer.json().await?;
        for bill in page["data"].as_array().into_iter().flatten() {
            bills.insert(bill["id"].as_str().unwrap_or("").to_owned(), bill.clone());
        }
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(bills),
        }
    }
}

fn lost(oracle: &str, bills: &BTreeMap<String, Value>) -> u64 {
    let mut made: BTreeMap<&str, &str> = BTreeMap::new();
    let mut lost = 0;
    for (key, id) in oracle.lines().filter_map(|line| line.strip_prefix("told ")?.split_once(' ')) {
        let (what, round) = key.split_once('-').unwrap_or((key, ""));
        if what == "make" {
            made.insert(round, id);
        }
        let bill = made.get(round).and_then(|id| bills.get(*id));
        let there = bill.is_some_and(|bill| match what {
            "make" => true,
            "send" => bill["status"] != "DRAFT",
            _ => bill["paid"]["amount"] == "20.00",
        });
        lost += u64::from(!there);
    }
    lost
}

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
