//! ChainBill as a killable process.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use reqwest::Client;
use serde_json::Value;

use crate::databases::Databases;

/// All users'.
pub const PASSWORD: &str = "correct horse battery";

/// A server process.
pub struct Process {
    child: Child,
    /// Its base URL.
    pub base: String,
}

impl Process {
    /// Starts it and waits for its address in the log.
    pub fn start(program: &Path, databases: &Databases, place: usize) -> anyhow::Result<Self> {
        let mut command = settings(program, databases, place);
        let mut child =
            command.env("PORT", "0").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stderr.take().context("its log")?).lines();
        let mut log = Vec::new();
        let base = loop {
            let Some(line) = lines.next().transpose()? else { bail!("it ended at its start: {}", log.join("\n")) };
            if let Some((_, rest)) = line.split_once("serving at ") {
                break rest.split(',').next().unwrap_or("").to_owned();
            }
            log.push(line);
        };
        // An unread pipe would block the process.
        std::thread::spawn(move || for _ in lines.by_ref() {});
        Ok(Self { child, base })
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status()?;
        ensure!(sent.success(), "kill {signal} failed");
        Ok(())
    }

    /// Ends it at once (SIGKILL).
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Peak memory in KiB.
    pub fn most_memory(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("its memory")?;
        Ok(line.trim().trim_end_matches(" kB").trim().parse()?)
    }

    /// No database fault may end it.
    pub fn must_live(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(ended) => bail!("ChainBill ended by itself: {ended}"),
        }
    }

    /// Waits for readiness.
    pub async fn ready(&self, client: &Client) -> anyhow::Result<()> {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = client.get(format!("{}/readyz", self.base)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            ensure!(Instant::now() < until, "it does not become ready");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn settings(program: &Path, databases: &Databases, place: usize) -> Command {
    let mut command = Command::new(program);
    let folder = &databases.fresh.folder;
    command
        .current_dir(folder)
        .env("DATA_DIR", folder)
        .env("DATABASE_URL", databases.primary_of(place))
        .env("ADMIN_EMAIL", "root@example.org")
        .env("ADMIN_PASSWORD", PASSWORD)
        .env("RATE_LOGIN", "1000000")
        .env("RATE_ALL", "10000000");
    if databases.secondary != chainbill_testkit::EMBEDDED {
        command.env("MONGODB_URI", &databases.secondary);
    }
    command
}

/// Runs a command beside the servers: its exit code and output.
pub fn command(program: &Path, databases: &Databases, arguments: &[&str]) -> anyhow::Result<(i32, Value)> {
    let output = settings(program, databases, 0).args(arguments).arg("--json").output()?;
    let json = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr)))?;
    Ok((output.status.code().unwrap_or(-1), json))
}
