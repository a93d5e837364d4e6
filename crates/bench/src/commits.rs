//! The outbox's cost per commit: the same rows with and without their entry, in turns.

use std::time::Instant;

use chainbill_domain::{
    event::{Event, EventData},
    id::{Id, InvoiceId, UserId},
    money::{Currency, Money},
    states::{AnchorStatus, EscrowStatus, InvoiceStatus, PaymentStatus, Role, Rounding, TaxCategory, UserStatus},
};
use chainbill_records::{
    Records, Text,
    entities::{audit_entries, invoice_lines, invoices, users},
};
use chainbill_testkit::sea_orm::{ActiveModelTrait, ConnectionTrait, EntityTrait as _, IntoActiveModel};

use crate::rate;

/// A kind of commit.
#[derive(Clone, Copy)]
pub(crate) enum Commit {
    /// One row: the smallest commit.
    Row,
    /// A draft invoice: its parties are looked up; the invoice, a line, the audit entry, an outbox entry and an event
    /// are saved.
    Draft,
}

/// The results.
pub(crate) struct Cost {
    /// Commits per second.
    pub with: f64,
    pub without: f64,
    pub percent: f64,
}

const TURNS: usize = 16;
const COMMITS: u64 = 1000;
const WRITERS: u64 = 8;

pub(crate) async fn outbox_cost(records: &Records, commit: Commit) -> anyhow::Result<Cost> {
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        without.push(turn(records, commit, false).await?);
        with.push(turn(records, commit, true).await?);
    }
    // Neighbouring turns, because the machine's pace changes; the median, because a server flush in one turn is an
    // outlier.
    let costs = with.iter().zip(&without).map(|(with, without)| (1.0 - with / without) * 100.0).collect();
    Ok(Cost { with: median(with), without: median(without), percent: median(costs) })
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    f64::midpoint(figures[(figures.len() - 1) / 2], figures[figures.len() / 2])
}

async fn turn(records: &Records, commit: Commit, outbox: bool) -> anyhow::Result<f64> {
    let started = Instant::now();
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..WRITERS {
        let records = records.clone();
        writers.spawn(async move {
            for _ in 0..COMMITS / WRITERS {
                match (commit, outbox) {
                    (Commit::Row, true) => {
                        let mut unit = records.begin().await?;
                        unit.insert::<users::Entity>(user(&records)).await?;
                        unit.commit().await?;
                    }
                    (Commit::Row, false) => {
                        let tx = records.begin().await?;
                        save(&tx, users::Model { version: 1, ..user(&records) }).await?;
                        tx.commit().await?;
                    }
                    (Commit::Draft, true) => with_outbox(&records).await?,
                    (Commit::Draft, false) => without_outbox(&records).await?,
                }
            }
            anyhow::Ok(())
        });
    }
    while let Some(one) = writers.join_next().await {
        one??;
    }
    Ok(rate(COMMITS, started.elapsed().as_secs_f64()))
}

async fn with_outbox(records: &Records) -> anyhow::Result<()> {
    let mut unit = records.begin().await?;
    let (invoice, line, audit) = draft(records);
    parties(&unit, &invoice).await?;
    let data = EventData::InvoiceCreated {
        freelancer: invoice.freelancer_id.0,
        invoice: invoice.id.0,
        project: None,
        total: Money { minor: invoice.total_minor, currency: invoice.currency.0 },
    };
    unit.event(&Event { id: Id::new(unit.now(), records.random().bytes()), at: unit.now(), data });
    unit.insert_with::<invoice_lines::Entity>(invoice, vec![line]).await?;
    unit.add::<audit_entries::Entity>(audit).await?;
    unit.commit().await?;
    Ok(())
}

/// The saving path's statements, without the outbox's.
async fn without_outbox(records: &Records) -> anyhow::Result<()> {
    let tx = records.begin().await?;
    let (invoice, line, audit) = draft(records);
    parties(&tx, &invoice).await?;
    save(&tx, invoices::Model { version: 1, ..invoice }).await?;
    save(&tx, line).await?;
    save(&tx, audit).await?;
    tx.commit().await?;
    Ok(())
}

