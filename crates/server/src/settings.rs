//! All settings. Each is an environment variable, and an option too unless it is a secret; a wrong value is refused at start.

mod check;
mod secrets;
mod values;

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use chainbill_app::Secret;
use chainbill_domain::{
    dispute::{Terms, VoterTerms},
    invoice::EscrowTerms,
};
use chainbill_mirror::Retention;
use chainbill_sync::RepairMode;
use chainbill_web::{PublicUrls, Rates, Serving};
use chrono::TimeDelta;
use clap::{ArgAction, Args, ValueEnum};
use ipnet::IpNet;

pub use secrets::{Hidden, SECRETS, secrets_help};
use values::{address, every, network, origin, port, schedule, socket, whole, within};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line, for collectors.
    Json,
}

/// The lowest level of log lines that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Failures.
    Error,
    /// And conditions that need attention.
    Warn,
    /// And normal operation.
    Info,
    /// And its details.
    Debug,
    /// Everything.
    Trace,
}

impl Level {
    /// As the log knows it.
    #[must_use]
    pub const fn tracing(self) -> tracing::Level {
        match self {
            Self::Error => tracing::Level::ERROR,
            Self::Warn => tracing::Level::WARN,
            Self::Info => tracing::Level::INFO,
            Self::Debug => tracing::Level::DEBUG,
            Self::Trace => tracing::Level::TRACE,
        }
    }
}

/// How drift is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RepairSetting {
    /// Repaired at once, with evidence, below the breaker's threshold.
    Automatic,
    /// Reported only.
    Manual,
}

/// The servers behind the primary's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TopologySetting {
    /// Detected at start; on several servers, reads must prove that they are current.
    Auto,
    /// One server, also behind a proxy: every read shows every commit, without proof.
    Single,
    /// Several servers, also behind a proxy that hides them.
    Cluster,
}

impl From<TopologySetting> for chainbill_records::Expected {
    fn from(setting: TopologySetting) -> Self {
        match setting {
            TopologySetting::Auto => Self::Auto,
            TopologySetting::Single => Self::Single,
            TopologySetting::Cluster => Self::Cluster,
        }
    }
}

