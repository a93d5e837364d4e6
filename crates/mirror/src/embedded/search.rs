//! Ranked full-text search: how many of the words a document holds decides first, where and how often they stand second.

use chainbill_domain::Model;
use sqlx::{AssertSqlSafe, Row as _, SqlitePool};

use super::{or_nothing, read, schema};
use crate::{
    port::{Hit, MirrorError},
    words::words,
};

/// One more word outweighs whatever the others are worth: bm25 of one word stays far below this.
const PER_WORD: f64 = 1000.0;

/// Answers a search; see [`crate::Mirror::search`].
pub(super) async fn search(
    readers: &SqlitePool,
    model: &'static Model,
    text: &str,
    skip: u32,
    limit: u32,
) -> Result<Vec<Hit>, MirrorError> {
    let words = words(text);
    if words.is_empty() || model.search.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = sqlx::query(AssertSqlSafe(statement(model, words.len()))).persistent(words.len() <= 4);
    let last = words.len() - 1;
    for (n, word) in words.iter().enumerate() {
        query = query.bind(phrase(word, n == last));
    }
    let rows = or_nothing(query.bind(PER_WORD).bind(limit).bind(skip).fetch_all(readers).await)?;
    Ok(rows
        .iter()
        .map(|row| Hit { id: read::name(row, 0), score: row.get_unchecked(2), body: read::body(row.get_unchecked(1)) })
        .collect())
}

/// A word as FTS5 data; the last one also matches as a beginning, for people who are still typing.
fn phrase(word: &str, last: bool) -> String {
    let quoted = format!("\"{}\"", word.replace('"', "\"\""));
    if last && word.chars().count() > 1 { quoted + "*" } else { quoted }
}

fn statement(model: &Model, words: usize) -> String {
    let fts = schema::fts(model);
    let weights: Vec<String> = model.search.iter().map(|search| format!("{}.0", search.weight)).collect();
    let arm = format!(
        "SELECT rowid AS r, -bm25(\"{fts}\", {}) AS s FROM \"{fts}\" WHERE \"{fts}\" MATCH ?",
        weights.join(", ")
    );
    let arms = vec![arm; words].join(" UNION ALL ");
    format!(
        "WITH hits(r, s) AS MATERIALIZED ({arms}) SELECT t.id, t.body, h.score FROM (SELECT r, count(*) * ? + sum(s) \
         AS score FROM hits GROUP BY r ORDER BY score DESC, r DESC LIMIT ? OFFSET ?) AS h JOIN \"{}\" AS t \
         ON t.\"row\" = h.r ORDER BY h.score DESC, h.r DESC",
        model.name
    )
}
