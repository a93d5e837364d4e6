//! Opens the primary and checks its configuration before use.

mod inspect;

use std::{path::Path, sync::Arc, time::Duration};

use chainbill_domain::SystemRandom;
use chainbill_sqlite::Usage;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, RuntimeErr, SqlxSqliteConnector, Statement};
use sqlx::{
    AssertSqlSafe, Executor as _,
    mysql::{MySqlConnectOptions, MySqlPoolOptions},
    sqlite::SqliteConnectOptions,
};

use crate::{
    Connections, Records,
    classes::Code,
    connections::{self, Limits, Opener, Server, Trust, check},
    dialect::Dialect,
};

/// How to reach the primary.
#[derive(Clone)]
pub struct ConnectSettings {
    /// `mysql://…` or `sqlite://path`.
    pub url: String,
    /// Most connections. A few more are opened for probes.
    pub max_connections: u32,
    /// How long to wait for a connection, the handshake included.
    pub acquire_timeout: Duration,
    /// How long a statement may take before the server ends it, or the connection is closed where it does not; none for as
    /// long as it takes. An embedded primary has none.
    pub statement_timeout: Option<Duration>,
    /// How long a connection lives; some end up to a fifth earlier.
    pub lifetime: Duration,
    /// How long a connection may rest before it is closed.
    pub idle_timeout: Duration,
}

impl ConnectSettings {
    /// The defaults for an address.
    #[must_use]
    pub fn of(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 16,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Some(Duration::from_secs(10)),
            lifetime: Duration::from_secs(600),
            idle_timeout: Duration::from_secs(120),
        }
    }
}

/// The primary cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address has another scheme.
    #[error("DATABASE_URL begins with {0:?}: mysql:// (for MySQL and MariaDB) and sqlite:// are accepted")]
    Scheme(String),
    /// The address has an unknown option, or an option with an unknown value.
    #[error("DATABASE_URL has {what}, which is not known: {accepted} are accepted")]
    Option {
        /// The option, or the option with its value.
        what: String,
        /// Those that are accepted.
        accepted: String,
    },
    /// The address cannot be read.
    #[error("DATABASE_URL cannot be read as an address")]
    Address {
        /// Why.
        #[source]
        cause: sqlx::Error,
    },
    /// The folder of the file cannot be made.
    #[error("the folder {folder} for the primary database cannot be made: {cause}")]
    Folder {
        /// The folder.
        folder: String,
        /// Why.
        cause: std::io::Error,
    },
    /// No server listens.
    #[error(
        "the primary database refused the connection: nothing listens at {place}; is the server running, and is this its port?"
    )]
    Closed {
        /// Host and port.
        place: String,
    },
    /// The database is not there.
    #[error(
        "the primary database server at {place} has no database {database:?}: CREATE DATABASE `{database}` CHARACTER SET utf8mb4; makes it"
    )]
    NoDatabase {
        /// Host and port.
        place: String,
        /// The database.
        database: String,
    },
    /// User or password are wrong.
    #[error(
        "the primary database server at {place} refuses the user {user:?}: its name, its password or its host is wrong; \
         CREATE USER '{user}'@'%' IDENTIFIED BY '…'; GRANT ALL PRIVILEGES ON `{database}`.* TO '{user}'@'%'; make one"
    )]
    Login {
        /// Host and port.
        place: String,
        /// The user.
        user: String,
        /// The database.
        database: String,
    },
    /// The user may not use the database.
    #[error(
        "the primary database server at {place} does not let the user {user:?} use the database {database:?}: \
         GRANT ALL PRIVILEGES ON `{database}`.* TO '{user}'@'%'; lets it"
    )]
    Rights {
        /// Host and port.
        place: String,
        /// The user.
        user: String,
        /// The database.
        database: String,
    },
    /// The server does not answer.
    #[error(
        "the primary database at {place} does not answer within {patience:?}: is the host right, and does a firewall let one through?"
    )]
    Silent {
        /// Host and port.
        place: String,
        /// How long was waited.
        patience: Duration,
    },
    /// It fails otherwise.
    #[error("the primary database cannot be reached")]
    Unreachable(#[source] DbErr),
    /// It would lose or change what is stored.
    #[error("the primary database is not set up to keep money safe: {0}")]
    Unsafe(String),
}