/// Every setting.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// The primary. Secrets are explained in [`SECRETS`].
    #[arg(skip)]
    pub database_url: Option<Hidden>,
    /// The mirror.
    #[arg(skip)]
    pub mongodb_uri: Option<Hidden>,
    /// Where embedded databases live.
    #[arg(long, env, global = true, default_value = "./chainbill-data", value_name = "DATA_DIR")]
    pub data_dir: PathBuf,
    /// Where to listen: a port from 0 to 65535; 0 takes a free one.
    #[arg(long, env, global = true, default_value_t = 3000, value_name = "PORT", value_parser = port)]
    pub port: u16,
    /// At which address to listen; 0.0.0.0 for all.
    #[arg(long, env, global = true, default_value = "127.0.0.1", value_name = "BIND_ADDRESS", value_parser = address)]
    pub bind_address: IpAddr,
    /// The address of the API as clients reach it: https://api.example.org, an origin without a path. It stands in the API's
    /// description and in e-mails. The address that the server listens at when absent.
    #[arg(long, env, global = true, value_name = "PUBLIC_API_URL", value_parser = origin)]
    pub public_api_url: Option<String>,
    /// The address of the web pages as people reach them, an origin too. PUBLIC_API_URL when absent.
    #[arg(long, env, global = true, value_name = "PUBLIC_WEB_URL", value_parser = origin)]
    pub public_web_url: Option<String>,
    /// Gives the server a clock that operators can advance (/api/test/clock). Every page and every response says so. For tests and
    /// demonstrations, never for real business; all processes on the same databases must have it.
    #[arg(long, env, global = true, default_value_t = false, value_name = "TEST_MODE", action = ArgAction::Set,
        num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub test_mode: bool,
    /// Accepts test mode beyond this machine: with a BIND_ADDRESS that is no loopback address, or public https addresses.
    #[arg(long, env, global = true, default_value_t = false, value_name = "TEST_MODE_EXPOSED", action = ArgAction::Set,
        num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub test_mode_exposed: bool,
    /// Most connections to the primary, 2 to 1000.
    #[arg(long, env, global = true, default_value_t = 16, value_name = "DATABASE_MAX_CONNECTIONS",
        value_parser = whole(2, 1000))]
    pub database_max_connections: u32,
    /// Most further connections to the primary for the synchronisation, 4 to 1000. An embedded primary needs none.
    #[arg(long, env, global = true, default_value_t = 10, value_name = "SYNC_MAX_CONNECTIONS",
        value_parser = whole(4, 1000))]
    pub sync_max_connections: u32,
    /// The servers behind the primary's address: one, or a cluster whose members may lag behind each other.
    #[arg(long, env, global = true, default_value = "auto", value_name = "DATABASE_TOPOLOGY")]
    pub database_topology: TopologySetting,
    /// How long to wait for a connection to the primary, or for SQLite's write lock: a span such as 500ms, 5s, 2m,
    /// from 100ms to 5m.
    #[arg(long, env, global = true, default_value = "5s", value_name = "DATABASE_TIMEOUT",
        value_parser = within("100ms", "5m"))]
    pub database_timeout: Duration,
    /// The deadline of a request's statement, enforced by the primary, 1s to 10m; six times as long for statements of the
    /// synchronisation. Locks are waited for half of it, at most 5s.
    #[arg(long, env, global = true, default_value = "10s", value_name = "DATABASE_STATEMENT_TIMEOUT",
        value_parser = within("1s", "10m"))]
    pub database_statement_timeout: Duration,
    /// The lifetime of a connection to the primary, 1s to 1d: after it, all connections have reached a new server behind the same
    /// name.
    #[arg(long, env, global = true, default_value = "10m", value_name = "DATABASE_CONNECTION_LIFETIME",
        value_parser = within("1s", "1d"))]
    pub database_connection_lifetime: Duration,
    /// The idle timeout of a connection to the primary, 1s to 1d: shorter than that of load balancers and of wait_timeout.
    #[arg(long, env, global = true, default_value = "2m", value_name = "DATABASE_IDLE_TIMEOUT",
        value_parser = within("1s", "1d"))]
    pub database_idle_timeout: Duration,
    /// Most connections to MongoDB, 1 to 1000.
    #[arg(long, env, global = true, default_value_t = 16, value_name = "MONGODB_MAX_CONNECTIONS",
        value_parser = whole(1, 1000))]
    pub mongodb_max_connections: u32,
    /// The first operator's e-mail address.
    #[arg(long, env, global = true, default_value = "admin@chainbill.local", value_name = "ADMIN_EMAIL")]
    pub admin_email: String,
    /// The first operator's password.
    #[arg(skip)]
    pub admin_password: Option<Hidden>,
    /// How long a login lasts, 1m to 365d.
    #[arg(long, env, global = true, default_value = "24h", value_name = "SESSION_LIFETIME",
        value_parser = within("1m", "365d"))]
    pub session_lifetime: Duration,
    /// How long responses are kept for requests that are sent again with the same Idempotency-Key, 1m to 365d.
    #[arg(long, env, global = true, default_value = "24h", value_name = "IDEMPOTENCY_LIFETIME",
        value_parser = within("1m", "365d"))]
    pub idempotency_lifetime: Duration,
    /// Whether cookies are for TLS only: true behind a TLS proxy.
    #[arg(long, env, global = true, default_value_t = false, value_name = "SECURE_COOKIES", action = ArgAction::Set)]
    pub secure_cookies: bool,
    /// Trusted reverse proxies, as a list of IP addresses and networks (10.0.0.0/8): the address that they report in
    /// X-Forwarded-For is the client's, for rate limits and the audit. None by default.
    #[arg(long, env, global = true, value_name = "TRUSTED_PROXIES", value_parser = network, value_delimiter = ',')]
    pub trusted_proxies: Vec<IpNet>,
    /// Most client connections; 0 takes what the limit of open files leaves, at most 10000. Idle ones are closed in favour of new
    /// ones.
    #[arg(long, env, global = true, default_value_t = 0, value_name = "MAX_CONNECTIONS", value_parser = whole(0, 100_000))]
    pub max_connections: u32,
    /// Most connections from one address; of IPv6, from one /64. 0 takes half of all, at most 256. It does not apply to trusted
    /// proxies.
    #[arg(long, env, global = true, default_value_t = 0, value_name = "MAX_CONNECTIONS_PER_ADDRESS",
        value_parser = whole(0, 100_000))]
    pub max_connections_per_address: u32,
    /// Logins and registrations a minute from one address; of IPv6, from one /64.
    #[arg(long, env, global = true, default_value_t = 20, value_name = "RATE_LOGIN",
        value_parser = whole(1, u32::MAX))]
    pub rate_login: u32,
    /// Searches a minute from one address.
    #[arg(long, env, global = true, default_value_t = 120, value_name = "RATE_SEARCH",
        value_parser = whole(1, u32::MAX))]
    pub rate_search: u32,
    /// Health, readiness and metrics a minute from one address.
    #[arg(long, env, global = true, default_value_t = 6000, value_name = "RATE_PROBE",
        value_parser = whole(1, u32::MAX))]
    pub rate_probe: u32,
    /// All other requests a minute from one address.
    #[arg(long, env, global = true, default_value_t = 6000, value_name = "RATE_ALL",
        value_parser = whole(1, u32::MAX))]
    pub rate_all: u32,
    /// A separate, private address and port for /metrics, which the API's listener does not serve then.
    #[arg(long, env, global = true, value_name = "METRICS_BIND_ADDRESS", value_parser = socket)]
    pub metrics_bind_address: Option<SocketAddr>,
    /// The bearer token of /metrics.
    #[arg(skip)]
    pub metrics_token: Option<Hidden>,
    /// How long search, analytics and lists of files wait for a Sync-Token, 0s to 30s.
    #[arg(long, env, global = true, default_value = "2s", value_name = "FRESH_WAIT",
        value_parser = within("0s", "30s"))]
    pub fresh_wait: Duration,
    /// Log lines from this level on.
    #[arg(long, env, global = true, default_value = "info", value_name = "LOG_LEVEL")]
    pub log_level: Level,
    /// How log lines look.
    #[arg(long, env, global = true, default_value = "text", value_name = "LOG_FORMAT")]
    pub log_format: LogFormat,
    /// Log lines from this level on are kept in app_logs too.
    #[arg(long, env, global = true, default_value = "warn", value_name = "APP_LOGS_LEVEL")]
    pub app_logs_level: Level,
    /// Concurrent batches of this process's relay, 1 to 64.
    #[arg(long, env, global = true, default_value_t = 4, value_name = "SYNC_LANES",
        value_parser = whole(1, 64))]
    pub sync_lanes: u32,
    /// Changes in one batch, 1 to 10000.
    #[arg(long, env, global = true, default_value_t = 1000, value_name = "SYNC_BATCH",
        value_parser = whole(1, 10_000))]
    pub sync_batch: u32,
    /// Rows in a page of backfills and comparisons, 1 to 10000.
    #[arg(long, env, global = true, default_value_t = 1000, value_name = "SYNC_PAGE",
        value_parser = whole(1, 10_000))]
    pub sync_page: u32,
    /// How often each model is compared and repaired, where it differs from every hour (invoices: 30 minutes): a list such as
    /// users=1h,invoices=30m, from 1s to 365d. 0s turns a model's schedule off.
    #[arg(long, env, global = true, value_name = "SYNC_EVERY", value_parser = schedule, value_delimiter = ',')]
    pub sync_every: Vec<(&'static str, Duration)>,
    /// How often everything is verified deep and certified, 1s to 365d; 0s turns it off.
    #[arg(long, env, global = true, default_value = "24h", value_name = "SYNC_VERIFY_EVERY",
        value_parser = every)]
    pub sync_verify_every: Duration,
    /// Most rows a second that a comparison reads; 0 for no limit.
    #[arg(long, env, global = true, default_value_t = 0, value_name = "SYNC_THROTTLE", value_parser = whole(0, u32::MAX))]
    pub sync_throttle: u32,
    /// How drift is handled.
    #[arg(long, env, global = true, default_value = "automatic", value_name = "SYNC_REPAIR")]
    pub sync_repair: RepairSetting,
    /// Share of drifting rows, in percent, above which nothing is repaired automatically, 1 to 100.
    #[arg(long, env, global = true, default_value_t = 5, value_name = "SYNC_BREAKER_PERCENT",
        value_parser = whole(1, 100))]
    pub sync_breaker_percent: u32,
    /// How long the oldest waiting change may stay the same, or heartbeats be missing, before a stall is reported with an alarm, 1s
    /// to 1d.
    #[arg(long, env, global = true, default_value = "5s", value_name = "SYNC_STALL_AFTER",
        value_parser = within("1s", "1d"))]
    pub sync_stall_after: Duration,
    /// The age of waiting changes that raises an alarm although they move, 1s to 1d.
    #[arg(long, env, global = true, default_value = "60s", value_name = "SYNC_LATE_AFTER",
        value_parser = within("1s", "1d"))]
    pub sync_late_after: Duration,
    /// How many days runs of backfills and comparisons are kept, 1 to 3650.
    #[arg(long, env, global = true, default_value_t = 90, value_name = "SYNC_RUNS_KEEP_DAYS",
        value_parser = whole(1, 3650))]
    pub sync_runs_keep_days: u32,
    /// How many days the evidence of repairs is kept, 1 to 3650.
    #[arg(long, env, global = true, default_value_t = 365, value_name = "SYNC_EVIDENCE_KEEP_DAYS",
        value_parser = whole(1, 3650))]
    pub sync_evidence_keep_days: u32,
    /// Where alarms are posted.
    #[arg(skip)]
    pub alert_webhook_url: Option<Hidden>,
    /// The key of alarms' signatures.
    #[arg(skip)]
    pub alert_webhook_secret: Option<Hidden>,
    /// The recipient of alarms by e-mail; needs SMTP_URL.
    #[arg(long, env, global = true, value_name = "ALERT_EMAIL_TO")]
    pub alert_email_to: Option<String>,
    /// The sender of e-mails.
    #[arg(long, env, global = true, default_value = "chainbill@localhost", value_name = "ALERT_EMAIL_FROM")]
    pub alert_email_from: String,
    /// The mail server.
    #[arg(skip)]
    pub smtp_url: Option<Hidden>,
    /// The secret key of Stripe, at which clients can pay.
    #[arg(skip)]
    pub stripe_secret_key: Option<Hidden>,
    /// The secrets that Stripe signs its events with.
    #[arg(skip)]
    pub stripe_webhook_secret: Option<Hidden>,
    /// Where Stripe is reached: an https address, or an http address of this machine.
    #[arg(long, env, global = true, default_value = "https://api.stripe.com", value_name = "STRIPE_API_URL")]
    pub stripe_api_url: String,
    /// What the platform takes of releases out of escrow, in hundredths of a percent, 0 to 9999. It is fixed for an invoice when that
    /// is sent.
    #[arg(long, env, global = true, default_value_t = 0, value_name = "PLATFORM_FEE_BP", value_parser = whole(0, 9999))]
    pub platform_fee_bp: u32,
    /// After how many days without an answer the money of submitted work is released by itself, 1 to 365. It is fixed for an invoice
    /// when that is sent.
    #[arg(long, env, global = true, default_value_t = 14, value_name = "ESCROW_RELEASE_DAYS",
        value_parser = whole(1, 365))]
    pub escrow_release_days: u32,
    /// Where paid invoices are notarised: off (nowhere), local (a signed log in the data folder), or a network of Aptos. When absent,
    /// local with an embedded primary and off with a server.
    #[arg(long, env, global = true, value_name = "APTOS_NETWORK")]
    pub aptos_network: Option<crate::chain::AptosNetwork>,
    /// How many days events are kept in the primary, once every consumer has taken them, 1 to 3650. A mirror that was lost gets
    /// those back.
    #[arg(long, env, global = true, default_value_t = 90, value_name = "EVENTS_KEEP_DAYS",
        value_parser = whole(1, 3650))]
    pub events_keep_days: u32,
    /// How many days the other party of a dispute has to answer it, 1 to 365. Deadlines that are set stay.
    #[arg(long, env, global = true, default_value_t = 5, value_name = "DISPUTE_ANSWER_DAYS", value_parser = whole(1, 365))]
    pub dispute_answer_days: u32,
    /// How many days a dispute is voted on, 1 to 365.
    #[arg(long, env, global = true, default_value_t = 7, value_name = "DISPUTE_VOTING_DAYS", value_parser = whole(1, 365))]
    pub dispute_voting_days: u32,
    /// How many days an operator has to decide a dispute, 1 to 365. Then the money is halved; on an appeal the first decision stands.
    #[arg(long, env, global = true, default_value_t = 7, value_name = "DISPUTE_DECISION_DAYS", value_parser = whole(1, 365))]
    pub dispute_decision_days: u32,
    /// How many days a party has to appeal, 1 to 365. The money moves after them.
    #[arg(long, env, global = true, default_value_t = 3, value_name = "DISPUTE_APPEAL_DAYS", value_parser = whole(1, 365))]
    pub dispute_appeal_days: u32,
    /// How many votes decide a dispute, 1 to 1000.
    #[arg(long, env, global = true, default_value_t = 3, value_name = "DISPUTE_QUORUM", value_parser = whole(1, 1000))]
    pub dispute_quorum: u32,
    /// The least reputation of voters, 0 to 100.
    #[arg(long, env, global = true, default_value_t = 50, value_name = "VOTER_MIN_REPUTATION", value_parser = whole(0, 100))]
    pub voter_min_reputation: u32,
    /// How many days old the accounts of voters are at least, 0 to 3650.
    #[arg(long, env, global = true, default_value_t = 30, value_name = "VOTER_MIN_ACCOUNT_DAYS",
        value_parser = whole(0, 3650))]
    pub voter_min_account_days: u32,
    /// How many days after a project's completion its reviews can be written, and are hidden while only one is there, 1 to 365.
    #[arg(long, env, global = true, default_value_t = 14, value_name = "REVIEW_HIDDEN_DAYS",
        value_parser = whole(1, 365))]
    pub review_hidden_days: u32,
    /// How many days analytics are kept in the mirror, 1 to 3650.
    #[arg(long, env, global = true, default_value_t = 90, value_name = "ANALYTICS_KEEP_DAYS",
        value_parser = whole(1, 3650))]
    pub analytics_keep_days: u32,
    /// How many days log lines are kept in the mirror, 1 to 3650.
    #[arg(long, env, global = true, default_value_t = 30, value_name = "APP_LOGS_KEEP_DAYS",
        value_parser = whole(1, 3650))]
    pub app_logs_keep_days: u32,
}

