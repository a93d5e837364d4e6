//! Documents under ids that no filter of the driver can name: of any type, and of bytes that are no text. They are read and
//! removed by commands made here.
//!
//! Most of them stand before or behind all texts in the order of a server. Whether there are any is seen at both ends of the
//! `_id` index, which costs two look-ups. Only when there are, they are asked for in pages, by conditions that compare across
//! types: MongoDB answers those from the index, a server on PostgreSQL reads through the collection for each page.

use chainbill_domain::Model;
use mongodb::{
    Cursor, Database,
    bson::{Bson, Document, RawDocumentBuf, doc},
};

use super::{
    answer::{integer, write_errors},
    encode::unordered_majority,
    errors::{failed, refused},
    ids::{self, Id, Place},
    read::{Depth, all},
    writer::Writer,
};
use crate::port::{MirrorError, Stored};

/// A `find` command in the order of ids.
struct Find<'a> {
    database: &'a Database,
    model: &'static Model,
    depth: Depth,
    limit: usize,
}

impl Find<'_> {
    async fn run(&self, filter: impl FnOnce(&mut Writer)) -> Result<Vec<Stored>, MirrorError> {
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        let mut command = Writer::with_capacity(256);
        command.text("find", self.model.name);
        let opened = command.open("filter");
        filter(&mut command);
        command.close(opened);
        let sort = command.open("sort");
        command.int("_id", 1);
        command.close(sort);
        command.int("limit", limit);
        command.int("batchSize", limit);
        if self.depth == Depth::Stamps {
            let projection = command.open("projection");
            command.int("_sync", 1);
            command.close(projection);
        }
        let cursor = self.database.run_raw_cursor_command(command.finish()).await;
        all(self.model, cursor.map(Cursor::with_type::<RawDocumentBuf>)).await
    }
}

/// A page of strings after a non-string `_id` that sorts among them.
pub(super) async fn texts(
    database: &Database,
    model: &'static Model,
    (after, up_to): (&Id, Option<&str>),
    limit: usize,
    depth: Depth,
) -> Result<Vec<Stored>, MirrorError> {
    let filter = |command: &mut Writer| {
        let range = command.open("_id");
        after.write(command, "$gt");
        if let Some(up_to) = up_to {
            command.text("$lte", up_to);
        }
        command.close(range);
    };
    Find { database, model, depth, limit }.run(filter).await
}

/// A page of ids before all strings and then after them.
pub(super) async fn page(
    database: &Database,
    model: &'static Model,
    after: Option<&Id>,
    limit: usize,
    depth: Depth,
) -> Result<Vec<Stored>, MirrorError> {
    let (before, behind) = match after {
        Some(after) => (after.place() == Place::Before, true),
        None => {
            futures::try_join!(stands(database, model, 1, Place::Before), stands(database, model, -1, Place::Behind))?
        }
    };
    let mut found = Vec::new();
    for (place, ask) in [(Place::Before, before), (Place::Behind, behind)] {
        if ask && found.len() < limit {
            let after = after.filter(|after| after.place() == place);
            let find = Find { database, model, depth, limit: limit - found.len() };
            found.extend(find.run(|command| write_place(command, place, after)).await?);
        }
    }
    Ok(found)
}

/// Whether the `_id` at an end of the index is beyond all strings.
async fn stands(database: &Database, model: &'static Model, end: i32, place: Place) -> Result<bool, MirrorError> {
    let collection = database.collection::<RawDocumentBuf>(model.name);
    let find = collection.find_one(doc! {}).sort(doc! { "_id": end }).projection(doc! { "_id": 1 });
    let first = find.await.map_err(|cause| failed(&cause))?;
    let kind = first.as_ref().and_then(|first| first.iter_elements().next()?.ok()).map(|id| id.element_type());
    Ok(kind.is_some_and(|kind| ids::place(kind as u8) == place))
}

/// The condition that an `_id` is there, and after this one.
fn write_place(command: &mut Writer, place: Place, after: Option<&Id>) {
    let across_types = command.open("$expr");
    let both = command.open_list("$and");
    let end = command.open("0");
    if place == Place::Before {
        write_compared(command, "$lt", |command| command.text("1", ""));
    } else {
        write_compared(command, "$gte", |command| {
            write_literal(command, |command| {
                let least = command.open("$literal");
                command.close(least);
            })
        });
    }
    command.close(end);
    if let Some(after) = after {
        let begin = command.open("1");
        write_compared(command, "$gt", |command| write_literal(command, |command| after.write(command, "$literal")));
        command.close(begin);
    }
    command.close(both);
    command.close(across_types);
}

fn write_compared(command: &mut Writer, how: &str, with: impl FnOnce(&mut Writer)) {
    let operands = command.open_list(how);
    command.text("0", "$_id");
    with(command);
    command.close(operands);
}

fn write_literal(command: &mut Writer, value: impl FnOnce(&mut Writer)) {
    let literal = command.open("1");
    value(command);
    command.close(literal);
}

/// The document under this `_id`.
pub(super) async fn get(database: &Database, model: &'static Model, id: &Id) -> Result<Vec<Stored>, MirrorError> {
    Find { database, model, depth: Depth::Documents, limit: 1 }.run(|command| id.write_condition(command)).await
}

/// Removes documents, each by exactly its `_id`; how many there were.
pub(super) async fn remove(database: &Database, model: &'static Model, ids: &[Id]) -> Result<u64, MirrorError> {
    let mut command = Writer::with_capacity(256);
    command.text("delete", model.name);
    unordered_majority(&mut command);
    let deletes = command.open_list("deletes");
    for (place, id) in ids.iter().enumerate() {
        let statement = command.open(&place.to_string());
        let filter = command.open("q");
        id.write_condition(&mut command);
        command.close(filter);
        command.int("limit", 1);
        command.close(statement);
    }
    command.close(deletes);
    let answer: Document = database.run_raw_command(command.finish()).await.map_err(|cause| failed(&cause))?;
    if let Some(error) = write_errors(&answer)?.first() {
        return Err(refused(error.code, &error.message));
    }
    Ok(answer.get("n").and_then(integer).and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
}

/// The condition of a filter of the driver that an `_id` is one of these texts and no symbol.
pub(super) fn texts_alone(texts: Vec<String>) -> Bson {
    Bson::Document(doc! { "$in": texts, "$type": "string" })
}
