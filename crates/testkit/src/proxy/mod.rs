//! A TCP proxy that breaks what stands between a client and a server, in front of any server.

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

/// What the proxy does to the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Everything passes.
    None,
    /// Nothing passes in either direction, and nothing is closed: a stopped server, a dead link.
    Silence,
    /// Connections are refused, and those that are open end: a killed server.
    Refuse,
    /// Requests pass; instead of the answer the connection ends.
    LoseAnswers,
    /// Each chunk waits so long, in either direction: a distant or an overloaded server.
    Latency(Duration),
    /// Each byte of an answer travels alone: whoever takes a read for a message is found out.
    Bytes,
    /// The first half of an answer passes, then the connection is reset.
    Reset,
    /// A MySQL client's `COMMIT` reaches the server; instead of the answer the connection ends. Everything else passes.
    /// The connection must not be encrypted (`ssl-mode=DISABLED`), or nothing is recognised.
    LoseCommits,
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
        Self::among(vec![server]).await
    }

    /// Listens in front of several servers of a cluster: each connection leads to the next one.
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

    /// The address of the server with this in its place. A MySQL connection is not encrypted then, so that its commits can
    /// be told from other statements.
    #[must_use]
    pub fn instead_of(&self, url: &str) -> String {
        instead_of(url, self.address)
    }

    /// From now on this happens to the bytes.
    pub fn set(&self, fault: Fault) {
        self.shared.fault.send_replace(fault);
    }

    /// Forgets every connection that is open, as balancers do with those that have rested: nothing passes on them any more,
    /// and nobody is told. New ones pass.
    pub fn forget(&self) {
        self.shared.forgotten.send_modify(|times| *times += 1);
    }

    /// How many answers were lost, whole or in part.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The address of a server with another place in it.
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
    /// How often everything was forgotten.
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

/// Ends a connection the hard way: what was not sent yet is thrown away, and the other side reads an error.
fn reset(stream: &TcpStream) {
    // A connection that is gone already needs no reset.
    let _ = stream.set_zero_linger();
}
