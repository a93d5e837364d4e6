//! `cargo xtask torture`: two servers on the same databases under load, while seeded faults kill and freeze them and
//! both databases and break connections. The clients' log of intended writes and answers is the oracle. In the end no
//! acknowledged write is lost, none is doubled, and both sides are equal.

#![expect(clippy::print_stdout, reason = "the result is printed")]

mod databases;
mod group;
mod hand;
mod judge;
mod load;
mod process;
mod strangers;
mod watch;

use std::{
    fs::File,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use chainbill_testkit::Dice;
use serde_json::Value;

use crate::{
    databases::{Databases, Side},
    hand::{Hand, Tally},
    judge::{Found, judge, settled},
    load::{Load, Oracle},
    process::{Process, command},
    watch::{Watched, parked, watch},
};

/// Time limit of the writers' last round.
const LAST_ROUND: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1);
    let mut next =
        |what: &str| words.next().with_context(|| format!("torture PROGRAM SECONDS SEED: {what} is missing"));
    let program = PathBuf::from(next("the program")?).canonicalize()?;
    let (seconds, seed): (u64, u64) = (next("seconds")?.parse()?, next("a seed")?.parse()?);
    let databases = Databases::make().await;
    let (primary, folder) = (databases.fresh.primary.clone(), databases.fresh.folder.clone());
    let result = torture(program, databases, seconds, seed).await;
    match result {
        Ok(databases) => databases.fresh.remove().await,
        Err(error) => {
            eprintln!("kept for inspection: {primary} {}", folder.display());
            return Err(error);
        }
    }
    Ok(())
}

async fn torture(program: PathBuf, databases: Databases, seconds: u64, seed: u64) -> anyhow::Result<Databases> {
    let servers = vec![Process::start(&program, &databases, 0)?, Process::start(&program, &databases, 1)?];
    let oracle = databases.fresh.folder.join("oracle.txt");
    // A commit at one group member may not show at another yet: clients use one server.
    let asked = if databases.group.is_some() { &servers[..1] } else { &servers[..] };
    let bases = asked.iter().map(|server| server.base.clone()).collect();
    let load = Load::new(chainbill_testkit::http(), bases, Oracle::new(File::create(&oracle)?), seed).await?;
    let mut hand =
        Hand { program, databases, servers, load: Arc::new(load), dice: Dice(seed), tally: Tally::default() };
    let mut writers = hand.load.work();
    let watching = tokio::spawn(watch(hand.load.clone(), hand.databases.mirror().await));
    let started = Instant::now();
    let mut deck = Vec::new();
    while started.elapsed() < Duration::from_secs(seconds) {
        if deck.is_empty() {
            deck = hand.deck();
        }
        let Some(card) = deck.pop() else { break };
        hand.play(card).await.with_context(|| format!("{card:?}"))?;
        if let Some(ended) = writers.try_join_next() {
            ended??;
        }
    }
    let lasted = started.elapsed();
    hand.load.end();
    let all = async {
        while let Some(ended) = writers.join_next().await {
            ended??;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(LAST_ROUND, all).await.context("clients still wait a minute after the end")??;
    let verdict = Verdict::of(&hand, &oracle, watching.await?).await?;
    for server in &mut hand.servers {
        server.kill()?;
    }
    println!("seed {seed}, {:.0} s", lasted.as_secs_f64());
    print(&hand, &verdict);
    verdict.ensure()?;
    Ok(hand.databases)
}

/// The final result.
struct Verdict {
    found: Found,
    watched: Watched,
    drift: u64,
    /// Read at the end.
    parked: u64,
    settled: Duration,
    invariants: (i32, Value),
    comparison: (i32, Value),
}

impl Verdict {
    async fn of(hand: &Hand, oracle: &std::path::Path, watched: Watched) -> anyhow::Result<Self> {
        let base = &hand.servers[0].base;
        let settled = settled(&hand.load.client, base).await?;
        let found = judge(&hand.load, base, &hand.databases.mirror().await, oracle).await?;
        let invariants = command(&hand.program, &hand.databases, &["check"])?;
        let comparison = command(&hand.program, &hand.databases, &["sync", "verify", "--deep"])?;
        let runs = comparison.1["models"].as_array().into_iter().flatten();
        let drift = runs.filter_map(|run| run["drift"].as_u64()).sum();
        let parked = parked(&hand.load, 0).await.context("no report of the parked count")?;
        Ok(Self { found, watched, drift, parked, settled, invariants, comparison })
    }

    fn ensure(&self) -> anyhow::Result<()> {
        let Self { found, watched, .. } = self;
        let risen: Vec<String> = watched.risen.iter().map(|id| format!("{id} came back to the mirror")).collect();
        for line in [&found.lost, &found.doubled, &found.wrong, &risen].into_iter().flatten().take(50) {
            eprintln!("{line}");
        }
        ensure!(self.invariants.0 == 0, "invariants are broken: {:#}", self.invariants.1);
        let clean = found.lost.is_empty() && found.doubled.is_empty() && found.wrong.is_empty() && risen.is_empty();
        let right = clean && self.drift == 0 && self.parked == 0 && self.comparison.0 == 0;
        ensure!(right, "torture found something: {:#}", self.comparison.1);
        Ok(())
    }
}

fn print(hand: &Hand, verdict: &Verdict) {
    let Tally { cycles, answering, acknowledging, crowds } = &hand.tally;
    let Verdict { found, watched, drift, parked, settled, .. } = verdict;
    for (fault, times) in cycles {
        println!("{times:>7} × {fault}");
    }
    if !Side::ALL.iter().any(|side| hand.databases.may_kill(*side)) {
        println!("        THE DATABASES THEMSELVES WERE NOT KILLED: they are external");
    }
    let (load, count) = (&hand.load, |lines: &[String]| lines.len() as u64);
    let figures = [
        (cycles.values().sum(), "cycles"),
        (load.oracle.acknowledged(), "acknowledged writes"),
        (found.deletes, "of them deletes"),
        (found.contended, "of them to rows with concurrent writers"),
        (load.met(), "refused by version conflicts, and retried or given up"),
        (found.unanswered, "given up unanswered: done once or not at all"),
        (count(&found.lost), "lost"),
        (count(&found.doubled), "doubled"),
        (count(&found.wrong), "impossible answers"),
        (watched.risen.len() as u64, "deleted and back in the mirror"),
        (*drift, "drift"),
        (*parked, "parked"),
        (watched.most_parked, "parked at once, at most"),
    ];
    for (figure, what) in figures {
        println!("{figure:>7} {what}");
    }
    println!("parked count read {} times meanwhile, and in the end", watched.looks);
    println!("settled {:.1} s after the last fault, every model live", settled.as_secs_f64());
    println!("ChainBill killed → answering again: {}", spread(answering));
    println!("primary back → writes acknowledged again: {}", spread(acknowledging));
    let logins: Vec<Duration> = crowds.iter().map(|seen| seen.login).collect();
    let memory = crowds.iter().map(|seen| seen.memory / 1024).max().unwrap_or(0);
    println!("an honest login beside a crowd of strangers: {}; {memory} MiB more at most", spread(&logins));
}

fn spread(times: &[Duration]) -> String {
    let mut times = times.to_vec();
    times.sort_unstable();
    let millis = |time: Option<&Duration>| time.map_or_else(|| "–".to_owned(), |time| time.as_millis().to_string());
    let (middle, most) = (millis(times.get(times.len() / 2)), millis(times.last()));
    format!("p50 {middle} ms, max {most} ms of {}", times.len())
}
