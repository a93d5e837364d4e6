//! Ranked search through the index of words, which has a column for each weight.

use chainbill_domain::{
    Document, Model, Value,
    words::{self, Asked, PER_WORD, Term},
};
use futures::TryStreamExt as _;
use sqlx::{AssertSqlSafe, Row as _, SqlitePool, sqlite::SqliteRow};

use super::{failed, read, schema, table_is_missing};
use crate::port::{Hit, MirrorError, SearchQuery};

/// Answers a search; see [`crate::MirrorQuery::search`].
pub(super) async fn search(
    readers: &SqlitePool,
    model: &'static Model,
    search: SearchQuery<'_>,
) -> Result<Vec<Hit>, MirrorError> {
    let asked = words::asked(search.words);
    if asked.is_empty() || model.search.is_empty() {
        return Ok(Vec::new());
    }
    let (sql, matches) = statement(model, &asked, search.after.is_some());
    let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(asked.len() <= 4);
    for words in matches {
        query = query.bind(words);
    }
    query = query.bind(PER_WORD);
    if let Some(after) = search.after {
        query = query.bind(after.score).bind(after.score).bind(after.id.as_str());
    }
    let mut rows = query.fetch(readers);
    let mut hits = Vec::new();
    while hits.len() < search.limit as usize {
        match rows.try_next().await {
            Ok(Some(row)) => hits.extend(hit(&row).filter(|hit| is_wanted(&hit.body, &search))),
            Ok(None) => break,
            Err(cause) if table_is_missing(&cause) => break,
            Err(cause) => return Err(failed(&cause)),
        }
    }
    Ok(hits)
}

/// None of a document that went since it was indexed.
fn hit(row: &SqliteRow) -> Option<Hit> {
    let score: i64 = row.get_unchecked(1);
    let body = read::body(Some(row.get_unchecked::<Option<&[u8]>, _>(2)?));
    Some(Hit { id: read::name(row, 0), score: u32::try_from(score).unwrap_or(0), body })
}

fn is_wanted(body: &Document, search: &SearchQuery<'_>) -> bool {
    let is = |(field, text): &(&str, String)| matches!(body.get(field), Some(Value::Text(value)) if value == text);
    (search.among.is_empty() || search.among.iter().any(is)) && !search.except.iter().any(is)
}

/// The statement and what its words are: for each searched word, and each weight, the documents that hold it with that
/// weight; of a word's weights the heaviest counts. Bodies are read one by one as they are wanted.
fn statement(model: &Model, asked: &[Asked], goes_on: bool) -> (String, Vec<String>) {
    let (fts, name) = (schema::fts(model), model.name);
    let columns = schema::word_columns(model);
    let (mut arms, mut matches) = (Vec::new(), Vec::new());
    for (word, asked) in asked.iter().enumerate() {
        let terms: Vec<String> = asked.0.iter().map(term).collect();
        for (place, (_, weight)) in columns.iter().enumerate() {
            // Several terms may stand in several columns: the lightest of them counts.
            let first = if terms.len() == 1 { place } else { 0 };
            let names: Vec<&str> = columns[first..=place].iter().map(|(name, _)| name.as_str()).collect();
            arms.push(format!("SELECT rowid AS r, {word} AS w, {weight} AS s FROM \"{fts}\" WHERE \"{fts}\" MATCH ?"));
            matches.push(format!("{{{}}} : ({})", names.join(" "), terms.join(" AND ")));
        }
    }
    let after = if goes_on { "WHERE h.score < ? OR (h.score = ? AND t.id < ?)" } else { "" };
    let sql = format!(
        "WITH found(r, w, s) AS ({}), held(r, s) AS (SELECT r, max(s) FROM found GROUP BY r, w), \
         scored(r, score) AS (SELECT r, sum(? + s) FROM held GROUP BY r), \
         placed(r, score) AS (SELECT h.r, h.score FROM scored AS h JOIN \"{name}\" AS t ON t.\"row\" = h.r {after} \
         ORDER BY h.score DESC, t.id DESC LIMIT -1) \
         SELECT b.id, p.score, b.body FROM placed AS p CROSS JOIN \"{name}\" AS b ON b.\"row\" = p.r",
        arms.join(" UNION ALL ")
    );
    (sql, matches)
}

/// A term as FTS5 data.
fn term(term: &Term) -> String {
    match term {
        Term::Whole(word) => format!("\"{word}\""),
        Term::Beginning(begin) => format!("\"{begin}\" *"),
    }
}
