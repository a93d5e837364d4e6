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
/// Without a command it serves. Every setting is an environment variable too, and may be set in the file `.env`; secrets are read from
/// these only, because command lines are visible to every user of a machine.
/// Exit codes: 0 success, 1 a problem was found, 2 could not run.
#[derive(Debug, Parser)]
#[command(name = "chainbill", version, max_term_width = 110, subcommand_precedence_over_arg = true,
    after_help = secrets_help())]
pub struct Cli {
    /// The command.
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
    /// Serve the API and the pages, and synchronise the mirror (the default).
    Serve,
    /// Migrate the primary's tables up or down, or list the migrations.
    #[command(subcommand)]
    Migrate(Migrate),
    /// Operate the synchronisation of the two databases.
    #[command(subcommand, override_usage = SYNC_USAGE, after_help = SYNC_MODEL)]
    Sync(SyncCommand),
    /// Accounts of operators.
    #[command(subcommand)]
    Admin(Admin),
    /// Fill the primary with a realistic data set of all eight models, the same for the same seed and last day.
    Demo(Demo),
    /// Check the invariants of money and numbers in the primary.
    Check,
    /// Durable jobs and their dead letters.
    #[command(subcommand)]
    Jobs(Jobs),
    /// Reputations of users.
    #[command(subcommand)]
    Reputation(Reputation),
    /// Proofs from certificates.
    #[command(subcommand)]
    Proof(Proof),
    /// The local notary of paid invoices (APTOS_NETWORK=local).
    #[command(subcommand)]
    Notary(Notary),
    /// Query the health of a running server; exit 1 when it is not healthy.
    Health {
        /// The server's address; that of BIND_ADDRESS and PORT when absent.
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
}

const SYNC_USAGE: &str = "chainbill sync <COMMAND>\n       chainbill sync <MODEL> [ID] [--since <SPAN>]";

const SYNC_MODEL: &str = "`chainbill sync <MODEL>` compares and repairs one model, `chainbill sync <MODEL> <ID>` one entity, and \
    `--since 1h` what has changed since then. Models: users, skills, projects, invoices, reviews, disputes, stored_files, \
    reputations.";

/// Parses the command line; help and errors end the program here.
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

/// What to do with the primary's tables.
#[derive(Debug, Clone, Subcommand)]
pub enum Migrate {
    /// Apply the missing migrations.
    Up {
        /// At most so many steps.
        #[arg(long)]
        steps: Option<u32>,
    },
    /// Revert the last migrations. Their tables are dropped with everything in them.
    Down {
        /// How many steps.
        #[arg(long, default_value_t = 1)]
        steps: u32,
        /// Confirms that tables may be dropped.
        #[arg(long)]
        yes: bool,
    },
    /// List the migrations; exit 1 when some are missing.
    Status,
}

/// What to do with the synchronisation.
#[derive(Debug, Subcommand)]
pub enum SyncCommand {
    /// Backfill the mirror with every model, with progress. An interrupted backfill resumes.
    Initial,
    /// Show backlog, lag, dead letters and each model's state; exit 1 when it is not healthy.
    Status,
    /// Compare both databases at a consistent cut: exit 0 equal, 1 different, 2 could not compare.
    Verify(Verify),
    /// Compare and repair, with evidence; exit 1 when something still differs.
    Repair(Repair),
    /// Print the mapping of tables to collections: every column with its field and type, and what is left out.
    Mapping {
        /// As a Markdown document instead of JSON.
        #[arg(long)]
        markdown: bool,
    },
    /// List dead letters: entities that cannot be mirrored. With a model and an id, retry or drop one.
    Failures {
        /// Only of this model.
        model: Option<String>,
        /// Only this entity.
        #[arg(requires = "model")]
        id: Option<String>,
        /// Queue the entity again.
        #[arg(long, requires = "id", conflicts_with = "drop")]
        retry: bool,
        /// Drop the dead letter.
        #[arg(long, requires = "id")]
        drop: bool,
    },
    /// A model's name with its arguments: see [`OneModel`].
    #[command(external_subcommand)]
    Model(Vec<String>),
}

/// Compare and repair one model, one entity, or what has changed recently.
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
    /// Read and encode every row and document again, name the fields that differ, and issue a certificate of what is equal.
    #[arg(long)]
    pub deep: bool,
    /// Resume an interrupted verification after the last id that it compared; no certificate is issued then.
    #[arg(long)]
    pub resume: bool,
}

/// How to repair.
#[derive(Debug, Args)]
pub struct Repair {
    /// One model; all when absent.
    #[arg(long)]
    pub model: Option<String>,
    /// Repair although more differs than SYNC_BREAKER_PERCENT allows.
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
    /// Queue a dead letter again.
    Retry {
        /// Its id.
        id: String,
    },
    /// Drop a dead letter; its work is never done.
    Drop {
        /// Its id.
        id: String,
    },
}

/// Reputations.
#[derive(Debug, Subcommand)]
pub enum Reputation {
    /// Compute reputations from their facts, with progress, and save those that differ. The server does so after each cause and
    /// once a day.
    Recompute {
        /// Only of the user with this id.
        #[arg(long)]
        user: Option<String>,
    },
}

/// Operators.
#[derive(Debug, Subcommand)]
pub enum Admin {
    /// Create an operator's account from ADMIN_EMAIL and ADMIN_PASSWORD; without a password one is generated and printed once.
    Create {
        /// The operator's name.
        #[arg(long, default_value = "Administrator")]
        name: String,
    },
}

/// The data set.
#[derive(Debug, Clone, Args)]
pub struct Demo {
    /// Number of invoices. People, projects, reviews, disputes, files and reputations are made in proportion.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub invoices: u32,
    /// The same seed makes the same data.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The last day of the data set, such as 2026-11-24; today when absent, so that analytics have something to show.
    #[arg(long, value_name = "DAY")]
    pub until: Option<NaiveDate>,
    /// Do not ask for confirmation, although the primary holds real people.
    #[arg(long)]
    pub yes: bool,
}

/// The local notary.
#[derive(Debug, Subcommand)]
pub enum Notary {
    /// Verify every hash and signature of the log in DATA_DIR, from its files alone: exit 0 it holds, 1 it does not and the first bad
    /// entry is named, 2 there is none or it cannot be read.
    Verify,
}

/// Proofs.
#[derive(Debug, Subcommand)]
pub enum Proof {
    /// Check a proof without any database; exit 1 when it does not hold.
    Check {
        /// The response of `GET /api/invoices/{id}/proof`, as a file.
        file: PathBuf,
        /// The hash of a trusted certificate, kept or published earlier: the proof's own, or a later one that the chain links to
        /// it. Without it the origin of the proof's certificate is not proven.
        #[arg(long, value_name = "HASH")]
        certificate: Option<String>,
        /// A response of `GET /api/sync/certificates`, as a file; may be given several times, once per page.
        #[arg(long, value_name = "FILE")]
        chain: Vec<PathBuf>,
    },
}
