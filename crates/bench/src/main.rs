#![doc = include_str!("../README.md")]
#![expect(clippy::print_stdout, reason = "the table is the program's result")]
#![expect(clippy::cast_precision_loss, reason = "rates are rounded anyway")]

mod commits;
mod latency;
mod raw;

use std::{fs, time::Duration, time::Instant};

use anyhow::Context as _;
use chainbill_domain::models::{self, INVOICES};
use chainbill_records::{
    Records,
    outbox::{Entry, Op},
    sea_orm::ConnectionTrait as _,
};
use chainbill_server::demo;
use chainbill_sync::{Mending, Order, Settings, Sync, compare::Level};
use chainbill_testkit::{EMBEDDED, Fresh, server};
use tokio_util::sync::CancellationToken;

/// What waits for the relay.
#[derive(Clone, Copy)]
enum Backlog {
    /// Rows that were made: no document is there.
    Creations,
    /// Rows that were changed: every document is there, and older.
    Changes,
}

/// What is measured against what.
struct Bench {
    fresh: Fresh,
    records: Records,
    sync: Sync,
    documents: u32,
    /// The parts to measure; all when empty.
    only: Vec<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().collect();
    if let [_, child, primary, secondary] = words.as_slice()
        && child == "child"
    {
        return copy_and_verify(primary, secondary).await;
    }
    let documents = std::env::args().nth(1).map_or(Ok(50_000), |text| text.parse()).context("a number of documents")?;
    let mongo = server("MONGODB_TEST_URL").unwrap_or_else(|| EMBEDDED.to_owned());
    let primary = server("MYSQL_TEST_URL").unwrap_or_else(|| EMBEDDED.to_owned());
    let fresh = Fresh::make(&primary, &mongo).await;
    let records = fresh.records().await;
    let sync = Sync::new(fresh.beside(&records).await, fresh.mirror().await, settings());
    let only = std::env::args().skip(2).collect();
    let bench = Bench { fresh, records, sync, documents, only };
    let result = bench.run().await;
    bench.fresh.remove().await;
    result
}

async fn copy_and_verify(primary: &str, secondary: &str) -> anyhow::Result<()> {
    let fresh = Fresh::existing(primary, secondary);
    let stop = CancellationToken::new();
    let sync = Sync::new(fresh.records().await, fresh.mirror().await, settings());
    for model in models::ALL {
        sync.initial(model, &|_| {}, &stop).await?;
        let report = sync.run(model, deep(), &|_| {}, &stop).await?;
        anyhow::ensure!(report.comparison.drifting() == 0, "the copies differ: {:?}", report.comparison.drift);
    }
    println!("{}", peak_memory()?);
    Ok(())
}

fn settings() -> Settings {
    let lanes = std::env::var("SYNC_LANES").ok().and_then(|lanes| lanes.parse().ok());
    let otherwise = Settings::default();
    Settings { verify_every: Duration::ZERO, lanes: lanes.unwrap_or(otherwise.lanes), ..otherwise }
}

fn deep() -> Order {
    Order::new("bench", Level::Deep, Mending::Report)
}

fn line(what: &str, figure: &str) {
    println!("| {what} | {figure} |");
}

fn rate(rows: u64, seconds: f64) -> f64 {
    rows as f64 / seconds.max(0.001)
}

impl Bench {
    async fn run(&self) -> anyhow::Result<()> {
        let primary = self.records.dialect().to_string();
        let kind = if self.fresh.secondary == EMBEDDED { "embedded" } else { "MongoDB wire server" };
        eprintln!("{} invoices on {primary}, copies on {kind}", self.documents);
        println!("| what ({primary}, {kind}, {} invoices) | measured |\n|---|---|", self.documents);
        let stop = CancellationToken::new();
        let plan = demo::Plan::new(self.documents, 1);
        let started = Instant::now();
        demo::fill(&self.records, &plan, &|_| {}, &stop).await?;
        line(
            "demo data through the saving path",
            &format!("{:.0} rows/s", rate(plan.rows(), started.elapsed().as_secs_f64())),
        );
        for model in models::ALL {
            self.sync.initial(model, &|_| {}, &stop).await?;
        }
        for (name, part) in [("rates", 0), ("latency", 1), ("commits", 2), ("memory", 3)] {
            if !self.only.is_empty() && !self.only.iter().any(|only| only == name) {
                continue;
            }
            match part {
                0 => self.rates(&stop).await?,
                1 => self.latencies().await?,
                2 => self.commits().await?,
                _ => line(
                    "most resident memory while copying and verifying everything",
                    &format!("{} MB", self.in_a_child().await?),
                ),
            }
        }
        Ok(())
    }

    async fn rates(&self, stop: &CancellationToken) -> anyhow::Result<()> {
        let (mut raw, mut copy, mut drain, mut changes) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
        for round in 1..=2 {
            eprintln!("round {round} of 2: raw, initial copy, relay");
            raw = raw.max(raw::bulk_writes(&self.fresh, &self.records).await?);
            copy = copy.max(self.copy(stop).await?);
            drain = drain.max(self.drain(Backlog::Creations).await?);
            changes = changes.max(self.drain(Backlog::Changes).await?);
        }
        line("raw driver bulk writes of the same documents", &format!("{raw:.0}/s"));
        line("initial copy", &format!("{copy:.0}/s"));
        line("initial copy / raw", &format!("{:.2}", copy / raw));
        line("relay, draining a backlog of new rows", &format!("{drain:.0}/s"));
        line("relay / raw", &format!("{:.2}", drain / raw));
        line("relay, draining a backlog of changed rows", &format!("{changes:.0}/s"));
        line("relay / raw", &format!("{:.2}", changes / raw));
        line("deep verification with certificate", &format!("{:.0}/s", self.verify(stop).await?));
        Ok(())
    }

