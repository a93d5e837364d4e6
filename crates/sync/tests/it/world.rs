//! Two databases with people and bills in them, on every pair that this machine has.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chainbill_domain::{
    Model, SystemClock, SystemRandom, Timestamp,
    document::{Encoded, encode},
    id::{Id, InvoiceId, UserId},
    models::{INVOICES, USERS},
    states::{AnchorStatus, EscrowStatus, InvoiceStatus, PaymentStatus, Role, UserStatus},
};
use chainbill_mirror::{EmbeddedMirror, Mirror, MongoMirror, MongoSettings, Page, Stored};
use chainbill_records::{
    Records, RowPage,
    connect::{ConnectSettings, connect},
    entities::{invoice_lines, invoices, users},
    migrations,
    outbox::Op,
};
use chainbill_sync::{Settings, Sync};
use tempfile::TempDir;

pub struct World {
    pub records: Records,
    pub mirror: Arc<dyn Mirror>,
    pub sync: Sync,
    pub folder: TempDir,
    pub primary_url: String,
}

/// Runs a story on every pair of databases.
pub fn on_every_pair(story: impl AsyncFn(World)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        for (primary, secondary) in pairs() {
            let database = Fresh::make(&primary, &secondary).await;
            println!("on {primary} and {secondary}");
            let world = World::open(&database, quick()).await;
            story(world).await;
            database.remove().await;
        }
    });
}

/// The embedded pair, and each server that the environment names.
fn pairs() -> Vec<(String, String)> {
    let server = |name: &str| std::env::var(name).ok().filter(|url| !url.is_empty());
    let mut pairs = vec![("embedded".to_owned(), "embedded".to_owned())];
    let mongo = server("MONGODB_TEST_URL");
    for name in ["MYSQL_TEST_URL", "MARIADB_TEST_URL"] {
        match (server(name), &mongo) {
            (Some(primary), Some(mongo)) => pairs.push((primary, mongo.clone())),
            (Some(primary), None) => pairs.push((primary, "embedded".to_owned())),
            (None, _) => eprintln!("NOT TESTED: {name} is not set, so nothing ran there"),
        }
    }
    pairs
}

/// Databases that are a test's own.
pub struct Fresh {
    pub primary: String,
    pub secondary: String,
    pub folder: std::path::PathBuf,
    admin: Option<String>,
    name: String,
}

impl Fresh {
    pub async fn make(primary: &str, secondary: &str) -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        let random: [u8; 6] = (&SystemRandom as &dyn chainbill_domain::Random).bytes();
        let name = format!("cb_{}", random.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        let (primary, admin) = if primary == "embedded" {
            (format!("sqlite://{}", folder.join("primary.db").display()), None)
        } else {
            run(primary, &format!("CREATE DATABASE {name}")).await;
            (with_database(primary, &name), Some(primary.to_owned()))
        };
        let secondary = if secondary == "embedded" { "embedded".to_owned() } else { with_database(secondary, &name) };
        Self { primary, secondary, folder, admin, name }
    }

