//! The one encoder: rows become canonical documents, and documents become digests.
//!
//! Every write to the mirror and every comparison with it goes through [`encode`] and [`digest`]; there is no other way
//! to make a document, so the backfill, the relay, verification and repair cannot disagree.

use std::{borrow::Cow, fmt};

use sha2::{Digest as _, Sha256};

use crate::{
    mapping::{Column, Kind, Model},
    revision::Revision,
};

/// The encoder's version: it rises when the encoding of rows or the content of `_sync` changes. It is part of every
/// model's revision, and so of every digest.
pub const ENCODER_VERSION: u32 = 1;

/// The prefix of digests that include their revision. Older digests begin with the four bytes of an encoder's version,
/// which never equal it.
const FRAME: &str = "chainbill-document-2";
/// The encoder's version of all documents without a revision.
const FIRST_ENCODER: u32 = 1;

/// A value as both databases hold it. There are no floats: money is in minor units, rates in basis points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// SQL NULL; the field is present and null.
    Null,
    /// True or false.
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// Text, compared by its bytes.
    Text(String),
    /// Milliseconds since 1970-01-01T00:00:00Z, negative before.
    Time(i64),
    /// Values in order.
    List(Vec<Value>),
    /// Fields in order.
    Map(Document),
    /// A value that no encoder writes (a float, a binary, …), as `type:text`. It is only read: tampering is reported by
    /// name instead of failing to decode.
    Foreign(String),
}

/// Named fields in the order of the model's description.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Document(pub Vec<(Cow<'static, str>, Value)>);

impl Document {
    /// The value of a top-level field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// The value at a dotted path (`total.minor`); lists are not entered.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Value> {
        match path.split_once('.') {
            None => self.get(path),
            Some((head, rest)) => match self.get(head)? {
                Value::Map(inner) => inner.at(rest),
                _ => None,
            },
        }
    }

    /// Appends a field.
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, value: Value) {
        self.0.push((name.into(), value));
    }
}

/// A row as read from the primary: its identity, its version and its cells in the order of [`Model::columns`], then one
/// list of child cells per [`Model::embeds`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Primary key as text.
    pub id: String,
    /// Rises by one with every change.
    pub version: i64,
    /// One cell per column of the description; a money column has two (minor units, currency).
    pub cells: Vec<Value>,
    /// Per embed: its child rows in their order, each with one cell per column.
    pub children: Vec<Vec<Vec<Value>>>,
}

/// SHA-256 of a document's canonical encoding.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of plain bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Lower-case hexadecimal, 64 characters: the stored form.
    #[must_use]
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }

    /// Reads the stored form; `None` when it is not 64 hexadecimal digits, or not in lower case, in which every digest is written.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        from_lower_hex(text).map(Self)
    }
}

/// Decodes lower-case hexadecimal digits of exactly `BYTES` bytes.
pub(crate) fn from_lower_hex<const BYTES: usize>(text: &str) -> Option<[u8; BYTES]> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = [0; BYTES];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

/// A row in the form of its mirrored document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// `_id`.
    pub id: String,
    /// `_sync.version`.
    pub version: i64,
    /// All fields but `_id` and `_sync`.
    pub body: Document,
    /// `_sync.digest`.
    pub digest: Digest,
}

/// Encodes a row after its model's description.
#[must_use]
pub fn encode(model: &'static Model, row: Row) -> Encoded {
    let Row { id, version, cells, children } = row;
    let mut body = fields(model.columns, cells);
    for (embed, rows) in model.embeds.iter().zip(children) {
        let items = rows.into_iter().map(|cells| Value::Map(fields(embed.columns, cells))).collect();
        body.push(embed.path, Value::List(items));
    }
    let digest = digest(model, &id, version, &body);
    Encoded { id, version, body, digest }
}

/// The digest of a document of this description: revision, model, id, version and every field with its name and type, each
/// length-prefixed, so that no two different documents share an encoding.
#[must_use]
pub fn digest(model: &'static Model, id: &str, version: i64, body: &Document) -> Digest {
    digest_at(model.name, Some(model.revision()), id, version, body)
}

/// The digest of a document of any revision, from its own content: no description is needed to check that a document is
/// unchanged. The revision is `None` for documents without one.
#[must_use]
pub fn digest_at(model: &str, revision: Option<Revision>, id: &str, version: i64, body: &Document) -> Digest {
    let mut hash = Sha256::new();
    match revision {
        Some(revision) => {
            feed_text(&mut hash, FRAME);
            feed_text(&mut hash, &revision.to_hex());
        }
        None => hash.update(FIRST_ENCODER.to_be_bytes()),
    }
    feed_text(&mut hash, model);
    feed_text(&mut hash, id);
    hash.update(version.to_be_bytes());
    feed_document(&mut hash, body);
    Digest(hash.finalize().into())
}

fn fields(columns: &[Column], cells: Vec<Value>) -> Document {
    let mut document = Document(Vec::with_capacity(columns.len()));
    let mut cells = cells.into_iter();
    for column in columns {
        let first = cells.next().unwrap_or(Value::Null);
        let value = match column.kind {
            Kind::Money { .. } => money(first, cells.next().unwrap_or(Value::Null)),
            _ => first,
        };
        document.push(column.path, value);
    }
    document
}

/// Money without an amount is null as a whole; otherwise both parts are always there.
fn money(minor: Value, currency: Value) -> Value {
    if minor == Value::Null {
        return Value::Null;
    }
    Value::Map(Document(vec![("minor".into(), minor), ("currency".into(), currency)]))
}

fn feed_text(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text.as_bytes());
}

fn feed_document(hash: &mut Sha256, document: &Document) {
    hash.update((document.0.len() as u64).to_be_bytes());
    for (name, value) in &document.0 {
        feed_text(hash, name);
        feed_value(hash, value);
    }
}

fn feed_value(hash: &mut Sha256, value: &Value) {
    match value {
        Value::Null => hash.update([0]),
        Value::Bool(flag) => hash.update([1, u8::from(*flag)]),
        Value::Int(number) => {
            hash.update([2]);
            hash.update(number.to_be_bytes());
        }
        Value::Text(text) => {
            hash.update([3]);
            feed_text(hash, text);
        }
        Value::Time(millis) => {
            hash.update([4]);
            hash.update(millis.to_be_bytes());
        }
        Value::List(items) => {
            hash.update([5]);
            hash.update((items.len() as u64).to_be_bytes());
            for item in items {
                feed_value(hash, item);
            }
        }
        Value::Map(inner) => {
            hash.update([6]);
            feed_document(hash, inner);
        }
        Value::Foreign(text) => {
            hash.update([255]);
            feed_text(hash, text);
        }
    }
}
