//! Every setting. Each is an option and an environment variable; a wrong value is refused before anything starts.

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf, time::Duration};

use anyhow::bail;
use chainbill_app::Secret;
use chainbill_mirror::Retention;
use chainbill_sync::RepairMode;
use chainbill_web::{Rates, Serving};
use clap::{ArgAction, Args, ValueEnum};

/// A text that may hold a secret: it has no readable `Debug`.
#[derive(Clone)]
pub struct Hidden(pub String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(text)
    }
}

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

/// Every setting.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// The primary: mysql://user:password@host:3306/database for MySQL 8.0 or later and MariaDB 10.6 or later, or
    /// sqlite://path. Without it, an embedded database in DATA_DIR.
    #[arg(long, env, global = true, hide_env_values = true, value_name = "DATABASE_URL")]
    pub database_url: Option<Hidden>,
    /// The second database: mongodb://… or mongodb+srv://… (Atlas). Without it, an embedded one in DATA_DIR.
    #[arg(long, env, global = true, hide_env_values = true, value_name = "MONGODB_URI")]
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
    /// How long to wait for a connection to the primary, or for SQLite's write lock: a span such as 500ms, 5s, 2m.
    #[arg(long, env, global = true, default_value = "5s", value_name = "DATABASE_TIMEOUT", value_parser = span)]
    pub database_timeout: Duration,
    /// Most connections to MongoDB, 1 to 1000.
    #[arg(long, env, global = true, default_value_t = 16, value_name = "MONGODB_MAX_CONNECTIONS",
        value_parser = whole(1, 1000))]
    pub mongodb_max_connections: u32,
    /// The first operator's e-mail address.
    #[arg(long, env, global = true, default_value = "admin@chainbill.local", value_name = "ADMIN_EMAIL")]
    pub admin_email: String,
    /// The first operator's password, 10 to 128 characters. Without it one is made and printed once.
    #[arg(long, env, global = true, hide_env_values = true, value_name = "ADMIN_PASSWORD")]
    pub admin_password: Option<Hidden>,
    /// How long a login lasts.
    #[arg(long, env, global = true, default_value = "24h", value_name = "SESSION_LIFETIME", value_parser = span)]
    pub session_lifetime: Duration,
    /// How long answers are kept for requests that come again with the same Idempotency-Key.
    #[arg(long, env, global = true, default_value = "24h", value_name = "IDEMPOTENCY_LIFETIME", value_parser = span)]
    pub idempotency_lifetime: Duration,
    /// Whether cookies are for TLS only: true behind a TLS proxy.
    #[arg(long, env, global = true, default_value_t = false, value_name = "SECURE_COOKIES", action = ArgAction::Set)]
    pub secure_cookies: bool,
    /// Proxies in front of this program, as a list of IP addresses: whom they name in X-Forwarded-For is taken for the one who
    /// asks, for rates and the audit. None by default, and nobody else is believed.
    #[arg(long, env, global = true, value_name = "TRUSTED_PROXIES", value_parser = address, value_delimiter = ',')]
    pub trusted_proxies: Vec<IpAddr>,
    /// Logins and registrations a minute from one address; of IPv6, from one /64.
    #[arg(long, env, global = true, default_value_t = 20, value_name = "RATE_LOGIN",
        value_parser = whole(1, u32::MAX))]
    pub rate_login: u32,
    /// Searches a minute from one address.
    #[arg(long, env, global = true, default_value_t = 120, value_name = "RATE_SEARCH",
        value_parser = whole(1, u32::MAX))]
    pub rate_search: u32,
    /// All other requests a minute from one address.
    #[arg(long, env, global = true, default_value_t = 6000, value_name = "RATE_ALL",
        value_parser = whole(1, u32::MAX))]
    pub rate_all: u32,
    /// How long a search waits for a Sync-Token to be reached.
    #[arg(long, env, global = true, default_value = "2s", value_name = "FRESH_WAIT", value_parser = span)]
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
    #[arg(long, env, global = true, default_value_t = 2, value_name = "SYNC_LANES",
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
    /// such as users=1h,invoices=30m. 0s turns a model's schedule off.
    #[arg(long, env, global = true, value_name = "SYNC_EVERY", value_parser = schedule, value_delimiter = ',')]
    pub sync_every: Vec<(&'static str, Duration)>,
    /// How often everything is verified deep and certified; 0s turns it off.
    #[arg(long, env, global = true, default_value = "24h", value_name = "SYNC_VERIFY_EVERY", value_parser = span)]
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
    /// How long a change may wait before it counts as a stall and raises an alarm.
    #[arg(long, env, global = true, default_value = "6s", value_name = "SYNC_STALL_AFTER", value_parser = span)]
    pub sync_stall_after: Duration,
    /// Where alarms are posted as JSON (Standard Webhooks); none without it.
    #[arg(long, env, global = true, hide_env_values = true, value_name = "ALERT_WEBHOOK_URL")]
    pub alert_webhook_url: Option<Hidden>,
    /// The key that alarms are signed with: whsec_ and base64, or any text.
    #[arg(long, env, global = true, hide_env_values = true, value_name = "ALERT_WEBHOOK_SECRET")]
    pub alert_webhook_secret: Option<Hidden>,
    /// Who gets alarms by e-mail; needs SMTP_URL.
    #[arg(long, env, global = true, value_name = "ALERT_EMAIL_TO", requires = "smtp_url")]
    pub alert_email_to: Option<String>,
    /// Whom e-mails come from.
    #[arg(long, env, global = true, default_value = "chainbill@localhost", value_name = "ALERT_EMAIL_FROM")]
    pub alert_email_from: String,
    /// The mail server: smtps://user:password@host, smtp://user:password@host:587?tls=required.
    #[arg(long, env, global = true, hide_env_values = true, value_name = "SMTP_URL")]
    pub smtp_url: Option<Hidden>,
    /// How many days analytics are kept in the second database, 1 to 3650.
    #[arg(long, env, global = true, default_value_t = 90, value_name = "ANALYTICS_KEEP_DAYS",
        value_parser = whole(1, 3650))]
    pub analytics_keep_days: u32,
    /// How many days log lines are kept in the second database, 1 to 3650.
    #[arg(long, env, global = true, default_value_t = 30, value_name = "APP_LOGS_KEEP_DAYS",
        value_parser = whole(1, 3650))]
    pub app_logs_keep_days: u32,
}

