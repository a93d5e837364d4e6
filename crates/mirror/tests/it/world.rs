//! A fresh mirror for one test, of either engine, removed afterwards.

use std::{future::Future, sync::Arc, time::Duration};

use chainbill_domain::{
    Digest, Document, Model, Timestamp, Value, document,
    mapping::{int, minutes, money, text, time},
};
use chainbill_mirror::{Content, EmbeddedMirror, Guard, Mirror, MongoMirror, MongoSettings, Outcome, Retention, Write};
use chrono::{DateTime, TimeDelta};
use tempfile::TempDir;

/// A small model of its own, so that these tests do not change when a real one does.
pub static THINGS: Model = Model {
    name: "things",
    columns: &[
        text("name", "name"),
        int("count", "count"),
        money("total_minor", "currency", "total").nullable(),
        time("made_at", "madeAt"),
    ],
    embeds: &[],
    omitted: &[],
    search: &[],
    indexes: &[&["name"], &["madeAt", "count"]],
    every: minutes(60),
};

/// One whose documents may be megabytes.
pub static SCANS: Model = Model {
    name: "scans",
    columns: &[text("owner", "owner"), text("content", "content").nullable().large(), text("note", "note")],
    embeds: &[],
    omitted: &[],
    search: &[],
    indexes: &[&["owner", "_id"]],
    every: minutes(60),
};

pub const KEPT: Retention = Retention {
    analytics: Duration::from_secs(90 * 86_400),
    logs: Duration::from_secs(30 * 86_400),
    tombstones: Duration::from_secs(7 * 86_400),
};

/// Where one test plays.
pub struct World {
    pub mirror: Arc<dyn Mirror>,
}

/// Runs a test against a fresh embedded database.
pub fn embedded<F: Future<Output = ()>>(test: impl FnOnce(World) -> F) {
    runtime().block_on(async {
        let folder = TempDir::new().unwrap();
        let mirror = EmbeddedMirror::open(&folder.path().join("mirror.db")).await.unwrap();
        test(World { mirror: Arc::new(mirror) }).await;
    });
}

/// Runs a test against a fresh database of the MongoDB server; without a server it says so and, with `CI=true`, fails.
pub fn mongodb<F: Future<Output = ()>>(test: impl FnOnce(World) -> F) {
    let Some(server) = server() else { return };
    runtime().block_on(async {
        let database = Database::new(&server).await;
        let mirror = MongoMirror::connect(&database.url(&server), MongoSettings::default()).unwrap();
        test(World { mirror: Arc::new(mirror) }).await;
        database.raw.drop().await.unwrap();
    });
}

/// The address of a server for tests, without a database.
pub fn server() -> Option<String> {
    let url = std::env::var("MONGODB_TEST_URL").ok();
    if url.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "CI=true and no MONGODB_TEST_URL");
        eprintln!("SKIPPED: no MongoDB server (MONGODB_TEST_URL)");
    }
    url
}

/// A database of one test, and the driver's own view of it.
pub struct Database {
    pub raw: mongodb::Database,
}

impl Database {
    pub async fn new(server: &str) -> Self {
        let client = mongodb::Client::with_uri_str(server).await.unwrap();
        Self { raw: client.database(&format!("cb_mirror_{}", uuid::Uuid::new_v4().simple())) }
    }

    pub fn url(&self, server: &str) -> String {
        chainbill_testkit::with_database(server, self.raw.name())
    }
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// The present, less a number of seconds. Real time, because servers with TTL indexes look at their own clocks.
#[expect(clippy::disallowed_methods, reason = "servers with TTL indexes look at their own clocks")]
pub fn ago(seconds: i64) -> Timestamp {
    let now = chainbill_domain::clock::whole_millis(chrono::Utc::now());
    now - TimeDelta::seconds(seconds)
}

pub fn at(text: &str) -> Timestamp {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

pub fn fields(fields: Vec<(&'static str, Value)>) -> Document {
    Document(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

pub fn txt(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

/// A write of a document with its true digest.
pub fn put(model: &'static Model, id: &str, version: i64, body: Document) -> Write {
    let digest = document::digest(model, id, version, &body);
    Write { id: id.to_owned(), version, content: Content::Document { body, digest }, fresh: false }
}

pub fn thing(id: &str, version: i64, name: &str) -> Write {
    put(&THINGS, id, version, fields(vec![("name", txt(name)), ("count", Value::Int(version))]))
}

pub fn tombstone(id: &str, version: i64) -> Write {
    Write { id: id.to_owned(), version, content: Content::Tombstone, fresh: false }
}

pub fn digest_of(write: &Write) -> Option<Digest> {
    match &write.content {
        Content::Document { digest, .. } => Some(*digest),
        Content::Tombstone => None,
    }
}

pub fn body_of(write: &Write) -> Document {
    match &write.content {
        Content::Document { body, .. } => body.clone(),
        Content::Tombstone => Document::default(),
    }
}

impl World {
    /// Applies one write under the guard of the relay.
    pub async fn newer(&self, write: Write) -> Outcome {
        self.apply(Guard::Newer, &[write]).await.remove(0)
    }

    pub async fn apply(&self, guard: Guard, writes: &[Write]) -> Vec<Outcome> {
        self.mirror.apply(&THINGS, guard, writes, ago(0)).await.unwrap()
    }

    /// The stored name of a thing; `None` when it is absent or a tombstone.
    pub async fn name(&self, id: &str) -> Option<String> {
        match self.mirror.get(&THINGS, id).await.unwrap()?.body.get("name") {
            Some(Value::Text(name)) => Some(name.clone()),
            _ => None,
        }
    }

    pub async fn prepared(self) -> Self {
        self.mirror.prepare(&[&THINGS, &chainbill_domain::models::USERS], KEPT).await.unwrap();
        self
    }
}
