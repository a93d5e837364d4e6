//! How fast both engines take documents, and what it costs, against the driver's own bulk writes of the same documents.
//!
//! `MONGODB_TEST_URL=mongodb://… cargo run --release -p chainbill-mirror --example pace -- [documents]`
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a measuring tool")]

use std::{error::Error, time::Instant};

use chainbill_domain::{
    Document, Model, Timestamp, Value, document,
    models::{INVOICES, USERS},
};
use chainbill_mirror::{
    Content, EmbeddedMirror, Guard, Mirror, MirrorStore as _, MongoMirror, MongoSettings, Outcome, Page, Retention,
    SearchQuery, Write,
};
use mongodb::bson::{Bson, DateTime, doc};

type Outcomes<T> = Result<T, Box<dyn Error>>;

const BATCH: usize = 1000;
const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);
const KEPT: Retention = Retention { analytics: DAY, logs: DAY, tombstones: DAY };

fn body(fields: Vec<(&'static str, Value)>) -> Document {
    Document(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

/// About 370 bytes of text and numbers, as the invoice rows of the published figures.
fn invoice(n: usize, version: i64) -> Write {
    let money = |minor: i64| Value::Map(body(vec![("minor", Value::Int(minor)), ("currency", text("USD"))]));
    let body = body(vec![
        ("number", text(format!("INV-2026-{n:06}"))),
        ("freelancerId", text(format!("0193e0a0-0000-7000-8000-{:012}", n % 997))),
        ("clientId", text(format!("0193e0a0-0000-7000-9000-{:012}", n % 499))),
        ("title", text("Design and audit of a smart contract")),
        ("status", text("SENT")),
        ("total", money(125_000 + n as i64)),
        ("paid", money(0)),
        ("createdAt", Value::Time(1_795_000_000_000 + n as i64)),
        ("updatedAt", Value::Time(1_795_000_000_000 + version)),
    ]);
    put(&INVOICES, n, version, body)
}

fn user(n: usize, version: i64) -> Write {
    let body = body(vec![
        ("email", text(format!("user{n}@example.com"))),
        ("name", text(format!("User {n}"))),
        ("role", text("FREELANCER")),
        ("title", text(["Blockchain developer", "Gardener", "Web3 engineer", "Painter"][n % 4])),
        ("bio", text("Ten years of quick and careful work for clients on four continents.")),
        ("createdAt", Value::Time(1_795_000_000_000 + n as i64)),
    ]);
    put(&USERS, n, version, body)
}

fn put(model: &'static Model, n: usize, version: i64, body: Document) -> Write {
    let id = format!("0193e0a0-0000-7000-a000-{n:012}");
    let digest = document::digest(model, &id, version, &body);
    Write { id, version, content: Content::Document { body, digest }, fresh: version == 1 }
}

/// Processor time of this process so far, in seconds.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after = stat.rsplit(") ").next().unwrap();
    let ticks: f64 = after.split(' ').skip(11).take(2).map(|n| n.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

fn say(what: &str, count: usize, started: Instant, before: f64) {
    let (seconds, cpu) = (started.elapsed().as_secs_f64(), processor() - before);
    let rate = count as f64 / seconds;
    println!("{what:<44} {rate:>9.0}/s  {:.4} CPU s per 1,000", cpu * 1000.0 / count as f64);
}

async fn apply(mirror: &dyn Mirror, what: &str, model: &'static Model, writes: &[Write]) -> Outcomes<()> {
    let (started, before) = (Instant::now(), processor());
    let at = Timestamp::from_timestamp_millis(1_795_000_000_000).unwrap();
    for batch in writes.chunks(BATCH) {
        let outcomes = mirror.apply(model, Guard::Newer, batch, at).await?;
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Applied));
    }
    say(what, writes.len(), started, before);
    Ok(())
}

async fn walk(mirror: &dyn Mirror, model: &'static Model, count: usize) -> Outcomes<()> {
    for whole in [false, true] {
        let (started, before) = (Instant::now(), processor());
        let mut last: Option<String> = None;
        let mut seen = 0;
        loop {
            let page = Page { after: last.as_deref(), up_to: None, limit: 2000 };
            let ids: Vec<String> = if whole {
                let stored = mirror.documents(model, page).await?;
                stored.into_iter().map(|stored| stored.stamp.id).collect()
            } else {
                mirror.stamps(model, page).await?.into_iter().map(|stamp| stamp.id).collect()
            };
            seen += ids.len();
            match ids.into_iter().next_back() {
                Some(id) => last = Some(id),
                None => break,
            }
        }
        assert_eq!(seen, count);
        say(if whole { "  documents in pages of 2,000" } else { "  stamps in pages of 2,000" }, seen, started, before);
    }
    Ok(())
}

async fn engine(mirror: &dyn Mirror, count: usize) -> Outcomes<()> {
    println!("{}", mirror.engine());
    mirror.prepare(&[&INVOICES, &USERS], KEPT).await?;
    let first: Vec<Write> = (0..count).map(|n| invoice(n, 1)).collect();
    let second: Vec<Write> = (0..count).map(|n| invoice(n, 2)).collect();
    let people: Vec<Write> = (0..count / 4).map(|n| user(n, 1)).collect();
    apply(mirror, "  apply, new", &INVOICES, &first).await?;
    apply(mirror, "  apply, newer", &INVOICES, &second).await?;
    apply(mirror, "  apply, new, with full-text index", &USERS, &people).await?;
    walk(mirror, &INVOICES, count).await?;
    let (started, before) = (Instant::now(), processor());
    for _ in 0..20 {
        mirror.count(&INVOICES).await?;
    }
    say("  counts", 20, started, before);
    let (started, before) = (Instant::now(), processor());
    for _ in 0..20 {
        assert_eq!(mirror.search(&USERS, SearchQuery::of("blockchain developer", 20)).await?.len(), 20);
    }
    say("  searches", 20, started, before);
    Ok(())
}

fn bson(value: &Value) -> Bson {
    match value {
        Value::Int(number) => Bson::Int64(*number),
        Value::Time(millis) => Bson::DateTime(DateTime::from_millis(*millis)),
        Value::Text(text) => Bson::String(text.clone()),
        Value::Map(inner) => Bson::Document(tree(inner)),
        _ => Bson::Null,
    }
}

fn tree(body: &Document) -> mongodb::bson::Document {
    body.0.iter().map(|(name, value)| (name.to_string(), bson(value))).collect()
}

/// The yardstick: the same documents as unordered replace upserts by `_id`, prepared beforehand.
async fn raw(database: &mongodb::Database, name: &str, count: usize, version: i64) -> Outcomes<()> {
    let statement = |n: usize| {
        let Write { id, content: Content::Document { body, digest }, .. } = invoice(n, version) else { unreachable!() };
        let mut document = tree(&body);
        document.insert(
            "_sync",
            doc! { "version": version, "digest": digest.to_hex(), "appliedAt": DateTime::from_millis(0) },
        );
        doc! { "q": { "_id": id }, "u": document, "upsert": true }
    };
    let all: Vec<usize> = (0..count).collect();
    let commands: Vec<_> = all
        .chunks(BATCH)
        .map(|batch| {
            let updates: Vec<_> = batch.iter().map(|n| statement(*n)).collect();
            let command =
                doc! { "update": name, "ordered": false, "writeConcern": { "w": "majority" }, "updates": updates };
            mongodb::bson::RawDocumentBuf::try_from(&command).unwrap()
        })
        .collect();
    let (started, before) = (Instant::now(), processor());
    for command in commands {
        database.run_raw_command(command).await?;
    }
    say(if version == 1 { "  raw bulk replace, new" } else { "  raw bulk replace, newer" }, count, started, before);
    Ok(())
}

#[tokio::main]
async fn main() -> Outcomes<()> {
    let count = std::env::args().nth(1).map_or(Ok(20_000), |text| text.parse())?;
    let folder = std::env::temp_dir().join(format!("chainbill-pace-{}", std::process::id()));
    let embedded = EmbeddedMirror::open(&folder.join("mirror.db")).await?;
    engine(&embedded, count).await?;
    embedded.close().await;
    std::fs::remove_dir_all(&folder)?;
    let Ok(server) = std::env::var("MONGODB_TEST_URL") else { return Ok(()) };
    let name = format!("cb_pace_{}", std::process::id());
    let database = mongodb::Client::with_uri_str(&server).await?.database(&name);
    let mirror = MongoMirror::connect(&format!("{server}/{name}"), MongoSettings::default())?;
    mirror.prepare(&[&INVOICES, &USERS], KEPT).await?;
    engine(&mirror, count).await?;
    // The same indexes on the yardstick's collection.
    database.collection::<mongodb::bson::Document>("invoices").drop().await?;
    mirror.prepare(&[&INVOICES], KEPT).await?;
    raw(&database, "invoices", count, 1).await?;
    raw(&database, "invoices", count, 2).await?;
    database.collection::<mongodb::bson::Document>("invoices").drop().await?;
    mirror.prepare(&[&INVOICES], KEPT).await?;
    let first: Vec<Write> = (0..count).map(|n| invoice(n, 1)).collect();
    let second: Vec<Write> = (0..count).map(|n| invoice(n, 2)).collect();
    apply(&mirror, "  apply, new, again", &INVOICES, &first).await?;
    apply(&mirror, "  apply, newer, again", &INVOICES, &second).await?;
    database.drop().await?;
    Ok(())
}
