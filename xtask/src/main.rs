//! Tasks of the repository: test databases, tests, checks, benchmarks. `cargo xtask --help` lists them.

mod databases;
mod order;
mod shell;
mod tidy;

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::{Context as _, bail};
use clap::{Parser, Subcommand};

use crate::{
    databases::{Harm, Server, Set},
    shell::{cargo, say},
};

/// Tasks of the ChainBill repository.
#[derive(Parser)]
#[command(name = "cargo xtask", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Real database servers for tests: MySQL, MariaDB and a MongoDB wire server, all on loopback.
    Databases {
        /// Set of servers.
        #[arg(long, value_enum, default_value_t = Set::Tests)]
        set: Set,
        #[command(subcommand)]
        command: DatabaseCommand,
    },
    /// Start the databases and run every test on every available one.
    Test {
        /// Embedded databases only.
        #[arg(long)]
        embedded: bool,
        /// Arguments of `cargo test`.
        #[arg(last = true)]
        rest: Vec<String>,
    },
    /// Kill, freeze and cut off two ChainBill processes and both databases under load, and count lost, doubled and
    /// drifted writes. The databases are a separate set of servers, unless the environment names some.
    Torture {
        /// Duration.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Seed of the faults and their order.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// With a primary of two servers in Group Replication, one of which lags now and then.
        #[arg(long)]
        group: bool,
    },
    /// Formatting, lints, and rules on dependencies between crates.
    Tidy,
    /// Measure and print a table for `docs/benchmarks.md`.
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
}

#[derive(Clone, Copy, Subcommand)]
enum DatabaseCommand {
    /// Install and start the missing servers, and print the addresses.
    Up {
        /// One server only.
        #[arg(value_enum)]
        server: Option<Server>,
    },
    /// Stop the servers that this command started. Their data is kept.
    Down,
    /// List the running servers.
    Status,
    /// Kill a server that this command started (SIGKILL), as a crash does.
    Kill {
        /// Server.
        #[arg(value_enum)]
        server: Server,
    },
    /// Freeze a server that this command started (SIGSTOP), as a hanging machine does.
    Stop {
        /// Server.
        #[arg(value_enum)]
        server: Server,
    },
    /// Continue a frozen server (SIGCONT).
    Cont {
        /// Server.
        #[arg(value_enum)]
        server: Server,
    },
}

