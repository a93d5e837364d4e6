//! Both databases through plain drivers and plain statements, independent of ChainBill.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    path::Path,
};

use mongodb::bson::{Bson, Document, RawArrayBuf, RawDocument, RawDocumentBuf, doc, raw::cstr};
use serde_json::{Map, Value, json};
use sqlx::{AssertSqlSafe, Connection as _, MySqlPool, Row as _, SqlitePool};

/// A primary by a plain driver.
pub enum Foreign {
    /// MySQL or MariaDB.
    MySql(MySqlPool),
    /// An embedded one.
    Sqlite(SqlitePool),
}

/// A row, every cell as text; none for NULL.
pub type Texts = Vec<Option<String>>;

impl Foreign {
    /// Opens it.
    pub async fn open(url: &str) -> Self {
        if url.starts_with("sqlite://") {
            return Self::Sqlite(SqlitePool::connect(url).await.unwrap());
        }
        Self::MySql(MySqlPool::connect(url).await.unwrap())
    }

    /// Executes a statement.
    pub async fn execute(&self, sql: &str) {
        let query = AssertSqlSafe(sql.to_owned());
        match self {
            Self::MySql(pool) => drop(sqlx::query(query).execute(pool).await.unwrap()),
            Self::Sqlite(pool) => drop(sqlx::query(query).execute(pool).await.unwrap()),
        }
    }

    /// Executes statements in order on one connection, session settings included.
    pub async fn execute_in_turn(&self, statements: impl IntoIterator<Item = String>) {
        match self {
            Self::MySql(pool) => {
                let mut connection = pool.acquire().await.unwrap().detach();
                for sql in statements {
                    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
                }
                connection.close().await.unwrap();
            }
            Self::Sqlite(pool) => {
                let mut connection = pool.acquire().await.unwrap().detach();
                for sql in statements {
                    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
                }
                connection.close().await.unwrap();
            }
        }
    }

    /// An expression for a column as text; for times, milliseconds since 1970.
    #[must_use]
    pub fn text_of(&self, column: &str, is_moment: bool) -> String {
        match (self, is_moment) {
            (Self::MySql(_), true) => {
                format!("CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', `{column}`) DIV 1000 AS CHAR)")
            }
            (Self::MySql(_), false) => format!("CAST(`{column}` AS CHAR)"),
            (Self::Sqlite(_), true) => {
                format!("CAST(CAST(round((julianday(`{column}`) - 2440587.5) * 86400000) AS INTEGER) AS TEXT)")
            }
            (Self::Sqlite(_), false) => format!("CAST(`{column}` AS TEXT)"),
        }
    }

    /// The rows of a statement of such expressions.
    pub async fn rows(&self, sql: &str) -> Vec<Texts> {
        let query = AssertSqlSafe(sql.to_owned());
        match self {
            Self::MySql(pool) => {
                let rows = sqlx::query(query).fetch_all(pool).await.unwrap();
                rows.iter().map(|row| (0..row.len()).map(|place| row.get(place)).collect()).collect()
            }
            Self::Sqlite(pool) => {
                let rows = sqlx::query(query).fetch_all(pool).await.unwrap();
                rows.iter().map(|row| (0..row.len()).map(|place| row.get(place)).collect()).collect()
            }
        }
    }
}

/// A mirror by a plain driver.
pub enum ForeignDocuments {
    /// MongoDB.
    Mongo(mongodb::Database),
    /// An embedded one.
    Sqlite(SqlitePool),
}

impl ForeignDocuments {
    /// Opens a server's database.
    pub async fn server(url: &str) -> Self {
        let client = mongodb::Client::with_uri_str(url).await.unwrap();
        Self::Mongo(client.default_database().expect("the address names a database"))
    }

    /// Opens an embedded one.
    pub async fn file(path: &Path) -> Self {
        Self::Sqlite(SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap())
    }

