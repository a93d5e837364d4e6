//! The full-text index of a model: how it is prepared, checked against the documents, and rebuilt.

use chainbill_domain::{
    Digest, Model,
    words::{self, WORDS_VERSION},
};
use futures::TryStreamExt as _;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection, SqlitePool};

use super::{apply, failed, read, schema, table_is_missing};
use crate::port::MirrorError;

/// The vocabulary of a model's full-text table.
fn vocabulary(model: &Model) -> String {
    format!("_vocabulary_{}", model.name)
}

pub(super) async fn prepare(connection: &mut SqliteConnection, model: &'static Model) -> Result<(), MirrorError> {
    if model.search.is_empty() {
        return Ok(());
    }
    let key = format!("search:{}", model.name);
    let fields: Vec<String> = model.search.iter().map(|search| format!("{}:{}", search.path, search.weight)).collect();
    let wanted = format!("{WORDS_VERSION}:{}", fields.join(","));
    let present: Option<(String,)> = sqlx::query_as("SELECT value FROM _chainbill WHERE key = ?")
        .bind(&key)
        .fetch_optional(&mut *connection)
        .await
        .map_err(|e| failed(&e))?;
    let table = schema::fts(model);
    if present.is_some_and(|(value,)| value == wanted) && schema::exists(connection, &table).await? {
        return Ok(());
    }
    schema::run(connection, format!("DROP TABLE IF EXISTS \"{table}\"")).await?;
    let names: Vec<String> = schema::word_columns(model).into_iter().map(|(name, _)| name).collect();
    // What comes is cut into words already: nothing but spaces may part them, and nothing else is folded.
    schema::run(
        connection,
        format!(
            "CREATE VIRTUAL TABLE \"{table}\" USING fts5({}, content='', contentless_delete=1, detail=column, \
             tokenize=\"ascii tokenchars '+#'\")",
            names.join(", ")
        ),
    )
    .await?;
    schema::run(connection, format!("DROP TABLE IF EXISTS \"{}\"", vocabulary(model))).await?;
    let vocabulary = vocabulary(model);
    schema::run(connection, format!("CREATE VIRTUAL TABLE \"{vocabulary}\" USING fts5vocab(\"{table}\", 'instance')"))
        .await?;
    apply::index_everything(connection, model).await?;
    schema::set_fact(connection, &key, &wanted).await
}

/// Whether the full-text index holds other words than the documents, or of others.
pub(super) async fn is_off(readers: &SqlitePool, model: &'static Model) -> Result<bool, MirrorError> {
    if model.search.is_empty() {
        return Ok(false);
    }
    let (name, indexed) = (model.name, format!("{}_docsize", schema::fts(model)));
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM \"{name}\" t WHERE t.body IS NOT NULL AND NOT EXISTS (SELECT 1 FROM \"{indexed}\" i \
         WHERE i.id = t.\"row\")) OR EXISTS (SELECT 1 FROM \"{indexed}\" i WHERE NOT EXISTS (SELECT 1 FROM \"{name}\" t \
         WHERE t.\"row\" = i.id AND t.body IS NOT NULL))"
    );
    let mut view = readers.begin().await.map_err(|e| failed(&e))?;
    let other_rows = sqlx::query_scalar::<_, bool>(AssertSqlSafe(sql)).fetch_one(&mut *view).await;
    let off = match other_rows {
        Ok(false) => other_words(&mut view, model).await,
        answer => answer,
    };
    match off {
        Err(cause) if table_is_missing(&cause) => Ok(true),
        answer => answer.map_err(|e| failed(&e)),
    }
}

/// Whether the index holds other words of its documents than they have. Both sides are added up, in whatever order they come:
/// no sum is kept by changing a word of one of them.
async fn other_words(view: &mut SqliteConnection, model: &'static Model) -> Result<bool, sqlx::Error> {
    let mut sum = Sum::default();
    let sql = format!("SELECT doc, col, term FROM \"{}\"", vocabulary(model));
    let mut indexed = sqlx::query_as::<_, (i64, String, Vec<u8>)>(AssertSqlSafe(sql)).fetch(&mut *view);
    while let Some((row, column, word)) = indexed.try_next().await? {
        sum.add(row, &column, &word);
    }
    drop(indexed);
    let columns = schema::word_columns(model);
    let sql = format!("SELECT \"row\", body FROM \"{}\" WHERE body IS NOT NULL", model.name);
    let mut documents = sqlx::query_as::<_, (i64, Vec<u8>)>(AssertSqlSafe(sql)).fetch(&mut *view);
    while let Some((row, body)) = documents.try_next().await? {
        for word in words::indexed(model, &read::body(Some(&body))) {
            let column = columns.iter().find(|(_, weight)| *weight == word.weight);
            sum.take(row, column.map_or("", |(name, _)| name), word.text.as_bytes());
        }
    }
    Ok(sum != Sum::default())
}

/// A sum over digests.
#[derive(Default, PartialEq)]
struct Sum(u128);

impl Sum {
    fn of(row: i64, column: &str, word: &[u8]) -> u128 {
        let digest = Digest::of(&[&row.to_be_bytes(), column.as_bytes(), b" ", word].concat()).0;
        digest.iter().take(16).fold(0, |sum, byte| sum << 8 | u128::from(*byte))
    }

    fn add(&mut self, row: i64, column: &str, word: &[u8]) {
        self.0 = self.0.wrapping_add(Self::of(row, column, word));
    }

    fn take(&mut self, row: i64, column: &str, word: &[u8]) {
        self.0 = self.0.wrapping_sub(Self::of(row, column, word));
    }
}

/// Makes the full-text index anew from the documents.
pub(super) async fn rebuild(writer: &SqlitePool, model: &'static Model) -> Result<(), MirrorError> {
    let mut connection = writer.acquire().await.map_err(|e| failed(&e))?;
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(|e| failed(&e))?;
    schema::run(&mut transaction, format!("DELETE FROM _chainbill WHERE key = 'search:{}'", model.name)).await?;
    schema::create(&mut transaction, model).await?;
    transaction.commit().await.map_err(|e| failed(&e))
}
