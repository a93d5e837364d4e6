//! Lists read about what they return, however many rows there are: each with each filter costs among ten times as many rows
//! what it costs among few. On servers the rows that a session reads are counted, on SQLite the steps of its machine.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use chainbill_app::{App, Context, InvoiceFilter, ProjectFilter, Settings};
use chainbill_domain::{
    Clock as _, Random, SystemClock, SystemRandom,
    id::{Id, InvoiceId, ProjectId, UserId},
    states::{InvoiceStatus, ProjectStatus},
};
use chainbill_records::{
    Connections, Records, Text,
    connect::{ConnectSettings, connect},
    dialect::Dialect,
    entities::{invoices, projects},
    migrations,
};
use chainbill_testkit::sea_orm::{ConnectionTrait as _, Statement};
use chainbill_testkit::{EMBEDDED, Fresh, primaries, records_of};

use crate::world::{new_user, operator};

/// A primary with one connection, so that what the session has read is what the list has read.
async fn on_one_connection(fresh: &Fresh) -> (Records, Connections) {
    let settings = ConnectSettings { max_connections: 1, ..ConnectSettings::of(&fresh.primary) };
    let connected = connect(&settings).await.unwrap_or_else(|error| panic!("{error}"));
    let records = records_of(&connected);
    migrations::up(&records, None).await.unwrap();
    (records, connected.db)
}

/// Counts what the one connection does.
struct Meter {
    records: Records,
    steps: Arc<AtomicU64>,
}

impl Meter {
    async fn of(records: &Records, db: &Connections) -> Self {
        let steps = Arc::new(AtomicU64::new(0));
        if records.dialect() == Dialect::Sqlite {
            let counted = steps.clone();
            let mut connection = db.of_sqlite().unwrap().get_sqlite_connection_pool().acquire().await.unwrap();
            connection.lock_handle().await.unwrap().set_progress_handler(1, move || {
                counted.fetch_add(1, Relaxed);
                true
            });
        }
        Self { records: records.clone(), steps }
    }

    async fn now(&self) -> u64 {
        let db = &self.records;
        if self.records.dialect() == Dialect::Sqlite {
            return self.steps.load(Relaxed);
        }
        let sql = "SHOW SESSION STATUS LIKE 'Handler_read%'";
        let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index::<String>(1).unwrap().parse::<u64>().unwrap()).sum()
    }
}

fn id<K>() -> Text<Id<K>> {
    let random: &dyn Random = &SystemRandom;
    Text(Id::new(SystemClock.now(), random.bytes()))
}

/// People, and projects of which one is of both.
struct Cast {
    freelancer: UserId,
    client: UserId,
    project: Text<ProjectId>,
}

fn invoice(cast: &Cast, place: usize, status: InvoiceStatus) -> invoices::Model {
    use chainbill_domain::states::{AnchorStatus, EscrowStatus, PaymentStatus, Rounding};
    let (strange_freelancer, strange_client) = (id().0, id().0);
    // A third is of both, a third of each with strangers; and strangers have as many.
    let (freelancer, client) = match place % 4 {
        0 => (cast.freelancer, cast.client),
        1 => (cast.freelancer, strange_client),
        2 => (strange_freelancer, cast.client),
        _ => (strange_freelancer, strange_client),
    };
    let id: Text<InvoiceId> = id();
    let now = SystemClock.now();
    invoices::Model {
        id,
        version: 0,
        number: Some(id.to_string()[..30].to_owned()),
        number_seq: None,
        series: None,
        number_year: None,
        project_id: Some(cast.project).filter(|_| place.is_multiple_of(4)),
        milestone_id: None,
        funds_milestone_id: None,
        freelancer_id: Text(freelancer),
        client_id: Text(client),
        title: "Work".to_owned(),
        notes: None,
        status: Text(status),
        payment_status: Text(PaymentStatus::Unpaid),
        escrow: Text(EscrowStatus::Unfunded),
        anchor_status: Text(AnchorStatus::None),
        currency: Text("EUR".parse().unwrap()),
        prices_include_tax: false,
        rounding: Text(Rounding::PerRate),
        subtotal_minor: 0,
        discount_minor: 0,
        discount_ppm: None,
        tax_minor: 0,
        total_minor: 0,
        withholding_ppm: 0,
        withholding_minor: 0,
        deposit_minor: 0,
        paid_minor: 0,
        refunded_minor: 0,
        released_minor: 0,
        external_minor: 0,
        fee_minor: 0,
        credited_minor: 0,
        due_date: None,
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
    }
}

fn project(cast: &Cast, place: usize, status: ProjectStatus) -> projects::Model {
    let (client, freelancer) = match place % 3 {
        0 => (cast.client, id().0),
        1 => (id().0, cast.freelancer),
        _ => (id().0, id().0),
    };
    let now = SystemClock.now();
    projects::Model {
        id: id(),
        version: 0,
        client_id: Text(client),
        freelancer_id: Some(Text(freelancer)),
        title: "Work".to_owned(),
        description: String::new(),
        status: Text(status),
        budget_minor: None,
        budget_currency: None,
        deadline: None,
        return_reason: None,
        submitted_at: None,
        completed_at: None,
        cancelled_at: None,
        created_at: now,
        updated_at: now,
    }
}

