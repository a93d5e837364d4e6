//! Invoices in every state and currency, with ledger entries and some disputes.

use std::collections::{BTreeMap, HashMap};

use chainbill_domain::{
    Timestamp,
    event::Event,
    id::{InvoiceId, UserId},
    invoice::{Content, Frozen, Invoice, InvoiceState, Line, PartyNames, totals},
    ledger::{Transfer, Unbalanced},
    money::Currency,
    numbering::{Allocated, Series},
    payment::{Payment, Received},
    states::{
        AnchorStatus, DisputeOutcome, DisputeStatus, EscrowStatus, InvoiceStatus, NumberKind, PaymentMethod, VoteChoice,
    },
};
use chainbill_records::{
    RecordsError, Text, Unit,
    entities::{dispute_votes, disputes, ledger_postings},
    repo::{self, ledger, numbers},
};
use chrono::{Datelike as _, Duration};

use super::{
    BATCH, Maker,
    people::People,
    prices,
    projects::Project,
    words::{DISPUTES, TASKS, THINGS},
};

/// An invoice for references.
pub(super) struct Issued {
    pub id: InvoiceId,
    pub freelancer: UserId,
    pub at: Timestamp,
}

/// A batch's rows.
#[derive(Default)]
struct Batch {
    invoices: Vec<Invoice>,
    payments: Vec<Payment>,
    postings: Vec<ledger_postings::Model>,
    disputes: Vec<disputes::Model>,
    votes: Vec<dispute_votes::Model>,
    counters: BTreeMap<UserId, i64>,
    events: Vec<Event>,
}

/// Invoices, and each freelancer's count of lost disputes. A batch holds all rows of an invariant: a stop between two
/// leaves gapless numbers and counters one ahead.
pub(super) async fn invoices(
    maker: &mut Maker<'_>,
    people: &People,
    projects: &[Project],
) -> anyhow::Result<(Vec<Issued>, HashMap<UserId, i64>)> {
    let all = maker.plan.invoices;
    let taken: Vec<&Project> = projects.iter().filter(|project| project.freelancer.is_some()).collect();
    let (mut issued, mut lost) = (Vec::with_capacity(all), HashMap::new());
    let mut next: HashMap<UserId, i64> = HashMap::new();
    let places: Vec<usize> = (0..all).collect();
    for chunk in places.chunks(BATCH) {
        let mut batch = Batch::default();
        for &place in chunk {
            let made = invoice(maker, &mut batch, people, &taken, (place, all), &mut next);
            issued.push(Issued { id: made.id, freelancer: made.freelancer_id, at: made.created_at });
            batch.invoices.push(Invoice::stored(made));
        }
        let by_id: HashMap<_, _> = batch.invoices.iter().map(|made| (made.id, made.freelancer_id)).collect();
        for dispute in &batch.disputes {
            if let (Some(Text(DisputeOutcome::For)), Some(freelancer)) =
                (dispute.outcome, by_id.get(&dispute.invoice_id.0))
            {
                *lost.entry(*freelancer).or_insert(0) += 1;
            }
        }
        let count = [("invoices", batch.invoices.len()), ("disputes", batch.disputes.len())];
        let events = std::mem::take(&mut batch.events);
        maker.save(&count, events, async |unit: &mut Unit| save(unit, batch).await).await?;
    }
    Ok((issued, lost))
}

async fn save(unit: &mut Unit, batch: Batch) -> Result<(), RecordsError> {
    repo::invoices::insert_many(unit, &batch.invoices).await?;
    repo::payments::add_many(unit, &batch.payments).await?;
    unit.add_many::<ledger_postings::Entity>(batch.postings).await?;
    unit.insert_many_with::<dispute_votes::Entity>(batch.disputes, batch.votes).await?;
    numbers::set(unit, batch.counters).await
}

/// Mostly the freelancer's own currency, sometimes the client's.
fn currency(maker: &mut Maker<'_>, own: Currency) -> Currency {
    match maker.dice.below(100) {
        0..=9 => prices::currency("USD"),
        10..=19 => prices::currency("EUR"),
        _ => own,
    }
}

/// An invoice's state.
struct Stand {
    status: InvoiceStatus,
    escrow: EscrowStatus,
    /// Paid percentage.
    paid: i64,
}