/// Whole numbers within bounds, both included.
fn whole(low: u32, high: u32) -> impl Fn(&str) -> Result<u32, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| (low..=high).contains(number));
        number.ok_or_else(|| format!("a whole number from {low} to {high} is accepted"))
    }
}

fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| "a whole number from 0 to 65535 is accepted".to_owned())
}

fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| "an IP address is accepted: 127.0.0.1, 0.0.0.0, ::1".to_owned())
}

/// A span of time: a whole number and ms, s, m, h or d.
fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "a whole number with a unit is accepted: 500ms, 5s, 2m, 24h, 7d".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(millis).map(Duration::from_millis).ok_or_else(wrong)
}

fn schedule(text: &str) -> Result<(&'static str, Duration), String> {
    let (model, every) = text.split_once('=').ok_or("a model, = and a span are accepted: users=1h")?;
    let model = chainbill_sync::model(model.trim()).map_err(|error| error.to_string())?;
    Ok((model.name, span(every.trim())?))
}

impl Settings {
    /// Checks what single values cannot say.
    ///
    /// # Errors
    /// With the setting's name, what is wrong, and what is accepted. No secret is part of it.
    pub fn check(&self) -> anyhow::Result<()> {
        if let Some(Hidden(url)) = &self.database_url {
            let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
            if !matches!(scheme, "mysql" | "mariadb" | "sqlite") {
                bail!(
                    "DATABASE_URL begins with {scheme:?}: mysql:// (for MySQL and MariaDB) and sqlite:// are accepted"
                );
            }
            if scheme != "sqlite" && url.rsplit('/').next().is_none_or(|database| database.is_empty()) {
                bail!("DATABASE_URL names no database: mysql://user:password@host:3306/database is accepted");
            }
        }
        if let Some(Hidden(uri)) = &self.mongodb_uri {
            let scheme = uri.split_once("://").map_or("", |(scheme, _)| scheme);
            if !matches!(scheme, "mongodb" | "mongodb+srv") {
                bail!("MONGODB_URI begins with {scheme:?}: mongodb:// and mongodb+srv:// are accepted");
            }
        }
        if let Some(Hidden(password)) = &self.admin_password {
            let length = password.chars().count();
            if !(10..=128).contains(&length) {
                bail!("ADMIN_PASSWORD has {length} characters: 10 to 128 are accepted");
            }
        }
        if let Err(error) = chainbill_domain::text::email(&self.admin_email) {
            bail!("ADMIN_EMAIL {error}");
        }
        if let Some(Hidden(url)) = &self.alert_webhook_url {
            let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
            if !matches!(scheme, "http" | "https") {
                bail!("ALERT_WEBHOOK_URL begins with {scheme:?}: https:// and http:// are accepted");
            }
        }
        Ok(())
    }

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
    pub const fn app(&self) -> chainbill_app::Settings {
        chainbill_app::Settings { session: self.session_lifetime, replay: self.idempotency_lifetime }
    }

