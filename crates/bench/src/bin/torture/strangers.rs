//! Strangers who harm by asking: logins whose clients do not wait for them, and readers that never read. They come from an
//! address of their own, beside the load, and neither may keep honest clients out or fill the memory.

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

/// Where they come from; the honest come from 127.0.0.1.
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// Logins that are abandoned, so many at a time.
const LOGINS: usize = 1000;
const AT_ONCE: usize = 50;
/// How long their clients wait.
const IMPATIENCE: Duration = Duration::from_millis(5);
/// Readers that never read.
const READERS: usize = 20;
/// The most memory that either may take, in KiB: the load takes some meanwhile too.
const MOST_KIB: u64 = 160 * 1024;
/// How long an honest login may be told to come again.
const PATIENCE: Duration = Duration::from_secs(20);

/// What an honest client and the memory saw of a crowd.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    /// How long an honest login took beside it.
    pub login: Duration,
    /// How much the most memory rose, in KiB.
    pub memory: u64,
}

/// A thousand logins whose clients have gone after 5 ms, and an honest one beside them.
pub async fn abandoned_logins(server: &Process, client: &Client) -> anyhow::Result<Seen> {
    let body = json!({"email": "root@example.org", "password": "wrong wrong"}).to_string();
    let request = format!(
        "POST /api/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let flood = async {
        for _ in 0..LOGINS / AT_ONCE {
            let abandoned = (0..AT_ONCE).map(|_| async {
                // Whoever finds no place is a stranger less.
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

/// Readers that ask for the largest list and never read it, for a while.
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

/// An honest login beside a crowd, and what the crowd cost.
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
            // A database that has just been killed, or the crowd: both pass.
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
    // A small window: what is not read soon waits on the other side.
    socket.set_recv_buffer_size(16 * 1024)?;
    socket.bind(SocketAddr::new(STRANGER, 0))?;
    Ok(socket.connect(address).await?)
}
