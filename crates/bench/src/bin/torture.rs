//! `cargo xtask torture`: two servers on the same databases under load, while a seeded hand kills and freezes them and
//! silences, refuses and robs their second database. What clients meant and what they were told is written to a file: that
//! file is the oracle. In the end nothing that was acknowledged is lost, nothing is doubled, and both sides are equal.

#![expect(clippy::print_stdout, reason = "the result is printed")]

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use chainbill_testkit::{EMBEDDED, Fault, Fresh, Proxy, address, server};
use reqwest::{Client, Method};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";
const WRITERS: u64 = 4;

/// `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, low: u64, high: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        low + (mixed ^ (mixed >> 31)) % (high - low + 1)
    }
}

/// A server process.
struct Process {
    child: Child,
    base: String,
}

impl Process {
    fn start(program: &Path, fresh: &Fresh) -> anyhow::Result<Self> {
        let mut command = settings(program, fresh);
        let mut child =
            command.env("PORT", "0").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stderr.take().context("its log")?).lines();
        let mut said = Vec::new();
        let base = loop {
            let Some(line) = lines.next().transpose()? else { bail!("it ended at its start: {}", said.join("\n")) };
            if let Some((_, rest)) = line.split_once("serving at ") {
                break rest.split(',').next().unwrap_or("").to_owned();
            }
            said.push(line);
        };
        // Somebody must read on, or the process would block on a full pipe.
        std::thread::spawn(move || for _ in lines.by_ref() {});
        Ok(Self { child, base })
    }

    fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status()?;
        ensure!(sent.success(), "kill {signal} failed");
        Ok(())
    }

    fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

fn settings(program: &Path, fresh: &Fresh) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(&fresh.folder)
        .env("DATA_DIR", &fresh.folder)
        .env("DATABASE_URL", &fresh.primary)
        .env("ADMIN_EMAIL", "root@example.org")
        .env("ADMIN_PASSWORD", PASSWORD)
        .env("RATE_LOGIN", "1000000")
        .env("RATE_ALL", "10000000");
    if fresh.secondary != EMBEDDED {
        command.env("MONGODB_URI", &fresh.secondary);
    }
    command
}

/// What clients meant and what they were told.
struct Oracle {
    file: Mutex<File>,
    told: AtomicU64,
}

impl Oracle {
    fn note(&self, word: &str, key: &str, answer: &str) -> anyhow::Result<()> {
        let mut file = self.file.lock().map_err(|_| anyhow::anyhow!("the oracle's file"))?;
        writeln!(file, "{word} {key} {answer}")?;
        if word == "told" {
            self.told.fetch_add(1, SeqCst);
        }
        Ok(())
    }
}

/// Shared by the writers.
struct Load {
    client: Client,
    bases: Mutex<Vec<String>>,
    oracle: Oracle,
    over: AtomicBool,
    payer: (String, String),
    writer: String,
}

