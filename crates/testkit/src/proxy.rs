//! A TCP proxy that can fall silent and can lose answers.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering::SeqCst},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};

/// What the proxy does to the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Fault {
    /// Everything passes.
    None,
    /// Nothing passes in either direction, and nothing is closed: a stopped server, a dead link.
    Silence,
    /// Connections are refused, and those that are open end: a killed server.
    Refuse,
    /// Requests pass; instead of the answer the connection ends.
    LoseAnswers,
}

struct Shared {
    fault: AtomicU8,
    lost: AtomicU64,
    changed: Notify,
}

/// In front of one server, on a port of its own.
pub struct Proxy {
    /// Where clients connect.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens in front of a server.
    pub async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { fault: AtomicU8::new(0), lost: AtomicU64::new(0), changed: Notify::new() });
        let theirs = Arc::clone(&shared);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server, Arc::clone(&theirs)));
            }
        });
        Self { address, shared, accepting }
    }

    /// From now on this happens to the bytes.
    pub fn set(&self, fault: Fault) {
        self.shared.fault.store(fault as u8, SeqCst);
        self.shared.changed.notify_waiters();
    }

    /// How many answers were lost.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn is(&self, fault: Fault) -> bool {
        self.fault.load(SeqCst) == fault as u8
    }

    async fn until_refused(&self) {
        loop {
            let changed = self.changed.notified();
            if self.is(Fault::Refuse) {
                return;
            }
            changed.await;
        }
    }

    async fn until_not_silent(&self) {
        loop {
            let changed = self.changed.notified();
            if !self.is(Fault::Silence) {
                return;
            }
            changed.await;
        }
    }
}

async fn carry(client: TcpStream, server: SocketAddr, shared: Arc<Shared>) {
    shared.until_not_silent().await;
    if shared.is(Fault::Refuse) {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let requests = async {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from_client.read(&mut bytes).await {
            shared.until_not_silent().await;
            if to_server.write_all(&bytes[..count]).await.is_err() {
                break;
            }
        }
    };
    let answers = async {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from_server.read(&mut bytes).await {
            shared.until_not_silent().await;
            if shared.is(Fault::LoseAnswers) {
                shared.lost.fetch_add(1, SeqCst);
                break;
            }
            if to_client.write_all(&bytes[..count]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! { () = requests => {}, () = answers => {}, () = shared.until_refused() => {} }
}