    /// For the web.
    #[must_use]
    pub fn serving(&self) -> Serving {
        Serving {
            rates: Rates { login: self.rate_login, search: self.rate_search, all: self.rate_all },
            trusted_proxies: self.trusted_proxies.clone(),
            fresh_bound: self.fresh_wait,
            secure_cookies: self.secure_cookies,
        }
    }

    /// For the synchronisation.
    #[must_use]
    pub fn sync(&self) -> chainbill_sync::Settings {
        const DAY: u64 = 86_400;
        let otherwise = chainbill_sync::Settings::default();
        let retention = Retention {
            analytics: Duration::from_secs(u64::from(self.analytics_keep_days) * DAY),
            logs: Duration::from_secs(u64::from(self.app_logs_keep_days) * DAY),
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
            retention,
            ..otherwise
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{CommandFactory as _, Parser as _};

    use crate::cli::Cli;

    fn names() -> BTreeSet<String> {
        let command = Cli::command();
        let named = command.get_arguments().filter_map(|argument| argument.get_env());
        named.map(|name| name.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn the_example_file_holds_every_setting_and_no_other() {
        let example = include_str!("../../../.env.example");
        let lines = example.lines().filter_map(|line| line.trim_start_matches('#').trim_start().split_once('='));
        let written: BTreeSet<String> = lines
            .map(|(name, _)| name)
            .filter(|name| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
            .map(str::to_owned)
            .collect();
        assert_eq!(written, names());
    }

    #[test]
    fn the_help_explains_every_setting() {
        let help = Cli::command().render_long_help().to_string();
        for name in names() {
            assert!(help.contains(&format!("[env: {name}")), "{name}");
        }
    }

    #[test]
    fn a_wrong_value_is_refused_with_its_name_and_what_is_accepted() {
        for (arguments, expected) in [
            (["--port", "70000"], ["PORT", "from 0 to 65535"]),
            (["--port", "abc"], ["'abc'", "from 0 to 65535"]),
            (["--rate-all", "many"], ["RATE_ALL", "from 1 to"]),
            (["--bind-address", "home"], ["BIND_ADDRESS", "127.0.0.1"]),
            (["--trusted-proxies", "10.0.0.1,proxy"], ["TRUSTED_PROXIES", "an IP address"]),
            (["--log-format", "xml"], ["LOG_FORMAT", "text, json"]),
            (["--fresh-wait", "soon"], ["FRESH_WAIT", "500ms, 5s, 2m"]),
            (["--sync-every", "ghosts=1h"], ["SYNC_EVERY", "users, skills"]),
            (["--sync-lanes", "0"], ["SYNC_LANES", "from 1 to 64"]),
        ] {
            let error = Cli::try_parse_from(["chainbill"].into_iter().chain(arguments)).expect_err("refused");
            let text = error.to_string();
            assert!(expected.iter().all(|part| text.contains(part)), "{text}");
        }
    }

    #[test]
    fn proxies_are_a_list_of_addresses() {
        let cli = Cli::try_parse_from(["chainbill", "--trusted-proxies", "10.0.0.1,2001:db8::1"]).expect("accepted");
        let named: Vec<String> = cli.settings.trusted_proxies.iter().map(ToString::to_string).collect();
        assert_eq!(named, ["10.0.0.1", "2001:db8::1"]);
    }

    #[test]
    fn a_wrong_address_is_refused_without_showing_its_password() {
        for (name, value) in [("--database-url", "postgres://u:canary@h/d"), ("--mongodb-uri", "http://u:canary@h")] {
            let cli = Cli::try_parse_from(["chainbill", name, value]).expect("texts are checked later");
            let error = cli.settings.check().expect_err("refused").to_string();
            assert!(error.contains("accepted") && !error.contains("canary"), "{error}");
            assert!(!format!("{cli:?}").contains("canary"));
        }
    }
}