impl Load {
    /// Asks some server until one answers for good: the same key each time, so that it happens once.
    async fn surely(&self, token: &str, path: &str, key: &str, body: Value) -> anyhow::Result<Value> {
        self.oracle.note("meant", key, path)?;
        for turn in 0_usize.. {
            let base = {
                let bases = self.bases.lock().map_err(|_| anyhow::anyhow!("the servers' addresses"))?;
                bases[turn % bases.len()].clone()
            };
            let request = self.client.request(Method::POST, format!("{base}{path}")).bearer_auth(token);
            let request = request.header("idempotency-key", key).json(&body);
            let answer = async {
                let response = request.send().await?;
                let status = response.status().as_u16();
                Ok::<_, reqwest::Error>((status, response.text().await?))
            };
            match answer.await {
                Ok((200 | 201, text)) => {
                    let json: Value = serde_json::from_str(&text)?;
                    self.oracle.note("told", key, json["id"].as_str().unwrap_or(""))?;
                    return Ok(json);
                }
                // Somebody else works on it, or the database was busy or away: nobody knows yet.
                Ok((503, _)) | Err(_) => {}
                Ok((409, text)) if text.contains("still-running") || text.contains("\"changed\"") => {}
                Ok((status, text)) => bail!("{path} answered {status}: {text}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        unreachable!("the loop has no end")
    }

    async fn write(self: Arc<Self>, writer: u64) -> anyhow::Result<()> {
        for round in 0.. {
            if self.over.load(SeqCst) {
                break;
            }
            let key = |what: &str| format!("{what}-{writer}-{round}");
            let line =
                json!({"description": "Work", "quantity": "1", "unitPrice": {"amount": "50.00", "currency": "EUR"}});
            let body = json!({"clientId": self.payer.0, "title": key("bill"), "currency": "EUR", "lines": [line]});
            let made = self.surely(&self.writer, "/api/invoices", &key("make"), body).await?;
            let path = format!("/api/invoices/{}", made["id"].as_str().context("an id")?);
            self.surely(&self.writer, &format!("{path}/send"), &key("send"), Value::Null).await?;
            let body =
                json!({"amount": {"amount": "20.00", "currency": "EUR"}, "method": "OTHER", "externalRef": key("ref")});
            self.surely(&self.payer.1, &format!("{path}/pay"), &key("pay"), body).await?;
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1);
    let mut next =
        |what: &str| words.next().with_context(|| format!("torture PROGRAM SECONDS SEED: {what} is missing"));
    let program = PathBuf::from(next("the program")?).canonicalize()?;
    let (seconds, seed): (u64, u64) = (next("seconds")?.parse()?, next("a seed")?.parse()?);
    let mongo = server("MONGODB_TEST_URL").unwrap_or_else(|| EMBEDDED.to_owned());
    let primary = server("MYSQL_TEST_URL").unwrap_or_else(|| EMBEDDED.to_owned());
    let mut fresh = Fresh::make(&primary, &mongo).await;
    let proxy = if mongo == EMBEDDED { None } else { Some(Proxy::before(address(&mongo)).await) };
    if let Some(proxy) = &proxy {
        let name = fresh.secondary.rsplit('/').next().unwrap_or("").to_owned();
        fresh.secondary = format!("mongodb://{}/{name}?directConnection=true", proxy.address);
    }
    let result = torture(&program, &fresh, proxy.as_ref(), seconds, seed).await;
    if let Err(error) = &result {
        eprintln!("everything is kept for a look: {} {}", fresh.primary, fresh.folder.display());
        eprintln!("{error:#}");
    } else {
        drop(proxy);
        if mongo != EMBEDDED {
            fresh.secondary = chainbill_testkit::with_database(
                &mongo,
                fresh.secondary.rsplit('/').next().and_then(|name| name.split('?').next()).unwrap_or(""),
            );
        }
        fresh.remove().await;
    }
    result
}

async fn torture(program: &Path, fresh: &Fresh, proxy: Option<&Proxy>, seconds: u64, seed: u64) -> anyhow::Result<()> {
    let mut dice = Dice(seed);
    let mut servers = vec![Process::start(program, fresh)?, Process::start(program, fresh)?];
    let client = chainbill_testkit::http();
    let payer = account(&client, &servers[0].base, "payer", "CLIENT").await?;
    let writer = account(&client, &servers[0].base, "writer", "FREELANCER").await?;
    let oracle = fresh.folder.join("oracle.txt");
    let load = Arc::new(Load {
        client,
        bases: Mutex::new(servers.iter().map(|server| server.base.clone()).collect()),
        oracle: Oracle { file: Mutex::new(File::create(&oracle)?), told: AtomicU64::new(0) },
        over: AtomicBool::new(false),
        payer,
        writer: writer.1,
    });
    let mut writers = tokio::task::JoinSet::new();
    for place in 0..WRITERS {
        writers.spawn(load.clone().write(place));
    }
    let started = Instant::now();
    let mut cycles = BTreeMap::<&str, u64>::new();
    while started.elapsed() < Duration::from_secs(seconds) {
        let victim = usize::try_from(dice.roll(0, 1))?;
        tokio::time::sleep(Duration::from_millis(dice.roll(20, 400))).await;
        let fault = match dice.roll(0, 9) {
            0..=4 => {
                servers[victim].kill()?;
                servers[victim] = Process::start(program, fresh)?;
                load.bases.lock().map_err(|_| anyhow::anyhow!("addresses"))?[victim].clone_from(&servers[victim].base);
                "killed"
            }
            5 => {
                // Longer than a lease: the other takes over, and then this one wakes in the middle of what it did.
                servers[victim].signal("-STOP")?;
                tokio::time::sleep(Duration::from_millis(dice.roll(500, 12_000))).await;
                servers[victim].signal("-CONT")?;
                "frozen"
            }
            fault => {
                let (fault, name) = match fault {
                    6 => (Fault::Silence, "second database silent"),
                    7 => (Fault::Refuse, "second database refusing"),
                    _ => (Fault::LoseAnswers, "second database's answers lost"),
                };
                let Some(proxy) = proxy else { continue };
                proxy.set(fault);
                tokio::time::sleep(Duration::from_millis(dice.roll(100, 2000))).await;
                proxy.set(Fault::None);
                name
            }
        };
        *cycles.entry(fault).or_default() += 1;
        if let Some(ended) = writers.try_join_next() {
            ended??;
        }
    }
    load.over.store(true, SeqCst);
    while let Some(ended) = writers.join_next().await {
        ended??;
    }
    let acknowledged = load.oracle.told.load(SeqCst);
    let (lost, doubled) = judge(&load, &servers[0].base, &oracle).await?;
    settle(&load.client, &servers[0].base).await?;
    let (checked, invariants) = command(program, fresh, &["check"])?;
    let (verified, comparison) = command(program, fresh, &["sync", "verify", "--deep"])?;
    let drift: u64 =
        comparison["models"].as_array().into_iter().flatten().filter_map(|run| run["drift"].as_u64()).sum();
    for server in &mut servers {
        server.kill()?;
    }
    println!("seed {seed}, {:.0} s", started.elapsed().as_secs_f64());
    for (fault, times) in &cycles {
        println!("{times:>7} × {fault}");
    }
    println!("{:>7} cycles", cycles.values().sum::<u64>());
    println!("{acknowledged:>7} acknowledged writes\n{lost:>7} lost\n{doubled:>7} doubled\n{drift:>7} drift");
    ensure!(checked == 0, "invariants are broken: {invariants:#}");
    ensure!(lost == 0 && doubled == 0 && drift == 0 && verified == 0, "torture found something: {comparison:#}");
    Ok(())
}

async fn account(client: &Client, base: &str, name: &str, role: &str) -> anyhow::Result<(String, String)> {
    let email = format!("{name}@example.org");
    let body = json!({"email": email, "password": PASSWORD, "name": name, "role": role});
    client.post(format!("{base}/api/auth/register")).json(&body).send().await?.error_for_status()?;
    login(client, base, &email).await
}

async fn login(client: &Client, base: &str, email: &str) -> anyhow::Result<(String, String)> {
    let body = json!({"email": email, "password": PASSWORD});
    let answer = client.post(format!("{base}/api/auth/login")).json(&body).send().await?.error_for_status()?;
    let login: Value = answer.json().await?;
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    Ok((text(&login["user"]["id"]), text(&login["token"])))
}

/// Holds what is there against the oracle's file: acknowledged writes that are missing, and bills that exist twice or were
/// paid twice.
async fn judge(load: &Load, base: &str, oracle: &Path) -> anyhow::Result<(u64, u64)> {
    let mut bills: BTreeMap<String, Value> = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let url = format!("{base}/api/invoices?limit=100{cursor}");
        let answer = load.client.get(url).bearer_auth(&load.writer).send().await?.error_for_status()?;
        let page: Value = answer.json().await?;
        for bill in page["data"].as_array().into_iter().flatten() {
            bills.insert(bill["id"].as_str().unwrap_or("").to_owned(), bill.clone());
        }
        match page["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let (mut lost, mut doubled) = (0, 0);
    let mut made: BTreeMap<String, String> = BTreeMap::new();
    let text = std::fs::read_to_string(oracle)?;
    let told = text.lines().filter_map(|line| line.strip_prefix("told ")?.split_once(' '));
    for (key, id) in told {
        let round = key.split_once('-').map_or("", |(_, round)| round).to_owned();
        if key.starts_with("make-") {
            made.insert(round.clone(), id.to_owned());
        }
        let bill = made.get(&round).and_then(|id| bills.get(id));
        let there = bill.is_some_and(|bill| match key.split('-').next() {
            Some("make") => true,
            Some("send") => bill["status"] != "DRAFT",
            _ => bill["paid"]["amount"] == "20.00",
        });
        lost += u64::from(!there);
    }
    let mut titles: BTreeMap<&str, u64> = BTreeMap::new();
    for bill in bills.values() {
        *titles.entry(bill["title"].as_str().unwrap_or("")).or_default() += 1;
        doubled += u64::from(!matches!(bill["paid"]["amount"].as_str(), Some("0.00" | "20.00")));
    }
    doubled += titles.values().filter(|count| **count > 1).count() as u64;
    Ok((lost, doubled))
}

/// Waits until nothing waits any more.
async fn settle(client: &Client, base: &str) -> anyhow::Result<()> {
    let until = Instant::now() + Duration::from_secs(120);
    loop {
        let health: Value = client.get(format!("{base}/api/health/sync")).send().await?.json().await?;
        if health["sync"]["backlog"] == 0 {
            return Ok(());
        }
        ensure!(Instant::now() < until, "the backlog does not drain: {health:#}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn command(program: &Path, fresh: &Fresh, arguments: &[&str]) -> anyhow::Result<(i32, Value)> {
    let output = settings(program, fresh).args(arguments).arg("--json").output()?;
    Ok((output.status.code().unwrap_or(-1), serde_json::from_slice(&output.stdout)?))
}
