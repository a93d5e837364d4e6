//! The log as far as it was read: every line verified once, with an index of where tokens and transactions stand.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
};

use ed25519_dalek::VerifyingKey;

use super::{
    Fault,
    entry::{Entry, LONGEST_LINE, digest, first_previous},
};
use crate::ChainError;

/// Where a line stands, and what it follows.
#[derive(Debug, Clone)]
struct Place {
    offset: u64,
    length: usize,
    sequence: u64,
    previous: String,
}

/// What was read of the log.
pub(super) struct Log {
    key: VerifyingKey,
    /// Bytes of verified lines.
    verified: u64,
    entries: u64,
    tip: String,
    places: Vec<Place>,
    tokens: HashMap<u64, usize>,
    transactions: HashMap<String, usize>,
}

impl Log {
    pub fn new(key: VerifyingKey) -> Self {
        let tip = first_previous(&key);
        let (places, tokens, transactions) = (Vec::new(), HashMap::new(), HashMap::new());
        Self { key, verified: 0, entries: 0, tip, places, tokens, transactions }
    }

    /// How many entries were read.
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// The digest of the last one.
    pub fn tip(&self) -> &str {
        &self.tip
    }

    /// How many bytes they have.
    pub const fn verified(&self) -> u64 {
        self.verified
    }

    /// Reads and verifies what was appended since; how many bytes of a torn line follow.
    ///
    /// # Errors
    /// The first line that does not verify. What was read before it stays.
    pub fn catch_up(&mut self, file: &mut File) -> Result<u64, ChainError> {
        let failed = || ChainError::io("the notary's log cannot be read");
        let length = file.metadata().map_err(failed())?.len();
        if length < self.verified {
            return Err(Fault::Shortened { entries: self.entries }.into());
        }
        file.seek(SeekFrom::Start(self.verified)).map_err(failed())?;
        let mut reader = BufReader::new(file);
        loop {
            let mut line = Vec::new();
            reader.by_ref().take(LONGEST_LINE as u64 + 1).read_until(b'\n', &mut line).map_err(failed())?;
            if line.pop_if(|last| *last == b'\n').is_some() {
                self.take(&line)?;
            } else if line.is_empty() {
                return Ok(0);
            } else if is_torn(&line) {
                return Ok(line.len() as u64);
            } else {
                return Err(self.fault("it has no end, and is not the beginning of an entry"));
            }
        }
    }

    fn take(&mut self, line: &[u8]) -> Result<(), ChainError> {
        let sequence = self.entries + 1;
        let entry = Entry::read(line, sequence, &self.tip, &self.key).map_err(|reason| self.fault(reason))?;
        let token = entry.token().map_err(|reason| self.fault(reason))?;
        let place = self.places.len();
        if self.tokens.contains_key(&token.get()) || self.transactions.contains_key(&entry.transaction) {
            return Err(self.fault("its token or its transaction stands in the log already"));
        }
        self.tokens.insert(token.get(), place);
        self.transactions.insert(entry.transaction, place);
        let previous = std::mem::replace(&mut self.tip, digest(line));
        self.places.push(Place { offset: self.verified, length: line.len(), sequence, previous });
        self.verified += line.len() as u64 + 1;
        self.entries = sequence;
        Ok(())
    }

    fn fault(&self, reason: impl Into<String>) -> ChainError {
        Fault::Entry { sequence: self.entries + 1, reason: reason.into() }.into()
    }

    /// The entry of a token, read and verified once more, with the digest of its line.
    ///
    /// # Errors
    /// When it is not what was read before.
    pub fn of_token(&self, file: &mut File, token: u64) -> Result<Option<(Entry, String)>, ChainError> {
        self.tokens.get(&token).map(|place| self.read(file, *place)).transpose()
    }

    /// The same of a transaction.
    pub fn of_transaction(&self, file: &mut File, id: &str) -> Result<Option<(Entry, String)>, ChainError> {
        self.transactions.get(id).map(|place| self.read(file, *place)).transpose()
    }

    fn read(&self, file: &mut File, place: usize) -> Result<(Entry, String), ChainError> {
        let Place { offset, length, sequence, previous } = &self.places[place];
        let mut line = vec![0; *length];
        let read = file.seek(SeekFrom::Start(*offset)).and_then(|_| file.read_exact(&mut line));
        read.map_err(ChainError::io("the notary's log cannot be read"))?;
        let entry = Entry::read(&line, *sequence, previous, &self.key);
        let entry = entry.map_err(|reason| Fault::Entry { sequence: *sequence, reason })?;
        Ok((entry, digest(&line)))
    }
}

/// Whether a last line without its end is the beginning of one: a whole value with something behind it is none, for entries end with
/// their value.
fn is_torn(line: &[u8]) -> bool {
    if line.len() > LONGEST_LINE || line[0] != b'{' {
        return false;
    }
    let mut values = serde_json::Deserializer::from_slice(line).into_iter::<serde_json::Value>();
    match values.next() {
        Some(Ok(_)) => values.byte_offset() == line.len(),
        Some(Err(error)) => error.is_eof(),
        None => false,
    }
}
