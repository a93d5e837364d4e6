//! The revision of a model: which description its documents were made by.
//!
//! It is not set but derived: a hash over everything in the description that decides a document, so a column that comes, goes or is
//! renamed makes another revision by itself. Which of two revisions is the newer one it does not say: that is a matter of who
//! came last (`chainbill_sync`, `schema`).

use std::{
    collections::HashMap,
    fmt,
    sync::{PoisonError, RwLock},
};

use sha2::{Digest as _, Sha256};

use crate::{
    document::{ENCODER_VERSION, from_lower_hex},
    mapping::{Column, Embed, Kind, Model, Search},
    words::WORDS_VERSION,
};

/// Names a description. Two descriptions have the same revision when they make the same documents of the same rows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Revision([u8; 8]);

impl Revision {
    /// The first eight bytes of a SHA-256: there are a few dozen revisions in the life of a product.
    pub(crate) fn of(hash: Sha256) -> Self {
        let hash: [u8; 32] = hash.finalize().into();
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&hash[..8]);
        Self(bytes)
    }

    /// Of all models that a release knows: another one where any of theirs is another.
    #[must_use]
    pub fn of_all(models: &[&'static Model]) -> Self {
        let mut hash = Sha256::new();
        for model in models {
            text(&mut hash, model.name);
            hash.update(model.revision().0);
        }
        Self::of(hash)
    }

    /// Lower-case hexadecimal, 16 characters: the stored form.
    #[must_use]
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }

    /// Reads the stored form; `None` when it is not 16 hexadecimal digits in lower case.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        from_lower_hex(text).map(Self)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl Model {
    /// The revision of this description. It is derived once per description and remembered: descriptions live as long as the
    /// program, so an address stands for one of them.
    #[must_use]
    pub fn revision(&'static self) -> Revision {
        static KNOWN: RwLock<Option<HashMap<usize, Revision>>> = RwLock::new(None);
        let place = std::ptr::from_ref(self).addr();
        let known = |known: &Option<HashMap<usize, Revision>>| known.as_ref().and_then(|all| all.get(&place).copied());
        if let Some(revision) = known(&KNOWN.read().unwrap_or_else(PoisonError::into_inner)) {
            return revision;
        }
        let revision = derive(self);
        KNOWN.write().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().insert(place, revision);
        revision
    }
}

/// What decides a document is fed here, and nothing else: what is omitted or indexed, and how often a model is reconciled,
/// changes no document. What is searched makes the words that stand beside one. Whatever else comes to decide what stands in a
/// document, in `_sync` too, belongs here or raises [`ENCODER_VERSION`].
fn derive(model: &Model) -> Revision {
    let Model { name, columns, embeds, omitted: _, search, indexes: _, every: _ } = model;
    let mut hash = Sha256::new();
    hash.update(ENCODER_VERSION.to_be_bytes());
    text(&mut hash, name);
    feed_columns(&mut hash, columns);
    hash.update((embeds.len() as u64).to_be_bytes());
    for Embed { path, table, parent, order_by, columns, omitted: _ } in *embeds {
        for part in [path, table, parent, order_by] {
            text(&mut hash, part);
        }
        feed_columns(&mut hash, columns);
    }
    if !search.is_empty() {
        hash.update(WORDS_VERSION.to_be_bytes());
        for Search { path, weight } in *search {
            text(&mut hash, path);
            hash.update([*weight]);
        }
    }
    Revision::of(hash)
}

fn feed_columns(hash: &mut Sha256, columns: &[Column]) {
    hash.update((columns.len() as u64).to_be_bytes());
    // Whether a column may be NULL or large decides how it is read, not what becomes of it.
    for Column { column, path, kind, nullable: _, large: _ } in columns {
        text(hash, column);
        text(hash, path);
        let (word, currency) = match kind {
            Kind::Text => ("text", ""),
            Kind::Int => ("int", ""),
            Kind::Bool => ("bool", ""),
            Kind::Time => ("time", ""),
            Kind::Money { currency } => ("money", *currency),
        };
        text(hash, word);
        text(hash, currency);
    }
}

fn text(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        mapping::{int, minutes, money, search, text},
        models::{ALL, USERS},
    };

    fn leak<T, const N: usize>(items: [T; N]) -> &'static [T] {
        Box::leak(Box::new(items))
    }

    fn columns() -> &'static [Column] {
        leak([text("title", "title"), money("price", "currency", "price")])
    }

    fn lines() -> Embed {
        Embed {
            path: "lines",
            table: "thing_lines",
            parent: "thing_id",
            order_by: "position",
            columns: leak([int("count", "count")]),
            omitted: &[],
        }
    }

    fn thing() -> Model {
        Model {
            name: "things",
            columns: columns(),
            embeds: leak([lines()]),
            omitted: &[],
            search: &[],
            indexes: &[],
            every: minutes(60),
        }
    }

    fn of(model: Model) -> Revision {
        Box::leak(Box::new(model)).revision()
    }

    #[test]
    fn whatever_decides_a_document_makes_another_revision() {
        let columns = |one: Column, other: Column| of(Model { columns: leak([one, other]), ..thing() });
        let embedding = |embed: Embed| of(Model { embeds: leak([embed]), ..thing() });
        let price = || money("price", "currency", "price");
        let all = [
            of(thing()),
            of(Model { name: "others", ..thing() }),
            of(Model { columns: leak([text("title", "title")]), ..thing() }),
            columns(text("title", "heading"), price()),
            columns(text("heading", "title"), price()),
            columns(int("title", "title"), price()),
            columns(text("title", "title"), money("price", "other", "price")),
            columns(price(), text("title", "title")),
            of(Model { embeds: &[], ..thing() }),
            embedding(Embed { path: "items", ..lines() }),
            embedding(Embed { table: "other_lines", ..lines() }),
            embedding(Embed { order_by: "count", ..lines() }),
            embedding(Embed { columns: leak([int("count", "number")]), ..lines() }),
            of(Model { search: leak([search("title", 3)]), ..thing() }),
            of(Model { search: leak([search("title", 4)]), ..thing() }),
        ];
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }

    #[test]
    fn what_decides_no_document_leaves_the_revision_as_it_is() {
        let same = Model {
            indexes: &[&["title"]],
            every: minutes(5),
            columns: leak([text("title", "title").nullable(), money("price", "currency", "price")]),
            ..thing()
        };
        assert_eq!(of(same), of(thing()));
    }

    #[test]
    fn the_models_have_revisions_of_their_own_and_their_stored_form_reads_back() {
        let all: BTreeSet<Revision> = ALL.iter().map(|model| model.revision()).collect();
        assert_eq!(all.len(), ALL.len());
        let text = USERS.revision().to_hex();
        assert_eq!((text.len(), Revision::from_hex(&text)), (16, Some(USERS.revision())));
        for other in [text.to_uppercase(), text[1..].to_owned(), String::new()] {
            assert_eq!(Revision::from_hex(&other), None, "{other}");
        }
        assert_ne!(Revision::of_all(ALL), Revision::of_all(&ALL[1..]));
    }
}