fn stand(maker: &mut Maker<'_>, dispute: Option<DisputeStatus>) -> Stand {
    use EscrowStatus as Escrow;
    use InvoiceStatus as Is;
    let at = |status, escrow, paid| Stand { status, escrow, paid };
    match dispute {
        Some(DisputeStatus::Open | DisputeStatus::Voting | DisputeStatus::Resolved) => {
            return at(Is::Paid, Escrow::Disputed, 100);
        }
        Some(DisputeStatus::Executed | DisputeStatus::Settled) => return at(Is::Released, Escrow::Released, 100),
        Some(DisputeStatus::Withdrawn) => return at(Is::Paid, Escrow::Held, 100),
        None => {}
    }
    match maker.dice.below(100) {
        0..=14 => at(Is::Draft, Escrow::Unfunded, 0),
        15..=29 => at(Is::Sent, Escrow::Unfunded, 0),
        30..=36 => at(Is::Sent, Escrow::PartiallyFunded, 40),
        37..=52 => at(Is::Paid, Escrow::Held, 100),
        53..=56 => at(Is::Paid, Escrow::InReview, 100),
        57..=58 => at(Is::Paid, Escrow::Held, 110),
        59..=90 => at(Is::Released, Escrow::Released, 100),
        91..=95 => at(Is::Void, Escrow::Unfunded, 0),
        _ => at(Is::Refunded, Escrow::Refunded, 100),
    }
}

