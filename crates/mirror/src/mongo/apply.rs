//! Guarded writes: unordered `update` commands of many replacements, each on condition that the stored document is older. Fresh
//! documents are inserted instead, which can replace nothing and is several times cheaper; those whose `_id` is taken are then
//! updated.
//!
//! Every command writes in the order of ids.
//!
//! An upsert whose condition does not hold tries to insert, and its `_id` is taken. That means "stale" only if the stored document is
//! as new: two first writes of one document may also collide, so versions are compared.

use std::collections::HashMap;

use chainbill_domain::{Model, Timestamp};
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, future::BoxFuture, stream};
use mongodb::{
    Database,
    bson::{RawDocumentBuf, doc},
};

use super::{
    OWN,
    answer::{WriteError, integer, write_errors},
    classes::Class,
    decode, encode,
    errors::{failed, refused, refused_for_a_document},
    ids::{self, Id},
    non_string_ids, read,
};
use crate::{
    disk_probe::{self, DISK_PROBE},
    limits::{MAX_COMMAND_BYTES, storable},
    port::{Guard, MirrorError, Outcome, Stamp, Write},
    search_terms::words_of,
};

/// Statements in one command.
const MAX_STATEMENTS: usize = 1000;
/// Commands in flight at once: while the server executes one, the next is being encoded.
const COMMANDS_AT_ONCE: usize = 2;
/// A batch of fewer writes is one command.
const WORTH_TWO_COMMANDS: usize = 400;
/// How often a write may lose the race against other first writes of its document.
const ROUNDS: usize = 5;

/// One write on its way, with its place among the caller's.
#[derive(Clone, Copy)]
struct Sent<'a> {
    index: usize,
    write: &'a Write,
    /// What it is found by.
    words: &'a [String],
    bytes: usize,
}

/// The way of a command's writes.
#[derive(Clone, Copy)]
enum Command {
    /// Plain inserts: they can replace nothing.
    Insert,
    /// Guarded replacements.
    Update,
}

/// What one command's statements came to.
enum Fate {
    Taken,
    Is(Outcome),
}

struct Batch<'a> {
    database: &'a Database,
    model: &'static Model,
    guard: Guard,
    at: Timestamp,
}

/// Applies the writes; see [`crate::MirrorStore::apply`].
pub(super) async fn apply(
    database: &Database,
    model: &'static Model,
    guard: Guard,
    writes: &[Write],
    at: Timestamp,
) -> Result<Vec<Outcome>, MirrorError> {
    let batch = Batch { database, model, guard, at };
    let mut outcomes = vec![Outcome::Stale; writes.len()];
    let words: Vec<Vec<String>> = writes.iter().map(|write| words_of(model, write)).collect();
    let mut waiting = Vec::with_capacity(writes.len());
    for (index, (write, words)) in writes.iter().zip(&words).enumerate() {
        match storable(write, words) {
            Ok(bytes) => waiting.push(Sent { index, write, words, bytes }),
            Err(why) => outcomes[index] = Outcome::Rejected(why),
        }
    }
    // Two writers of the same documents (a relay beside a backfill) wait for each other in one direction only. In different orders
    // they would deadlock document by document, each time until the server notices. The sort is stable: of two writes of one
    // document the later one stays the later.
    waiting.sort_by(|a, b| a.write.id.cmp(&b.write.id));
    let fresh: Vec<Sent<'_>> = waiting.extract_if(.., |sent| sent.write.fresh).collect();
    waiting.extend(batch.send_all(Command::Insert, &fresh, &mut outcomes).await?);
    for _ in 0..ROUNDS {
        if waiting.is_empty() {
            return Ok(outcomes);
        }
        let taken = batch.send_all(Command::Update, &waiting, &mut outcomes).await?;
        waiting = batch.older_than(taken, &mut outcomes).await?;
    }
    if waiting.is_empty() {
        return Ok(outcomes);
    }
    Err(MirrorError::Unavailable(format!("{} writes kept losing against others", waiting.len())))
}

impl<'a> Batch<'a> {
    /// Sends everything, in commands of bounded size; answers with the writes that met a taken `_id`.
    async fn send_all(
        &self,
        way: Command,
        sent: &[Sent<'a>],
        outcomes: &mut [Outcome],
    ) -> Result<Vec<Sent<'a>>, MirrorError> {
        let mut taken = Vec::new();
        let statements =
            if sent.len() < WORTH_TWO_COMMANDS { MAX_STATEMENTS } else { sent.len().div_ceil(2).min(MAX_STATEMENTS) };
        let requests: Vec<_> = chunks(sent, statements).map(|chunk| self.send(way, chunk)).collect();
        let mut answers = stream::iter(requests).buffer_unordered(COMMANDS_AT_ONCE);
        while let Some(fates) = answers.try_next().await? {
            for (sent, fate) in fates {
                match fate {
                    Fate::Is(outcome) => outcomes[sent.index] = outcome,
                    Fate::Taken => taken.push(sent),
                }
            }
        }
        Ok(taken)
    }

