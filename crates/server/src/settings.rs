//! Every setting. Each is an environment variable, and an option too where it holds no secret; a wrong value is refused
//! before anything starts.

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
use chainbill_mirror::Retention;
use chainbill_sync::RepairMode;
use chainbill_web::{Rates, Serving};
use clap::{ArgAction, Args, ValueEnum};
use ipnet::IpNet;

pub use secrets::{Hidden, SECRETS, secrets_help};
use values::{address, every, network, port, schedule, socket, whole, within};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line, for collectors.
    Json,
}

/// From which level on something is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Failures.
    Error,
    /// And what somebody should look at.
    Warn,
    /// And what happens.
    Info,
    /// And how.
    Debug,
    /// And everything.
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

/// What becomes of drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RepairSetting {
    /// Repaired at once, with evidence, below the breaker.
    Automatic,
    /// Reported only.
    Manual,
}

/// What stands behind the primary's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TopologySetting {
    /// Recognised at start; no read is believed to be of the present without proof.
    Auto,
    /// One server, whatever a proxy before it looks like: each read shows every commit, and no proof is asked for.
    Single,
    /// Several servers, whatever a proxy before them hides.
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
    /// The second database.
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
    /// Most connections to the primary, 2 to 1000.
    #[arg(long, env, global = true, default_value_t = 16, value_name = "DATABASE_MAX_CONNECTIONS",
        value_parser = whole(2, 1000))]
    pub database_max_connections: u32,
    /// Most further connections to the primary for the synchronisation, 4 to 1000. An embedded primary needs none.
    #[arg(long, env, global = true, default_value_t = 10, value_name = "SYNC_MAX_CONNECTIONS",
        value_parser = whole(4, 1000))]
    pub sync_max_connections: u32,
    /// What stands behind the primary's address, of which some servers may be behind others.
    #[arg(long, env, global = true, default_value = "auto", value_name = "DATABASE_TOPOLOGY")]
    pub database_topology: TopologySetting,
    /// How long to wait for a connection to the primary, or for SQLite's write lock: a span such as 500ms, 5s, 2m,
    /// from 100ms to 5m.
    #[arg(long, env, global = true, default_value = "5s", value_name = "DATABASE_TIMEOUT",
        value_parser = within("100ms", "5m"))]
    pub database_timeout: Duration,
    /// How long one statement of a request may take before the primary is told to end it, 1s to 10m; the synchronisation's may
    /// take six times as long. A locked table is waited for half of that time, at most 5s.
    #[arg(long, env, global = true, default_value = "10s", value_name = "DATABASE_STATEMENT_TIMEOUT",
        value_parser = within("1s", "10m"))]
    pub database_statement_timeout: Duration,
    /// How long a connection to the primary lives before another takes its place, 1s to 1d: so that all of them reach a new
    /// server behind the same name.
    #[arg(long, env, global = true, default_value = "10m", value_name = "DATABASE_CONNECTION_LIFETIME",
        value_parser = within("1s", "1d"))]
    pub database_connection_lifetime: Duration,
    /// How long a connection to the primary may rest before it is closed, 1s to 1d: less than whatever stands between closes
    /// or forgets one, such as a balancer or wait_timeout.
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
    /// How long answers are kept for requests that come again with the same Idempotency-Key, 1m to 365d.
    #[arg(long, env, global = true, default_value = "24h", value_name = "IDEMPOTENCY_LIFETIME",
        value_parser = within("1m", "365d"))]
    pub idempotency_lifetime: Duration,
    /// Whether cookies are for TLS only: true behind a TLS proxy.
    #[arg(long, env, global = true, default_value_t = false, value_name = "SECURE_COOKIES", action = ArgAction::Set)]
    pub secure_cookies: bool,
    /// Proxies in front of this program, as a list of IP addresses and networks (10.0.0.0/8): whom they name in X-Forwarded-For
    /// is taken for the one who asks, for rates and the audit. None by default, and nobody else is believed.
    #[arg(long, env, global = true, value_name = "TRUSTED_PROXIES", value_parser = network, value_delimiter = ',')]
    pub trusted_proxies: Vec<IpNet>,
    /// Most connections of clients; 0 takes what the limit of open files leaves, at most 10000. Idle ones make room for new ones.
    #[arg(long, env, global = true, default_value_t = 0, value_name = "MAX_CONNECTIONS", value_parser = whole(0, 100_000))]
    pub max_connections: u32,
    /// Most connections from one address; of IPv6, from one /64. 0 takes half of all, at most 256. Trusted proxies are not
    /// bound by it.
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
    /// Where to serve /metrics instead of beside the API: an address and a port that strangers do not reach.
    #[arg(long, env, global = true, value_name = "METRICS_BIND_ADDRESS", value_parser = socket)]
    pub metrics_bind_address: Option<SocketAddr>,
    /// What whoever asks for /metrics must show.
    #[arg(skip)]
    pub metrics_token: Option<Hidden>,
    /// How long a search, an analysis or a list of files waits for a Sync-Token to be reached, 0s to 30s.
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
    /// Batches that this process brings to the second database side by side, 1 to 64.
    #[arg(long, env, global = true, default_value_t = 4, value_name = "SYNC_LANES",
        value_parser = whole(1, 64))]
    pub sync_lanes: u32,
    /// Changes in one batch, 1 to 10000.
    #[arg(long, env, global = true, default_value_t = 1000, value_name = "SYNC_BATCH",
        value_parser = whole(1, 10_000))]
    pub sync_batch: u32,
    /// Rows in a page of copies and comparisons, 1 to 10000.
    #[arg(long, env, global = true, default_value_t = 1000, value_name = "SYNC_PAGE",
        value_parser = whole(1, 10_000))]
    pub sync_page: u32,
    /// How often each model is compared and made right, where it differs from every hour (invoices: 30 minutes): a list
    /// such as users=1h,invoices=30m, from 1s to 365d. 0s turns a model's schedule off.
    #[arg(long, env, global = true, value_name = "SYNC_EVERY", value_parser = schedule, value_delimiter = ',')]
    pub sync_every: Vec<(&'static str, Duration)>,
    /// How often everything is verified deep and certified, 1s to 365d; 0s turns it off.
    #[arg(long, env, global = true, default_value = "24h", value_name = "SYNC_VERIFY_EVERY",
        value_parser = every)]
    pub sync_verify_every: Duration,
    /// Most rows a second that a comparison reads; 0 for no limit.
    #[arg(long, env, global = true, default_value_t = 0, value_name = "SYNC_THROTTLE", value_parser = whole(0, u32::MAX))]
    pub sync_throttle: u32,
    /// What becomes of drift.
    #[arg(long, env, global = true, default_value = "automatic", value_name = "SYNC_REPAIR")]
    pub sync_repair: RepairSetting,
    /// Share of drifting rows, in percent, above which nothing is repaired by itself, 1 to 100.
    #[arg(long, env, global = true, default_value_t = 5, value_name = "SYNC_BREAKER_PERCENT",
        value_parser = whole(1, 100))]
    pub sync_breaker_percent: u32,
    /// How long the same change may stay the oldest that waits, or heartbeats be missing, before it counts as a stall and
    /// raises an alarm, 1s to 1d.
    #[arg(long, env, global = true, default_value = "5s", value_name = "SYNC_STALL_AFTER",
        value_parser = within("1s", "1d"))]
    pub sync_stall_after: Duration,
    /// How long changes may wait before it raises an alarm though they move, 1s to 1d.
    #[arg(long, env, global = true, default_value = "60s", value_name = "SYNC_LATE_AFTER",
        value_parser = within("1s", "1d"))]
    pub sync_late_after: Duration,
    /// How many days the runs of copies and comparisons are listed, 1 to 3650.
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
    /// What alarms are signed with.
    #[arg(skip)]
    pub alert_webhook_secret: Option<Hidden>,
    /// Who gets alarms by e-mail; needs SMTP_URL.
    #[arg(long, env, global = true, value_name = "ALERT_EMAIL_TO")]
    pub alert_email_to: Option<String>,
    /// Whom e-mails come from.
    #[arg(long, env, global = true, default_value = "chainbill@localhost", value_name = "ALERT_EMAIL_FROM")]
    pub alert_email_from: String,
    /// The mail server.
    #[arg(skip)]
    pub smtp_url: Option<Hidden>,
    /// How many days events are kept in the primary, once every consumer has taken them, 1 to 3650. A second database that was
    /// lost gets those back.
    #[arg(long, env, global = true, default_value_t = 90, value_name = "EVENTS_KEEP_DAYS",
        value_parser = whole(1, 3650))]
    pub events_keep_days: u32,
    /// How many days analytics are kept in the second database, 1 to 3650.
    #[arg(long, env, global = true, default_value_t = 90, value_name = "ANALYTICS_KEEP_DAYS",
        value_parser = whole(1, 3650))]
    pub analytics_keep_days: u32,
    /// How many days log lines are kept in the second database, 1 to 3650.
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
        }
    }

    /// For the web.
    #[must_use]
    pub fn serving(&self) -> Serving {
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
            lanes: self.sync_lanes as usize,
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
