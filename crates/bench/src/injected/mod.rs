//! Thousands of single-field faults, injected into the mirror by a foreign client while invoices are created: each must
//! be found by name, without false alarms; after the repair both sides must be equal.

mod faults;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use chainbill_domain::{Model, models};
use chainbill_records::Records;
use chainbill_sync::{Order, RepairMode, RepairPolicy, Replicator, Settings, compare::Level};
use chainbill_testkit::{Dice, EMBEDDED, Fresh};
use mongodb::{
    Database,
    bson::{Bson, Document, doc},
};
use tokio_util::sync::CancellationToken;

use self::faults::{Fault, Turns};
use crate::{
    load::{Kind, Load},
    settings,
};

/// Total faults.
const FAULTS: usize = 10_000;
/// Concurrent writes in rows per second.
const BESIDE: u64 = 100;
/// Statements per command.
const AT_ONCE: usize = 500;
/// Limit of printed misses.
const TOLD: usize = 20;

/// The results.
#[derive(Default)]
pub(crate) struct Seen {
    pub injected: u64,
    pub found: u64,
    /// Found under another name.
    pub misnamed: u64,
    /// Reported without a fault.
    pub false_alarms: u64,
    pub repaired: u64,
    /// Counts of faulted fields and their models.
    pub fields: usize,
    pub models: usize,
    pub kinds: BTreeMap<&'static str, u64>,
    /// Compared entities.
    pub compared: u64,
    pub finding: Duration,
    pub repairing: Duration,
    /// Models unequal after a repair.
    pub unequal: u64,
}

/// None without a mirror server.
pub(crate) async fn injected(fresh: &Fresh, records: &Records) -> anyhow::Result<Option<Seen>> {
    if fresh.secondary == EMBEDDED {
        return Ok(None);
    }
    let client = mongodb::Client::with_uri_str(&fresh.secondary).await?;
    let database = client.default_database().context("the address names a database")?;
    // The schedule would repair the faults.
    let every = models::ALL.iter().map(|model| (model.name, Duration::ZERO)).collect();
    let settings = Settings { repair: RepairMode::Manual, every, ..settings() };
    let sync = Replicator::new(fresh.beside(records).await, fresh.mirror().await, settings);
    let running = sync.start();
    ensure!(sync.drained(Duration::from_secs(120)).await?, "the backlog did not drain");
    let over = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn(beside(records.clone(), over.clone()));
    let mut stranger = Stranger { database, dice: Dice(7), turns: Turns::default() };
    let mut seen = Seen { models: models::ALL.len(), ..Seen::default() };
    while (seen.injected as usize) < FAULTS {
        round(&sync, &mut stranger, &mut seen).await?;
        eprintln!("{} faults, {} found", seen.injected, seen.found);
    }
    over.store(true, Relaxed);
    writing.await??;
    running.stop().await;
    (seen.fields, seen.kinds) = (stranger.turns.fields(), stranger.turns.kinds().clone());
    Ok(Some(seen))
}

async fn beside(records: Records, over: Arc<AtomicBool>) -> anyhow::Result<()> {
    let load = Load { target: BESIDE, rows: 1, kind: Kind::Creations, lasting: Duration::from_secs(2) };
    while !over.load(Relaxed) {
        load.run(&records, None).await?;
    }
    Ok(())
}

