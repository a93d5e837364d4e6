//! Entries of the log and orders to it: how they are written, signed and verified.

use chainbill_domain::{Timestamp, mint::TokenId};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Notarisation, Notarised};

/// What every transaction id and every identity of the local notary begins with.
pub(super) const PREFIX: &str = "local:";
/// What is hashed and signed begins with these words, so that nothing signed here is valid for anything else.
const ENTRY: &str = "chainbill-notary-entry-1";
const ORDER: &str = "chainbill-notary-order-1";
const FIRST: &str = "chainbill-notary-1";
/// No line is longer, in bytes.
pub(super) const LONGEST_LINE: usize = 2048;

/// An entry of the log: one JSON line, always spelled like this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// Its place: 1, 2, 3, …
    pub sequence: u64,
    /// The digest of the entry before; of the first one, that of the public key.
    pub previous: String,
    /// The token's id, in decimal digits.
    pub token: String,
    /// The invoice's canonical hash.
    pub hash: String,
    /// The opaque reference.
    pub reference: String,
    /// The transaction id: `local:` and the hash of the order.
    pub transaction: String,
    /// When it was written, in milliseconds since 1970.
    pub at_ms: i64,
    /// The signature of all that, hexadecimal.
    pub signature: String,
}

impl Entry {
    /// The text of all fields but the signature; none of them has a line break.
    fn signed(&self) -> String {
        let Self { sequence, previous, token, hash, reference, transaction, at_ms, signature: _ } = self;
        format!("{ENTRY}\n{sequence}\n{previous}\n{token}\n{hash}\n{reference}\n{transaction}\n{at_ms}")
    }

    pub(super) fn sign(mut self, key: &SigningKey) -> Self {
        self.signature = hex::encode(key.sign(self.signed().as_bytes()).to_bytes());
        self
    }

    /// The line, without its end.
    pub(super) fn line(&self) -> String {
        serde_json::to_string(self).expect("numbers and texts are JSON")
    }

    /// Reads a line that has to follow these.
    ///
    /// # Errors
    /// What does not verify.
    pub(super) fn read(line: &[u8], sequence: u64, previous: &str, key: &VerifyingKey) -> Result<Self, String> {
        let entry: Self = serde_json::from_slice(line).map_err(|error| format!("it cannot be read: {error}"))?;
        if entry.line().as_bytes() != line {
            return Err("it is spelled in another way than entries are".to_owned());
        }
        if entry.sequence != sequence {
            return Err(format!("its sequence number is {}", entry.sequence));
        }
        if entry.previous != previous {
            return Err("it does not follow the entry before it".to_owned());
        }
        if !is_signed(key, &entry.signed(), &entry.signature) {
            return Err("its signature does not verify".to_owned());
        }
        Ok(entry)
    }

    pub(super) fn token(&self) -> Result<TokenId, String> {
        self.token.parse().map_err(|error| format!("its token {error}"))
    }

    /// What it says, of the port.
    pub(super) fn notarised(&self) -> Result<Notarised, String> {
        let at = Timestamp::from_timestamp_millis(self.at_ms).ok_or("its moment is outside of the calendar")?;
        let what = Notarisation { token: self.token()?, hash: self.hash.clone(), reference: self.reference.clone() };
        Ok(Notarised { what, transaction: self.transaction.clone(), at })
    }
}

/// A signed order to the notary: the bytes of a submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Order {
    pub chain: String,
    pub token: String,
    pub hash: String,
    pub reference: String,
    pub expires_at_ms: i64,
    pub signature: String,
}

impl Order {
    fn signed(&self) -> String {
        let Self { chain, token, hash, reference, expires_at_ms, signature: _ } = self;
        format!("{ORDER}\n{chain}\n{token}\n{hash}\n{reference}\n{expires_at_ms}")
    }

    pub fn sign(mut self, key: &SigningKey) -> Self {
        self.signature = hex::encode(key.sign(self.signed().as_bytes()).to_bytes());
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and texts are JSON")
    }

    /// Reads an order of this key.
    ///
    /// # Errors
    /// Why it is none.
    pub fn read(bytes: &[u8], key: &VerifyingKey) -> Result<Self, String> {
        let order: Self = serde_json::from_slice(bytes).map_err(|error| format!("it cannot be read: {error}"))?;
        let is_ours = is_signed(key, &order.signed(), &order.signature);
        if is_ours { Ok(order) } else { Err("its signature does not verify".to_owned()) }
    }
}

/// Why this is nothing to notarise.
pub(super) fn refusal(what: &Notarisation) -> Option<&'static str> {
    let is_hash = what.hash.len() == 64 && what.hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let length = what.reference.len();
    let is_reference = (1..=64).contains(&length) && what.reference.bytes().all(|byte| byte.is_ascii_graphic());
    match (is_hash, is_reference) {
        (false, _) => Some("the hash is not 64 hexadecimal digits in lower case"),
        (_, false) => Some("the reference is not 1 to 64 visible ASCII characters"),
        _ => None,
    }
}

fn is_signed(key: &VerifyingKey, text: &str, signature: &str) -> bool {
    let mut bytes = [0; 64];
    hex::decode_to_slice(signature, &mut bytes).is_ok()
        && hex::encode(bytes) == signature
        && key.verify_strict(text.as_bytes(), &Signature::from_bytes(&bytes)).is_ok()
}

/// The transaction id of an order.
pub(super) fn transaction_of(bytes: &[u8]) -> String {
    format!("{PREFIX}{}", digest(bytes))
}

/// SHA-256, hexadecimal.
pub(super) fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// What the first entry follows.
pub(super) fn first_previous(key: &VerifyingKey) -> String {
    digest(format!("{FIRST}\n{}", hex::encode(key.as_bytes())).as_bytes())
}
