//! The local notary: an append-only, hash-chained, signed log in the data folder.

mod entry;
mod files;
mod log;

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chainbill_domain::{
    Clock, Random, Timestamp,
    mint::{Receipt, Submission, TokenId},
};
use ed25519_dalek::SigningKey;

pub use self::entry::Entry;
use self::{
    entry::{Order, PREFIX, refusal, transaction_of},
    files::Folder,
    log::Log,
};
use crate::{Chain, ChainError, Notarisation, Notarised, Status};

/// How long a submission may take effect.
const LIFETIME: Duration = Duration::from_secs(600);

/// What does not verify of a notary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Its key is missing, or is none.
    #[error("{0}")]
    Key(String),
    /// An entry.
    #[error("entry {sequence}: {reason}")]
    Entry {
        /// The place where it stands.
        sequence: u64,
        /// What does not verify.
        reason: String,
    },
    /// Entries that were read are gone.
    #[error("the log is shorter than the {entries} entries that were read of it")]
    Shortened {
        /// How many were read.
        entries: u64,
    },
}

/// What a verification of a notary has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The public key, hexadecimal; none without a key.
    pub public_key: Option<String>,
    /// How many entries verify, from the first one on.
    pub entries: u64,
    /// The digest of the last of them: who has kept it can tell later whether entries are missing.
    pub tip: String,
    /// Bytes of a last line that a crash has torn; it was not answered, and the next writer cuts it.
    pub torn_bytes: u64,
    /// What does not verify.
    pub fault: Option<Fault>,
}

/// Verifies all of the notary in a data folder, from its files alone; none where there is no notary.
///
/// # Errors
/// When its files cannot be read.
pub fn verify(data_dir: &Path) -> Result<Option<Report>, ChainError> {
    let folder = Folder(data_dir.join("notary"));
    let log = folder.open_log()?;
    let key = match folder.read_key() {
        Ok(None) if log.is_none() => return Ok(None),
        Ok(Some(key)) => key,
        Ok(None) => return Ok(Some(Report::without_key(format!("{} is missing", folder.key().display())))),
        Err(ChainError::Faulty(Fault::Key(reason))) => return Ok(Some(Report::without_key(reason))),
        Err(error) => return Err(error),
    };
    let mut read = Log::new(key.verifying_key());
    let (torn_bytes, fault) = match log.map(|mut file| read.catch_up(&mut file)) {
        None => (0, None),
        Some(Ok(torn)) => (torn, None),
        Some(Err(ChainError::Faulty(fault))) => (0, Some(fault)),
        Some(Err(error)) => return Err(error),
    };
    let public_key = Some(hex::encode(key.verifying_key().as_bytes()));
    Ok(Some(Report { public_key, entries: read.entries(), tip: read.tip().to_owned(), torn_bytes, fault }))
}

impl Report {
    fn without_key(reason: String) -> Self {
        let fault = Some(Fault::Key(reason));
        Self { public_key: None, entries: 0, tip: String::new(), torn_bytes: 0, fault }
    }
}

/// The local notary of a data folder. Nothing is read or written before it is used.
#[derive(Clone)]
pub struct LocalNotary(Arc<Inner>);

struct Inner {
    folder: Folder,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    opened: Mutex<Option<Opened>>,
}

struct Opened {
    key: SigningKey,
    log: Log,
}

impl LocalNotary {
    /// The notary in a data folder.
    #[must_use]
    pub fn new(data_dir: &Path, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        let folder = Folder(PathBuf::from(data_dir).join("notary"));
        Self(Arc::new(Inner { folder, clock, random, opened: Mutex::new(None) }))
    }

    /// Does something with the notary on a thread that may wait for files and locks.
    async fn with<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Inner, &mut Opened) -> Result<T, ChainError> + Send + 'static,
    ) -> Result<T, ChainError> {
        let inner = self.0.clone();
        let acted = tokio::task::spawn_blocking(move || inner.opened(|opened| act(&inner, opened)));
        acted.await.unwrap_or_else(|error| Err(ChainError::Ambiguous(format!("the notary's thread ended: {error}"))))
    }
}

impl Inner {
    fn opened<T>(&self, act: impl FnOnce(&mut Opened) -> Result<T, ChainError>) -> Result<T, ChainError> {
        // What was read and verified stays right when a thread has panicked.
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = opened.as_mut() {
            return act(opened);
        }
        self.folder.make()?;
        let key = {
            let _held = self.folder.lock()?;
            self.folder.key_or_new(&*self.random)?
        };
        let log = Log::new(key.verifying_key());
        act(opened.insert(Opened { key, log }))
    }

