#![doc = include_str!("../README.md")]
#![allow(clippy::unwrap_used, reason = "a test that cannot have its databases fails at once")]

use std::{
    env, fs,
    net::{SocketAddr, ToSocketAddrs as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chainbill_domain::{Clock, Random, SystemClock, SystemRandom};
use chainbill_mirror::{EmbeddedMirror, Mirror, MongoMirror, MongoSettings};
use chainbill_records::{
    Records,
    connect::{ConnectSettings, Connected, connect},
    migrations,
};
use sea_orm::ConnectionTrait as _;

mod answering;
mod behind;
mod between;
mod clock;
mod dice;
mod disk;
mod distance;
mod foreign;
mod proxy;
pub mod stripe;
mod wire;

pub use answering::{Answering, Reply};
pub use behind::Behind;
pub use between::{Between, Largest, Seen, Writing};
pub use clock::ManualClock;
pub use dice::Dice;
pub use disk::SmallDisk;
pub use distance::Distance;
pub use foreign::{Foreign, ForeignDocuments, insert_bytes, with_other_bytes};
/// The plain driver, for tests with direct access to the mirror.
pub use mongodb;
pub use proxy::{Fault, Proxy};
/// The ORM, for tests with direct access to the primary. The product has it in `records` alone.
pub use sea_orm;
pub use wire::{Wire, refusal, refusals};

/// Name of a database without a server.
pub const EMBEDDED: &str = "embedded";

/// The embedded pair and each configured server. Missing servers are reported, and fail the test with `CI=true`.
#[must_use]
pub fn pairs() -> Vec<(String, String)> {
    let mongo = server("MONGODB_TEST_URL").unwrap_or_else(|| EMBEDDED.to_owned());
    let servers = ["MYSQL_TEST_URL", "MARIADB_TEST_URL"].into_iter().filter_map(server);
    let mut pairs = vec![(EMBEDDED.to_owned(), EMBEDDED.to_owned())];
    pairs.extend(servers.map(|primary| (primary, mongo.clone())));
    pairs
}

/// Every primary with every mirror: [`pairs`] and mixed ones.
#[must_use]
pub fn all_pairs() -> Vec<(String, String)> {
    let pairs = pairs();
    let secondaries: std::collections::BTreeSet<&String> = pairs.iter().map(|(_, secondary)| secondary).collect();
    let with_each = |(primary, _): &(String, String)| {
        secondaries.iter().map(|secondary| (primary.clone(), (*secondary).clone())).collect::<Vec<_>>()
    };
    pairs.iter().flat_map(with_each).collect()
}

/// Every primary: the embedded one and each configured server.
#[must_use]
pub fn primaries() -> Vec<String> {
    pairs().into_iter().map(|(primary, _)| primary).collect()
}

/// A configured server's address.
#[must_use]
pub fn server(variable: &str) -> Option<String> {
    let url = env::var(variable).ok().filter(|url| !url.is_empty());
    if url.is_none() {
        assert!(env::var("CI").as_deref() != Ok("true"), "CI=true requires every server, and {variable} is not set");
        eprintln!("NOT TESTED: {variable} is not set");
    }
    url
}

/// A test's own databases.
pub struct Fresh {
    /// The primary's address.
    pub primary: String,
    /// The mirror's address, or [`EMBEDDED`].
    pub secondary: String,
    /// Their folder.
    pub folder: PathBuf,
    admin: Option<String>,
    name: String,
}

impl Fresh {
    /// Creates databases on these servers ([`EMBEDDED`] for none).
    pub async fn make(primary: &str, secondary: &str) -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        let random: &dyn Random = &SystemRandom;
        let name = format!("cb_{}", hex::encode(random.bytes::<6>()));
        let (primary, admin) = if primary == EMBEDDED {
            (format!("sqlite://{}", folder.join("primary.db").display()), None)
        } else {
            run(primary, &format!("CREATE DATABASE {name}")).await;
            (with_database(primary, &name), Some(primary.to_owned()))
        };
        let secondary = if secondary == EMBEDDED { EMBEDDED.to_owned() } else { with_database(secondary, &name) };
        Self { primary, secondary, folder, admin, name }
    }

    /// Databases created and removed elsewhere.
    #[must_use]
    pub fn existing(primary: &str, secondary: &str) -> Self {
        let folder = primary.strip_prefix("sqlite://").and_then(|path| Path::new(path).parent());
        Self {
            primary: primary.to_owned(),
            secondary: secondary.to_owned(),
            folder: folder.map(Path::to_owned).unwrap_or_default(),
            admin: None,
            name: String::new(),
        }
    }

    /// Opens the primary with all its tables.
    pub async fn records(&self) -> Records {
        self.records_at(Arc::new(SystemClock)).await
    }

    /// The same with another clock.
    pub async fn records_at(&self, clock: Arc<dyn Clock>) -> Records {
        let Connected { db, dialect, .. } = open(&self.primary).await;
        let records = Records::new(db, dialect, clock, Arc::new(SystemRandom));
        migrations::up(&records, None).await.unwrap();
        records
    }

    /// The same primary through the synchronisation's own connections, as in the product.
    pub async fn beside(&self, records: &Records) -> Records {
        chainbill_records::connect::beside(records, &connect_settings(&self.primary)).await.unwrap()
    }

    /// Opens the mirror.
    pub async fn mirror(&self) -> Arc<dyn Mirror> {
        if self.secondary == EMBEDDED {
            return Arc::new(EmbeddedMirror::open(&self.folder.join("secondary.db")).await.unwrap());
        }
        Arc::new(MongoMirror::connect(&self.secondary, MongoSettings::default()).unwrap())
    }

    /// Empties the mirror like a foreign client.
    pub async fn empty_secondary(&self) {
        if self.secondary != EMBEDDED {
            let client = mongodb::Client::with_uri_str(&self.secondary).await.unwrap();
            return client.database(&self.name).drop().await.unwrap();
        }
        let db = open(&format!("sqlite://{}", self.folder.join("secondary.db").display())).await.db;
        let names: Vec<&str> = chainbill_domain::models::ALL.iter().map(|model| model.name).collect();
        for table in names.into_iter().chain(["_chainbill", "analytics", "app_logs"]) {
            db.execute_unprepared(&format!("DELETE FROM \"{table}\"")).await.unwrap();
        }
        db.close().await.unwrap();
    }

    /// Removes both.
    pub async fn remove(self) {
        if let Some(admin) = &self.admin {
            run(admin, &format!("DROP DATABASE {}", self.name)).await;
        }
        if self.secondary != EMBEDDED {
            let client = mongodb::Client::with_uri_str(&self.secondary).await.unwrap();
            client.database(&self.name).drop().await.unwrap();
        }
        // Leftovers in the temporary folder are no failure.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The primary through open connections.
#[must_use]
pub fn records_of(connected: &Connected) -> Records {
    Records::new(connected.db.clone(), connected.dialect, Arc::new(SystemClock), Arc::new(SystemRandom))
}

/// Opens a primary as the product does.
pub async fn open(url: &str) -> Connected {
    connect(&connect_settings(url)).await.unwrap_or_else(|error| panic!("{error}"))
}

fn connect_settings(url: &str) -> ConnectSettings {
    ConnectSettings {
        max_connections: 12,
        acquire_timeout: Duration::from_secs(10),
        statement_timeout: Some(Duration::from_secs(60)),
        ..ConnectSettings::of(url)
    }
}

/// An address with another database.
#[must_use]
pub fn with_database(url: &str, name: &str) -> String {
    let (base, query) = url.split_once('?').map_or((url, None), |(base, query)| (base, Some(query)));
    let (scheme, rest) = base.split_once("://").unwrap();
    let host = rest.split('/').next().unwrap();
    query.map_or_else(|| format!("{scheme}://{host}/{name}"), |query| format!("{scheme}://{host}/{name}?{query}"))
}

/// A client for the product's API.
#[must_use]
pub fn http() -> reqwest::Client {
    // TLS needs a process-wide crypto provider; the first installed one wins.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap()
}

/// The socket address of a server's URL.
#[must_use]
pub fn address(url: &str) -> SocketAddr {
    let rest = url.split_once("://").unwrap().1;
    let host = rest.split('/').next().unwrap().rsplit('@').next().unwrap();
    host.to_socket_addrs().unwrap().next().unwrap()
}

async fn run(url: &str, sql: &str) {
    let db = open(url).await.db;
    db.execute_unprepared(sql).await.unwrap();
    db.close().await.unwrap();
}