/// An open primary.
pub struct Connected {
    /// The connections.
    pub db: Connections,
    /// Its kind.
    pub dialect: Dialect,
    /// Its version as it says.
    pub version: String,
    /// What an operator should know.
    pub warnings: Vec<String>,
}

/// The same primary through connections of their own: for the synchronisation, which then neither starves behind a flood
/// of requests nor starves them. An embedded primary gives the connections that it has.
///
/// # Errors
/// As [`connect`].
pub async fn beside(records: &Records, settings: &ConnectSettings) -> Result<Records, ConnectError> {
    match records.dialect() {
        Dialect::Sqlite => Ok(records.clone()),
        Dialect::MySql | Dialect::TiDb | Dialect::MariaDb => Ok(records.through(pool(settings).await?)),
    }
}

/// Checks the address without a connection.
///
/// # Errors
/// With what is not accepted and what is. No password is part of it.
pub fn check_address(url: &str) -> Result<(), ConnectError> {
    check(url)
}

/// Opens the primary.
///
/// # Errors
/// When it cannot be used; the text says why and holds no password.
pub async fn connect(settings: &ConnectSettings) -> Result<Connected, ConnectError> {
    match settings.url.split_once("://").map(|(scheme, _)| scheme) {
        Some("sqlite") => sqlite(settings).await,
        Some("mysql" | "mariadb") => server(settings).await,
        other => Err(ConnectError::Scheme(other.unwrap_or("").to_owned())),
    }
}

async fn sqlite(settings: &ConnectSettings) -> Result<Connected, ConnectError> {
    check(&settings.url)?;
    let path = settings.url.trim_start_matches("sqlite://").split('?').next().unwrap_or("");
    if let Some(folder) = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|cause| ConnectError::Folder { folder: folder.display().to_string(), cause })?;
    }
    let unreachable = |error: sqlx::Error| ConnectError::Unreachable(DbErr::Conn(RuntimeErr::SqlxError(error.into())));
    let options: SqliteConnectOptions = format!("sqlite://{path}?mode=rwc").parse().map_err(unreachable)?;
    let usage = Usage { max_connections: settings.max_connections, patience: settings.acquire_timeout };
    let pool = chainbill_sqlite::open(options.statement_cache_capacity(200), usage).await.map_err(unreachable)?;
    let db = Connections::sqlite(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool));
    let version = ask(&db, "SELECT sqlite_version()").await.map_err(ConnectError::Unreachable)?.unwrap_or_default();
    Ok(Connected { db, dialect: Dialect::Sqlite, version, warnings: Vec::new() })
}

/// Connections to a server. A first one is opened at once, so that a wrong address is reported immediately.
async fn pool(settings: &ConnectSettings) -> Result<Connections, ConnectError> {
    let options = connections::options(&settings.url)?;
    let trust = Arc::new(Trust::default());
    let opener = opener(settings, &options, &trust, settings.statement_timeout);
    let first = opener.open().await.map_err(|cause| unusable(settings, &options, cause))?;
    // Closed in order: the pool opens its own on demand.
    drop(first);
    let acquire = settings.acquire_timeout;
    let probing = self::opener(settings, &options, &trust, Some(PROBE));
    let limits = Limits { acquire, statement: Some(PROBE + GRACE), back: GRACE };
    let probes = Connections::server(probing, PROBES, limits, None);
    let statement = settings.statement_timeout.map(|patience| patience + GRACE);
    let limits = Limits { acquire, statement, back: statement.unwrap_or(RETURN) };
    Ok(Connections::server(opener, settings.max_connections, limits, Some(probes)))
}

/// Connections for probes.
const PROBES: u32 = 3;
/// How long a probe may take; counts are probes too.
const PROBE: Duration = Duration::from_secs(10);
/// How long giving a connection back may take where statements have no deadline.
const RETURN: Duration = Duration::from_secs(60);
/// How much longer a statement is waited for than the server gives it.
const GRACE: Duration = Duration::from_secs(1);
/// How long rows are waited for at most.
const ROW_LOCK: Duration = Duration::from_secs(10);
/// How long locked tables are waited for at most.
const TABLE_LOCK: Duration = Duration::from_secs(5);
/// How long they are waited for where statements may take as long as they like, as those of migrations.
const MIGRATING: Duration = Duration::from_secs(30);

