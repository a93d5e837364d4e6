//! Limits of both engines, so that a document that fits into one fits into the other.

use std::{future::Future, time::Duration};

use chainbill_domain::{Document, Value};

use crate::{
    port::{Content, MirrorError, Write},
    search_terms::WORDS,
};

/// No document may be larger: MongoDB's own limit, kept by the embedded engine too.
pub const MAX_DOCUMENT_BYTES: usize = 16 * 1024 * 1024;

/// One command to a database carries about this much at most.
pub(crate) const MAX_COMMAND_BYTES: usize = 8 * 1024 * 1024;

/// How long each kind of request may take before it counts as unanswered.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// The health question.
    pub ping: Duration,
    /// Requests that a person waits for.
    pub request: Duration,
    /// Batches, pages of whole documents, index building.
    pub bulk: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { ping: Duration::from_millis(800), request: Duration::from_secs(5), bulk: Duration::from_secs(30) }
    }
}

/// Ends a request at its deadline. A stopped server holds a driver past the driver's own timeouts.
pub(crate) async fn within<T>(
    deadline: Duration,
    what: &str,
    work: impl Future<Output = Result<T, MirrorError>>,
) -> Result<T, MirrorError> {
    match tokio::time::timeout(deadline, work).await {
        Ok(answer) => answer,
        Err(_) => Err(MirrorError::Unavailable(format!("{what}: no answer within {} ms", deadline.as_millis()))),
    }
}

/// The size of a document in MongoDB, or why it can never be stored. Both engines use it.
pub(crate) fn storable(write: &Write, words: &[String]) -> Result<usize, String> {
    if let Content::Document { body, .. } = &write.content
        && let Some(name) = unusable_name(body)
    {
        return Err(format!("the field name {name:?} holds a NUL"));
    }
    match stored_bytes(write, words) {
        bytes if bytes > MAX_DOCUMENT_BYTES => {
            Err(format!("the document has {bytes} bytes; at most {MAX_DOCUMENT_BYTES} are accepted"))
        }
        bytes => Ok(bytes),
    }
}

fn unusable_name(document: &Document) -> Option<&str> {
    document.0.iter().find_map(|(name, value)| if name.contains('\0') { Some(&**name) } else { within_value(value) })
}

fn within_value(value: &Value) -> Option<&str> {
    match value {
        Value::Map(inner) => unusable_name(inner),
        Value::List(items) => items.iter().find_map(within_value),
        _ => None,
    }
}

/// The size of a write's document in MongoDB, with `_id`, `_sync` and its search terms.
fn stored_bytes(write: &Write, words: &[String]) -> usize {
    const DOCUMENT: usize = 5;
    let id = element("_id") + text(&write.id);
    let sync = element("_sync") + DOCUMENT + element("version") + 8 + element("appliedAt") + 8;
    match &write.content {
        Content::Tombstone => DOCUMENT + id + sync + element("deletedAt") + 8,
        Content::Document { body, .. } => {
            let listed = |(place, word): (usize, &String)| place_bytes(place) + text(word);
            let list = if words.is_empty() { 0 } else { element(WORDS) + DOCUMENT };
            let words = words.iter().enumerate().map(listed).sum::<usize>() + list;
            document(body) + words + id + sync + element("digest") + 4 + 64 + 1 + element("revision") + 4 + 16 + 1
        }
    }
}

/// The type byte, the name and its end.
fn element(name: &str) -> usize {
    name.len() + 2
}

fn text(text: &str) -> usize {
    4 + text.len() + 1
}

/// The type byte, the name and its end of an item of a list.
fn place_bytes(place: usize) -> usize {
    2 + place.checked_ilog10().unwrap_or(0) as usize + 1
}

fn document(document: &Document) -> usize {
    5 + document.0.iter().map(|(name, value)| element(name) + value_bytes(value)).sum::<usize>()
}

fn value_bytes(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Int(_) | Value::Time(_) => 8,
        Value::Text(content) | Value::Foreign(content) => text(content),
        Value::List(items) => {
            5 + items.iter().enumerate().map(|(n, item)| place_bytes(n) + value_bytes(item)).sum::<usize>()
        }
        Value::Map(inner) => document(inner),
    }
}
