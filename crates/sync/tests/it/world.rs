//! Two databases with users and invoices, on every pair that this machine has.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chainbill_domain::{
    Model,
    document::{Encoded, encode},
    id::{Id, InvoiceId, UserId},
    models::{INVOICES, USERS},
    states::{AnchorStatus, EscrowStatus, InvoiceStatus, PaymentStatus, Role, Rounding, TaxCategory, UserStatus},
};
use chainbill_mirror::{Mirror, Page, Stored};
use chainbill_records::{
    Records, RowPage,
    entities::{invoice_lines, invoices, users},
};
use chainbill_sync::{Replicator, Settings};
use chainbill_testkit::{Fresh, all_pairs, pairs};

pub struct World {
    pub records: Records,
    pub mirror: Arc<dyn Mirror>,
    pub sync: Replicator,
}

/// Runs a story on every pair of databases.
pub fn on_every_pair(story: impl AsyncFn(World)) {
    on_pairs(pairs(), story);
}

/// Runs a story on every primary with every mirror.
pub fn on_all_pairs(story: impl AsyncFn(World)) {
    on_pairs(all_pairs(), story);
}

fn on_pairs(pairs: Vec<(String, String)>, story: impl AsyncFn(World)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        for (primary, secondary) in pairs {
            let database = Fresh::make(&primary, &secondary).await;
            let world = World::open(&database, quick()).await;
            story(world).await;
            database.remove().await;
        }
    });
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

impl World {
    pub async fn open(database: &Fresh, settings: Settings) -> Self {
        let (records, mirror) = (database.records().await, database.mirror().await);
        let sync = Replicator::new(database.beside(&records).await, mirror.clone(), settings);
        Self { records, mirror, sync }
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
            time_zone: None,
            verified_at: None,
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
            unit: None,
            quantity_micro: 1_000_000,
            unit_price_minor: cents,
            unit_price_micro: 0,
            currency: currency("EUR"),
            discount_minor: 0,
            discount_ppm: None,
            tax_category: TaxCategory::Zero.into(),
            tax_rate_ppm: 0,
            tax_reason: None,
            amount_minor: cents,
        };
        let invoice = invoices::Model {
            id: id.into(),
            version: 0,
            number: None,
            number_seq: None,
            series: None,
            number_year: None,
            project_id: None,
            milestone_id: None,
            funds_milestone_id: None,
            freelancer_id: freelancer.into(),
            client_id: client.into(),
            title: "Work".to_owned(),
            notes: None,
            status: InvoiceStatus::Draft.into(),
            payment_status: PaymentStatus::Unpaid.into(),
            escrow: EscrowStatus::Unfunded.into(),
            anchor_status: AnchorStatus::None.into(),
            currency: currency("EUR"),
            prices_include_tax: false,
            rounding: Rounding::PerRate.into(),
            subtotal_minor: cents,
            discount_minor: 0,
            discount_ppm: None,
            tax_minor: 0,
            total_minor: cents,
            withholding_ppm: 0,
            withholding_minor: 0,
            deposit_minor: 0,
            paid_minor: 0,
            refunded_minor: 0,
            released_minor: 0,
            external_minor: 0,
            fee_minor: 0,
            credited_minor: 0,
            due_date: Some("2028-02-29".to_owned()),
            canonical_hash: None,
            canonical_version: None,
            parties: None,
            token_id: None,
            tx_hash: None,
            sent_at: None,
            paid_at: None,
            released_at: None,
            voided_at: None,
            freelancer_name: None,
            client_name: None,
            declined_at: None,
            decline_reason: None,
            fee_bp: 0,
            release_days: 14,
            work_submitted_at: None,
            work_note: None,
            release_at: None,
            work_returned_at: None,
            work_return_reason: None,
            created_at: now,
            updated_at: now,
        };
        (invoice, vec![line])
    }

    /// Saves `count` invoices, in units of a hundred.
    pub async fn invoices(&self, count: usize) {
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
        use chainbill_testkit::sea_orm::ConnectionTrait as _;
        self.records.execute_unprepared(sql).await.unwrap();
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

fn currency(code: &str) -> chainbill_records::Text<chainbill_domain::money::Currency> {
    chainbill_records::Text(code.parse().unwrap())
}