fn opener(
    settings: &ConnectSettings,
    options: &MySqlConnectOptions,
    trust: &Arc<Trust>,
    statement: Option<Duration>,
) -> Opener {
    Opener {
        options: options.clone(),
        session: session(statement),
        patience: settings.acquire_timeout,
        life: settings.lifetime,
        rest: settings.idle_timeout,
        trust: trust.clone(),
        random: Arc::new(SystemRandom),
    }
}

/// Every connection counts in UTC, refuses what does not fit instead of cutting it, commits by itself and reads whole answers,
/// whatever the server's settings are, and waits for nothing without end: half
/// of a statement's time (at most 5 s) for a locked table, at most that for locked rows. MySQL reads a comment that begins with `!` and a
/// version, MariaDB one that begins with `M!`.
fn session(statement: Option<Duration>) -> String {
    let table = statement.map_or(MIGRATING, |patience| TABLE_LOCK.min(patience / 2)).as_secs().max(1);
    let row = statement.map_or(ROW_LOCK, |patience| patience.min(ROW_LOCK)).as_secs().max(1);
    let millis = statement.map_or(0, |patience| patience.as_millis());
    format!(
        "SET SESSION autocommit=1, completion_type=0, sql_safe_updates=0, sql_select_limit=18446744073709551615, \
         time_zone='+00:00', \
         sql_mode='STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_BACKSLASH_ESCAPES', \
         innodb_lock_wait_timeout={row}, lock_wait_timeout={table} \
         /*!50708 , max_execution_time={millis} */ /*M!100101 , max_statement_time={}.{:03} */",
        millis / 1000,
        millis % 1000
    )
}

/// What is wrong when the first connection cannot be opened, with the command that repairs it.
fn unusable(settings: &ConnectSettings, options: &MySqlConnectOptions, cause: sqlx::Error) -> ConnectError {
    let place = format!("{}:{}", options.get_host(), options.get_port());
    let (user, database) = (options.get_username().to_owned(), options.get_database().unwrap_or("").to_owned());
    match (Code::of(&cause), &cause) {
        (Some(Code::MySql(1049)), _) => ConnectError::NoDatabase { place, database },
        (Some(Code::MySql(1045 | 1698)), _) => ConnectError::Login { place, user, database },
        (Some(Code::MySql(1044)), _) => ConnectError::Rights { place, user, database },
        (None, sqlx::Error::Io(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            ConnectError::Closed { place }
        }
        (None, sqlx::Error::Io(error)) if error.kind() == std::io::ErrorKind::TimedOut => {
            let patience = settings.acquire_timeout;
            ConnectError::Silent { place, patience }
        }
        _ => ConnectError::Unreachable(DbErr::Conn(sea_orm::RuntimeErr::SqlxError(cause.into()))),
    }
}

async fn server(settings: &ConnectSettings) -> Result<Connected, ConnectError> {
    let db = pool(settings).await?;
    let version = ask(&db, "SELECT VERSION()").await.map_err(ConnectError::Unreachable)?.unwrap_or_default();
    let dialect = Dialect::of_server(&version);
    let warnings = inspect::inspect(&db, &settings.url).await?;
    Ok(Connected { db, dialect, version, warnings })
}

/// The same server as the ORM's migrations want it: few connections of the driver's pool, whose statements may take long.
pub(crate) fn for_migrations(server: &Server) -> DatabaseConnection {
    let (opener, session) = (server.opener(), session(None));
    let pool = MySqlPoolOptions::new()
        .max_connections(3)
        .acquire_timeout(opener.patience)
        .after_connect(move |connection, _| {
            let session = session.clone();
            Box::pin(async move { connection.execute(AssertSqlSafe(session)).await.map(drop) })
        })
        .connect_lazy_with(opener.options.clone());
    pool.into()
}

/// The last column of the only row, as text.
async fn ask(db: &Connections, sql: &str) -> Result<Option<String>, DbErr> {
    let Some(row) = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await? else {
        return Ok(None);
    };
    let last = row.column_names().len().saturating_sub(1);
    row.try_get_by_index::<Option<String>>(last)
}
