//! A proxy before a MongoDB wire server that answers some commands itself, as another server would.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use mongodb::bson::{Bson, Document};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Mutex as AsyncMutex, watch},
    task::JoinHandle,
};

use crate::proxy::instead_of;

const HEADER: usize = 16;
const OP_MSG: i32 = 2013;

type Answering = Arc<dyn Fn(&Document) -> Option<Document> + Send + Sync>;

/// In front of one server, on its own port. All commands without a configured answer pass.
pub struct Wire {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    rules: Mutex<Vec<(String, Answering)>>,
    /// The received commands: name and collection.
    seen: watch::Sender<Vec<(String, String)>>,
    /// A delayed command.
    held: watch::Sender<Option<String>>,
}

impl Wire {
    /// Listens in front of a server.
    pub async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let theirs = Arc::clone(&shared);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, server, Arc::clone(&theirs)));
            }
        });
        Self { address, shared, accepting }
    }

    /// The server's URL through this proxy.
    #[must_use]
    pub fn instead_of(&self, url: &str) -> String {
        instead_of(url, self.address)
    }

    /// Answers commands of this name; without an answer they pass. A command's documents are lists in it (`documents`,
    /// `updates`).
    pub fn answer(&self, command: &str, answer: impl Fn(&Document) -> Option<Document> + Send + Sync + 'static) {
        self.rules().push((command.to_owned(), Arc::new(answer)));
    }

    /// Stops answering.
    pub fn pass(&self) {
        self.rules().clear();
        self.shared.held.send_replace(None);
    }

    /// Delays such commands until [`Self::pass`].
    pub fn hold(&self, command: &str) {
        self.shared.held.send_replace(Some(command.to_owned()));
    }

    /// The collections of commands of this name, in order.
    #[must_use]
    pub fn seen(&self, command: &str) -> Vec<String> {
        of(&self.shared.seen.borrow(), command)
    }

    /// Waits for this many commands of this name.
    pub async fn until_seen(&self, command: &str, count: usize) {
        let mut seen = self.shared.seen.subscribe();
        // The sender lives as long as this.
        let _ = seen.wait_for(|seen| of(seen, command).len() >= count).await;
    }

    fn rules(&self) -> std::sync::MutexGuard<'_, Vec<(String, Answering)>> {
        self.shared.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A server's refusal of a whole command.
#[must_use]
pub fn refusal(code: i32) -> Document {
    mongodb::bson::doc! { "ok": 0.0, "code": code, "codeName": "Whatever", "errmsg": "it says why" }
}

/// A server's refusal of each statement of a write command.
#[must_use]
pub fn refusals(command: &Document, code: i32) -> Document {
    let count = ["documents", "updates"].iter().find_map(|list| command.get_array(*list).ok()).map_or(0, Vec::len);
    let error = |index: usize| {
        mongodb::bson::doc! { "index": i32::try_from(index).unwrap(), "code": code, "errmsg": "it says why" }
    };
    mongodb::bson::doc! { "ok": 1.0, "n": 0, "writeErrors": (0..count).map(error).collect::<Vec<_>>() }
}

fn of(seen: &[(String, String)], command: &str) -> Vec<String> {
    seen.iter().filter(|(name, _)| name == command).map(|(_, collection)| collection.clone()).collect()
}

async fn carry(client: TcpStream, server: SocketAddr, shared: Arc<Shared>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let to_client = AsyncMutex::new(to_client);
    tokio::select! {
        () = requests(from_client, to_server, &to_client, &shared) => {}
        () = answers(from_server, &to_client) => {}
    }
}

async fn answers(mut from: OwnedReadHalf, to: &AsyncMutex<OwnedWriteHalf>) {
    while let Some(message) = message(&mut from).await {
        if to.lock().await.write_all(&message).await.is_err() {
            return;
        }
    }
}

async fn requests(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    to_client: &AsyncMutex<OwnedWriteHalf>,
    shared: &Shared,
) {
    while let Some(message) = message(&mut from).await {
        let command = command(&message);
        let answer = match &command {
            Some(command) => shared.answer(command).await,
            None => None,
        };
        let written = match answer {
            Some(answer) => to_client.lock().await.write_all(&reply(&message, &answer)).await,
            None => to.write_all(&message).await,
        };
        if written.is_err() {
            return;
        }
    }
}

impl Shared {
    /// The proxy's own answer to a command, after any delay.
    async fn answer(&self, command: &Document) -> Option<Document> {
        let (name, value) = command.iter().next()?;
        let about = value.as_str().unwrap_or_default().to_owned();
        self.seen.send_modify(|seen| seen.push((name.clone(), about)));
        // The sender lives as long as this.
        let _ = self.held.subscribe().wait_for(|held| held.as_ref() != Some(name)).await;
        let rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        rules.iter().filter(|(command, _)| command == name).find_map(|(_, answer)| answer(command))
    }
}

/// A whole message; none at the end.
async fn message(from: &mut OwnedReadHalf) -> Option<Vec<u8>> {
    let mut message = vec![0; HEADER];
    from.read_exact(&mut message).await.ok()?;
    let length = usize::try_from(number(&message, 0)?).ok()?;
    message.resize(length.max(HEADER), 0);
    from.read_exact(&mut message[HEADER..]).await.ok()?;
    Some(message)
}

fn number(bytes: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// A message's command with its documents; none for other kinds.
fn command(message: &[u8]) -> Option<Document> {
    if number(message, 12)? != OP_MSG {
        return None;
    }
    let (mut at, mut command, mut lists) = (HEADER + 4, Document::new(), Vec::new());
    while at < message.len() {
        let kind = message[at];
        at += 1;
        let length = usize::try_from(number(message, at)?).ok()?;
        let section = message.get(at..at + length)?;
        at += length;
        if kind == 0 {
            command = Document::from_reader(section).ok()?;
            continue;
        }
        let name_end = 4 + section[4..].iter().position(|byte| *byte == 0)?;
        let name = std::str::from_utf8(&section[4..name_end]).ok()?.to_owned();
        let (mut documents, mut place) = (Vec::new(), name_end + 1);
        while place < section.len() {
            let length = usize::try_from(number(section, place)?).ok()?;
            documents.push(Bson::Document(Document::from_reader(section.get(place..place + length)?).ok()?));
            place += length;
        }
        lists.push((name, documents));
    }
    command.extend(lists.into_iter().map(|(name, documents)| (name, Bson::Array(documents))));
    Some(command)
}

/// The reply to a message.
fn reply(to: &[u8], answer: &Document) -> Vec<u8> {
    let mut body = Vec::new();
    answer.to_writer(&mut body).unwrap();
    let length = i32::try_from(HEADER + 5 + body.len()).unwrap();
    let mut message = Vec::with_capacity(HEADER + 5 + body.len());
    message.extend(length.to_le_bytes());
    message.extend(1_i32.to_le_bytes());
    message.extend(&to[4..8]);
    message.extend(OP_MSG.to_le_bytes());
    message.extend([0; 5]);
    message.extend(body);
    message
}