    /// Appends the entry of an order. It is on disk when this answers.
    fn append(&self, opened: &mut Opened, order: Order, transaction: &str) -> Result<(), ChainError> {
        let _held = self.folder.lock()?;
        let mut file = self.folder.log_for_writing()?;
        let torn = opened.log.catch_up(&mut file)?;
        if opened.log.of_transaction(&mut file, transaction)?.is_some() {
            return Ok(());
        }
        let now = self.clock.now();
        if now.timestamp_millis() > order.expires_at_ms {
            return Err(ChainError::Refused("its time is over".to_owned()));
        }
        let token: TokenId = order.token.parse().map_err(|error| ChainError::Refused(format!("its token {error}")))?;
        if opened.log.of_token(&mut file, token.get())?.is_some() {
            return Err(ChainError::Refused(format!("the token {token} exists already")));
        }
        if torn > 0 {
            tracing::warn!(
                "the notary's log ended with {torn} bytes of an entry that was never answered: they are cut"
            );
            cut(&file, opened.log.verified())
                .map_err(ChainError::io("the torn end of the notary's log cannot be cut"))?;
        }
        let entry = Entry {
            sequence: opened.log.entries() + 1,
            previous: opened.log.tip().to_owned(),
            token: order.token,
            hash: order.hash,
            reference: order.reference,
            transaction: transaction.to_owned(),
            at_ms: now.timestamp_millis(),
            signature: String::new(),
        };
        let line = entry.sign(&opened.key).line() + "\n";
        if let Err(error) = file.write_all(line.as_bytes()).and_then(|()| file.sync_data()) {
            // After a failed fsync nobody knows what is on disk: what may be there is taken back.
            let undone = cut(&file, opened.log.verified());
            return Err(ChainError::Ambiguous(match undone {
                Ok(()) => format!("the notary's log cannot be written: {error}"),
                Err(undoing) => format!("the notary's log cannot be written: {error}, nor cut: {undoing}"),
            }));
        }
        opened.log.catch_up(&mut file).map(drop)
    }
}

/// Cuts the log to its verified lines.
fn cut(file: &File, length: u64) -> std::io::Result<()> {
    file.set_len(length)?;
    file.sync_all()
}

fn identity(key: &SigningKey) -> String {
    format!("{PREFIX}{}", &hex::encode(key.verifying_key().as_bytes())[..32])
}

fn ours(key: &SigningKey, submission: &Submission) -> Result<(), ChainError> {
    let own = identity(key);
    if submission.chain == own { Ok(()) } else { Err(ChainError::OtherChain(submission.chain.clone(), own)) }
}

#[async_trait]
impl Chain for LocalNotary {
    fn network(&self) -> &'static str {
        "local"
    }

    async fn identity(&self) -> Result<String, ChainError> {
        self.with(|_, opened| Ok(identity(&opened.key))).await
    }

    async fn prepare(&self, what: &Notarisation) -> Result<Submission, ChainError> {
        if let Some(reason) = refusal(what) {
            return Err(ChainError::Refused(reason.to_owned()));
        }
        let Notarisation { token, hash, reference } = what.clone();
        self.with(move |inner, opened| {
            let chain = identity(&opened.key);
            let expires_at = inner.clock.now() + LIFETIME;
            let order = Order {
                chain: chain.clone(),
                token: token.to_string(),
                hash,
                reference,
                expires_at_ms: expires_at.timestamp_millis(),
                signature: String::new(),
            };
            let bytes = order.sign(&opened.key).bytes();
            Ok(Submission { chain, transaction: transaction_of(&bytes), bytes, expires_at })
        })
        .await
    }

    async fn submit(&self, submission: &Submission) -> Result<(), ChainError> {
        let submission = submission.clone();
        self.with(move |inner, opened| {
            ours(&opened.key, &submission)?;
            let order = Order::read(&submission.bytes, &opened.key.verifying_key()).map_err(ChainError::Refused)?;
            if order.chain != submission.chain || transaction_of(&submission.bytes) != submission.transaction {
                return Err(ChainError::Refused("its bytes are not those of its transaction id".to_owned()));
            }
            inner.append(opened, order, &submission.transaction)
        })
        .await
    }

    async fn status(&self, submission: &Submission) -> Result<Status, ChainError> {
        let submission = submission.clone();
        self.with(move |inner, opened| {
            ours(&opened.key, &submission)?;
            // Under the lock no writer is between its look at the clock and its entry.
            let _held = inner.folder.lock()?;
            let now = inner.clock.now();
            let found = match inner.folder.open_log()? {
                Some(mut file) => {
                    opened.log.catch_up(&mut file)?;
                    let found = opened.log.of_transaction(&mut file, &submission.transaction)?;
                    // A writer may have been killed before its entry was durable.
                    file.sync_data().map_err(ChainError::io("the notary's log cannot be made durable"))?;
                    found
                }
                None if opened.log.entries() > 0 => {
                    return Err(Fault::Shortened { entries: opened.log.entries() }.into());
                }
                None => None,
            };
            Ok(match found {
                Some((entry, digest)) => {
                    Status::Confirmed(Receipt { position: entry.sequence, digest, at: moment(&entry)?, gas_used: None })
                }
                None if now > submission.expires_at => Status::Expired,
                None => Status::Unknown,
            })
        })
        .await
    }

    async fn token(&self, token: TokenId) -> Result<Option<Notarised>, ChainError> {
        self.with(move |inner, opened| {
            let Some(mut file) = inner.folder.open_log()? else {
                return match opened.log.entries() {
                    0 => Ok(None),
                    entries => Err(Fault::Shortened { entries }.into()),
                };
            };
            opened.log.catch_up(&mut file)?;
            let Some((entry, _)) = opened.log.of_token(&mut file, token.get())? else { return Ok(None) };
            let named = |reason| Fault::Entry { sequence: entry.sequence, reason };
            Ok(Some(entry.notarised().map_err(named)?))
        })
        .await
    }

    async fn probe(&self) -> Result<(), ChainError> {
        self.with(|inner, opened| {
            let _held = inner.folder.lock()?;
            let mut file = inner.folder.log_for_writing()?;
            opened.log.catch_up(&mut file).map(drop)
        })
        .await
    }
}

fn moment(entry: &Entry) -> Result<Timestamp, ChainError> {
    let out = || Fault::Entry { sequence: entry.sequence, reason: "its moment is outside of the calendar".to_owned() };
    Ok(Timestamp::from_timestamp_millis(entry.at_ms).ok_or_else(out)?)
}

#[cfg(test)]
mod tests;