impl Settings {
    /// The primary's address.
    #[must_use]
    pub fn primary_url(&self) -> String {
        self.database_url
            .as_ref()
            .map_or_else(|| format!("sqlite://{}", self.data_dir.join("primary.db").display()), |url| url.0.clone())
    }

    /// The first operator's password, if it was set.
    #[must_use]
    pub fn password(&self) -> Option<Secret> {
        self.admin_password.as_ref().map(|hidden| Secret::new(hidden.0.clone()))
    }

    /// For the use cases.
    #[must_use]
    pub fn app(&self) -> chainbill_app::Settings {
        chainbill_app::Settings {
            session: self.session_lifetime,
            replay: self.idempotency_lifetime,
            keep_events: Duration::from_secs(u64::from(self.events_keep_days) * 86_400),
            escrow: EscrowTerms {
                fee_bp: i64::from(self.platform_fee_bp),
                release_days: i64::from(self.escrow_release_days),
            },
            disputes: self.disputes(),
            hide_reviews: Duration::from_secs(u64::from(self.review_hidden_days) * 86_400),
        }
    }

    fn disputes(&self) -> Terms {
        let days = |count: u32| TimeDelta::days(i64::from(count));
        Terms {
            answer: days(self.dispute_answer_days),
            voting: days(self.dispute_voting_days),
            decision: days(self.dispute_decision_days),
            appeal: days(self.dispute_appeal_days),
            quorum: i64::from(self.dispute_quorum),
            voters: VoterTerms {
                reputation: i64::from(self.voter_min_reputation),
                account: days(self.voter_min_account_days),
            },
        }
    }

