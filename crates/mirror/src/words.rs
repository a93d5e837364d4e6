//! The words that a document is found by, as they are kept beside it.

use chainbill_domain::{Document, Model, words};

use crate::port::{Content, Write};

/// The field that holds them in MongoDB, between the document's own fields and `_sync`.
pub(crate) const WORDS: &str = "_words";

/// What a write's document is found by: each word with the weight of the heaviest field that holds it, as `rust 08`,
/// ascending. Nothing for a tombstone and for a model that nobody searches.
pub(crate) fn words_of(model: &Model, write: &Write) -> Vec<String> {
    match &write.content {
        Content::Document { body, .. } => words_in(model, body),
        Content::Tombstone => Vec::new(),
    }
}

/// The same of a document.
pub(crate) fn words_in(model: &Model, body: &Document) -> Vec<String> {
    if model.search.is_empty() {
        return Vec::new();
    }
    let mut all: Vec<String> =
        words::indexed(model, body).iter().map(|word| weighed(&word.text, word.weight)).collect();
    all.sort_unstable();
    all
}

/// A word with a weight. No word holds a space, so that all weights of one stand together, and none among others.
pub(crate) fn weighed(word: &str, weight: u8) -> String {
    format!("{word} {weight:02}")
}
