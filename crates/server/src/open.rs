//! Opening the two databases.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use chainbill_domain::{Clock, SystemClock, SystemRandom, TestClock};
use chainbill_mirror::{EmbeddedMirror, Mirror, MongoMirror, MongoSettings};
use chainbill_records::{
    Records, Topology,
    connect::{ConnectSettings, connect},
    migrations,
};

use crate::{
    private,
    settings::{Hidden, Settings},
};

/// The primary, open.
pub type Primary = Records;
/// The mirror, open or to be reached later.
pub type Secondary = Arc<dyn Mirror>;

/// Opens the primary and logs warnings about its configuration.
///
/// # Errors
/// When it does not answer or is not set up to keep money safe.
pub async fn primary(settings: &Settings) -> anyhow::Result<Primary> {
    Ok(serving(settings).await?.0)
}

/// The primary of a server, with the clock that it follows in test mode.
///
/// # Errors
/// As [`primary`].
pub(crate) async fn serving(settings: &Settings) -> anyhow::Result<(Primary, Option<Arc<TestClock>>)> {
    open(settings, options(settings, settings.database_max_connections)).await
}

/// The same without a deadline for statements, for commands such as `check`.
///
/// # Errors
/// As [`primary`].
pub async fn patient(settings: &Settings) -> anyhow::Result<Primary> {
    let options = options(settings, settings.database_max_connections);
    Ok(open(settings, ConnectSettings { statement_timeout: None, ..options }).await?.0)
}

async fn open(settings: &Settings, options: ConnectSettings) -> anyhow::Result<(Primary, Option<Arc<TestClock>>)> {
    if let Some(path) = primary_file(&settings.primary_url()) {
        make_private(&path).context("the primary's file cannot be made")?;
    }
    let connected = connect(&options).await?;
    tracing::info!("the primary is {} {}", connected.dialect, connected.version);
    for warning in &connected.warnings {
        tracing::warn!("the primary: {warning}");
    }
    let test_clock = settings.test_mode.then(Arc::<TestClock>::default);
    let clock: Arc<dyn Clock> = match &test_clock {
        Some(clock) => clock.clone(),
        None => Arc::new(SystemClock),
    };
    let records = Records::new(connected.db, connected.dialect, clock, Arc::new(SystemRandom));
    if let Some(clock) = &test_clock
        && migrations::status(&records).await?.iter().all(|step| step.applied)
    {
        records.follow_test_clock(clock).await?;
    }
    Ok((records, test_clock))
}

/// The same primary through the synchronisation's own connections.
///
/// # Errors
/// When it does not answer.
pub async fn beside(primary: &Primary, settings: &Settings) -> anyhow::Result<Primary> {
    let options = options(settings, settings.sync_max_connections);
    let statement_timeout = options.statement_timeout.map(|patience| patience * SYNC_STATEMENTS);
    let options = ConnectSettings { statement_timeout, ..options };
    let beside = chainbill_records::connect::beside(primary, &options).await?;
    let recognised = Topology::recognise(&beside, settings.database_topology.into());
    let topology = recognised.await.context("the primary does not say which servers stand behind its address")?;
    match topology.is_cluster() {
        true => tracing::info!("Sync: the primary is {topology}; reads of lagging servers are detected"),
        false => tracing::debug!("Sync: the primary is {topology}"),
    }
    Ok(beside.within(topology))
}

/// The file of an embedded primary.
fn primary_file(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite://")?.split('?').next()?;
    // `:memory:` and its like are no files.
    Some(path).filter(|path| !path.is_empty() && !path.starts_with(':')).map(PathBuf::from)
}

/// Creates the file of an embedded database and its folder, for the owner alone. An existing one keeps its permissions; a warning
/// reports others' access.
fn make_private(path: &Path) -> std::io::Result<()> {
    path.parent().map_or(Ok(()), private::folder)?;
    private::file(path)?;
    if private::is_shared(path) {
        tracing::warn!("{} is accessible to others than its owner: chmod 600 makes it private", path.display());
    }
    Ok(())
}

/// Closes both databases on a clean stop, so that the write-ahead logs of embedded ones are merged into their files. Connections in
/// use are waited for until the deadline.
pub async fn close(records: &Primary, mirror: Option<&Secondary>) {
    let closing = async {
        if let Some(mirror) = mirror {
            mirror.close().await;
        }
        records.close().await;
    };
    if tokio::time::timeout(CLOSING, closing).await.is_err() {
        tracing::warn!("a database was still in use at the end; committed data is safe in its write-ahead log");
    }
}

/// How long connections in use are waited for.
const CLOSING: Duration = Duration::from_secs(10);

/// The synchronisation's statements read whole pages and count whole tables: their deadline is longer by this factor.
const SYNC_STATEMENTS: u32 = 6;

fn options(settings: &Settings, max_connections: u32) -> ConnectSettings {
    ConnectSettings {
        url: settings.primary_url(),
        max_connections,
        acquire_timeout: settings.database_timeout,
        statement_timeout: Some(settings.database_statement_timeout),
        lifetime: settings.database_connection_lifetime,
        idle_timeout: settings.database_idle_timeout,
    }
}

/// Opens the mirror. Its server need not be reachable yet.
///
/// # Errors
/// When the address is no MongoDB connection string, or the embedded file cannot be opened.
pub async fn secondary(settings: &Settings) -> anyhow::Result<Secondary> {
    if let Some(Hidden(uri)) = &settings.mongodb_uri {
        let options = MongoSettings { max_connections: settings.mongodb_max_connections, ..MongoSettings::default() };
        let mirror = MongoMirror::connect(uri, options).context("MONGODB_URI is not accepted")?;
        tracing::info!("Sync: the mirror is MongoDB, database {}", mirror.database_name());
        return Ok(Arc::new(mirror));
    }
    let path = settings.data_dir.join("secondary.db");
    make_private(&path).with_context(|| format!("DATA_DIR {} cannot be used", settings.data_dir.display()))?;
    let mirror = EmbeddedMirror::open(&path).await.with_context(|| format!("{} cannot be opened", path.display()))?;
    tracing::info!("Sync: the mirror is {}", path.display());
    Ok(Arc::new(mirror))
}