fn invoice(
    maker: &mut Maker<'_>,
    batch: &mut Batch,
    people: &People,
    taken: &[&Project],
    (place, all): (usize, usize),
    next: &mut HashMap<UserId, i64>,
) -> InvoiceState {
    let project = (!taken.is_empty() && maker.dice.chance(70)).then(|| *maker.dice.one(taken));
    let begin = maker.moment(place, all);
    let at = project.map_or(begin, |project| begin.max(project.at));
    let id: InvoiceId = maker.id(at);
    let (freelancer, client) = match project.and_then(|project| Some((project.freelancer?, project.client))) {
        Some(parties) => parties,
        None => (*maker.dice.one(people.freelancers()), *maker.dice.one(people.clients())),
    };
    let currency = currency(maker, people.invoices_in(freelancer));
    let lines = lines(maker, currency);
    let discount = if maker.dice.chance(15) { lines[0].amount().unwrap_or(0) / 10 } else { 0 };
    let sums = totals(&lines, discount).expect("a demo's sums are small");
    let disputed = maker.dice.chance(5).then(|| *maker.dice.one(DisputeStatus::ALL));
    let stand = stand(maker, disputed);
    let is_sent = stand.status != InvoiceStatus::Draft;
    let sequence = is_sent.then(|| {
        let next = next.entry(freelancer).or_insert(1);
        *next += 1;
        batch.counters.insert(freelancer, *next);
        *next - 1
    });
    let sent_at = is_sent.then(|| maker.later(at, 3));
    let paid_minor = sums.total * stand.paid / 100;
    let paid_minor = if stand.paid > 100 { paid_minor.max(sums.total + 1) } else { paid_minor };
    let settled = matches!(stand.status, InvoiceStatus::Paid | InvoiceStatus::Released | InvoiceStatus::Refunded);
    let paid_at = sent_at.filter(|_| settled).map(|sent| maker.later(sent, 20));
    let released_at = paid_at.filter(|_| stand.status == InvoiceStatus::Released).map(|paid| maker.later(paid, 14));
    let voided_at = sent_at.filter(|_| stand.status == InvoiceStatus::Void).map(|sent| maker.later(sent, 9));
    let due_date =
        maker.dice.chance(85).then(|| (at + Duration::days(maker.dice.between(7, 45))).format("%Y-%m-%d").to_string());
    let title = format!("{} for the {}", maker.dice.one(TASKS), maker.dice.one(THINGS));
    let notes = maker.dice.chance(40).then(|| "Payable into escrow. Thank you!\nMerci — 谢谢 — شكرا".to_owned());
    let mut made = InvoiceState {
        id,
        version: 0,
        freelancer_id: freelancer,
        client_id: client,
        project_id: project.map(|project| project.id),
        currency,
        content: Content { title, notes, due_date, lines, totals: sums },
        status: stand.status,
        escrow: stand.escrow,
        anchor_status: AnchorStatus::None,
        paid_minor,
        number: sequence.map(|sequence| number(sent_at.unwrap_or(at).year(), sequence)),
        number_seq: sequence,
        series: sequence.map(|_| Series::BuiltIn),
        number_year: None,
        names: Some(PartyNames { freelancer: people.name(freelancer), client: people.name(client) }),
        declined: None,
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
    made.canonical_hash = made.number.as_deref().map(|number| Frozen::of(&made, number).canonical_hash());
    batch.events.extend(maker.of_invoice(&made));
    money(maker, batch, &made);
    if let (Some(status), Some(paid_at)) = (disputed, paid_at) {
        dispute(maker, batch, people, &made, status, paid_at);
    }
    made
}

fn number(year: i32, sequence: i64) -> String {
    Allocated::built_in(NumberKind::Invoice, year, sequence).number
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

/// The payment and its postings: into escrow, and from there to the freelancer or back.
fn money(maker: &mut Maker<'_>, batch: &mut Batch, made: &InvoiceState) {
    if made.paid_minor == 0 {
        return;
    }
    let at = made.paid_at.or(made.sent_at).unwrap_or(made.created_at);
    let method = *maker.dice.one(PaymentMethod::ALL);
    let external_ref = format!("demo-{}-{}", maker.plan.seed, made.id);
    let received = Received { external_ref, method, amount: made.paid(), received_at: None };
    let payment = Payment::record(maker.id(at), made, received, made.client_id, at);
    post(maker, batch, payment.transfer(), at);
    batch.events.extend(maker.of_payment(made, &payment));
    batch.payments.push(payment);
    match made.status {
        InvoiceStatus::Released => {
            post(maker, batch, Transfer::release(made.id, made.freelancer_id, made.paid()), made.updated_at);
        }
        InvoiceStatus::Refunded => {
            post(maker, batch, Transfer::refund(made.id, method, made.paid()), made.updated_at);
        }
        _ => {}
    }
}

fn post(maker: &mut Maker<'_>, batch: &mut Batch, transfer: Result<Transfer, Unbalanced>, at: Timestamp) {
    let transfer = transfer.expect("more than nothing is paid here");
    batch.postings.extend(ledger::rows(&transfer, at, &mut || maker.id::<()>(at).to_string()));
}

fn dispute(
    maker: &mut Maker<'_>,
    batch: &mut Batch,
    people: &People,
    made: &InvoiceState,
    status: DisputeStatus,
    paid_at: Timestamp,
) {
    let at = maker.later(paid_at, 5);
    let id = maker.id(at);
    let (reason, description) = *maker.dice.one(DISPUTES);
    let outcome = matches!(status, DisputeStatus::Resolved | DisputeStatus::Executed)
        .then(|| Text(*maker.dice.one(DisputeOutcome::ALL)));
    let active = status.is_active();
    let resolved_at = (status != DisputeStatus::Open && status != DisputeStatus::Voting).then(|| maker.later(at, 12));
    if matches!(status, DisputeStatus::Voting | DisputeStatus::Resolved | DisputeStatus::Executed) {
        let first = maker.dice.place(people.all());
        let everybody: Vec<UserId> = people.freelancers().iter().chain(people.clients()).copied().collect();
        let voters = everybody.iter().cycle().skip(first).take(everybody.len());
        let voters = voters.filter(|voter| **voter != made.freelancer_id && **voter != made.client_id).take(3);
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
        invoice_id: Text(made.id),
        opened_by: Text(made.client_id),
        reason: reason.to_owned(),
        description: description.to_owned(),
        status: Text(status),
        outcome,
        plan: Some(format!("{{\"for\":\"client\",\"against\":\"freelancer\",\"held\":{}}}", made.paid_minor)),
        resolved_at,
        active_invoice_id: active.then_some(Text(made.id)),
        created_at: at,
        updated_at: resolved_at.unwrap_or(at),
    };
    batch.events.extend(maker.of_dispute(&row));
    batch.disputes.push(row);
}
