//! The command line.

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::{
    help,
    settings::{SECRETS, Settings, secrets_help},
};

/// ChainBill: invoices and escrow on two databases that are provably equal.
///
/// Without a command it serves. Every setting is an environment variable too, and may stand in the file `.env`; secrets are
/// taken from there only, for everybody on a machine can read command lines.
/// Exit codes: 0 fine, 1 found something wrong, 2 could not run.
#[derive(Debug, Parser)]
#[command(name = "chainbill", version, max_term_width = 110, subcommand_precedence_over_arg = true,
    after_help = secrets_help())]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The settings.
    #[command(flatten)]
    pub settings: Settings,
    /// Print one JSON document for scripts instead of text for people.
    #[arg(long, global = true)]
    pub json: bool,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the API and the pages, and keep the second database in step (the default).
    Serve,
    /// Bring the primary's tables up to date, back, or say how they stand.
    #[command(subcommand)]
    Migrate(Migrate),
    /// Look after the synchronisation between the two databases.
    #[command(subcommand, override_usage = SYNC_USAGE, after_help = SYNC_MODEL)]
    Sync(SyncCommand),
    /// Operators' accounts.
    #[command(subcommand)]
    Admin(Admin),
    /// Fill the primary with a realistic data set of all eight models, the same for the same seed and last day.
    Demo(Demo),
    /// Prove that the invariants of money and numbers hold in the primary.
    Check,
    /// Durable jobs: what waits, and dead letters.
    #[command(subcommand)]
    Jobs(Jobs),
    /// Certificates' proofs.
    #[command(subcommand)]
    Proof(Proof),
    /// Ask a running server how it is; exit 1 when it is not healthy.
    Health {
        /// The server's address; that of BIND_ADDRESS and PORT when absent.
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
}

const SYNC_USAGE: &str = "chainbill sync <COMMAND>\n       chainbill sync <MODEL> [ID] [--since <SPAN>]";

const SYNC_MODEL: &str = "`chainbill sync <MODEL>` brings one model in step, `chainbill sync <MODEL> <ID>` one entity, and with \
    `--since 1h` what has changed since then. Models: users, skills, projects, invoices, reviews, disputes, stored_files, \
    reputations.";

/// The command line as it was given; help, and what is not accepted, end the program here.
#[must_use]
pub fn parse() -> Cli {
    let mut matches = help::own(Cli::command()).get_matches();
    Cli::from_arg_matches_mut(&mut matches).unwrap_or_else(|error| error.exit())
}

/// The names of all settings.
#[must_use]
pub fn setting_names() -> Vec<String> {
    let command = Cli::command();
    let options = command.get_arguments().filter_map(|argument| argument.get_env());
    let options = options.map(|name| name.to_string_lossy().into_owned());
    options.chain(SECRETS.iter().map(|(name, _)| (*name).to_owned())).collect()
}

/// What to do with the tables.
#[derive(Debug, Clone, Subcommand)]
pub enum Migrate {
    /// Apply what is missing.
    Up {
        /// At most so many steps.
        #[arg(long)]
        steps: Option<u32>,
    },
    /// Take the last steps back. Their tables are dropped with everything in them.
    Down {
        /// How many steps.
        #[arg(long, default_value_t = 1)]
        steps: u32,
        /// Confirms that tables may be dropped.
        #[arg(long)]
        yes: bool,
    },
    /// List the steps; exit 1 when some are missing.
    Status,
}

/// What to do between the databases.
#[derive(Debug, Subcommand)]
pub enum SyncCommand {
    /// Copy everything into the second database, with progress. An interrupted copy goes on where it was.
    Initial,
    /// Backlog, lag, parked entities, and each model's state; exit 1 when it is not healthy.
    Status,
    /// Compare both databases at a cut: exit 0 equal, 1 they differ, 2 could not compare.
    Verify(Verify),
    /// Compare and make right what differs, with evidence; exit 1 when something still differs.
    Repair(Repair),
    /// Print how tables become collections: every column, its field and type, what is left out and why.
    Mapping {
        /// As a Markdown document instead of JSON.
        #[arg(long)]
        markdown: bool,
    },
    /// List entities that could not be written; with a model and an id, try that one again or drop it.
    Failures {
        /// Only of this model.
        model: Option<String>,
        /// Only this entity.
        #[arg(requires = "model")]
        id: Option<String>,
        /// Put the entity back on the queue.
        #[arg(long, requires = "id", conflicts_with = "drop")]
        retry: bool,
        /// Forget the entity.
        #[arg(long, requires = "id")]
        drop: bool,
    },
    /// A model's name and what follows it: see [`OneModel`].
    #[command(external_subcommand)]
    Model(Vec<String>),
}

