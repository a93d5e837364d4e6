//! Ranked full-text search through the text index.

use chainbill_domain::Model;
use mongodb::{
    Database,
    bson::{Bson, Document, RawBsonRef, RawDocumentBuf, doc},
};

use super::{DELETED_AT, decode, errors::failed};
use crate::{
    port::{Hit, MirrorError},
    words::words,
};

const SCORE: &str = "_score";

/// Answers a search; see [`crate::Mirror::search`].
pub(super) async fn search(
    database: &Database,
    model: &'static Model,
    text: &str,
    skip: u32,
    limit: u32,
) -> Result<Vec<Hit>, MirrorError> {
    let words = words(text);
    if words.is_empty() || model.search.is_empty() {
        return Ok(Vec::new());
    }
    let filter = doc! { "$text": { "$search": words.join(" ") }, DELETED_AT: { "$exists": false } };
    let collection = database.collection::<RawDocumentBuf>(model.name);
    let mut cursor = collection
        .find(filter)
        .projection(shown(model))
        .sort(doc! { SCORE: { "$meta": "textScore" }, "_id": -1 })
        .skip(skip.into())
        .limit(limit.into())
        .await
        .map_err(|cause| failed(&cause))?;
    let (mut hits, mut names) = (Vec::new(), decode::Names::of(model));
    while cursor.advance().await.map_err(|cause| failed(&cause))? {
        let raw = cursor.current();
        let score = match raw.get(SCORE) {
            Ok(Some(RawBsonRef::Double(score))) => score,
            _ => 0.0,
        };
        let mut body = decode::stored(raw, &mut names);
        body.body.0.retain(|(name, _)| name != SCORE);
        hits.push(Hit { id: body.stamp.id, score, body: body.body });
    }
    Ok(hits)
}

/// The described fields and the score. They are named one by one because servers disagree on what a score alone means:
/// everything beside it, or nothing.
fn shown(model: &Model) -> Document {
    let fields = model.columns.iter().map(|column| column.path).chain(model.embeds.iter().map(|embed| embed.path));
    let mut shown: Document = fields.map(|field| (field.to_owned(), Bson::Int32(1))).collect();
    shown.insert(SCORE, doc! { "$meta": "textScore" });
    shown
}