    async fn latencies(&self) -> anyhow::Result<()> {
        for target in [500, 1000, 2000] {
            let seen = latency::commit_to_visible(&self.records, &self.sync, self.fresh.mirror().await, target).await?;
            line(
                &format!("commit → visible at {target} commits/s (reached {:.0}/s)", seen.reached),
                &format!("p50 {:.1} ms, p99 {:.1} ms", seen.p50, seen.p99),
            );
            line(
                &format!("processor time of the relay per 1,000 changes at {target}/s (the load's own taken off)"),
                &format!("{:.3} s", seen.cpu_per_thousand),
            );
        }
        Ok(())
    }

    async fn commits(&self) -> anyhow::Result<()> {
        let cost = commits::outbox_cost(&self.records).await?;
        line(
            "commits with / without an outbox entry",
            &format!("{:.0}/s / {:.0}/s: cost {:.1} %", cost.with, cost.without, cost.percent()),
        );
        Ok(())
    }

    /// Copies and verifies all models in a process of its own, which has held nothing else.
    async fn in_a_child(&self) -> anyhow::Result<u64> {
        let output = tokio::process::Command::new(std::env::current_exe()?)
            .args(["child", &self.fresh.primary, &self.fresh.secondary])
            .output()
            .await?;
        anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().parse()?)
    }

    async fn copy(&self, stop: &CancellationToken) -> anyhow::Result<f64> {
        self.empty().await?;
        let started = Instant::now();
        let copied = self.sync.initial(&INVOICES, &|_| {}, stop).await?;
        Ok(rate(copied.rows, started.elapsed().as_secs_f64()))
    }

    /// Takes the documents away, so that each copy begins from nothing.
    async fn empty(&self) -> anyhow::Result<()> {
        if self.fresh.secondary == EMBEDDED {
            return Ok(());
        }
        let client = mongodb::Client::with_uri_str(&self.fresh.secondary).await?;
        let name = client.default_database().context("the address names a database")?.name().to_owned();
        client.database(&name).collection::<mongodb::bson::Document>(INVOICES.name).drop().await?;
        Ok(())
    }

    /// Fills the outbox behind a stopped relay, an entry for every invoice, and lets the relay run.
    async fn drain(&self, backlog: Backlog) -> anyhow::Result<f64> {
        let db = self.records.db();
        db.execute_unprepared("DELETE FROM outbox").await?;
        match backlog {
            Backlog::Creations => {
                self.empty().await?;
                self.fresh.mirror().await.prepare(&[&INVOICES], settings().retention).await?;
                db.execute_unprepared("UPDATE invoices SET version = 1").await?;
            }
            Backlog::Changes => {
                db.execute_unprepared("UPDATE invoices SET version = version + 1").await?;
            }
        }
        let snapshot = self.records.snapshot().await?;
        let mut after: Option<String> = None;
        let mut all = Vec::new();
        loop {
            let page = chainbill_records::RowPage { after: after.as_deref(), up_to: None, limit: 5000 };
            let rows = snapshot.versions(&INVOICES, page).await?;
            let Some((last, _)) = rows.last() else { break };
            after = Some(last.clone());
            all.extend(rows);
        }
        snapshot.close().await?;
        let entries: Vec<Entry> = all
            .into_iter()
            .map(|(entity_id, version)| Entry {
                model: INVOICES.name.into(),
                entity_id,
                version,
                op: Op::Upsert,
                body: None,
            })
            .collect();
        for batch in entries.chunks(2000) {
            self.records.enqueue(batch).await?;
        }
        let started = Instant::now();
        let running = self.sync.start();
        anyhow::ensure!(self.sync.drained(Duration::from_secs(600)).await?, "the backlog did not drain");
        let seconds = started.elapsed().as_secs_f64();
        running.stop().await;
        Ok(rate(entries.len() as u64, seconds))
    }

    async fn verify(&self, stop: &CancellationToken) -> anyhow::Result<f64> {
        let started = Instant::now();
        let report = self.sync.run(&INVOICES, deep(), &|_| {}, stop).await?;
        anyhow::ensure!(report.comparison.drifting() == 0, "the copies differ: {:?}", report.comparison.drift);
        Ok(rate(report.comparison.compared, started.elapsed().as_secs_f64()))
    }
}

/// The most memory that this process ever held, in MB.
fn peak_memory() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("the system says no peak")?;
    let kilobytes: u64 = line.split_whitespace().nth(1).context("a number")?.parse()?;
    Ok(kilobytes / 1024)
}

/// Seconds of processor time that this process has used.
fn processor_seconds() -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit_once(')').context("a name")?.1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    // Linux counts a hundred ticks a second for programs, whatever its own clock does.
    Ok(ticks as f64 / 100.0)
}