/// Bring one model in step, one entity, or what has changed lately.
#[derive(Debug, Parser)]
#[command(name = "chainbill sync", no_binary_name = true, max_term_width = 110)]
pub struct OneModel {
    /// users, skills, projects, invoices, reviews, disputes, stored_files or reputations.
    pub model: String,
    /// Only the entity with this id.
    pub id: Option<String>,
    /// Only what has changed since: a span up to now such as 30m, 1h, 7d, or a moment such as 2026-11-24T12:00:00Z.
    #[arg(long, value_name = "SPAN", conflicts_with = "id")]
    pub since: Option<String>,
    /// Print one JSON document for scripts instead of text for people.
    #[arg(long)]
    pub json: bool,
}

/// How to compare.
#[derive(Debug, Args)]
pub struct Verify {
    /// One model; all when absent.
    #[arg(long)]
    pub model: Option<String>,
    /// Read and encode every row and document anew, name the fields that differ, and certify what is equal.
    #[arg(long)]
    pub deep: bool,
    /// Go on with a verification that was interrupted, from the last id that it had compared; nothing is certified then.
    #[arg(long)]
    pub resume: bool,
}

/// How to repair.
#[derive(Debug, Args)]
pub struct Repair {
    /// One model; all when absent.
    #[arg(long)]
    pub model: Option<String>,
    /// Repair also when more differs than the breaker lets pass.
    #[arg(long)]
    pub force: bool,
}

/// What to do with jobs.
#[derive(Debug, Subcommand)]
pub enum Jobs {
    /// List jobs, newest first, a thousand at most; exit 1 when there are dead letters among them.
    List {
        /// Only dead letters.
        #[arg(long)]
        dead: bool,
        /// Only of this kind.
        #[arg(long)]
        kind: Option<String>,
    },
    /// Put a dead letter back on the queue.
    Retry {
        /// Its id.
        id: String,
    },
    /// Drop a dead letter: its work is not done.
    Drop {
        /// Its id.
        id: String,
    },
}

/// Operators.
#[derive(Debug, Subcommand)]
pub enum Admin {
    /// Make an operator's account from ADMIN_EMAIL and ADMIN_PASSWORD; without a password one is made and printed once.
    Create {
        /// The operator's name.
        #[arg(long, default_value = "Administrator")]
        name: String,
    },
}

/// How much of what.
#[derive(Debug, Clone, Args)]
pub struct Demo {
    /// How many invoices. People, projects, reviews, disputes, files and reputations come in proportion.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub invoices: u32,
    /// The same seed makes the same data.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The last day of the data set, such as 2026-11-24; today when absent, so that analytics have something to show.
    #[arg(long, value_name = "DAY")]
    pub until: Option<NaiveDate>,
    /// Do not ask, though the primary holds real people.
    #[arg(long)]
    pub yes: bool,
}

/// Proofs.
#[derive(Debug, Subcommand)]
pub enum Proof {
    /// Check a proof without any database; exit 1 when it does not hold.
    Check {
        /// The file that `GET /api/invoices/{id}/proof` answered.
        file: PathBuf,
        /// The hash of a certificate that you trust, because you kept it or somebody you trust published it: the proof's own,
        /// or a later one that the chain leads back from. Without it nothing tells who made the proof's certificate.
        #[arg(long, value_name = "HASH")]
        certificate: Option<String>,
        /// Certificates as `GET /api/sync/certificates` answers them; may be given several times, once per page.
        #[arg(long, value_name = "FILE")]
        chain: Vec<PathBuf>,
    },
}
