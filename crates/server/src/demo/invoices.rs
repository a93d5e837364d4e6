//! Bills in every state and currency, with their money in the ledger, and quarrels over some of it.

use std::collections::{BTreeMap, HashMap};

use chainbill_domain::{
    Timestamp,
    event::Event,
    id::{InvoiceId, PaymentId, UserId},
    invoice::{Frozen, Line, number, totals},
    money::Currency,
    states::{
        AccountKind, AnchorStatus, DisputeOutcome, DisputeStatus, EscrowStatus, InvoiceStatus, PaymentMethod,
        PaymentStatus, TransferKind, VoteChoice,
    },
};
use chainbill_records::{
    RecordsError, Text, Unit,
    entities::{dispute_votes, disputes, invoice_counters, invoice_lines, invoices, ledger_postings, payments},
    sea_orm::{EntityTrait as _, IntoActiveModel as _, sea_query::OnConflict},
};
use chrono::{Datelike as _, Duration};

use super::{
    BATCH, Maker,
    people::People,
    prices,
    projects::Project,
    words::{QUARRELS, TASKS, THINGS},
};

/// A bill, for what hangs on it.
pub(super) struct Bill {
    pub id: InvoiceId,
    pub freelancer: UserId,
    pub at: Timestamp,
}

/// Everything of a batch.
#[derive(Default)]
struct Batch {
    invoices: Vec<invoices::Model>,
    lines: Vec<invoice_lines::Model>,
    payments: Vec<payments::Model>,
    postings: Vec<ledger_postings::Model>,
    disputes: Vec<disputes::Model>,
    votes: Vec<dispute_votes::Model>,
    counters: BTreeMap<UserId, i64>,
    events: Vec<Event>,
}

/// Invoices, and how many disputes each freelancer lost. A batch holds all that an invariant ties together: whoever stops
/// between two finds numbers without gaps and counters that are one ahead.
pub(super) async fn invoices(
    maker: &mut Maker<'_>,
    people: &People,
    projects: &[Project],
) -> anyhow::Result<(Vec<Bill>, HashMap<UserId, i64>)> {
    let all = maker.plan.invoices;
    let taken: Vec<&Project> = projects.iter().filter(|project| project.freelancer.is_some()).collect();
    let (mut bills, mut lost) = (Vec::with_capacity(all), HashMap::new());
    let mut next: HashMap<UserId, i64> = HashMap::new();
    let places: Vec<usize> = (0..all).collect();
    for chunk in places.chunks(BATCH) {
        let mut batch = Batch::default();
        for &place in chunk {
            let row = bill(maker, &mut batch, people, &taken, (place, all), &mut next);
            bills.push(Bill { id: row.id.0, freelancer: row.freelancer_id.0, at: row.created_at });
            batch.invoices.push(row);
        }
        let by_id: HashMap<_, _> = batch.invoices.iter().map(|row| (row.id, row.freelancer_id.0)).collect();
        for dispute in &batch.disputes {
            if let (Some(Text(DisputeOutcome::For)), Some(freelancer)) =
                (dispute.outcome, by_id.get(&dispute.invoice_id))
            {
                *lost.entry(*freelancer).or_insert(0) += 1;
            }
        }
        let count = [("invoices", batch.invoices.len()), ("disputes", batch.disputes.len())];
        let events = std::mem::take(&mut batch.events);
        maker.save(&count, events, async |unit: &mut Unit| save(unit, batch).await).await?;
    }
    Ok((bills, lost))
}

async fn save(unit: &mut Unit, batch: Batch) -> Result<(), RecordsError> {
    unit.insert_many_with::<invoice_lines::Entity>(batch.invoices, batch.lines).await?;
    unit.add_many::<payments::Entity>(batch.payments).await?;
    unit.add_many::<ledger_postings::Entity>(batch.postings).await?;
    unit.insert_many_with::<dispute_votes::Entity>(batch.disputes, batch.votes).await?;
    count(unit, batch.counters).await
}

/// Sets the counters of those who have new numbers.
async fn count(unit: &Unit, counters: BTreeMap<UserId, i64>) -> Result<(), RecordsError> {
    use invoice_counters::{Column, Entity, Model};
    if counters.is_empty() {
        return Ok(());
    }
    let row = |(freelancer, next_seq)| Model { freelancer_id: Text(freelancer), next_seq }.into_active_model();
    let ahead = OnConflict::column(Column::FreelancerId).update_column(Column::NextSeq).to_owned();
    Entity::insert_many(counters.into_iter().map(row)).on_conflict(ahead).exec_without_returning(unit.db()).await?;
    Ok(())
}

