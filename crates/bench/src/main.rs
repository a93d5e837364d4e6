#![doc = include_str!("../README.md")]
#![expect(clippy::print_stdout, reason = "the table is the program's result")]
#![expect(clippy::cast_precision_loss, reason = "rates are rounded anyway")]

mod beside;
mod child;
mod commits;
mod copies;
mod distant;
mod injected;
mod latency;
mod load;
mod outage;
mod processes;
mod raw;
mod reshape;
mod saving;
mod scale;

use std::{fs, time::Duration, time::Instant};

use anyhow::Context as _;
use chainbill_domain::{
    Model,
    models::{self, INVOICES},
};
use chainbill_records::{
    Records,
    outbox::{Entry, Op},
};
use chainbill_server::demo;
use chainbill_sync::{Order, RepairPolicy, Replicator, Settings, compare::Level};
use chainbill_testkit::sea_orm::ConnectionTrait as _;
use chainbill_testkit::{EMBEDDED, Fresh, server};
use tokio_util::sync::CancellationToken;

use crate::{
    child::{Measured, Role},
    commits::Commit,
};

/// A backlog's kind.
#[derive(Clone, Copy)]
enum Backlog {
    /// New rows without documents.
    Creations,
    /// Changed rows with older documents.
    Changes,
}

/// The measurement's state.
struct Bench {
    fresh: Fresh,
    records: Records,
    sync: Replicator,
    documents: u32,
    parts: Vec<Part>,
}

/// The measurements in order: latency first, before other parts leave write-back work to the servers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Saving,
    Latency,
    Commits,
    Rates,
    Copies,
    Memory,
    Beside,
    Outage,
    Processes,
    Distant,
    Injected,
    Reshape,
    Million,
}