    /// Sends one command; one that is refused as a whole is halved until the culprit is alone.
    fn send<'f>(
        &'f self,
        way: Command,
        sent: &'f [Sent<'a>],
    ) -> BoxFuture<'f, Result<Vec<(Sent<'a>, Fate)>, MirrorError>> {
        async move {
            let writes: Vec<_> = sent.iter().map(|sent| (sent.write, sent.words)).collect();
            let bytes = sent.iter().map(|sent| sent.bytes).sum();
            let command = match way {
                Command::Insert => encode::insert(self.model, &writes, self.at, bytes),
                Command::Update => encode::update(self.model, self.guard, &writes, self.at, bytes),
            };
            match self.run(command).await {
                Ok(answer) => fates(sent, write_errors(&answer)?),
                Err(cause) => match refused_for_a_document(&cause) {
                    None => Err(failed(&cause)),
                    Some(why) => self.find_culprit(way, sent, why).await,
                },
            }
        }
        .boxed()
    }

    /// A server that refuses every update refuses no particular document: that is probed first.
    async fn find_culprit(
        &self,
        way: Command,
        sent: &[Sent<'a>],
        why: String,
    ) -> Result<Vec<(Sent<'a>, Fate)>, MirrorError> {
        self.run(encode::probe(self.model.name)).await.map_err(|cause| failed(&cause))?;
        if let [alone] = sent {
            return Ok(vec![(*alone, Fate::Is(Outcome::Rejected(why)))]);
        }
        let (left, right) = sent.split_at(sent.len() / 2);
        let mut fates = self.send(way, left).await?;
        fates.extend(self.send(way, right).await?);
        Ok(fates)
    }

    async fn run(&self, command: mongodb::bson::RawDocumentBuf) -> mongodb::error::Result<mongodb::bson::Document> {
        self.database.run_raw_command(command).await
    }

    /// The writes whose `_id` was taken and that are newer than the stored document after all.
    async fn older_than(&self, taken: Vec<Sent<'a>>, outcomes: &mut [Outcome]) -> Result<Vec<Sent<'a>>, MirrorError> {
        let (mut again, mut strange) = (Vec::new(), Vec::new());
        for chunk in taken.chunks(MAX_STATEMENTS) {
            let ids = chunk.iter().map(|sent| sent.write.id.as_str());
            let present: HashMap<String, Stamp> = read::stamps_of(self.database, self.model, ids).await?;
            for sent in chunk {
                let there = present.get(&sent.write.id);
                let newer = match there.map(|there| (there, there.version)) {
                    None => true,
                    Some((_, None)) if self.guard == Guard::NotNewer => {
                        strange.push(*sent);
                        continue;
                    }
                    Some((_, None)) => false,
                    Some((there, Some(version))) => match self.guard {
                        Guard::Newer => version < sent.write.version,
                        Guard::Outdated => version < sent.write.version || self.is_outdated(sent.write, there),
                        Guard::NotNewer => version <= sent.write.version,
                    },
                };
                if newer {
                    again.push(*sent);
                } else {
                    outcomes[sent.index] = Outcome::Stale;
                }
            }
        }
        for sent in strange {
            if self.replace_strange(&sent).await? {
                outcomes[sent.index] = Outcome::Applied;
            } else {
                again.push(sent);
            }
        }
        Ok(again)
    }

    fn is_outdated(&self, write: &Write, there: &Stamp) -> bool {
        let other = there.revision != Some(self.model.revision());
        there.version == Some(write.version) && !there.tombstone && other
    }

    /// Replaces a document with unusable sync metadata that looks newer to the guard: `[{ version: 99 }]`, or a version beside an
    /// unknown member. The condition is the `_sync` that was seen, so whatever was written since
    /// stays; whether it was replaced.
    async fn replace_strange(&self, sent: &Sent<'_>) -> Result<bool, MirrorError> {
        let write = sent.write;
        let collection = self.database.collection::<RawDocumentBuf>(self.model.name);
        let filter = doc! { "_id": &write.id };
        let seen = collection.find_one(filter).projection(doc! { "_sync": 1 }).await.map_err(|cause| failed(&cause))?;
        let Some(seen) = seen else { return Ok(false) };
        let stamp = decode::stamp(self.model, &seen);
        if let Some(symbol) = ids::id(&stamp.id).filter(|id| matches!(id, Id::Other(..))) {
            // A replacement would keep the `_id` that is there: it goes, and the document is written as a new one.
            non_string_ids::remove(self.database, self.model, &[symbol]).await?;
            return Ok(false);
        }
        if stamp.version.is_some() {
            return Ok(false);
        }
        let command = encode::replace(self.model, (write, sent.words), ids::element_of(&seen, "_sync"), self.at);
        let answer = self.run(command).await.map_err(|cause| failed(&cause))?;
        match write_errors(&answer)?.first() {
            Some(error) => Err(refused(error.code, &error.message)),
            None => Ok(answer.get("n").and_then(integer).is_some_and(|count| count > 0)),
        }
    }
}

/// Whether the server takes and confirms writes: one that can match nothing among the model's documents, and one that
/// needs room beside them; see [`crate::MirrorStore::takes_writes`].
pub(super) async fn takes_writes(database: &Database, model: &Model) -> Result<(), MirrorError> {
    let answer = database.run_raw_command(encode::probe(model.name)).await.map_err(|cause| failed(&cause))?;
    write_errors(&answer)?;
    set_fact(database, DISK_PROBE, &disk_probe::incompressible()).await
}

/// Cuts the writes into commands of so many statements and of bounded size.
fn chunks<'s, 'a>(sent: &'s [Sent<'a>], statements: usize) -> impl Iterator<Item = &'s [Sent<'a>]> {
    let mut rest = sent;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fitting = rest.iter().take(statements).take_while(|sent| {
            bytes += sent.bytes;
            bytes <= MAX_COMMAND_BYTES
        });
        let count = fitting.count().max(1).min(rest.len());
        let (chunk, others) = rest.split_at(count);
        rest = others;
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// Statements without an error were applied.
fn fates<'a>(sent: &[Sent<'a>], errors: Vec<WriteError>) -> Result<Vec<(Sent<'a>, Fate)>, MirrorError> {
    let mut fates: Vec<_> = sent.iter().map(|sent| (*sent, Fate::Is(Outcome::Applied))).collect();
    for error in errors {
        let Some((_, fate)) = fates.get_mut(error.index) else { continue };
        *fate = match error.class() {
            _ if error.id_is_taken() => Fate::Taken,
            Some(Class::Document) => Fate::Is(Outcome::Rejected(error.said())),
            Some(Class::Collection) => Fate::Is(Outcome::Refused(error.said())),
            Some(Class::Throttled) => Fate::Is(Outcome::Throttled(error.said())),
            // A killed operation, a full disk, a code of a later release: none is known to be caused by the document. If one document
            // causes it all the same, it also fails alone, which the caller finds out.
            Some(Class::Passing) | None => return Err(MirrorError::Unavailable(error.said())),
        };
    }
    Ok(fates)
}

