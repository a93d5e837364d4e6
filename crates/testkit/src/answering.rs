//! A proxy before a MySQL server that answers in its stead: what a real one would say of a deadlock, of a switch-over or of
//! a lock that is forbidden, without having to bring it about. The handshake and everything else passes.

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

/// What is answered, and to what.
#[derive(Debug, Clone)]
pub struct Reply {
    /// To statements that contain one of these, in any case.
    pub to: Vec<String>,
    /// The error's number.
    pub number: u16,
    /// Its SQLSTATE.
    pub state: String,
    /// Its text.
    pub text: String,
    /// How often.
    pub times: u64,
    /// Only on connections that were opened before: those after a switch-over lead to the new server.
    pub only_old: bool,
}

impl Reply {
    /// Answers an error to every statement that contains the text.
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

    /// So often.
    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self { times, ..self }
    }

    /// What a server that a planned switch-over has made read-only answers to writes on the connections that it has.
    #[must_use]
    pub fn of_the_old_primary() -> Self {
        let to = ["insert into", "update `", "update ", "delete from"].map(str::to_owned).to_vec();
        let text = "The MySQL server is running with the --super-read-only option so it cannot execute this statement";
        Self { to, text: text.to_owned(), only_old: true, ..Self::to("", 1290, "HY000") }
    }
}

/// In front of one server, on a port of its own. Connections must not be encrypted, or nothing is recognised: see
/// [`Self::instead_of`].
pub struct Answering {
    /// Where clients connect.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    /// Said to the server for each connection before its first statement.
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

    /// Listens in front of a server whose sessions begin as this statement leaves them, as if its settings were such.
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

    /// The address of the server with this in its place.
    #[must_use]
    pub fn instead_of(&self, url: &str) -> String {
        instead_of(url, self.address)
    }

    /// From now on this is answered.
    pub fn arm(&self, reply: Reply) {
        *self.shared.reply() = Some((reply, self.opened()));
    }

    /// Everything passes again.
    pub fn disarm(&self) {
        *self.shared.reply() = None;
    }

    /// How many connections were opened so far.
    #[must_use]
    pub fn opened(&self) -> u64 {
        self.shared.opened.load(SeqCst)
    }

    /// How often it answered in the server's stead.
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

    /// The packet to answer a statement of a connection with; none when the server shall.
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

/// A packet of this number.
fn framed(number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&length[..3], &[number], payload].concat()
}

const COM_QUERY: u8 = 3;
const COM_STMT_PREPARE: u8 = 22;
const COM_STMT_EXECUTE: u8 = 23;

/// What one connection has prepared.
#[derive(Default)]
struct Prepared {
    by_id: HashMap<u32, String>,
    /// Whose id the server is about to say.
    awaited: Option<String>,
}

async fn carry(mut client: TcpStream, server: SocketAddr, shared: Arc<Shared>, number: u64) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let (mut asked, mut said, mut prepared) = (Vec::new(), Vec::new(), Prepared::default());
    let mut defaults = shared.defaults.clone();
    loop {
        tokio::select! {
            read = client.read_buf(&mut asked) => match read { Ok(1..) => {} _ => return },
            read = server.read_buf(&mut said) => match read { Ok(1..) => {} _ => return },
        }
        while let Some(packet) = packet(&mut asked) {
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
        while let Some(packet) = packet(&mut said) {
            prepared.hear(&packet);
            if client.write_all(&packet).await.is_err() {
                return;
            }
        }
    }
}

/// What the server answers to the first statement, which is ours.
async fn set_defaults(server: &mut TcpStream, set: &[u8]) -> Vec<u8> {
    server.write_all(set).await.unwrap();
    let mut said = Vec::new();
    loop {
        if let Some(answer) = packet(&mut said) {
            return answer;
        }
        assert!(server.read_buf(&mut said).await.unwrap() > 0, "the server left");
    }
}

/// The first whole packet, with its header.
fn packet(bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
    let header = bytes.get(..4)?;
    let length = 4 + (usize::from(header[0]) | usize::from(header[1]) << 8 | usize::from(header[2]) << 16);
    (bytes.len() >= length).then(|| bytes.drain(..length).collect())
}

impl Prepared {
    /// The statement that a client's packet asks for.
    fn statement(&self, packet: &[u8]) -> Option<String> {
        // The first packet of a command has the number 0; those of a login have not.
        let (header, payload) = packet.split_at(4);
        let (command, rest) = payload.split_first().filter(|_| header[3] == 0)?;
        match *command {
            COM_QUERY | COM_STMT_PREPARE => Some(String::from_utf8_lossy(rest).into_owned()),
            COM_STMT_EXECUTE => self.by_id.get(&u32::from_le_bytes(rest.get(..4)?.try_into().ok()?)).cloned(),
            _ => None,
        }
    }

    /// Hears what id the server gave to a statement.
    fn hear(&mut self, packet: &[u8]) {
        let Some(statement) = self.awaited.take() else { return };
        if let Some(&[0, a, b, c, d]) = packet.get(4..9) {
            self.by_id.insert(u32::from_le_bytes([a, b, c, d]), statement);
        }
    }
}
