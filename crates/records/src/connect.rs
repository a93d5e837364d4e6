//! Opening the primary and looking at how it is set up, before anything is trusted to it.

use std::{path::Path, time::Duration};

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, Statement};
use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};

use crate::{Records, dialect::Dialect};

/// How to reach the primary.
#[derive(Clone)]
pub struct ConnectSettings {
    /// `mysql://…` or `sqlite://path`.
    pub url: String,
    /// Most connections.
    pub max_connections: u32,
    /// How long to wait for a connection, the handshake included.
    pub acquire_timeout: Duration,
}

/// The primary cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address has another scheme.
    #[error("DATABASE_URL begins with {0:?}: mysql:// (for MySQL and MariaDB) and sqlite:// are accepted")]
    Scheme(String),
    /// The folder of the file cannot be made.
    #[error("the folder {folder} for the primary database cannot be made: {cause}")]
    Folder {
        /// The folder.
        folder: String,
        /// Why.
        cause: std::io::Error,
    },
    /// It does not answer or refuses the login.
    #[error("the primary database cannot be reached: {0}")]
    Unreachable(#[source] DbErr),
    /// It would lose or change what is stored.
    #[error("the primary database is not set up to keep money safe: {0}")]
    Unsafe(String),
}

/// An open primary.
pub struct Connected {
    /// The connections.
    pub db: DatabaseConnection,
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

fn options(settings: &ConnectSettings, url: &str) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(settings.max_connections)
        .min_connections(1)
        .acquire_timeout(settings.acquire_timeout)
        .connect_timeout(settings.acquire_timeout)
        .idle_timeout(Duration::from_secs(600))
        .test_before_acquire(false)
        .sqlx_logging(false);
    options
}

async fn sqlite(settings: &ConnectSettings) -> Result<Connected, ConnectError> {
    let path = settings.url.trim_start_matches("sqlite://").split('?').next().unwrap_or("");
    if let Some(folder) = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|cause| ConnectError::Folder { folder: folder.display().to_string(), cause })?;
    }
    let mut options = options(settings, &format!("sqlite://{path}?mode=rwc"));
    let busy = settings.acquire_timeout;
    options.map_sqlx_sqlite_opts(move |options| {
        options
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(busy)
            .pragma("wal_autocheckpoint", "4000")
            .pragma("cache_size", "-32000")
            .pragma("temp_store", "MEMORY")
            .statement_cache_capacity(200)
    });
    let db = Database::connect(options).await.map_err(ConnectError::Unreachable)?;
    let version = ask(&db, "SELECT sqlite_version()").await.map_err(ConnectError::Unreachable)?.unwrap_or_default();
    Ok(Connected { db, dialect: Dialect::Sqlite, version, warnings: Vec::new() })
}

async fn pool(settings: &ConnectSettings) -> Result<DatabaseConnection, ConnectError> {
    let url = mysql_url(settings);
    let mut options = options(settings, &url);
    options.map_sqlx_mysql_opts(|options| options.statement_cache_capacity(200).charset("utf8mb4"));
    options.map_sqlx_mysql_pool_opts(|options| {
        options.after_connect(|connection, _| {
            Box::pin(async move {
                use sqlx::Executor as _;
                connection.execute(SESSION).await?;
                // The variable has another name on older MariaDB; the statement has not.
                connection.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ").await?;
                // Only MariaDB knows it; there it turns a silently lost update into an error that is retried.
                if let Err(error) = connection.execute("SET SESSION innodb_snapshot_isolation=ON").await
                    && !matches!(error, sqlx::Error::Database(_))
                {
                    return Err(error);
                }
                Ok(())
            })
        })
    });
    let connecting = tokio::time::timeout(settings.acquire_timeout, Database::connect(options));
    connecting
        .await
        .unwrap_or_else(|_| Err(DbErr::Custom("no answer to the login within the deadline".to_owned())))
        .map_err(ConnectError::Unreachable)
}

fn mysql_url(settings: &ConnectSettings) -> String {
    settings.url.replacen("mariadb://", "mysql://", 1)
}

async fn server(settings: &ConnectSettings) -> Result<Connected, ConnectError> {
    let db = pool(settings).await?;
    let version = ask(&db, "SELECT VERSION()").await.map_err(ConnectError::Unreachable)?.unwrap_or_default();
    let dialect = Dialect::of_server(&version);
    let warnings = inspect(&db, &mysql_url(settings)).await?;
    Ok(Connected { db, dialect, version, warnings })
}

/// Every connection counts in UTC, refuses what does not fit instead of cutting it, and reads repeatably.
const SESSION: &str = "SET SESSION time_zone='+00:00', \
    sql_mode='STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_BACKSLASH_ESCAPES', \
    innodb_lock_wait_timeout=10";

/// Looks at what durability depends on (safety rule 4).
async fn inspect(db: &DatabaseConnection, url: &str) -> Result<Vec<String>, ConnectError> {
    let mut warnings = Vec::new();
    let variable = async |name: &str| ask(db, &format!("SELECT CAST(@@GLOBAL.{name} AS CHAR)")).await.ok().flatten();
    if let Some(flush) = variable("innodb_flush_log_at_trx_commit").await.filter(|flush| flush != "1") {
        warnings.push(format!(
            "innodb_flush_log_at_trx_commit is {flush}: an acknowledged write can be lost in a crash; set it to 1"
        ));
    }
    let logs = variable("log_bin").await.is_some_and(|on| on == "1");
    if let Some(sync) = variable("sync_binlog").await.filter(|sync| logs && sync != "1") {
        warnings.push(format!("sync_binlog is {sync}: replicas can lose acknowledged writes; set it to 1"));
    }
    let host = url.split('@').next_back().unwrap_or("").split(['/', ':']).next().unwrap_or("").to_owned();
    let local = ["localhost", "127.0.0.1", "[", ""].contains(&host.as_str());
    let cipher = ask(db, "SHOW SESSION STATUS LIKE 'Ssl_cipher'").await.ok().flatten();
    if !local && cipher.is_none_or(|cipher| cipher.is_empty() || cipher == "Ssl_cipher") {
        warnings.push(format!(
            "the connection to {host} may not be encrypted: add ?ssl-mode=VERIFY_IDENTITY to DATABASE_URL"
        ));
    }
    let engine = ask(db, "SELECT CAST(@@GLOBAL.default_storage_engine AS CHAR)").await.ok().flatten();
    if let Some(engine) = engine.filter(|engine| !engine.eq_ignore_ascii_case("InnoDB")) {
        return Err(ConnectError::Unsafe(format!("its default storage engine is {engine}; InnoDB is accepted")));
    }
    Ok(warnings)
}

/// The last column of the only row, as text.
async fn ask(db: &DatabaseConnection, sql: &str) -> Result<Option<String>, DbErr> {
    let Some(row) = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await? else {
        return Ok(None);
    };
    let last = row.column_names().len().saturating_sub(1);
    row.try_get_by_index::<Option<String>>(last)
}
