//! A distant server: every byte is delayed in either direction, with others in flight. [`crate::Fault::Latency`] is a
//! slow line instead, where each chunk waits for the previous one.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep_until},
};

const CHUNK: usize = 64 * 1024;
/// Chunks in flight per direction: more than any test sends within the delay.
const ON_THEIR_WAY: usize = 1024;

/// In front of one server, on its own port.
pub struct Distance {
    /// Client address.
    pub address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Distance {
    /// Sets a server's one-way delay; a round trip takes twice as long.
    pub async fn before(server: SocketAddr, one_way: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server, one_way));
            }
        });
        Self { address, accepting }
    }

    /// A MongoDB server's URL through this.
    #[must_use]
    pub fn instead_of(&self, url: &str) -> String {
        crate::proxy::instead_of(url, self.address)
    }
}

impl Drop for Distance {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn carry(client: TcpStream, server: SocketAddr, one_way: Duration) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    for stream in [&client, &server] {
        // Measured delays must be the line's alone.
        let _ = stream.set_nodelay(true);
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = line(from_client, to_server, one_way) => {}
        () = line(from_server, to_client, one_way) => {}
    }
}

/// One direction, until either end ends.
async fn line(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) {
    let (send, mut sent) = mpsc::channel::<(Instant, Vec<u8>)>(ON_THEIR_WAY);
    let depart = async move {
        let mut bytes = vec![0; CHUNK];
        while let Ok(count @ 1..) = from.read(&mut bytes).await {
            if send.send((Instant::now() + delay, bytes[..count].to_vec())).await.is_err() {
                break;
            }
        }
    };
    let arrive = async move {
        while let Some((due, bytes)) = sent.recv().await {
            sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                break;
            }
        }
    };
    tokio::join!(depart, arrive);
}