/// Adds rows: a few of every state, and then so many that are sent or completed, newer than all others.
async fn fill(records: &Records, cast: &Cast, many: usize) {
    let few = |place: usize| InvoiceStatus::ALL[place % InvoiceStatus::ALL.len()];
    let invoices: Vec<_> = (0..120)
        .map(|place| invoice(cast, place / 6, few(place)))
        .chain((0..many).map(|place| invoice(cast, place, InvoiceStatus::Sent)))
        .collect();
    let few = |place: usize| ProjectStatus::ALL[place % ProjectStatus::ALL.len()];
    let work: Vec<_> = (0..150)
        .map(|place| project(cast, place / 5, few(place)))
        .chain((0..many).map(|place| project(cast, place, ProjectStatus::Completed)))
        .collect();
    let mut unit = records.begin().await.unwrap();
    unit.insert_many::<invoices::Entity>(invoices).await.unwrap();
    unit.insert_many::<projects::Entity>(work).await.unwrap();
    unit.commit().await.unwrap();
    if records.dialect() != Dialect::Sqlite {
        // Servers look at their tables from time to time; the test does not wait for that.
        records.query_all_raw(ask(records, "ANALYZE TABLE invoices, projects")).await.unwrap();
    }
}

fn ask(records: &Records, sql: &str) -> Statement {
    Statement::from_string(records.get_database_backend(), sql)
}

/// What every list with every filter costs, first page and next.
async fn costs(app: &App, meter: &Meter, people: &[(&str, &Context)], project: Text<ProjectId>) -> Vec<(String, u64)> {
    let mut costs = Vec::new();
    for (who, context) in people {
        let states = || std::iter::once(None).chain(InvoiceStatus::WORDS.iter().map(|word| Some((*word).to_owned())));
        for (status, of_project) in states().flat_map(|status| [(status.clone(), false), (status, true)]) {
            let project_id = of_project.then(|| project.to_string());
            let mut cursor = None;
            for page in 1..=2 {
                let filter = InvoiceFilter {
                    status: status.clone(),
                    project_id: project_id.clone(),
                    cursor: cursor.clone(),
                    ..InvoiceFilter::default()
                };
                let before = meter.now().await;
                let listed = app.invoices(context, &filter).await.unwrap();
                costs.push((format!("invoices {who} {status:?} {of_project} {page}"), meter.now().await - before));
                cursor = listed.next_cursor;
            }
        }
        for sort in ["created", "-sent", "due", "-total", "number"] {
            if *who == "operator" && sort != "created" {
                continue;
            }
            let currency = sort.ends_with("total").then(|| "EUR".to_owned());
            let mut cursor = None;
            for page in 1..=2 {
                let filter = InvoiceFilter {
                    sort: Some(sort.to_owned()),
                    currency: currency.clone(),
                    cursor: cursor.clone(),
                    ..InvoiceFilter::default()
                };
                let before = meter.now().await;
                let listed = app.invoices(context, &filter).await.unwrap();
                costs.push((format!("invoices {who} by {sort} {page}"), meter.now().await - before));
                cursor = listed.next_cursor;
            }
        }
        for status in std::iter::once(None).chain(ProjectStatus::WORDS.iter().map(|word| Some((*word).to_owned()))) {
            let mut cursor = None;
            for page in 1..=2 {
                let filter = ProjectFilter { status: status.clone(), limit: None, cursor: cursor.clone() };
                let before = meter.now().await;
                let listed = app.projects(context, &filter).await.unwrap();
                costs.push((format!("projects {who} {status:?} {page}"), meter.now().await - before));
                cursor = listed.next_cursor;
            }
        }
    }
    costs
}

#[tokio::test]
async fn every_list_and_filter_reads_about_what_it_returns_however_many_rows_there_are() {
    for primary in primaries() {
        let fresh = Fresh::make(&primary, EMBEDDED).await;
        let (records, db) = on_one_connection(&fresh).await;
        let app = App::new(records.clone(), Settings::default());
        let root = operator(&app).await;
        let (freelancer, femi) = new_user(&app, "femi", "FREELANCER").await;
        let (client, carla) = new_user(&app, "carla", "CLIENT").await;
        let (stranger, _) = new_user(&app, "sam", "CLIENT").await;
        let cast = Cast { freelancer: femi.id.parse().unwrap(), client: carla.id.parse().unwrap(), project: id() };
        let people = [("operator", &root), ("freelancer", &freelancer), ("client", &client), ("stranger", &stranger)];
        let meter = Meter::of(&records, &db).await;
        fill(&records, &cast, 400).await;
        let few = costs(&app, &meter, &people, cast.project).await;
        fill(&records, &cast, 4000).await;
        let many = costs(&app, &meter, &people, cast.project).await;
        for ((what, few), (_, many)) in few.iter().zip(&many) {
            assert!(*many <= few * 2 + 200, "{what} on {primary}: {few} among 520 rows, {many} among 4,640");
        }
        records.close().await;
        fresh.remove().await;
    }
}