#[derive(Subcommand)]
enum Bench {
    /// The synchronisation: saving beside raw inserts, raw bulk writes, backfill, relay, latency, the outbox's cost of
    /// a commit, memory, comparisons beside writes, an unreachable mirror, several processes, a distant mirror,
    /// injected faults, a million documents.
    Sync {
        /// Documents of each run.
        #[arg(long, default_value_t = 50_000)]
        documents: u32,
        /// Only these parts: saving, rates, latency, commits, memory, beside, outage, processes, distant, injected,
        /// million.
        only: Vec<String>,
    },
    /// The request path: processor time per request beside a bare axum and sqlx server on the same tables, in turns.
    Http {
        /// Only these primaries and operations: mysql, embedded; get, list, create.
        only: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    env::set_current_dir(root()?)?;
    match cli.task {
        Task::Databases { set, command } => databases(set, command),
        Task::Test { embedded, rest } => test(embedded, &rest),
        Task::Torture { seconds, seed, group } => torture(seconds, seed, group),
        Task::Tidy => tidy::tidy(),
        Task::Bench { what: Bench::Sync { documents, only } } => {
            let servers = databases::up();
            let documents = documents.to_string();
            let mut arguments =
                vec!["run", "--release", "-q", "-p", "chainbill-bench", "--bin", "bench", "--", &documents];
            arguments.extend(only.iter().map(String::as_str));
            cargo(&arguments, &servers.variables())
        }
        Task::Bench { what: Bench::Http { only } } => {
            let servers = databases::up();
            let bins = ["build", "--release", "-q", "-p", "chainbill-server", "-p", "chainbill-bench", "--bins"];
            cargo(&bins, &[])?;
            let mut run = vec!["run", "--release", "-q", "-p", "chainbill-bench", "--bin", "bench-http", "--"];
            run.extend(only.iter().map(String::as_str));
            cargo(&run, &servers.variables())
        }
    }
}

/// All programs at once, with the features of the tests, so that nothing is compiled twice.
const PROGRAMS: &[&str] = &["build", "--workspace", "--bins"];

/// The repository's folder.
fn root() -> anyhow::Result<PathBuf> {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    Ok(own.parent().context("xtask lies in the repository")?.to_owned())
}

fn databases(set: Set, command: DatabaseCommand) -> anyhow::Result<()> {
    match (set, command) {
        (Set::Tests, DatabaseCommand::Up { server: None }) => {
            databases::up().print();
            Ok(())
        }
        (Set::Torture, DatabaseCommand::Up { server: None }) => {
            for server in [Server::MySql, Server::MongoDb] {
                say(&databases::bring_up(set, server)?);
            }
            Ok(())
        }
        (Set::Group, DatabaseCommand::Up { .. }) => {
            say(&format!("export {}={}", databases::GROUP_VARIABLE, databases::group()?));
            Ok(())
        }
        (_, DatabaseCommand::Up { server: Some(server) }) => databases::bring_up(set, server).map(drop),
        (_, DatabaseCommand::Down) => databases::down(set),
        (_, DatabaseCommand::Status) => {
            databases::status(set);
            Ok(())
        }
        (_, DatabaseCommand::Kill { server }) => databases::harm(set, server, Harm::Kill),
        (_, DatabaseCommand::Stop { server }) => databases::harm(set, server, Harm::Stop),
        (_, DatabaseCommand::Cont { server }) => databases::harm(set, server, Harm::Cont),
    }
}

fn torture(seconds: u64, seed: u64, of_group: bool) -> anyhow::Result<()> {
    cargo(PROGRAMS, &[])?;
    let (servers, ours) = databases::victims();
    let programs = copies()?;
    let mut torture = Command::new(programs.join("torture"));
    torture.arg(programs.join("chainbill")).args([seconds.to_string(), seed.to_string()]).envs(servers.variables());
    if of_group {
        torture.env(databases::GROUP_VARIABLE, databases::group()?);
    }
    if ours {
        torture.env("TORTURE_XTASK", programs.join("xtask"));
    }
    let ended = torture.status();
    if ours {
        databases::down(Set::Torture)?;
    }
    if of_group && env::var_os(databases::GROUP_VARIABLE).is_none() {
        databases::down(Set::Group)?;
    }
    if ended?.success() {
        return Ok(());
    }
    if ours {
        say("to inspect its databases: cargo xtask databases --set torture up");
    }
    bail!("torture found something")
}

/// Copies of the programs: a build during the run does not change the programs under test.
fn copies() -> anyhow::Result<PathBuf> {
    let built = PathBuf::from(env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned())).join("debug");
    let folder = databases::folder()?.join("torture-bin");
    fs::create_dir_all(&folder)?;
    // Includes this program, which the build may have replaced.
    for name in ["chainbill", "torture", "xtask"] {
        let from = built.join(name);
        fs::copy(&from, folder.join(name)).with_context(|| from.display().to_string())?;
    }
    Ok(folder)
}

fn test(embedded: bool, rest: &[String]) -> anyhow::Result<()> {
    let servers = if embedded { databases::Servers::default() } else { databases::up() };
    servers.print();
    let arguments: Vec<&str> =
        ["test", "--workspace", "--no-fail-fast"].into_iter().chain(rest.iter().map(String::as_str)).collect();
    // Tests start the program as a process, too.
    cargo(PROGRAMS, &[])?;
    // A cluster of two servers during the tests.
    let mut variables = servers.variables();
    let group = if embedded {
        Err("not requested".to_owned())
    } else {
        databases::group().map_err(|error| format!("{error:#}"))
    };
    variables.extend(group.as_ref().ok().map(|urls| (databases::GROUP_VARIABLE, urls.clone())));
    let result = cargo(&arguments, &variables);
    if group.is_ok() && env::var_os(databases::GROUP_VARIABLE).is_none() {
        databases::down(Set::Group)?;
    }
    // Mutation test: the synchronisation's stories must catch its failpoints, which only this build has. Naming the
    // whole workspace keeps everything else compiled.
    let planted = ["test", "--workspace", "--features", "chainbill-sync/planted-bugs", "--test", "planted"];
    let planted = if rest.is_empty() { cargo(&planted, &servers.variables()) } else { Ok(()) };
    let mut missing = servers.missing();
    missing.extend(group.err().map(|why| ("Group Replication", why)));
    for (name, why) in &missing {
        say(&format!("NOT TESTED on {name}: {why}"));
    }
    result.and(planted)?;
    if !embedded && !missing.is_empty() && env::var("CI").is_ok_and(|value| value == "true") {
        bail!("CI=true requires every server, and {} are missing", missing.len());
    }
    say("every test passed");
    Ok(())
}