/// Most bill in their own currency, some in their client's.
fn currency(maker: &mut Maker<'_>, own: Currency) -> Currency {
    match maker.dice.below(100) {
        0..=9 => prices::currency("USD"),
        10..=19 => prices::currency("EUR"),
        _ => own,
    }
}

/// Where a bill stands.
struct Stand {
    status: InvoiceStatus,
    payment: PaymentStatus,
    escrow: EscrowStatus,
    /// Hundredths of the total that are paid.
    paid: i64,
}

fn stand(maker: &mut Maker<'_>, quarrel: Option<DisputeStatus>) -> Stand {
    use EscrowStatus as Escrow;
    use InvoiceStatus as Is;
    use PaymentStatus as Pay;
    let at = |status, payment, escrow, paid| Stand { status, payment, escrow, paid };
    match quarrel {
        Some(DisputeStatus::Open | DisputeStatus::Voting | DisputeStatus::Resolved) => {
            return at(Is::Paid, Pay::Paid, Escrow::Disputed, 100);
        }
        Some(DisputeStatus::Executed | DisputeStatus::Settled) => {
            return at(Is::Released, Pay::Paid, Escrow::Released, 100);
        }
        Some(DisputeStatus::Withdrawn) => return at(Is::Paid, Pay::Paid, Escrow::Held, 100),
        None => {}
    }
    match maker.dice.below(100) {
        0..=14 => at(Is::Draft, Pay::Unpaid, Escrow::Unfunded, 0),
        15..=29 => at(Is::Sent, Pay::Unpaid, Escrow::Unfunded, 0),
        30..=36 => at(Is::Sent, Pay::Partial, Escrow::PartiallyFunded, 40),
        37..=52 => at(Is::Paid, Pay::Paid, Escrow::Held, 100),
        53..=56 => at(Is::Paid, Pay::Paid, Escrow::InReview, 100),
        57..=58 => at(Is::Paid, Pay::Overpaid, Escrow::Held, 110),
        59..=90 => at(Is::Released, Pay::Paid, Escrow::Released, 100),
        91..=95 => at(Is::Void, Pay::Unpaid, Escrow::Unfunded, 0),
        _ => at(Is::Refunded, Pay::Paid, Escrow::Refunded, 100),
    }
}

