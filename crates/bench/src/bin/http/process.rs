//! The two servers as processes, for separate processor times.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, bail};
use chainbill_testkit::{EMBEDDED, Fresh};

/// A server process, ended on drop.
pub struct Process {
    child: Child,
    /// Its URL.
    pub base: String,
}

impl Process {
    /// ChainBill, built beside this program.
    pub fn chainbill(fresh: &Fresh) -> anyhow::Result<Self> {
        let mut command = Self::program(fresh)?;
        if fresh.secondary != EMBEDDED {
            command.env("MONGODB_URI", &fresh.secondary);
        }
        Self::start(command)
    }

    /// The same with a mirror that nothing listens at.
    pub fn unmirrored(fresh: &Fresh) -> anyhow::Result<Self> {
        let mut command = Self::program(fresh)?;
        command.env("MONGODB_URI", "mongodb://127.0.0.1:1/chainbill");
        Self::start(command)
    }

    fn program(fresh: &Fresh) -> anyhow::Result<Command> {
        let programs = std::env::current_exe()?;
        let mut command = Command::new(programs.with_file_name("chainbill"));
        command
            .env_clear()
            .current_dir(&fresh.folder)
            .env("DATA_DIR", &fresh.folder)
            .env("DATABASE_URL", &fresh.primary)
            .env("ADMIN_EMAIL", "root@example.org")
            .env("ADMIN_PASSWORD", crate::load::PASSWORD)
            .env("RATE_LOGIN", "100000")
            .env("RATE_ALL", "100000000")
            .env("PORT", "0");
        Ok(command)
    }

    /// The bare server.
    pub fn bare(fresh: &Fresh) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bare", &fresh.primary]);
        Self::start(command)
    }

    fn start(mut command: Command) -> anyhow::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
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

    /// Its processor time in seconds.
    pub fn processor_seconds(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat.rsplit_once(')').context("a name")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let ticks = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        // Linux reports 100 ticks per second to programs.
        Ok(ticks as f64 / 100.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let killed = self.child.kill().and_then(|()| self.child.wait());
        if let Err(error) = killed {
            eprintln!("a server could not be ended: {error}");
        }
    }
}
