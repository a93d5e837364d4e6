//! Opening the primary and looking at how it is set up, before anything is trusted to it.

use std::{net::IpAddr, path::Path, time::Duration};

use chainbill_sqlite::Usage;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, RuntimeErr, SqlxSqliteConnector, Statement,
};
use sqlx::sqlite::SqliteConnectOptions;

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
    let unreachable = |error: sqlx::Error| ConnectError::Unreachable(DbErr::Conn(RuntimeErr::SqlxError(error.into())));
    let options: SqliteConnectOptions = format!("sqlite://{path}?mode=rwc").parse().map_err(unreachable)?;
    let usage = Usage { max_connections: settings.max_connections, patience: settings.acquire_timeout };
    let pool = chainbill_sqlite::open(options.statement_cache_capacity(200), usage).await.map_err(unreachable)?;
    let db = SqlxSqliteConnector::from_sqlx_sqlite_pool(pool);
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

/// What was seen of a server; none where it does not know the question.
#[derive(Debug, Default)]
struct Seen {
    flush: Option<String>,
    binary_log: Option<String>,
    sync_binlog: Option<String>,
    sql_mode: Option<String>,
    time_zone: Option<String>,
    client_charset: Option<String>,
    connection_charset: Option<String>,
    cipher: Option<String>,
    engine: Option<String>,
}

/// Looks at what durability and exactness depend on (safety rule 4).
async fn inspect(db: &DatabaseConnection, url: &str) -> Result<Vec<String>, ConnectError> {
    let variable = async |name: &str| ask(db, &format!("SELECT CAST(@@{name} AS CHAR)")).await.ok().flatten();
    let seen = Seen {
        flush: variable("GLOBAL.innodb_flush_log_at_trx_commit").await,
        binary_log: variable("GLOBAL.log_bin").await,
        sync_binlog: variable("GLOBAL.sync_binlog").await,
        sql_mode: variable("SESSION.sql_mode").await,
        time_zone: variable("SESSION.time_zone").await,
        client_charset: variable("SESSION.character_set_client").await,
        connection_charset: variable("SESSION.character_set_connection").await,
        cipher: ask(db, "SHOW SESSION STATUS LIKE 'Ssl_cipher'").await.ok().flatten(),
        engine: variable("GLOBAL.default_storage_engine").await,
    };
    judge(&seen, host(url))
}

/// Refuses what would change what is stored, and warns of what could lose it or show it to others.
fn judge(seen: &Seen, host: &str) -> Result<Vec<String>, ConnectError> {
    let refused = |what: String| Err(ConnectError::Unsafe(what));
    if let Some(engine) = seen.engine.as_ref().filter(|engine| !engine.eq_ignore_ascii_case("InnoDB")) {
        return refused(format!("its default storage engine is {engine}; InnoDB is accepted"));
    }
    // Every session asks for these; what stands between, such as a pooling proxy, may have lost the wish.
    if let Some(mode) = seen.sql_mode.as_ref().filter(|mode| !mode.contains("STRICT_")) {
        return refused(format!(
            "its sql_mode stays {mode:?}, which cuts what does not fit; STRICT_ALL_TABLES is accepted"
        ));
    }
    if let Some(zone) = seen.time_zone.as_ref().filter(|zone| !["+00:00", "UTC"].contains(&zone.as_str())) {
        return refused(format!("its time_zone stays {zone}; +00:00 is accepted"));
    }
    for charset in [&seen.client_charset, &seen.connection_charset].into_iter().flatten() {
        if charset != "utf8mb4" {
            return refused(format!("its character set stays {charset}; utf8mb4 is accepted"));
        }
    }
    let mut warnings = Vec::new();
    if let Some(flush) = seen.flush.as_ref().filter(|flush| *flush != "1") {
        warnings.push(format!(
            "innodb_flush_log_at_trx_commit is {flush}: an acknowledged write can be lost in a crash; set it to 1"
        ));
    }
    let logs = seen.binary_log.as_ref().is_some_and(|on| on == "1");
    if let Some(sync) = seen.sync_binlog.as_ref().filter(|sync| logs && *sync != "1") {
        warnings.push(format!("sync_binlog is {sync}: replicas can lose acknowledged writes; set it to 1"));
    }
    let plain = seen.cipher.as_ref().is_none_or(|cipher| cipher.is_empty() || cipher == "Ssl_cipher");
    if plain && !is_local(host) {
        warnings.push(format!(
            "the connection to {host} may not be encrypted: add ?ssl-mode=VERIFY_IDENTITY to DATABASE_URL"
        ));
    }
    Ok(warnings)
}