fn bill(
    maker: &mut Maker<'_>,
    batch: &mut Batch,
    people: &People,
    taken: &[&Project],
    (place, all): (usize, usize),
    next: &mut HashMap<UserId, i64>,
) -> invoices::Model {
    let project = (!taken.is_empty() && maker.dice.chance(70)).then(|| *maker.dice.one(taken));
    let begin = maker.moment(place, all);
    let at = project.map_or(begin, |project| begin.max(project.at));
    let id: InvoiceId = maker.id(at);
    let (freelancer, client) = match project.and_then(|project| Some((project.freelancer?, project.client))) {
        Some(parties) => parties,
        None => (*maker.dice.one(people.freelancers()), *maker.dice.one(people.clients())),
    };
    let currency = currency(maker, people.bills_in(freelancer));
    let lines = lines(maker, currency);
    let discount = if maker.dice.chance(15) { lines[0].amount().unwrap_or(0) / 10 } else { 0 };
    let sums = totals(&lines, discount).unwrap_or_else(|_| unreachable!("a demo's sums are small"));
    let quarrel = maker.dice.chance(5).then(|| *maker.dice.one(DisputeStatus::ALL));
    let stand = stand(maker, quarrel);
    let is_sent = stand.status != InvoiceStatus::Draft;
    let sequence = is_sent.then(|| {
        let next = next.entry(freelancer).or_insert(1);
        *next += 1;
        batch.counters.insert(freelancer, *next);
        *next - 1
    });
    let sent_at = is_sent.then(|| maker.later(at, 3));
    let paid_minor = sums.total * stand.paid / 100;
    let paid_minor = if stand.payment == PaymentStatus::Overpaid { paid_minor.max(sums.total + 1) } else { paid_minor };
    let settled = matches!(stand.status, InvoiceStatus::Paid | InvoiceStatus::Released | InvoiceStatus::Refunded);
    let paid_at = sent_at.filter(|_| settled).map(|sent| maker.later(sent, 20));
    let released_at = paid_at.filter(|_| stand.status == InvoiceStatus::Released).map(|paid| maker.later(paid, 14));
    let voided_at = sent_at.filter(|_| stand.status == InvoiceStatus::Void).map(|sent| maker.later(sent, 9));
    let due_date =
        maker.dice.chance(85).then(|| (at + Duration::days(maker.dice.between(7, 45))).format("%Y-%m-%d").to_string());
    let mut row = invoices::Model {
        id: Text(id),
        version: 0,
        number: sequence.map(|sequence| number(sent_at.unwrap_or(at).year(), sequence)),
        number_seq: sequence,
        project_id: project.map(|project| Text(project.id)),
        freelancer_id: Text(freelancer),
        client_id: Text(client),
        title: format!("{} for the {}", maker.dice.one(TASKS), maker.dice.one(THINGS)),
        notes: maker.dice.chance(40).then(|| "Payable into escrow. Thank you!\nMerci — 谢谢 — شكرا".to_owned()),
        status: Text(stand.status),
        payment_status: Text(stand.payment),
        escrow: Text(stand.escrow),
        anchor_status: Text(AnchorStatus::None),
        currency: Text(currency),
        subtotal_minor: sums.subtotal,
        discount_minor: sums.discount,
        tax_minor: sums.tax,
        total_minor: sums.total,
        paid_minor,
        due_date,
        canonical_hash: None,
        token_id: None,
        tx_hash: None,
        sent_at,
        paid_at,
        released_at,
        voided_at,
        created_at: at,
        updated_at: voided_at.or(released_at).or(paid_at).or(sent_at).unwrap_or(at),
    };
    row.canonical_hash = row.number.as_ref().map(|number| {
        Frozen {
            id: id.to_string(),
            number: number.clone(),
            freelancer_id: freelancer.to_string(),
            client_id: client.to_string(),
            currency: currency.to_string(),
            lines: &lines,
            totals: sums,
            due_date: row.due_date.clone(),
        }
        .canonical_hash()
    });
    batch.lines.extend(line_rows(id, currency, &lines));
    batch.events.extend(maker.of_invoice(&row));
    money(maker, batch, &row);
    if let (Some(status), Some(paid_at)) = (quarrel, paid_at) {
        dispute(maker, batch, people, &row, status, paid_at);
    }
    row
}

fn lines(maker: &mut Maker<'_>, currency: Currency) -> Vec<Line> {
    (0..maker.dice.between(1, 4))
        .map(|_| Line {
            description: (*maker.dice.one(TASKS)).to_owned(),
            quantity_milli: maker.dice.between(1, 80) * 250,
            unit_price_minor: prices::price(maker.dice.between(3, 40) * 5, currency),
            tax_rate_bp: *maker.dice.one(&[0, 0, 700, 1900, 2000, 2150]),
        })
        .collect()
}

fn line_rows(id: InvoiceId, currency: Currency, lines: &[Line]) -> impl Iterator<Item = invoice_lines::Model> {
    lines.iter().zip(0..).map(move |(line, position)| invoice_lines::Model {
        invoice_id: Text(id),
        position,
        description: line.description.clone(),
        quantity_milli: line.quantity_milli,
        unit_price_minor: line.unit_price_minor,
        currency: Text(currency),
        tax_rate_bp: line.tax_rate_bp,
        amount_minor: line.amount().unwrap_or(0),
    })
}

