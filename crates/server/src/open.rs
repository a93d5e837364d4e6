//! Opening the two databases.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use chainbill_domain::{SystemClock, SystemRandom};
use chainbill_mirror::{EmbeddedMirror, Mirror, MongoMirror, MongoSettings};
use chainbill_records::{
    Records, Topology,
    connect::{ConnectSettings, connect},
};

use crate::{
    private,
    settings::{Hidden, Settings},
};

/// The primary, open.
pub type Primary = Records;
/// The second database, open or to be reached later.
pub type Secondary = Arc<dyn Mirror>;

/// Opens the primary and says what an operator should know of it.
///
/// # Errors
/// When it does not answer or is not set up to keep money safe.
pub async fn primary(settings: &Settings) -> anyhow::Result<Primary> {
    open(settings, wish(settings, settings.database_max_connections)).await
}

/// The same for commands whose statements take as long as they take, such as proving invariants over everything.
///
/// # Errors
/// As [`primary`].
pub async fn patient(settings: &Settings) -> anyhow::Result<Primary> {
    let wish = wish(settings, settings.database_max_connections);
    open(settings, ConnectSettings { statement_timeout: None, ..wish }).await
}

async fn open(settings: &Settings, wish: ConnectSettings) -> anyhow::Result<Primary> {
    if let Some(path) = primary_file(&settings.primary_url()) {
        make_private(&path).context("the primary's file cannot be made")?;
    }
    let connected = connect(&wish).await?;
    tracing::info!("the primary is {} {}", connected.dialect, connected.version);
    for warning in &connected.warnings {
        tracing::warn!("the primary: {warning}");
    }
    Ok(Records::new(connected.db, connected.dialect, Arc::new(SystemClock), Arc::new(SystemRandom)))
}

/// The same primary through the synchronisation's own connections.
///
/// # Errors
/// When it does not answer.
pub async fn beside(primary: &Primary, settings: &Settings) -> anyhow::Result<Primary> {
    let wish = wish(settings, settings.sync_max_connections);
    let statement_timeout = wish.statement_timeout.map(|patience| patience * SYNC_STATEMENTS);
    let wish = ConnectSettings { statement_timeout, ..wish };
    let beside = chainbill_records::connect::beside(primary, &wish).await?;
    let recognised = Topology::recognise(&beside, settings.database_topology.into());
    let topology = recognised.await.context("the primary does not say which servers stand behind its address")?;
    match topology.is_cluster() {
        true => tracing::info!(
            "Sync finds that the primary is {topology}: what a server shows that is behind is not believed"
        ),
        false => tracing::debug!("Sync finds that the primary is {topology}"),
    }
    Ok(beside.within(topology))
}

/// The file of an embedded primary.
fn primary_file(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite://")?.split('?').next()?;
    // `:memory:` and its like are no files.
    Some(path).filter(|path| !path.is_empty() && !path.starts_with(':')).map(PathBuf::from)
}

/// Makes the file of an embedded database and its folder before anybody opens it, for its owner alone. One that is there
/// stays as its owner set it, and is told when others read it.
fn make_private(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), private::folder)?;
    private::file(path)?;
    if private::is_shared(path) {
        tracing::warn!("{} may be read by others than its owner: chmod 600 makes it private", path.display());
    }
    Ok(())
}

/// Ends the connections to both on a clean stop, so that everything is in the files of embedded ones and nothing in the logs
/// beside them. Whoever still uses one is waited for until the deadline.
pub async fn close(records: &Primary, mirror: Option<&Secondary>) {
    let closing = async {
        if let Some(mirror) = mirror {
            mirror.close().await;
        }
        records.close().await;
    };
    if tokio::time::timeout(CLOSING, closing).await.is_err() {
        tracing::warn!("a database was still in use at the end; what was committed is safe, in its log");
    }
}

/// How long connections in use are waited for.
const CLOSING: Duration = Duration::from_secs(10);

/// The synchronisation's statements read whole pages and count whole tables: they get so many times as long.
const SYNC_STATEMENTS: u32 = 6;

fn wish(settings: &Settings, max_connections: u32) -> ConnectSettings {
    ConnectSettings {
        url: settings.primary_url(),
        max_connections,
        acquire_timeout: settings.database_timeout,
        statement_timeout: Some(settings.database_statement_timeout),
        lifetime: settings.database_connection_lifetime,
        idle_timeout: settings.database_idle_timeout,
    }
}

/// Opens the second database. A server need not be there yet.
///
/// # Errors
/// When the address is no MongoDB connection string, or the embedded file cannot be opened.
pub async fn secondary(settings: &Settings) -> anyhow::Result<Secondary> {
    if let Some(Hidden(uri)) = &settings.mongodb_uri {
        let wish = MongoSettings { max_connections: settings.mongodb_max_connections, ..MongoSettings::default() };
        let mirror = MongoMirror::connect(uri, wish).context("MONGODB_URI is not accepted")?;
        tracing::info!("Sync keeps the second database on MongoDB, database {}", mirror.database_name());
        return Ok(Arc::new(mirror));
    }
    let path = settings.data_dir.join("secondary.db");
    make_private(&path).with_context(|| format!("DATA_DIR {} cannot be used", settings.data_dir.display()))?;
    let mirror = EmbeddedMirror::open(&path).await.with_context(|| format!("{} cannot be opened", path.display()))?;
    tracing::info!("Sync keeps the second database in {}", path.display());
    Ok(Arc::new(mirror))
}