/// Physically removes documents; see [`crate::MirrorStore::remove`].
pub(super) async fn remove(database: &Database, model: &'static Model, ids: &[String]) -> Result<u64, MirrorError> {
    let mut removed = 0;
    for chunk in ids.chunks(MAX_STATEMENTS) {
        let (texts, others) = read::sorted_out(chunk);
        let collection = database.collection::<mongodb::bson::Document>(model.name);
        let filter = doc! { "_id": non_string_ids::texts_alone(texts) };
        removed += collection.delete_many(filter).await.map_err(|cause| failed(&cause))?.deleted_count;
        if !others.is_empty() {
            removed += non_string_ids::remove(database, model, &others).await?;
        }
    }
    Ok(removed)
}

/// Saves a fact about the mirror itself.
pub(super) async fn set_fact(database: &Database, key: &str, value: &str) -> Result<(), MirrorError> {
    let collection = database.collection::<mongodb::bson::Document>(OWN);
    collection
        .replace_one(doc! { "_id": key }, doc! { "value": value })
        .upsert(true)
        .await
        .map_err(|cause| failed(&cause))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Document, doc};

    use super::{Fate, Sent, fates, write_errors};
    use crate::{
        mongo::classes::{CODES, Class},
        port::{Content, MirrorError, Outcome, Write},
    };

    /// The fate of a statement with this error; its neighbour has none.
    fn fate(error: Document) -> Result<Fate, MirrorError> {
        let write = Write { id: "a".to_owned(), version: 1, content: Content::Tombstone, fresh: false };
        let sent = [0, 1].map(|index| Sent { index, write: &write, words: &[], bytes: 0 });
        let mut told = doc! { "index": 1, "errmsg": "it says why" };
        told.extend(error);
        let mut fates = fates(&sent, write_errors(&doc! { "ok": 1, "writeErrors": [told] })?)?;
        assert!(matches!(fates[0].1, Fate::Is(Outcome::Applied)));
        Ok(fates.remove(1).1)
    }

    #[test]
    fn the_error_of_one_statement_is_classified_by_its_code() {
        for (code, class, name) in CODES {
            let why = format!("it says why (code {code})");
            let is_so = match (class, fate(doc! { "code": code })) {
                (Class::Passing, Err(MirrorError::Unavailable(said))) => said == why,
                (Class::Throttled, Ok(Fate::Is(Outcome::Throttled(said)))) => said == why,
                (Class::Document, Ok(Fate::Is(Outcome::Rejected(said)))) => said == why,
                (Class::Collection, Ok(Fate::Is(Outcome::Refused(said)))) => said == why,
                _ => false,
            };
            assert!(is_so, "{code}, {name}");
        }
        assert!(matches!(fate(doc! { "code": 999_999 }), Err(MirrorError::Unavailable(_))), "the code is unknown");
    }

    #[test]
    fn a_taken_id_is_told_from_another_unique_index() {
        let on = |name: &str| doc! { "code": 11000, "keyPattern": { name: 1 } };
        assert!(matches!(fate(on("_id")), Ok(Fate::Taken)));
        assert!(matches!(fate(on("email")), Ok(Fate::Is(Outcome::Rejected(_)))));
    }
}