    pub async fn remove(self) {
        if let Some(admin) = &self.admin {
            run(admin, &format!("DROP DATABASE {}", self.name)).await;
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn with_database(url: &str, name: &str) -> String {
    let (base, query) = url.split_once('?').map_or((url, None), |(base, query)| (base, Some(query)));
    let (scheme, rest) = base.split_once("://").unwrap();
    let host = rest.split('/').next().unwrap();
    query.map_or_else(|| format!("{scheme}://{host}/{name}"), |query| format!("{scheme}://{host}/{name}?{query}"))
}

async fn run(url: &str, sql: &str) {
    use chainbill_records::sea_orm::ConnectionTrait as _;
    let db = connect(&settings(url)).await.unwrap_or_else(|error| panic!("{error}")).db;
    db.execute_unprepared(sql).await.unwrap();
    db.close().await.unwrap();
}

fn settings(url: &str) -> ConnectSettings {
    ConnectSettings { url: url.to_owned(), max_connections: 10, acquire_timeout: Duration::from_secs(10) }
}

/// Short times, so that a story is short.
pub fn quick() -> Settings {
    Settings {
        lease: Duration::from_millis(1500),
        page: 50,
        heartbeat: Duration::from_millis(300),
        verify_every: Duration::ZERO,
        ..Settings::default()
    }
}

pub async fn open_records(url: &str) -> Records {
    let connected = connect(&settings(url)).await.unwrap_or_else(|error| panic!("{error}"));
    migrations::up(&connected.db, connected.dialect, None).await.unwrap();
    Records::new(connected.db, connected.dialect, Arc::new(SystemClock), Arc::new(SystemRandom))
}

impl World {
    pub async fn open(database: &Fresh, settings: Settings) -> Self {
        let records = open_records(&database.primary).await;
        let folder = tempfile::tempdir().unwrap();
        let mirror: Arc<dyn Mirror> = if database.secondary == "embedded" {
            Arc::new(EmbeddedMirror::open(&database.folder.join("mirror.db")).await.unwrap())
        } else {
            Arc::new(MongoMirror::connect(&database.secondary, MongoSettings::default()).unwrap())
        };
        let sync = Sync::new(records.clone(), mirror.clone(), settings);
        Self { records, mirror, sync, folder, primary_url: database.primary.clone() }
    }

    pub fn id<K>(&self) -> Id<K> {
        Id::new(self.records.now(), self.records.random().bytes())
    }

    pub fn user(&self, name: &str) -> users::Model {
        let id: UserId = self.id();
        let now = self.records.now();
        users::Model {
            id: id.into(),
            version: 0,
            email: format!("{id}@example.org"),
            name: name.to_owned(),
            role: Role::Freelancer.into(),
            status: UserStatus::Active.into(),
            title: Some("Blockchain developer".to_owned()),
            bio: None,
            location: None,
            hourly_rate_minor: Some(i64::MAX),
            hourly_rate_currency: Some(currency("BHD")),
            wallet_address: None,
            available: true,
            password_hash: Some("$argon2id$canary".to_owned()),
            created_at: now,
            updated_at: now,
        }
    }

    pub fn invoice(&self, cents: i64) -> (invoices::Model, Vec<invoice_lines::Model>) {
        let id: InvoiceId = self.id();
        let (freelancer, client): (UserId, UserId) = (self.id(), self.id());
        let now = self.records.now();
        let line = invoice_lines::Model {
            invoice_id: id.into(),
            position: 0,
            description: "Réparation 😀 e\u{301} ".to_owned(),
            quantity_milli: 1000,
            unit_price_minor: cents,
            currency: currency("EUR"),
            tax_rate_bp: 0,
            amount_minor: cents,
        };
        let invoice = invoices::Model {
            id: id.into(),
            version: 0,
            number: None,
            number_seq: None,
            project_id: None,
            freelancer_id: freelancer.into(),
            client_id: client.into(),
            title: "Work".to_owned(),
            notes: None,
            status: InvoiceStatus::Draft.into(),
            payment_status: PaymentStatus::Unpaid.into(),
            escrow: EscrowStatus::Unfunded.into(),
            anchor_status: AnchorStatus::None.into(),
            currency: currency("EUR"),
            subtotal_minor: cents,
            discount_minor: 0,
            tax_minor: 0,
            total_minor: cents,
            paid_minor: 0,
            due_date: Some("2028-02-29".to_owned()),
            canonical_hash: None,
            token_id: None,
            tx_hash: None,
            sent_at: None,
            paid_at: None,
            released_at: None,
            voided_at: None,
            created_at: now,
            updated_at: now,
        };
        (invoice, vec![line])
    }

    /// Saves so many bills, in units of a hundred.
    pub async fn bills(&self, count: usize) {
        let mut left = count;
        while left > 0 {
            let some = left.min(100);
            let (rows, lines): (Vec<_>, Vec<_>) = (0..some).map(|n| self.invoice(100 + n as i64)).unzip();
            let mut unit = self.records.begin().await.unwrap();
            let lines = lines.into_iter().flatten().collect();
            unit.insert_many_with::<invoice_lines::Entity>(rows, lines).await.unwrap();
            unit.commit().await.unwrap();
            left -= some;
        }
    }

    pub async fn save_user(&self, name: &str) -> users::Model {
        let mut unit = self.records.begin().await.unwrap();
        let row = unit.insert::<users::Entity>(self.user(name)).await.unwrap();
        unit.commit().await.unwrap();
        row
    }

    /// Every row as the encoder sees it, by id.
    pub async fn rows(&self, model: &'static Model) -> BTreeMap<String, Encoded> {
        let snapshot = self.records.snapshot().await.unwrap();
        let (mut all, mut after) = (BTreeMap::new(), None::<String>);
        loop {
            let page = RowPage { after: after.as_deref(), up_to: None, limit: 1000 };
            let rows = snapshot.page(model, page).await.unwrap();
            let Some(last) = rows.last() else { break };
            after = Some(last.id.clone());
            all.extend(rows.into_iter().map(|row| (row.id.clone(), encode(model, row))));
        }
        snapshot.close().await.unwrap();
        all
    }

    /// Every document that is not a tombstone, by id.
    pub async fn documents(&self, model: &'static Model) -> BTreeMap<String, Stored> {
        let (mut all, mut after) = (BTreeMap::new(), None::<String>);
        loop {
            let page = Page { after: after.as_deref(), up_to: None, limit: 1000 };
            let documents = self.mirror.documents(model, page).await.unwrap();
            let Some(last) = documents.last() else { break };
            after = Some(last.stamp.id.clone());
            all.extend(documents.into_iter().filter(|d| !d.stamp.tombstone).map(|d| (d.stamp.id.clone(), d)));
        }
        all
    }

    /// Both sides hold the same, field by field.
    pub async fn assert_equal(&self) {
        for model in [&USERS, &INVOICES] {
            let (rows, documents) = (self.rows(model).await, self.documents(model).await);
            assert_eq!(rows.keys().collect::<Vec<_>>(), documents.keys().collect::<Vec<_>>(), "{}", model.name);
            for (id, row) in &rows {
                let stored = &documents[id];
                assert_eq!(stored.body, row.body, "{} {id}", model.name);
                assert_eq!((stored.stamp.version, stored.stamp.digest), (Some(row.version), Some(row.digest)));
            }
        }
    }

    pub async fn drained(&self) {
        assert!(self.sync.drained(Duration::from_secs(60)).await.unwrap(), "the backlog is there after a minute");
    }

    /// Writes past the application.
    pub async fn sql(&self, sql: &str) {
        use chainbill_records::sea_orm::ConnectionTrait as _;
        self.records.db().execute_unprepared(sql).await.unwrap();
    }

    /// Waits until a condition holds.
    pub async fn eventually(&self, what: &str, condition: impl AsyncFn() -> bool) {
        let mut pause = tokio::time::interval(Duration::from_millis(20));
        for _ in 0..3000 {
            if condition().await {
                return;
            }
            pause.tick().await;
        }
        panic!("after a minute it does not hold that {what}");
    }
}

pub const UPSERT: Op = Op::Upsert;

pub fn later(at: Timestamp) -> Timestamp {
    at + Duration::from_secs(1)
}

fn currency(code: &str) -> chainbill_records::Text<chainbill_domain::money::Currency> {
    chainbill_records::Text(code.parse().unwrap())
}