/// The host of an address; an IPv6 address stands in brackets there and comes without them.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let place = authority.rsplit('@').next().unwrap_or("");
    match place.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or(""),
        None => place.split(':').next().unwrap_or(""),
    }
}

/// Whether what is sent there never leaves the machine.
fn is_local(host: &str) -> bool {
    host.is_empty()
        || host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// The last column of the only row, as text.
async fn ask(db: &DatabaseConnection, sql: &str) -> Result<Option<String>, DbErr> {
    let Some(row) = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await? else {
        return Ok(None);
    };
    let last = row.column_names().len().saturating_sub(1);
    row.try_get_by_index::<Option<String>>(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_machine_itself_is_local() {
        for (url, expected, local) in [
            ("mysql://u:p@localhost:3306/d", "localhost", true),
            ("mysql://u:p@127.0.0.1/d", "127.0.0.1", true),
            ("mysql://u:p@127.8.8.8/d", "127.8.8.8", true),
            ("mysql://u:p@[::1]:3306/d", "::1", true),
            ("mysql:///d?socket=/run/mysqld.sock", "", true),
            ("mysql://u:p@[2001:db8::1]:3306/d", "2001:db8::1", false),
            ("mysql://u:p%40x@db.example.org/d?ssl-mode=REQUIRED", "db.example.org", false),
            ("mysql://db.example.org", "db.example.org", false),
            ("mysql://u:p@10.0.0.7:3306/d", "10.0.0.7", false),
        ] {
            assert_eq!((host(url), is_local(host(url))), (expected, local), "{url}");
        }
    }

    fn sound() -> Seen {
        let text = |text: &str| Some(text.to_owned());
        Seen {
            flush: text("1"),
            binary_log: text("1"),
            sync_binlog: text("1"),
            sql_mode: text("STRICT_ALL_TABLES,NO_ZERO_DATE"),
            time_zone: text("+00:00"),
            client_charset: text("utf8mb4"),
            connection_charset: text("utf8mb4"),
            cipher: text("TLS_AES_128_GCM_SHA256"),
            engine: text("InnoDB"),
        }
    }

    #[test]
    fn what_could_lose_or_show_something_is_warned_of() {
        let warned = |seen: Seen, host: &str| judge(&seen, host).expect("it is usable");
        assert_eq!(warned(sound(), "db.example.org"), Vec::<String>::new());
        assert!(warned(Seen { flush: Some("2".to_owned()), ..sound() }, "")[0].contains("innodb_flush"));
        assert!(warned(Seen { sync_binlog: Some("0".to_owned()), ..sound() }, "")[0].contains("sync_binlog"));
        let quiet = Seen { sync_binlog: Some("0".to_owned()), binary_log: Some("0".to_owned()), ..sound() };
        assert!(warned(quiet, "").is_empty(), "without a binary log there is nothing to lose");
        let plain = || Seen { cipher: Some(String::new()), ..sound() };
        assert!(warned(plain(), "2001:db8::1")[0].contains("ssl-mode"));
        assert!(warned(plain(), "::1").is_empty());
    }

    #[test]
    fn what_would_change_what_is_stored_is_refused() {
        let wrong = |text: &str| Some(text.to_owned());
        for seen in [
            Seen { engine: wrong("MyISAM"), ..sound() },
            Seen { sql_mode: wrong(""), ..sound() },
            Seen { time_zone: wrong("SYSTEM"), ..sound() },
            Seen { client_charset: wrong("latin1"), ..sound() },
            Seen { connection_charset: wrong("utf8mb3"), ..sound() },
        ] {
            assert!(matches!(judge(&seen, ""), Err(ConnectError::Unsafe(_))), "{seen:?}");
        }
    }
}