    /// The addresses of API and pages, of a server that listens at `address`.
    #[must_use]
    pub fn public_urls(&self, address: SocketAddr) -> PublicUrls {
        let local = || match address.ip().is_unspecified() {
            true => format!("http://localhost:{}", address.port()),
            false => format!("http://{address}"),
        };
        let api = self.public_api_url.clone().unwrap_or_else(local);
        PublicUrls { web: self.public_web_url.clone().unwrap_or_else(|| api.clone()), api }
    }

    /// For the web, of a server that listens at `address`.
    #[must_use]
    pub fn serving(&self, address: SocketAddr) -> Serving {
        Serving {
            rates: Rates {
                login: self.rate_login,
                search: self.rate_search,
                probe: self.rate_probe,
                all: self.rate_all,
            },
            trusted_proxies: self.trusted_proxies.clone(),
            metrics_apart: self.metrics_bind_address.is_some(),
            metrics_token: self.metrics_token.as_ref().map(|hidden| Secret::new(hidden.0.clone())),
            fresh_bound: self.fresh_wait,
            secure_cookies: self.secure_cookies,
            public_urls: self.public_urls(address),
            ..Serving::default()
        }
    }

    /// For the synchronisation.
    #[must_use]
    pub fn sync(&self) -> chainbill_sync::Settings {
        let otherwise = chainbill_sync::Settings::default();
        let days = |count: u32| Duration::from_secs(u64::from(count) * 86_400);
        let retention = Retention {
            analytics: days(self.analytics_keep_days),
            logs: days(self.app_logs_keep_days),
            ..otherwise.retention
        };
        chainbill_sync::Settings {
            workers: self.sync_lanes as usize,
            batch: self.sync_batch,
            page: self.sync_page,
            every: self.sync_every.iter().copied().collect::<BTreeMap<_, _>>(),
            verify_every: self.sync_verify_every,
            throttle: self.sync_throttle,
            repair: match self.sync_repair {
                RepairSetting::Automatic => RepairMode::Automatic,
                RepairSetting::Manual => RepairMode::Manual,
            },
            breaker_percent: self.sync_breaker_percent,
            stall_after: self.sync_stall_after,
            keep_runs: days(self.sync_runs_keep_days),
            keep_evidence: days(self.sync_evidence_keep_days),
            retention,
            ..otherwise
        }
    }
}

#[cfg(test)]
mod tests;