    /// A collection's documents by id, without tombstones: 64-bit integers as numbers, times as
    /// `{"$date": milliseconds}`, types that ChainBill never writes as `{"$foreign": …}`.
    pub async fn all(&self, collection: &str) -> BTreeMap<String, Value> {
        match self {
            Self::Mongo(database) => {
                let mut cursor = database.collection::<Document>(collection).find(Document::new()).await.unwrap();
                let mut all = BTreeMap::new();
                while cursor.advance().await.unwrap() {
                    let document = cursor.deserialize_current().unwrap();
                    let id = document.get_str("_id").unwrap().to_owned();
                    if document.get_document("_sync").is_ok_and(|sync| sync.contains_key("deletedAt")) {
                        continue;
                    }
                    all.insert(id, plain(Bson::Document(document)));
                }
                all
            }
            Self::Sqlite(pool) => {
                let sql = format!(
                    "SELECT id, version, digest, applied_at, body, revision FROM \"{collection}\" WHERE deleted_at IS NULL"
                );
                let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(pool).await.unwrap();
                let document = |row: &sqlx::sqlite::SqliteRow| {
                    let id: String = row.get(0);
                    let mut body: Value = serde_json::from_str(row.get(4)).unwrap();
                    body["_id"] = json!(id);
                    body["_sync"] = json!({
                        "version": row.get::<i64, _>(1), "digest": row.get::<String, _>(2),
                        "revision": row.get::<Option<String>, _>(5),
                        "appliedAt": {"$date": row.get::<i64, _>(3)},
                    });
                    (id, body)
                };
                rows.iter().map(document).collect()
            }
        }
    }

    /// Rewrites documents as releases before revisions did: with these digests and without a revision.
    pub async fn forget_revisions(&self, collection: &str, digests: &BTreeMap<String, String>) {
        for (id, digest) in digests {
            match self {
                Self::Mongo(database) => {
                    let change = doc! { "$set": { "_sync.digest": digest }, "$unset": { "_sync.revision": "" } };
                    let collection = database.collection::<Document>(collection);
                    collection.update_one(doc! { "_id": id }, change).await.unwrap();
                }
                Self::Sqlite(pool) => {
                    let sql = format!("UPDATE \"{collection}\" SET revision = NULL, digest = ? WHERE id = ?");
                    sqlx::query(AssertSqlSafe(sql)).bind(digest).bind(id).execute(pool).await.unwrap();
                }
            }
        }
    }

    /// The ids with a tombstone: deleted and not recreated.
    ///
    /// # Errors
    /// Errors of the database or its driver, for callers during outages.
    pub async fn tombstones(&self, collection: &str) -> Result<BTreeSet<String>, Box<dyn Error + Send + Sync>> {
        match self {
            Self::Mongo(database) => {
                let deleted = doc! { "_sync.deletedAt": { "$exists": true } };
                let collection = database.collection::<Document>(collection);
                let mut cursor = collection.find(deleted).projection(doc! { "_id": 1 }).await?;
                let mut ids = BTreeSet::new();
                while cursor.advance().await? {
                    ids.insert(cursor.deserialize_current()?.get_str("_id")?.to_owned());
                }
                Ok(ids)
            }
            Self::Sqlite(pool) => {
                let sql = format!("SELECT id FROM \"{collection}\" WHERE deleted_at IS NOT NULL");
                let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(pool).await?;
                Ok(rows.iter().map(|row| row.get(0)).collect())
            }
        }
    }
}

/// A document with bytes replaced in one place, unlike any driver's output.
///
/// # Panics
/// When the bytes do not occur exactly once, or the lengths differ.
#[must_use]
pub fn with_other_bytes(document: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let places: Vec<usize> = (0..document.len()).filter(|place| document[*place..].starts_with(from)).collect();
    let [place] = places[..] else { panic!("{from:?} is there {} times", places.len()) };
    assert_eq!(from.len(), to.len(), "the lengths around it would be wrong");
    let mut bytes = document.to_vec();
    bytes.splice(place..place + from.len(), to.iter().copied());
    bytes
}

/// Inserts a document of any bytes.
pub async fn insert_bytes(database: &mongodb::Database, collection: &str, document: &[u8]) {
    let mut documents = RawArrayBuf::new();
    documents.push(RawDocument::from_bytes(document).unwrap());
    let mut command = RawDocumentBuf::new();
    command.append(cstr!("insert"), collection);
    command.append(cstr!("documents"), documents);
    let answer = database.run_raw_command(command).await.unwrap();
    assert!(!answer.contains_key("writeErrors"), "{answer}");
}

fn plain(value: Bson) -> Value {
    match value {
        Bson::Null => Value::Null,
        Bson::Boolean(flag) => json!(flag),
        Bson::Int64(number) => json!(number),
        Bson::String(text) => json!(text),
        Bson::DateTime(at) => json!({"$date": at.timestamp_millis()}),
        Bson::Array(items) => items.into_iter().map(plain).collect(),
        Bson::Document(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (name, plain(value))).collect::<Map<_, _>>())
        }
        other => json!({"$foreign": other.to_string()}),
    }
}
