//! The search terms of a document, as they are stored beside it.

use chainbill_domain::{Document, Model, words};

use crate::port::{Content, Write};

/// The field that holds them in MongoDB, between the document's own fields and `_sync`.
pub(crate) const WORDS: &str = "_words";

/// The search terms of a write's document: each word with the weight of the heaviest field that holds it, as `rust 08`, ascending.
/// Empty for tombstones and for models without search fields.
pub(crate) fn words_of(model: &Model, write: &Write) -> Vec<String> {
    match &write.content {
        Content::Document { body, .. } => words_in(model, body),
        Content::Tombstone => Vec::new(),
    }
}

/// The search terms of a document.
pub(crate) fn words_in(model: &Model, body: &Document) -> Vec<String> {
    if model.search.is_empty() {
        return Vec::new();
    }
    let mut all: Vec<String> =
        words::indexed(model, body).iter().map(|word| weighed(&word.text, word.weight)).collect();
    all.sort_unstable();
    all
}

/// A word with a weight. No word holds a space, so all weights of a word sort together.
pub(crate) fn weighed(word: &str, weight: u8) -> String {
    format!("{word} {weight:02}")
}