/// Injects at most one fault per document, finds and repairs them, and checks equality.
async fn round(sync: &Replicator, stranger: &mut Stranger, seen: &mut Seen) -> anyhow::Result<()> {
    let faults = stranger.spoil(FAULTS - seen.injected as usize).await?;
    ensure!(!faults.is_empty(), "no documents for faults");
    for model in models::ALL {
        let expected: BTreeMap<&str, &str> = faults
            .iter()
            .filter(|(of, _)| *of == model.name)
            .map(|(_, fault)| (fault.id.as_str(), fault.path.as_str()))
            .collect();
        let (started, mut told) = (Instant::now(), 0);
        let comparison = run(sync, model, RepairPolicy::Report).await?.comparison;
        seen.finding += started.elapsed();
        seen.compared += comparison.compared;
        seen.injected += expected.len() as u64;
        let mut missing = expected.clone();
        for finding in &comparison.findings {
            let Some(path) = missing.remove(finding.id.as_str()) else {
                eprintln!("{} {} is called {:?} {:?}", model.name, finding.id, finding.class, finding.fields);
                seen.false_alarms += 1;
                continue;
            };
            seen.found += 1;
            if !is_named(path, &finding.fields) {
                eprintln!("{} {}: {path} is called {:?}", model.name, finding.id, finding.fields);
                seen.misnamed += 1;
            }
        }
        for (id, path) in missing {
            told += 1;
            if told <= TOLD {
                eprintln!("{} {id}: {path} was not found", model.name);
            }
        }
    }
    repair(sync, seen).await
}

/// Repairs everything, as an operator after a review: so many faults would otherwise trip the breaker.
async fn repair(sync: &Replicator, seen: &mut Seen) -> anyhow::Result<()> {
    for model in models::ALL {
        let started = Instant::now();
        seen.repaired += run(sync, model, RepairPolicy::Force).await?.repaired.repaired;
        seen.repairing += started.elapsed();
    }
    for model in models::ALL {
        let report = run(sync, model, RepairPolicy::Report).await?;
        seen.compared += report.comparison.compared;
        if !report.outcome.is_equal() {
            eprintln!("{} differs after the repair: {:?}", model.name, report.comparison.findings.first());
            seen.unequal += 1;
        }
    }
    Ok(())
}

async fn run(
    sync: &Replicator,
    model: &'static Model,
    policy: RepairPolicy,
) -> anyhow::Result<chainbill_sync::RunReport> {
    Ok(sync.run(model, Order::new("bench", Level::Deep, policy), &|_| {}, &CancellationToken::new()).await?)
}

/// Foreign sync metadata is reported as a whole.
fn is_named(path: &str, fields: &[String]) -> bool {
    let [name] = fields else { return false };
    name == path || (name == "_sync" && path.starts_with("_sync."))
}

/// A client independent of ChainBill.
struct Stranger {
    database: Database,
    dice: Dice,
    turns: Turns,
}

impl Stranger {
    /// Injects up to this many faults over all models; grouped by model.
    async fn spoil(&mut self, most: usize) -> anyhow::Result<Vec<(&'static str, Fault)>> {
        let mut documents = Vec::new();
        for model in models::ALL {
            let limit = i64::try_from(most)?;
            let living = doc! { "_sync.deletedAt": { "$exists": false } };
            let mut cursor = self.database.collection::<Document>(model.name).find(living).limit(limit).await?;
            while cursor.advance().await? {
                documents.push((model.name, cursor.deserialize_current()?));
            }
        }
        self.dice.shuffle(&mut documents);
        let mut faults = Vec::new();
        for (model, document) in documents.into_iter().take(most) {
            let fault = self.turns.fault(model, &document, &mut self.dice);
            faults.push((model, fault.with_context(|| format!("a document of {model} without a name"))?));
        }
        faults.sort_by_key(|(model, _)| *model);
        for some in faults.chunk_by(|(one, _), (other, _)| one == other) {
            for some in some.chunks(AT_ONCE) {
                self.write(some).await?;
            }
        }
        Ok(faults)
    }

    async fn write(&self, faults: &[(&'static str, Fault)]) -> anyhow::Result<()> {
        let updates: Vec<Bson> = faults.iter().map(|(_, fault)| Bson::Document(fault.statement.clone())).collect();
        let command = doc! { "update": faults[0].0, "ordered": false, "updates": updates };
        let answer = self.database.run_command(command).await?;
        let modified = answer.get("nModified").and_then(|count| count.as_i64().or(count.as_i32().map(i64::from)));
        ensure!(modified == Some(i64::try_from(faults.len())?), "not all faults were applied: {answer}");
        Ok(())
    }
}