async fn save<M, A>(tx: &impl ConnectionTrait, row: M) -> anyhow::Result<()>
where
    M: IntoActiveModel<A>,
    A: ActiveModelTrait,
{
    A::Entity::insert_many([row.into_active_model().reset_all()]).exec_without_returning(tx).await?;
    Ok(())
}

async fn parties(db: &impl ConnectionTrait, invoice: &invoices::Model) -> anyhow::Result<()> {
    users::Entity::find_by_id(invoice.freelancer_id).one(db).await?;
    users::Entity::find_by_id(invoice.client_id).one(db).await?;
    Ok(())
}

/// An invoice without lines.
pub(crate) fn invoice(records: &Records) -> invoices::Model {
    draft(records).0
}

fn draft(records: &Records) -> (invoices::Model, invoice_lines::Model, audit_entries::Model) {
    let now = records.now();
    let id: InvoiceId = Id::new(now, records.random().bytes());
    let currency = Text(Currency::all().next().expect("there are currencies"));
    let (freelancer, client): (UserId, UserId) =
        (Id::new(now, records.random().bytes()), Id::new(now, records.random().bytes()));
    let invoice = invoices::Model {
        id: Text(id),
        version: 0,
        number: None,
        number_seq: None,
        series: None,
        number_year: None,
        project_id: None,
        milestone_id: None,
        funds_milestone_id: None,
        freelancer_id: Text(freelancer),
        client_id: Text(client),
        title: "A wallet for a bakery chain".to_owned(),
        notes: Some("Payable within fourteen days.".to_owned()),
        status: Text(InvoiceStatus::Draft),
        payment_status: Text(PaymentStatus::Unpaid),
        escrow: Text(EscrowStatus::Unfunded),
        anchor_status: Text(AnchorStatus::None),
        currency,
        prices_include_tax: false,
        rounding: Text(Rounding::PerRate),
        subtotal_minor: 125_000,
        discount_minor: 0,
        discount_ppm: None,
        tax_minor: 0,
        total_minor: 125_000,
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
    let line = invoice_lines::Model {
        invoice_id: Text(id),
        position: 0,
        description: "Design and implementation".to_owned(),
        unit: None,
        quantity_micro: 1_000_000,
        unit_price_minor: 125_000,
        unit_price_micro: 0,
        currency,
        discount_minor: 0,
        discount_ppm: None,
        tax_category: Text(TaxCategory::Zero),
        tax_rate_ppm: 0,
        tax_reason: None,
        amount_minor: 125_000,
    };
    let audit = audit_entries::Model {
        id: records.new_id(),
        at: now,
        actor_id: Some(Text(freelancer)),
        action: "invoice.create".to_owned(),
        subject_model: "invoices".to_owned(),
        subject_id: id.to_string(),
        before_doc: None,
        after_doc: Some(format!("{{\"id\":\"{id}\",\"title\":\"A wallet for a bakery chain\",\"total\":\"1250.00\"}}")),
        request_id: Some(records.new_id()),
        address: Some("127.0.0.1".to_owned()),
    };
    (invoice, line, audit)
}

/// A user, as registration saves one.
pub(crate) fn user(records: &Records) -> users::Model {
    let now = records.now();
    let id: Id<_> = Id::new(now, records.random().bytes());
    users::Model {
        id: Text(id),
        version: 0,
        email: format!("{id}@example.org"),
        name: "Ada Lovelace".to_owned(),
        role: Text(Role::Freelancer),
        status: Text(UserStatus::Active),
        title: Some("Independent blockchain developer".to_owned()),
        bio: Some(
            "I am a blockchain developer with 9 years of practice. Lately: a wallet for a bakery chain.".to_owned(),
        ),
        location: Some("Berlin, Germany".to_owned()),
        hourly_rate_minor: Some(9_000),
        hourly_rate_currency: "EUR".parse().ok().map(Text),
        wallet_address: None,
        available: true,
        password_hash: None,
        time_zone: None,
        verified_at: None,
        created_at: now,
        updated_at: now,
    }
}
