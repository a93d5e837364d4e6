//! `chainbill health`: what a container's or a service manager's check runs.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Went;
use crate::output::Output;

pub(super) async fn health(out: Output, url: &str) -> anyhow::Result<Went> {
    let Some(host) = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/')) else {
        bail!("--url is {url:?}: http://host:port is accepted");
    };
    let asked = tokio::time::timeout(Duration::from_secs(5), ask(host)).await;
    let body = asked.context("no answer within 5 s")?.with_context(|| format!("{url} does not answer"))?;
    let json: Value = serde_json::from_str(&body).context("the answer is not that of a ChainBill server")?;
    let word = json["status"].as_str().unwrap_or("unknown").to_owned();
    out.result(&json, || {
        let reason = json["sync"]["reason"].as_str().map_or_else(String::new, |reason| format!(" ({reason})"));
        format!(
            "{word}{reason}: primary {}, second database {}, backlog {}",
            json["mysql"]["status"].as_str().unwrap_or("unknown"),
            json["mongodb"]["status"].as_str().unwrap_or("unknown"),
            json["sync"]["backlog"]
        )
    })?;
    Ok(Went::fine_if(word == "healthy"))
}

/// One request of HTTP/1.0, which ends with its answer: the program needs no client library for it.
async fn ask(host: &str) -> anyhow::Result<String> {
    let address = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let mut stream = tokio::net::TcpStream::connect(&address).await?;
    stream.write_all(format!("GET /api/health/sync HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(1 << 20).read_to_end(&mut answer).await?;
    let text = String::from_utf8(answer)?;
    let (_, body) = text.split_once("\r\n\r\n").context("the answer has no body")?;
    Ok(body.to_owned())
}
