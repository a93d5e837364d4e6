//! Hostile clients beside the load: abandoned logins and stalled readers, from a separate address. Neither may lock
//! out honest clients or fill the memory.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use reqwest::{Client, StatusCode};
use serde_json::json;
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpSocket, TcpStream},
    time::sleep,
};

use crate::process::{PASSWORD, Process};

/// Their address; honest clients use 127.0.0.1.
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// Abandoned logins and their concurrency.
const LOGINS: usize = 1000;
const AT_ONCE: usize = 50;
/// Their timeout.
const IMPATIENCE: Duration = Duration::from_millis(5);
/// Stalled readers.
const READERS: usize = 20;
/// Memory limit of either crowd in KiB, the load's own growth included.
const MOST_KIB: u64 = 160 * 1024;
/// Time limit for an honest login's retries.
const PATIENCE: Duration = Duration::from_secs(20);

/// A crowd's effect on logins and memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    /// Duration of honest logins.
    pub login: Duration,
    /// Growth of peak memory in KiB.
    pub memory: u64,
}

/// A thousand logins, abandoned after 5 ms, beside an honest one.
pub async fn abandoned_logins(server: &Process, client: &Client) -> anyhow::Result<Seen> {
    let body = json!({"email": "root@example.org", "password": "wrong wrong"}).to_string();
    let request = format!(
        "POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let flood = async {
        for _ in 0..LOGINS / AT_ONCE {
            let abandoned = (0..AT_ONCE).map(|_| async {
                // A refused connection is acceptable.
                if let Ok(mut stream) = connect(&server.base).await
                    && stream.write_all(request.as_bytes()).await.is_ok()
                {
                    sleep(IMPATIENCE).await;
                }
            });
            futures::future::join_all(abandoned).await;
        }
        Ok(())
    };
    beside(server, client, flood).await
}

/// Readers that request the largest list and stall for a while.
pub async fn never_reading(server: &Process, client: &Client, token: &str, pause: Duration) -> anyhow::Result<Seen> {
    let request = format!("GET /api/invoices?limit=100 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    let readers = async {
        let mut readers = Vec::new();
        for _ in 0..READERS {
            let mut stream = connect(&server.base).await?;
            stream.write_all(request.as_bytes()).await?;
            readers.push(stream);
        }
        sleep(pause).await;
        anyhow::Ok(())
    };
    beside(server, client, readers).await
}

/// An honest login beside a crowd, and the crowd's cost.
async fn beside(
    server: &Process,
    client: &Client,
    crowd: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<Seen> {
    let before = server.most_memory()?;
    let (crowd, login) = tokio::join!(crowd, honest_login(server, client));
    crowd?;
    let seen = Seen { login: login?, memory: server.most_memory()?.saturating_sub(before) };
    ensure!(seen.memory <= MOST_KIB, "a crowd took {} KiB", seen.memory);
    Ok(seen)
}

async fn honest_login(server: &Process, client: &Client) -> anyhow::Result<Duration> {
    let (began, body) = (Instant::now(), json!({"email": "root@example.org", "password": PASSWORD}));
    loop {
        let answer = client.post(format!("{}/api/auth/login", server.base)).json(&body).send().await;
        match answer.map(|answer| answer.status()) {
            Ok(StatusCode::OK) => return Ok(began.elapsed()),
            // A killed database or the crowd: both are transient.
            Ok(StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) | Err(_) => {}
            Ok(other) => anyhow::bail!("an honest login is answered {other}"),
        }
        ensure!(began.elapsed() < PATIENCE, "an honest login does not come through beside a crowd");
        sleep(Duration::from_millis(50)).await;
    }
}

async fn connect(base: &str) -> anyhow::Result<TcpStream> {
    let address: SocketAddr = base.trim_start_matches("http://").parse().context("where the server listens")?;
    let socket = TcpSocket::new_v4()?;
    // A small window: unread bytes wait at the server.
    socket.set_recv_buffer_size(16 * 1024)?;
    socket.bind(SocketAddr::new(STRANGER, 0))?;
    Ok(socket.connect(address).await?)
}
