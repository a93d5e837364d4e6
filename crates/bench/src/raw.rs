//! The plain driver: the same documents, replaced by unordered upserts, 1,000 per command, on one connection.

use std::time::Instant;

use chainbill_domain::{
    Document, Model, Value,
    document::{Encoded, encode},
    models::{ALL, INVOICES},
};
use chainbill_mirror::{Content, EmbeddedMirror, Guard, MirrorStore as _, Write};
use chainbill_records::{Records, RowPage};
use chainbill_testkit::{EMBEDDED, Fresh};
use mongodb::{
    Database,
    bson::{self, Bson, doc},
};

use crate::rate;

/// Documents per second.
pub(crate) async fn bulk_writes(fresh: &Fresh, records: &Records) -> anyhow::Result<f64> {
    if fresh.secondary == EMBEDDED {
        return embedded(fresh, &[&INVOICES], records).await;
    }
    let database = on_one_connection(fresh).await?;
    let collection = database.collection::<bson::Document>("raw");
    collection.drop().await?;
    let rate = replace_all(&database, "raw", &[&INVOICES], records).await?;
    collection.drop().await?;
    Ok(rate)
}

/// The documents of all models, likewise; documents per second.
pub(crate) async fn bulk_writes_of_all(fresh: &Fresh, records: &Records) -> anyhow::Result<f64> {
    if fresh.secondary == EMBEDDED {
        return embedded(fresh, ALL, records).await;
    }
    let database = on_one_connection(fresh).await?;
    let collection = database.collection::<bson::Document>("raw");
    collection.drop().await?;
    let rate = replace_all(&database, "raw", ALL, records).await?;
    collection.drop().await?;
    Ok(rate)
}

/// The same into the mirror's own collection, over existing documents, with all its indexes. None without a server.
pub(crate) async fn replacements(fresh: &Fresh, records: &Records) -> anyhow::Result<Option<f64>> {
    if fresh.secondary == EMBEDDED {
        return Ok(None);
    }
    let database = on_one_connection(fresh).await?;
    Ok(Some(replace_all(&database, INVOICES.name, &[&INVOICES], records).await?))
}

async fn on_one_connection(fresh: &Fresh) -> anyhow::Result<Database> {
    let mut options = mongodb::options::ClientOptions::parse(&fresh.secondary).await?;
    options.max_pool_size = Some(1);
    mongodb::Client::with_options(options)?.default_database().ok_or_else(|| anyhow::anyhow!("a database"))
}

async fn replace_all(
    database: &Database,
    collection: &str,
    models: &[&'static Model],
    records: &Records,
) -> anyhow::Result<f64> {
    let mut updates: Vec<Bson> = Vec::new();
    for model in models {
        updates.extend(all(model, records).await?.iter().map(|encoded| update(model, encoded)));
    }
    let started = Instant::now();
    for batch in updates.chunks(1000) {
        let command = doc! { "update": collection, "ordered": false, "updates": batch.to_vec() };
        database.run_command(command).await?;
    }
    Ok(rate(updates.len() as u64, started.elapsed().as_secs_f64()))
}

async fn all(model: &'static Model, records: &Records) -> anyhow::Result<Vec<Encoded>> {
    let snapshot = records.snapshot().await?;
    let (mut all, mut after) = (Vec::new(), None::<String>);
    loop {
        let page = RowPage { after: after.as_deref(), up_to: None, limit: 1000 };
        let rows = snapshot.page(model, page).await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.id.clone());
        all.extend(rows.into_iter().map(|row| encode(model, row)));
    }
    snapshot.close().await?;
    Ok(all)
}

fn update(model: &'static Model, encoded: &Encoded) -> Bson {
    let mut document = to_bson(&encoded.body);
    document.insert("_id", encoded.id.clone());
    let sync = doc! {
        "version": encoded.version, "digest": encoded.digest.to_hex(), "revision": model.revision().to_hex(),
        "appliedAt": bson::DateTime::now(),
    };
    document.insert("_sync", sync);
    Bson::Document(doc! { "q": { "_id": encoded.id.clone() }, "u": document, "upsert": true })
}

fn to_bson(document: &Document) -> bson::Document {
    document.0.iter().map(|(name, value)| (name.to_string(), of(value))).collect()
}

fn of(value: &Value) -> Bson {
    match value {
        Value::Null => Bson::Null,
        Value::Bool(flag) => Bson::Boolean(*flag),
        Value::Int(number) => Bson::Int64(*number),
        Value::Text(text) | Value::Foreign(text) => Bson::String(text.clone()),
        Value::Time(millis) => Bson::DateTime(bson::DateTime::from_millis(*millis)),
        Value::List(items) => Bson::Array(items.iter().map(of).collect()),
        Value::Map(inner) => Bson::Document(to_bson(inner)),
    }
}

/// Without a server, the engine's own bulk write is the baseline.
async fn embedded(fresh: &Fresh, models: &[&'static Model], records: &Records) -> anyhow::Result<f64> {
    let mirror = EmbeddedMirror::open(&fresh.folder.join("raw.db")).await?;
    mirror.prepare(models, chainbill_sync::Settings::default().retention).await?;
    let write = |one: Encoded| Write {
        id: one.id,
        version: one.version,
        content: Content::Document { body: one.body, digest: one.digest },
        fresh: false,
    };
    let (mut count, mut seconds) = (0, 0.0);
    for &model in models {
        let writes: Vec<Write> = all(model, records).await?.into_iter().map(write).collect();
        let started = Instant::now();
        for batch in writes.chunks(1000) {
            mirror
                .apply(model, Guard::Newer, batch, chainbill_domain::Clock::now(&chainbill_domain::SystemClock))
                .await?;
        }
        seconds += started.elapsed().as_secs_f64();
        count += writes.len() as u64;
    }
    mirror.close().await;
    for suffix in ["", "-wal", "-shm"] {
        // The file may not exist.
        let _ = std::fs::remove_file(fresh.folder.join(format!("raw.db{suffix}")));
    }
    Ok(rate(count, seconds))
}
