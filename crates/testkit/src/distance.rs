//! A distant server: every byte arrives so much later, in either direction, with the next ones already on their way. That is
//! a long line; [`crate::Fault::Latency`] is a slow one, where each chunk waits for the chunk before it.

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
/// So many chunks may be on their way at once in one direction: more than anybody here sends in the time that they take.
const ON_THEIR_WAY: usize = 1024;

/// In front of one server, on a port of its own.
pub struct Distance {
    /// Where clients connect.
    pub address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Distance {
    /// Puts a server so far away; a question and its answer take twice as long.
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

    /// The address of a MongoDB server with this in its place.
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
        // Whoever measures a delay measures that of the line.
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
