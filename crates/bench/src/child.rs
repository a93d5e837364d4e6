//! Work in child processes: their memory and their share of the work.

use std::{fs, time::Duration, time::Instant};

use anyhow::Context as _;
use chainbill_domain::models;
use chainbill_sync::Replicator;
use chainbill_testkit::Fresh;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::{deep, settings};

/// A child's role.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    /// Copies all models.
    Copy,
    /// Deeply compares all models.
    Verify,
    /// Relays until killed.
    Relay,
}

impl Role {
    const ALL: [Self; 3] = [Self::Copy, Self::Verify, Self::Relay];

    const fn name(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Verify => "verify",
            Self::Relay => "relay",
        }
    }

    fn named(name: &str) -> anyhow::Result<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name).context("no such role")
    }
}

/// A child's result.
pub(crate) struct Measured {
    /// Rows of all models.
    pub rows: u64,
    /// Duration.
    pub seconds: f64,
    /// Peak memory in MB.
    pub peak_mb: u64,
}

/// Runs the child.
pub(crate) async fn play(role: &str, primary: &str, secondary: &str) -> anyhow::Result<()> {
    let fresh = Fresh::existing(primary, secondary);
    let sync = Replicator::new(fresh.records().await, fresh.mirror().await, settings());
    let (stop, started) = (CancellationToken::new(), Instant::now());
    let mut rows = 0;
    match Role::named(role)? {
        Role::Copy => {
            for model in models::ALL {
                rows += sync.initial(model, &|_| {}, &stop).await?.rows;
            }
        }
        Role::Verify => {
            for model in models::ALL {
                let comparison = sync.run(model, deep(), &|_| {}, &stop).await?.comparison;
                anyhow::ensure!(comparison.drifting() == 0, "the mirror differs: {:?}", comparison.drift);
                rows += comparison.rows;
            }
        }
        Role::Relay => {
            let _running = sync.start();
            tokio::time::sleep(Duration::from_secs(3600)).await;
        }
    }
    println!("{rows} {} {}", started.elapsed().as_secs_f64(), peak_memory()?);
    Ok(())
}

fn command(role: Role, fresh: &Fresh) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["child", role.name(), &fresh.primary, &fresh.secondary]).kill_on_drop(true);
    Ok(command)
}

/// Starts a child, killed on drop.
pub(crate) fn start(role: Role, fresh: &Fresh) -> anyhow::Result<Child> {
    Ok(command(role, fresh)?.spawn()?)
}

/// Runs a child to its end.
pub(crate) async fn run(role: Role, fresh: &Fresh) -> anyhow::Result<Measured> {
    let output = command(role, fresh)?.output().await?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let [rows, seconds, peak_mb] = words.as_slice() else { anyhow::bail!("a child printed {text:?}") };
    Ok(Measured { rows: rows.parse()?, seconds: seconds.parse()?, peak_mb: peak_mb.parse()? })
}

/// Peak memory of this process in MB.
fn peak_memory() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).context("no peak memory")?;
    let kilobytes: u64 = line.split_whitespace().nth(1).context("a number")?.parse()?;
    Ok(kilobytes / 1024)
}
