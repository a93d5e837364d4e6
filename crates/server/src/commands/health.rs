//! `chainbill health`: what a container's or a service manager's check runs.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Went;
use crate::{output::Output, settings::Settings};

pub(super) async fn health(settings: &Settings, out: Output, url: Option<String>) -> anyhow::Result<Went> {
    let url = url.map_or_else(|| own(settings.bind_address, settings.port), Ok)?;
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
            "{word}{reason}: primary {}, mirror {}, backlog {}",
            json["mysql"]["status"].as_str().unwrap_or("unknown"),
            json["mongodb"]["status"].as_str().unwrap_or("unknown"),
            json["sync"]["backlog"]
        )
    })?;
    Ok(Went::fine_if(word == "healthy"))
}

/// Where the server of these settings is asked from its own machine.
fn own(bind: IpAddr, port: u16) -> anyhow::Result<String> {
    if port == 0 {
        bail!("PORT is 0, which takes a free port: --url with the port that the server logged is accepted");
    }
    let address = match bind {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        bind => bind,
    };
    Ok(format!("http://{}", SocketAddr::new(address, port)))
}

/// One request of HTTP/1.0, which ends with its answer: the program needs no client library for it.
async fn ask(host: &str) -> anyhow::Result<String> {
    let named = host.rsplit_once(']').map_or(host, |(_, port)| port);
    let address = if named.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let mut stream = tokio::net::TcpStream::connect(&address).await?;
    stream.write_all(format!("GET /api/health/sync HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(1 << 20).read_to_end(&mut answer).await?;
    let text = String::from_utf8(answer)?;
    let (_, body) = text.split_once("\r\n\r\n").context("the answer has no body")?;
    Ok(body.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_asked_where_it_listens() {
        for (bind, expected) in [
            ("127.0.0.1", "http://127.0.0.1:3100"),
            ("0.0.0.0", "http://127.0.0.1:3100"),
            ("192.0.2.7", "http://192.0.2.7:3100"),
            ("::", "http://[::1]:3100"),
        ] {
            assert_eq!(own(bind.parse().unwrap(), 3100).unwrap(), expected);
        }
        assert!(own(Ipv4Addr::LOCALHOST.into(), 0).is_err());
    }
}
