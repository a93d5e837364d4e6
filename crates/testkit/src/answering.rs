//! A proxy before a MySQL server that answers some statements itself: with a real server's errors for a deadlock, a
//! switch-over or a forbidden lock. The handshake and all other traffic passes.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::proxy::instead_of;

/// A conditional answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Case-insensitive substrings of statements.
    pub to: Vec<String>,
    /// The error's number.
    pub number: u16,
    /// Its SQLSTATE.
    pub state: String,
    /// Its text.
    pub text: String,
    /// Limit.
    pub times: u64,
    /// Only on older connections: those after a switch-over lead to the new server.
    pub only_old: bool,
}

impl Reply {
    /// Answers statements that contain the text with an error.
    #[must_use]
    pub fn to(text: &str, number: u16, state: &str) -> Self {
        Self {
            to: vec![text.to_lowercase()],
            number,
            state: state.to_owned(),
            text: format!("answered {number} by the proxy"),
            times: u64::MAX,
            only_old: false,
        }
    }

    /// Limits it.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times, ..self }
    }

    /// Answer to writes on existing connections of a server made read-only by a planned switch-over.
    #[must_use]
    pub fn of_the_old_primary() -> Self {
        let to = ["insert into", "update `", "update ", "delete from"].map(str::to_owned).to_vec();
        let text = "The MySQL server is running with the --super-read-only option so it cannot execute this statement";
        Self { to, text: text.to_owned(), only_old: true, ..Self::to("", 1290, "HY000") }
    }
}

/// In front of one server, on its own port. Connections must be unencrypted: see [`Self::instead_of`].
pub struct Answering {
    /// Client address.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    /// First statement of each connection.
    defaults: Option<String>,
    reply: Mutex<Option<(Reply, u64)>>,
    opened: AtomicU64,
    answered: AtomicU64,
}

impl Answering {
    /// Listens in front of a server.
    pub async fn before(server: SocketAddr) -> Self {
        Self::listen(server, Shared::default()).await
    }

    /// The same; each session starts with this statement, as with different server settings.
    pub async fn with_defaults(server: SocketAddr, defaults: &str) -> Self {
        Self::listen(server, Shared { defaults: Some(defaults.to_owned()), ..Shared::default() }).await
    }

    async fn listen(server: SocketAddr, shared: Shared) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(shared);
        let theirs = shared.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let number = theirs.opened.fetch_add(1, SeqCst);
                tokio::spawn(carry(client, server, theirs.clone(), number));
            }
        });
        Self { address, shared, accepting }
    }

    /// The server's URL through this proxy.
    #[must_use]
    pub fn instead_of(&self, url: &str) -> String {
        instead_of(url, self.address)
    }

    /// Starts answering.
    pub fn arm(&self, reply: Reply) {
        *self.shared.reply() = Some((reply, self.opened()));
    }

    /// Stops answering.
    pub fn disarm(&self) {
        *self.shared.reply() = None;
    }

    /// Connections opened so far.
    #[must_use]
    pub fn opened(&self) -> u64 {
        self.shared.opened.load(SeqCst)
    }

    /// Count of the proxy's own answers.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.shared.answered.load(SeqCst)
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn reply(&self) -> MutexGuard<'_, Option<(Reply, u64)>> {
        self.reply.lock().unwrap()
    }

    /// The answer packet for a statement; none to pass it on.
    fn answer(&self, statement: &str, connection: u64) -> Option<Vec<u8>> {
        let mut armed = self.reply();
        let (reply, opened) = armed.as_mut()?;
        let statement = statement.to_lowercase();
        let meant = reply.to.iter().any(|text| statement.contains(text.as_str()));
        if !meant || reply.times == 0 || (reply.only_old && connection >= *opened) {
            return None;
        }
        reply.times -= 1;
        self.answered.fetch_add(1, SeqCst);
        let payload =
            [&[0xff][..], &reply.number.to_le_bytes(), b"#", reply.state.as_bytes(), reply.text.as_bytes()].concat();
        Some(framed(1, &payload))
    }
}

/// A numbered packet.
fn framed(number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&length[..3], &[number], payload].concat()
}

const COM_QUERY: u8 = 3;
const COM_STMT_PREPARE: u8 = 22;
const COM_STMT_EXECUTE: u8 = 23;

/// A connection's prepared statements.
#[derive(Default)]
struct Prepared {
    by_id: HashMap<u32, String>,
    /// Awaits its id from the server.
    awaited: Option<String>,
}

async fn carry(mut client: TcpStream, server: SocketAddr, shared: Arc<Shared>, number: u64) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let (mut requests, mut answers, mut prepared) = (Vec::new(), Vec::new(), Prepared::default());
    let mut defaults = shared.defaults.clone();
    loop {
        tokio::select! {
            read = client.read_buf(&mut requests) => match read { Ok(1..) => {} _ => return },
            read = server.read_buf(&mut answers) => match read { Ok(1..) => {} _ => return },
        }
        while let Some(packet) = packet(&mut requests) {
            let statement = prepared.statement(&packet);
            if let Some(defaults) = statement.as_ref().and_then(|_| defaults.take()) {
                let set = framed(0, &[&[COM_QUERY], defaults.as_bytes()].concat());
                let answer = set_defaults(&mut server, &set).await;
                assert_eq!(answer.get(4), Some(&0), "{defaults}: {}", String::from_utf8_lossy(&answer));
            }
            let answer = statement.as_deref().and_then(|statement| shared.answer(statement, number));
            let passed = match answer {
                Some(answer) => client.write_all(&answer).await,
                None => {
                    prepared.awaited = statement.filter(|_| packet[4] == COM_STMT_PREPARE);
                    server.write_all(&packet).await
                }
            };
            if passed.is_err() {
                return;
            }
        }
        while let Some(packet) = packet(&mut answers) {
            prepared.note_id(&packet);
            if client.write_all(&packet).await.is_err() {
                return;
            }
        }
    }
}

/// The server's answer to our own first statement.
async fn set_defaults(server: &mut TcpStream, set: &[u8]) -> Vec<u8> {
    server.write_all(set).await.unwrap();
    let mut bytes = Vec::new();
    loop {
        if let Some(answer) = packet(&mut bytes) {
            return answer;
        }
        assert!(server.read_buf(&mut bytes).await.unwrap() > 0, "the server left");
    }
}

/// The first whole packet, with its header.
fn packet(bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
    let header = bytes.get(..4)?;
    let length = 4 + (usize::from(header[0]) | usize::from(header[1]) << 8 | usize::from(header[2]) << 16);
    (bytes.len() >= length).then(|| bytes.drain(..length).collect())
}

impl Prepared {
    /// The statement in a client's packet.
    fn statement(&self, packet: &[u8]) -> Option<String> {
        // A command's first packet has number 0, unlike those of a login.
        let (header, payload) = packet.split_at(4);
        let (command, rest) = payload.split_first().filter(|_| header[3] == 0)?;
        match *command {
            COM_QUERY | COM_STMT_PREPARE => Some(String::from_utf8_lossy(rest).into_owned()),
            COM_STMT_EXECUTE => self.by_id.get(&u32::from_le_bytes(rest.get(..4)?.try_into().ok()?)).cloned(),
            _ => None,
        }
    }

    /// Reads a prepared statement's id.
    fn note_id(&mut self, packet: &[u8]) {
        let Some(statement) = self.awaited.take() else { return };
        if let Some(&[0, a, b, c, d]) = packet.get(4..9) {
            self.by_id.insert(u32::from_le_bytes([a, b, c, d]), statement);
        }
    }
}