/// The payment and its way through the ledger: into escrow, and from there to the freelancer or back.
fn money(maker: &mut Maker<'_>, batch: &mut Batch, row: &invoices::Model) {
    if row.paid_minor == 0 {
        return;
    }
    let at = row.paid_at.or(row.sent_at).unwrap_or(row.created_at);
    let method = *maker.dice.one(PaymentMethod::ALL);
    let payment = payments::Model {
        id: Text(maker.id(at)),
        invoice_id: row.id,
        payer_id: row.client_id,
        external_ref: format!("demo-{}-{}", maker.plan.seed, row.id),
        method: Text(method),
        amount_minor: row.paid_minor,
        currency: row.currency,
        received_at: at,
        recorded_by: row.client_id,
        created_at: at,
    };
    let (world, escrow) = (Account::World(method), Account::Escrow);
    transfer(maker, batch, row, at, (world, escrow), (TransferKind::Payment, Some(payment.id)));
    batch.events.extend(maker.of_payment(row, &payment));
    batch.payments.push(payment);
    let (to, why) = match row.status.0 {
        InvoiceStatus::Released => (Account::User(row.freelancer_id.0), TransferKind::Release),
        InvoiceStatus::Refunded => (world, TransferKind::Refund),
        _ => return,
    };
    transfer(maker, batch, row, row.updated_at, (escrow, to), (why, None));
}

/// An account of the ledger; an escrow is the bill's.
#[derive(Clone, Copy)]
enum Account {
    World(PaymentMethod),
    Escrow,
    User(UserId),
}

fn transfer(
    maker: &mut Maker<'_>,
    batch: &mut Batch,
    row: &invoices::Model,
    at: Timestamp,
    (from, to): (Account, Account),
    (kind, payment_id): (TransferKind, Option<Text<PaymentId>>),
) {
    let transfer_id = maker.id::<()>(at).to_string();
    for (position, account, amount_minor) in [(0, from, -row.paid_minor), (1, to, row.paid_minor)] {
        let (account_kind, account_method, account_user_id) = match account {
            Account::World(method) => (AccountKind::World, Some(Text(method)), None),
            Account::Escrow => (AccountKind::Escrow, None, None),
            Account::User(user) => (AccountKind::User, None, Some(Text(user))),
        };
        batch.postings.push(ledger_postings::Model {
            id: maker.id::<()>(at).to_string(),
            transfer_id: transfer_id.clone(),
            position,
            kind: Text(kind),
            invoice_id: Some(row.id),
            payment_id,
            account_kind: Text(account_kind),
            account_user_id,
            account_method,
            amount_minor,
            currency: row.currency,
            note: None,
            created_at: at,
        });
    }
}

fn dispute(
    maker: &mut Maker<'_>,
    batch: &mut Batch,
    people: &People,
    row: &invoices::Model,
    status: DisputeStatus,
    paid_at: Timestamp,
) {
    let at = maker.later(paid_at, 5);
    let id = maker.id(at);
    let (reason, description) = *maker.dice.one(QUARRELS);
    let outcome = matches!(status, DisputeStatus::Resolved | DisputeStatus::Executed)
        .then(|| Text(*maker.dice.one(DisputeOutcome::ALL)));
    let active = matches!(status, DisputeStatus::Open | DisputeStatus::Voting | DisputeStatus::Resolved);
    let resolved_at = (status != DisputeStatus::Open && status != DisputeStatus::Voting).then(|| maker.later(at, 12));
    if matches!(status, DisputeStatus::Voting | DisputeStatus::Resolved | DisputeStatus::Executed) {
        let first = maker.dice.place(people.all());
        let everybody: Vec<UserId> = people.freelancers().iter().chain(people.clients()).copied().collect();
        let voters = everybody.iter().cycle().skip(first).take(everybody.len());
        let voters = voters.filter(|voter| **voter != row.freelancer_id.0 && **voter != row.client_id.0).take(3);
        for (position, voter) in (0..).zip(voters) {
            batch.votes.push(dispute_votes::Model {
                dispute_id: Text(id),
                position,
                voter_id: Text(*voter),
                choice: Text(*maker.dice.one(VoteChoice::ALL)),
                comment: maker.dice.chance(30).then(|| "I read both sides.".to_owned()),
                created_at: maker.later(at, 6),
            });
        }
    }
    let row = disputes::Model {
        id: Text(id),
        version: 0,
        invoice_id: row.id,
        opened_by: row.client_id,
        reason: reason.to_owned(),
        description: description.to_owned(),
        status: Text(status),
        outcome,
        plan: Some(format!("{{\"for\":\"client\",\"against\":\"freelancer\",\"held\":{}}}", row.paid_minor)),
        resolved_at,
        active_invoice_id: active.then_some(row.id),
        created_at: at,
        updated_at: resolved_at.unwrap_or(at),
    };
    batch.events.extend(maker.of_dispute(&row));
    batch.disputes.push(row);
}
