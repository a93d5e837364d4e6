//! Ranked search by the words that stand beside each document.

use chainbill_domain::{
    Model,
    words::{self, Asked, PER_WORD, Term},
};
use mongodb::{
    Database,
    bson::{Bson, Document, RawBsonRef, RawDocumentBuf, doc},
    options::Collation,
};

use super::{decode, errors::failed, values::Names};
use crate::{
    port::{Hit, MirrorError, SearchQuery},
    search_terms::{WORDS, weighed},
};

const SCORE: &str = "_score";
/// The search terms where they are a list; only another program writes anything else.
const LIST: &str = "_list";

/// Answers a search; see [`crate::MirrorQuery::search`].
pub(super) async fn search(
    database: &Database,
    model: &'static Model,
    search: SearchQuery<'_>,
    collation: Option<Collation>,
) -> Result<Vec<Hit>, MirrorError> {
    let asked = words::asked(search.words);
    if asked.is_empty() || model.search.is_empty() {
        return Ok(Vec::new());
    }
    let collection = database.collection::<RawDocumentBuf>(model.name);
    let mut aggregate = collection.aggregate(pipeline(model, &asked, search));
    if let Some(collation) = collation {
        aggregate = aggregate.collation(collation);
    }
    let mut cursor = aggregate.with_type::<RawDocumentBuf>().await.map_err(|cause| failed(&cause))?;
    let (mut hits, mut names) = (Vec::new(), Names::unsearched(model));
    while cursor.advance().await.map_err(|cause| failed(&cause))? {
        let raw = cursor.current();
        let score = match raw.get(SCORE) {
            Ok(Some(RawBsonRef::Int32(score))) => u32::try_from(score).unwrap_or(0),
            Ok(Some(RawBsonRef::Int64(score))) => u32::try_from(score).unwrap_or(0),
            _ => 0,
        };
        let mut stored = decode::stored(raw, &mut names);
        stored.body.0.retain(|(name, _)| name != SCORE);
        hits.push(Hit { id: stored.stamp.id, score, body: stored.body });
    }
    Ok(hits)
}

fn pipeline(model: &Model, asked: &[Asked], search: SearchQuery<'_>) -> Vec<Document> {
    let weights = words::weights(model);
    let held: Vec<Document> = asked.iter().map(|asked| holds(asked, &weights)).collect();
    // Documents with non-string ids were written by other programs.
    let mut found = doc! { "$and": [{ "$or": held }, { "_id": { "$gte": "" } }] };
    if !search.among.is_empty() {
        let among: Vec<Document> = search.among.iter().map(|(field, text)| doc! { *field: { "$eq": text } }).collect();
        found.insert("$or", among);
    }
    if !search.except.is_empty() {
        let except: Vec<Document> =
            search.except.iter().map(|(field, text)| doc! { *field: { "$eq": text } }).collect();
        found.insert("$nor", except);
    }
    let scores: Vec<Bson> = asked.iter().map(|asked| score(asked, &weights)).collect();
    let list = format!("${WORDS}");
    let mut stages = vec![
        doc! { "$match": found },
        doc! { "$set": { LIST: { "$cond": [{ "$isArray": &list }, &list, []] } } },
        doc! { "$set": { SCORE: { "$add": scores } } },
    ];
    let mut placed = doc! { SCORE: { "$gt": 0 } };
    if let Some(after) = search.after {
        let score = i64::from(after.score);
        placed = doc! { "$and": [placed, { "$or": [
            { SCORE: { "$lt": score } },
            { SCORE: score, "_id": { "$lt": &after.id } },
        ] }] };
    }
    stages.extend([
        doc! { "$match": placed },
        doc! { "$sort": { SCORE: -1, "_id": -1 } },
        doc! { "$limit": i64::from(search.limit.max(1)) },
        doc! { "$project": { WORDS: 0, LIST: 0 } },
    ]);
    stages
}

/// The condition that a document holds a word of the search.
fn holds(asked: &Asked, weights: &[u8]) -> Document {
    let mut terms: Vec<Document> = asked
        .0
        .iter()
        .map(|term| match term {
            Term::Whole(word) => {
                let all: Vec<String> = weights.iter().map(|weight| weighed(word, *weight)).collect();
                doc! { WORDS: { "$in": all } }
            }
            Term::Beginning(begin) => doc! { WORDS: { "$elemMatch": { "$gte": begin, "$lt": end_of(begin) } } },
        })
        .collect();
    if terms.len() == 1 {
        terms.remove(0)
    } else {
        doc! { "$and": terms }
    }
}

/// Behind all that begins so.
fn end_of(begin: &str) -> String {
    format!("{begin}{}", char::MAX)
}

/// What a searched word adds to the score: nothing where a term of it is missing.
fn score(asked: &Asked, weights: &[u8]) -> Bson {
    let terms: Vec<Bson> = asked.0.iter().map(|term| weight(term, weights)).collect();
    let least = doc! { "$min": terms };
    Bson::Document(doc! { "$let": {
        "vars": { "least": least },
        "in": { "$cond": [{ "$gt": ["$$least", 0] }, { "$add": [i64::from(PER_WORD), "$$least"] }, 0] },
    } })
}

/// The heaviest weight with which a document holds a term; 0 where it does not.
fn weight(term: &Term, weights: &[u8]) -> Bson {
    let list = format!("${LIST}");
    Bson::Document(match term {
        Term::Whole(word) => {
            let branch = |weight: &u8| {
                doc! { "case": { "$in": [weighed(word, *weight), &list] }, "then": i32::from(*weight) }
            };
            doc! { "$switch": { "branches": weights.iter().map(branch).collect::<Vec<_>>(), "default": 0 } }
        }
        Term::Beginning(begin) => {
            let so = doc! { "$and": [{ "$gte": ["$$this", begin] }, { "$lt": ["$$this", end_of(begin)] }] };
            let own = doc! { "$arrayElemAt": [{ "$split": ["$$this", " "] }, 1] };
            let own = doc! { "$convert": { "input": own, "to": "int", "onError": 0, "onNull": 0 } };
            let all = doc! { "$map": { "input": { "$filter": { "input": list, "cond": so } }, "in": own } };
            doc! { "$ifNull": [{ "$max": all }, 0] }
        }
    })
}
