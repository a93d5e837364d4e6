//! A TCP proxy in front of any server that injects network faults.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

mod carry;
mod commits;

/// A fault of the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// No fault.
    None,
    /// No traffic in either direction, and no close: a stopped server, a dead link.
    Silence,
    /// Connections are refused, and open ones end: a killed server.
    Refuse,
    /// Requests pass; instead of the answer the connection ends.
    LoseAnswers,
    /// A delay per chunk in either direction: a distant or overloaded server.
    Latency(Duration),
    /// Each byte of an answer travels alone: clients must not take a read for a message.
    Bytes,
    /// The first half of an answer passes, then the connection is reset.
    Reset,
    /// A MySQL client's `COMMIT` reaches the server; instead of the answer the connection ends. Other traffic passes.
    /// The connection must be unencrypted (`ssl-mode=DISABLED`).
    LoseCommits,
}

/// In front of one server, on its own port.
pub struct Proxy {
    /// Client address.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens in front of a server.
    pub async fn before(server: SocketAddr) -> Self {
        Self::among(vec![server]).await
    }

    /// Listens in front of a cluster's servers, which connections use in rotation.
    pub async fn among(servers: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (fault, forgotten) = (watch::Sender::new(Fault::None), watch::Sender::new(0));
        let shared = Arc::new(Shared { fault, forgotten, lost: AtomicU64::new(0) });
        let theirs = Arc::clone(&shared);
        let accepting = tokio::spawn(async move {
            let mut turns = servers.into_iter().cycle();
            while let (Ok((client, _)), Some(server)) = (listener.accept().await, turns.next()) {
                tokio::spawn(carry::carry(client, server, Arc::clone(&theirs)));
            }
        });
        Self { address, shared, accepting }
    }

    /// The server's URL through this proxy, unencrypted for MySQL, so that commits are recognised.
    #[must_use]
    pub fn instead_of(&self, url: &str) -> String {
        instead_of(url, self.address)
    }

    /// Sets the fault.
    pub fn set(&self, fault: Fault) {
        self.shared.fault.send_replace(fault);
    }

    /// Drops all open connections silently, as balancers do with idle ones: their traffic stops without notice. New
    /// ones pass.
    pub fn forget(&self) {
        self.shared.forgotten.send_modify(|times| *times += 1);
    }

    /// Count of wholly or partly lost answers.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A server's URL with another host and port.
pub(crate) fn instead_of(url: &str, place: SocketAddr) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (before, path) = rest.split_once('/').unwrap_or((rest, ""));
    let login = before.rsplit_once('@').map_or_else(String::new, |(login, _)| format!("{login}@"));
    let option = if scheme == "mongodb" { "directConnection=true" } else { "ssl-mode=DISABLED" };
    let mark = if path.contains('?') { '&' } else { '?' };
    format!("{scheme}://{login}{place}/{path}{mark}{option}")
}

struct Shared {
    fault: watch::Sender<Fault>,
    /// Count of silent drops.
    forgotten: watch::Sender<u64>,
    lost: AtomicU64,
}

impl Shared {
    fn fault(&self) -> Fault {
        *self.fault.borrow()
    }

    async fn until(&self, is_so: impl Fn(Fault) -> bool) {
        // The sender lives as long as this.
        let _ = self.fault.subscribe().wait_for(|fault| is_so(*fault)).await;
    }

    fn note_lost(&self) {
        self.lost.fetch_add(1, SeqCst);
    }
}

/// Resets a connection: unsent bytes are discarded, and the peer reads an error.
fn reset(stream: &TcpStream) {
    // A closed connection needs no reset.
    let _ = stream.set_zero_linger();
}