impl Part {
    const ALL: [(&'static str, Self); 13] = [
        ("saving", Self::Saving),
        ("latency", Self::Latency),
        ("commits", Self::Commits),
        ("rates", Self::Rates),
        ("copies", Self::Copies),
        ("memory", Self::Memory),
        ("beside", Self::Beside),
        ("outage", Self::Outage),
        ("processes", Self::Processes),
        ("distant", Self::Distant),
        ("injected", Self::Injected),
        ("reshape", Self::Reshape),
        ("million", Self::Million),
    ];

    fn named(name: &str) -> anyhow::Result<Self> {
        let found = Self::ALL.into_iter().find(|(own, _)| *own == name).map(|(_, part)| part);
        let names = Self::ALL.map(|(name, _)| name).join(", ");
        found.with_context(|| format!("{name:?} cannot be measured: {names} are accepted"))
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [child, role, primary, secondary] = words.as_slice()
        && child == "child"
    {
        return child::play(role, primary, secondary).await;
    }
    let documents = words.first().map_or(Ok(50_000), |text| text.parse()).context("a number of documents")?;
    let named: Vec<Part> = words.iter().skip(1).map(|name| Part::named(name)).collect::<Result<_, _>>()?;
    let parts = Part::ALL.into_iter().map(|(_, part)| part);
    let parts = parts.filter(|part| named.is_empty() || named.contains(part)).collect();
    let mongo = server("MONGODB_TEST_URL").unwrap_or_else(|| EMBEDDED.to_owned());
    let primary = server("MYSQL_TEST_URL").unwrap_or_else(|| EMBEDDED.to_owned());
    let fresh = Fresh::make(&primary, &mongo).await;
    let records = fresh.records().await;
    let sync = Replicator::new(fresh.beside(&records).await, fresh.mirror().await, settings());
    let bench = Bench { fresh, records, sync, documents, parts };
    let result = bench.run().await;
    bench.fresh.remove().await;
    result
}

fn settings() -> Settings {
    let lanes = std::env::var("SYNC_LANES").ok().and_then(|lanes| lanes.parse().ok());
    let otherwise = Settings::default();
    Settings { verify_every: Duration::ZERO, workers: lanes.unwrap_or(otherwise.workers), ..otherwise }
}

fn deep() -> Order {
    Order::new("bench", Level::Deep, RepairPolicy::Report)
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
        eprintln!("{} invoices on {primary}, mirror on {kind}", self.documents);
        println!("| what ({primary}, {kind}, {} invoices) | measured |\n|---|---|", self.documents);
        let stop = CancellationToken::new();
        let plan = demo::Plan::new(self.documents, 1);
        let started = Instant::now();
        demo::fill(&self.records, &plan, &|_| {}, &stop).await?;
        let seconds = started.elapsed().as_secs_f64();
        line("demo data through the saving path", &format!("{:.0} rows/s", rate(plan.rows(), seconds)));
        let saved = rate(saving::rows(&self.records).await?, seconds);
        for model in models::ALL {
            self.sync.initial(model, &|_| {}, &stop).await?;
        }
        for part in &self.parts {
            match part {
                Part::Rates => self.rates(&stop).await?,
                Part::Saving => self.saving(saved).await?,
                Part::Copies => self.copies().await?,
                Part::Latency => self.latencies().await?,
                Part::Commits => self.commits().await?,
                Part::Memory => self.memory().await?,
                Part::Beside => self.beside().await?,
                Part::Outage => self.outage().await?,
                Part::Processes => self.processes().await?,
                Part::Distant => self.distant().await?,
                Part::Injected => self.injected().await?,
                Part::Reshape => self.reshape(&stop).await?,
                Part::Million => self.million().await?,
            }
        }
        Ok(())
    }

    /// The saving path beside raw inserts of the same rows.
    async fn saving(&self, saved: f64) -> anyhow::Result<()> {
        let raw = saving::raw_inserts(&self.fresh, &self.records).await?;
        line(
            "the same with children, money and counters / raw inserts of these",
            &format!("{saved:.0}/s / {raw:.0}/s"),
        );
        line("saving path / raw", &format!("{:.2}", saved / raw));
        Ok(())
    }

    async fn rates(&self, stop: &CancellationToken) -> anyhow::Result<()> {
        let (mut raw, mut copy, mut drain, mut changes) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
        let mut replaced = None::<f64>;
        for round in 1..=2 {
            eprintln!("round {round} of 2: raw, initial copy, relay");
            raw = raw.max(raw::bulk_writes(&self.fresh, &self.records).await?);
            copy = copy.max(self.copy(stop).await?);
            drain = drain.max(self.drain(Backlog::Creations).await?);
            changes = changes.max(self.drain(Backlog::Changes).await?);
            let again = raw::replacements(&self.fresh, &self.records).await?;
            replaced = again.map(|rate| replaced.map_or(rate, |before| before.max(rate)));
        }
        line("raw driver bulk writes of the same documents", &format!("{raw:.0}/s"));
        line("initial copy", &format!("{copy:.0}/s"));
        line("initial copy / raw", &format!("{:.2}", copy / raw));
        line("relay, draining a backlog of new rows", &format!("{drain:.0}/s"));
        line("relay / raw", &format!("{:.2}", drain / raw));
        line("relay, draining a backlog of changed rows", &format!("{changes:.0}/s"));
        line("relay / raw", &format!("{:.2}", changes / raw));
        if let Some(replaced) = replaced {
            line(
                "raw, replacing documents in the mirror's own collection, with its indexes",
                &format!("{replaced:.0}/s"),
            );
            line("relay of changed rows / that", &format!("{:.2}", changes / replaced));
        }
        line("deep verification with certificate", &format!("{:.0}/s", self.verify(stop).await?));
        Ok(())
    }

    async fn latencies(&self) -> anyhow::Result<()> {
        for target in [500, 1000, 2000] {
            let seen = latency::commit_to_visible(&self.fresh, &self.records, target).await?;
            line(
                &format!("commit → acknowledged at {target} commits/s (reached {:.0}/s)", seen.reached),
                &format!("p50 {:.1} ms, p99 {:.1} ms", seen.p50, seen.p99),
            );
            line(
                &format!("processor time of the relay's threads per 1,000 changes at {target}/s"),
                &format!("{:.3} s", seen.cpu_per_thousand),
            );
        }
        Ok(())
    }

    async fn commits(&self) -> anyhow::Result<()> {
        for (what, commit) in [("single rows", Commit::Row), ("drafts of invoices", Commit::Draft)] {
            let cost = commits::outbox_cost(&self.records, commit).await?;
            line(
                &format!("commits of {what} with / without the outbox"),
                &format!("{:.0}/s / {:.0}/s: cost {:.1} %", cost.with, cost.without, cost.percent),
            );
        }
        Ok(())
    }

    /// In fresh processes.
    async fn memory(&self) -> anyhow::Result<()> {
        let (copied, verified) =
            (child::run(Role::Copy, &self.fresh).await?, child::run(Role::Verify, &self.fresh).await?);
        let most = copied.peak_mb.max(verified.peak_mb);
        line("most resident memory while copying and verifying everything", &format!("{most} MB"));
        Ok(())
    }

    async fn beside(&self) -> anyhow::Result<()> {
        for (target, rows) in [(500, 1), (250, 4)] {
            let seen = beside::beside_writes(&self.records, &self.sync, target, rows).await?;
            line(
                &format!(
                    "deep comparisons beside {} writes/s, {rows} in a commit (reached {:.0}/s), for 30 s",
                    target * rows as u64,
                    seen.rate
                ),
                &format!(
                    "{} with {} entities: {} in flight, {} false alarms",
                    seen.comparisons, seen.compared, seen.in_flight, seen.drift
                ),
            );
        }
        Ok(())
    }

    async fn outage(&self) -> anyhow::Result<()> {
        let Some(seen) = outage::outage(&self.fresh, &self.records).await? else {
            line("the mirror silent for 45 s under load", "no mirror server");
            return Ok(());
        };
        line(
            &format!("the mirror silent for 45 s at {:.0} commits/s: reported after", seen.arriving),
            &format!("{:.1} s, and {} times healthy after that", seen.noticed.as_secs_f64(), seen.false_healthy),
        );
        line(
            &format!("{} waiting changes made good beside the load", seen.waiting),
            &format!("{:.1} s: {:.0}/s", seen.draining.as_secs_f64(), seen.drain_rate),
        );
        line("rate of making good / rate of arrival", &format!("{:.1}", seen.drain_rate / seen.arriving));
        line("wrong documents afterwards", &seen.drift.to_string());
        Ok(())
    }

    /// The same backlog of changed rows for 1, 2 and 4 processes.
    async fn processes(&self) -> anyhow::Result<()> {
        for count in [1, 2, 4] {
            let rate = processes::drain(&self.fresh, &self.records, &self.sync, count).await?;
            line(&format!("{count} processes draining a backlog of changed rows"), &format!("{rate:.0}/s"));
        }
        Ok(())
    }

    /// The same with a distant mirror.
    async fn distant(&self) -> anyhow::Result<()> {
        let seen = distant::drains(&self.fresh, &self.records, &self.sync).await?;
        if seen.is_empty() {
            line("draining to a distant mirror", "no mirror server");
        }
        for of_one_distance in seen.chunk_by(|one, other| one.one_way == other.one_way) {
            for one in of_one_distance {
                line(
                    &format!(
                        "{} processes draining a backlog of changed rows, the mirror {} ms away, one way",
                        one.processes,
                        one.one_way.as_millis()
                    ),
                    &format!("{:.0}/s: {:.2} of one process", one.rate, one.rate / of_one_distance[0].rate),
                );
            }
        }
        Ok(())
    }

    async fn injected(&self) -> anyhow::Result<()> {
        let Some(seen) = injected::injected(&self.fresh, &self.records).await? else {
            line("faults of single fields in the mirror", "no mirror server");
            return Ok(());
        };
        let kinds: Vec<String> = seen.kinds.iter().map(|(kind, count)| format!("{count} × {kind}")).collect();
        let share = seen.found as f64 / seen.injected as f64 * 100.0;
        line(
            &format!("faults injected into {} fields of {} models ({})", seen.fields, seen.models, kinds.join(", ")),
            &seen.injected.to_string(),
        );
        line(
            "found by deep verification beside writes",
            &format!("{} ({share:.2} %), {} of them by another name", seen.found, seen.misnamed),
        );
        line(&format!("false alarms among {} entities compared", seen.compared), &seen.false_alarms.to_string());
        line(
            "time to find them / to compare again and repair them with evidence",
            &format!("{:.1} s / {:.1} s", seen.finding.as_secs_f64(), seen.repairing.as_secs_f64()),
        );
        line("repaired / models that were not equal then", &format!("{} / {}", seen.repaired, seen.unequal));
        anyhow::ensure!(
            seen.found == seen.injected && seen.misnamed + seen.false_alarms + seen.unequal == 0,
            "a fault was not found, not named or not repaired, or a false alarm was raised"
        );
        Ok(())
    }

    /// All models concurrently.
    async fn copies(&self) -> anyhow::Result<()> {
        let raw = raw::bulk_writes_of_all(&self.fresh, &self.records).await?;
        let seen = self.copy_all().await?;
        line("raw driver bulk writes of the documents of all models", &format!("{raw:.0}/s"));
        line(
            &format!("initial copy of all models, {} rows / raw", seen.rows),
            &format!("{:.0}/s: {:.2}", seen.rate(), seen.rate() / raw),
        );
        line(
            "the same with an entry waiting for every row, until none waits / without",
            &format!("{:.1} s / {:.1} s: {:.2}", seen.waiting, seen.alone, seen.waiting / seen.alone),
        );
        Ok(())
    }

    /// A model's new column, against the initial copy into an empty mirror and against replacing.
    async fn reshape(&self, stop: &CancellationToken) -> anyhow::Result<()> {
        let wanted = std::env::var("RESHAPE_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(100_000);
        if u64::from(self.documents) < wanted {
            eprintln!("{} invoices", scale::multiply(&self.records, wanted).await?);
        }
        let copy = self.copy(stop).await?;
        let replaced = raw::replacements(&self.fresh, &self.records).await?;
        let seen = reshape::reshape(&self.fresh, &self.records).await?;
        line("initial copy", &format!("{copy:.0}/s"));
        line("backfill of a new column / initial copy", &format!("{:.0}/s: {:.2}", seen.alone, seen.alone / copy));
        if let Some(replaced) = replaced {
            line("the same / raw driver, replacing the same documents", &format!("{:.2}", seen.alone / replaced));
        }
        line(
            "backfill beside writes and deep comparisons / initial copy",
            &format!("{:.0}/s: {:.2}", seen.beside, seen.beside / copy),
        );
        line("backfill where everything is as it should be / initial copy", &format!("{:.2}", seen.again / copy));
        line(
            "deep comparisons beside it / false drift / certified in the end",
            &format!("{} / {} / {}", seen.comparisons, seen.drift, seen.certified),
        );
        anyhow::ensure!(seen.drift == 0 && seen.certified, "a backfill was reported as drift, or ended unequal");
        Ok(())
    }

    async fn million(&self) -> anyhow::Result<()> {
        let invoices = scale::multiply(&self.records, 1_000_000).await?;
        let (copied, verified) =
            (child::run(Role::Copy, &self.fresh).await?, child::run(Role::Verify, &self.fresh).await?);
        for (what, measured) in [("initial copy", copied), ("deep verification with certificates", verified)] {
            let Measured { rows, seconds, peak_mb } = measured;
            line(
                &format!("{what} of {rows} rows ({invoices} of them invoices)"),
                &format!("{seconds:.1} s: {:.0}/s, {peak_mb} MB", rate(rows, seconds)),
            );
        }
        Ok(())
    }

    async fn copy(&self, stop: &CancellationToken) -> anyhow::Result<f64> {
        self.empty(&INVOICES).await?;
        let started = Instant::now();
        let copied = self.sync.initial(&INVOICES, &|_| {}, stop).await?;
        Ok(rate(copied.rows, started.elapsed().as_secs_f64()))
    }

    /// Removes the documents, so that each copy starts empty.
    async fn empty(&self, model: &'static Model) -> anyhow::Result<()> {
        if self.fresh.secondary == EMBEDDED {
            let mirror = self.fresh.mirror().await;
            loop {
                let page = chainbill_mirror::Page { after: None, up_to: None, limit: 10_000 };
                let ids: Vec<String> = mirror.stamps(model, page).await?.into_iter().map(|stamp| stamp.id).collect();
                if ids.is_empty() {
                    return Ok(());
                }
                mirror.remove(model, &ids).await?;
            }
        }
        let client = mongodb::Client::with_uri_str(&self.fresh.secondary).await?;
        let name = client.default_database().context("the address names a database")?.name().to_owned();
        client.database(&name).collection::<mongodb::bson::Document>(model.name).drop().await?;
        Ok(())
    }

    /// Fills the outbox of a stopped relay with an entry per invoice, then runs the relay.
    async fn drain(&self, backlog: Backlog) -> anyhow::Result<f64> {
        let db = &self.records;
        db.execute_unprepared("DELETE FROM outbox").await?;
        match backlog {
            Backlog::Creations => {
                self.empty(&INVOICES).await?;
                self.fresh.mirror().await.prepare(&[&INVOICES], settings().retention).await?;
                db.execute_unprepared("UPDATE invoices SET version = 1").await?;
            }
            Backlog::Changes => {
                db.execute_unprepared("UPDATE invoices SET version = version + 1").await?;
            }
        }
        let entries = enqueue_all(&self.records, &INVOICES).await?;
        let started = Instant::now();
        let running = self.sync.start();
        anyhow::ensure!(self.sync.drained(Duration::from_secs(600)).await?, "the backlog did not drain");
        let seconds = started.elapsed().as_secs_f64();
        running.stop().await;
        Ok(rate(entries, seconds))
    }

    async fn verify(&self, stop: &CancellationToken) -> anyhow::Result<f64> {
        let started = Instant::now();
        let report = self.sync.run(&INVOICES, deep(), &|_| {}, stop).await?;
        anyhow::ensure!(report.comparison.drifting() == 0, "the mirror differs: {:?}", report.comparison.drift);
        Ok(rate(report.comparison.compared, started.elapsed().as_secs_f64()))
    }
}

/// Processor seconds of the threads of this name.
fn processor_seconds_of(threads: &str) -> anyhow::Result<f64> {
    let mut ticks = 0;
    for thread in fs::read_dir("/proc/self/task")? {
        let stat = fs::read_to_string(thread?.path().join("stat"))?;
        let (name, fields) = stat.rsplit_once(')').context("a name")?;
        if name.split_once('(').is_some_and(|(_, name)| name == threads) {
            let fields: Vec<&str> = fields.split_whitespace().collect();
            ticks += fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        }
    }
    // Linux reports 100 ticks per second to programs.
    Ok(ticks as f64 / 100.0)
}

/// Enqueues every row of a model at its current version; their count.
async fn enqueue_all(records: &Records, model: &'static Model) -> anyhow::Result<u64> {
    let snapshot = records.snapshot().await?;
    let (mut after, mut count) = (None::<String>, 0);
    loop {
        let page = chainbill_records::RowPage { after: after.as_deref(), up_to: None, limit: 2000 };
        let rows = snapshot.versions(model, page).await?;
        let Some((last, _)) = rows.last() else { break };
        after = Some(last.clone());
        let entry =
            |(entity_id, version)| Entry { model: model.name.into(), entity_id, version, op: Op::Upsert, body: None };
        let entries: Vec<Entry> = rows.into_iter().map(entry).collect();
        count += entries.len() as u64;
        records.enqueue(&entries).await?;
    }
    snapshot.close().await?;
    Ok(count)
}
