//! Invoices in every state and currency, with ledger entries and some disputes.

use std::collections::{BTreeMap, HashMap};

use chainbill_app::jobs::release_job;
use chainbill_domain::{
    Timestamp,
    credit::{CreditNote, Refund},
    dispute::Dispute,
    event::Event,
    id::{InvoiceId, ProjectId, UserId},
    invoice::{
        CANONICAL_VERSION, Content, Discount, EscrowTerms, Frozen, Heading, Invoice, InvoiceState, Line, MILLION,
        PartyNames, Pricing, Submission, UnitPrice, Work,
    },
    ledger::{Counterparties, Transfer, Unbalanced},
    money::{Currency, Money},
    numbering::{Allocated, Series},
    party::Parties,
    payment::{self, Allocation, Payment, Received},
    project::Milestone,
    states::{
        AccountKind, AnchorStatus, Custody, DisputeOutcome, DisputeStatus, EscrowStatus, InvoiceStatus,
        MilestoneStatus, NumberKind, PaymentChannel, PaymentMethod, RefundStatus, TaxCategory,
    },
};
use chainbill_records::{
    RecordsError, Unit,
    entities::ledger_postings,
    repo::{self, ledger},
};
use chrono::{Datelike as _, Duration};

use super::{BATCH, Maker, careers::Career, disputes, people::People, prices, projects::Project};

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
    disputes: Vec<Dispute>,
    counters: BTreeMap<UserId, i64>,
    credits: Vec<(Counterparties, Money)>,
    notes: Vec<CreditNote>,
    refunds: Vec<Refund>,
    noted: BTreeMap<UserId, i64>,
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
    let (mut next, mut funded) = (HashMap::new(), HashMap::new());
    let places: Vec<usize> = (0..all).collect();
    for chunk in places.chunks(BATCH) {
        let mut batch = Batch::default();
        for &place in chunk {
            let made = invoice(maker, &mut batch, people, &taken, (place, all), (&mut next, &mut funded));
            issued.push(Issued { id: made.id, freelancer: made.freelancer_id, at: made.created_at });
            batch.invoices.push(Invoice::stored(made));
        }
        let by_id: HashMap<_, _> = batch.invoices.iter().map(|made| (made.id, made.freelancer_id)).collect();
        for dispute in &batch.disputes {
            if let (Some(DisputeOutcome::For), Some(freelancer)) = (dispute.outcome, by_id.get(&dispute.invoice_id)) {
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
    for (user, amount) in disposed(&batch.postings) {
        repo::payouts::dispose(unit, user, amount).await?;
    }
    unit.add_many::<ledger_postings::Entity>(batch.postings).await?;
    for invoice in &batch.invoices {
        if let Some(at) = invoice.release_at() {
            unit.enqueue_job(release_job(invoice.id, at)).await?;
        }
    }
    for (parties, amount) in batch.credits {
        repo::credits::give(unit, parties, Custody::Platform, amount).await?;
    }
    repo::credits::add_notes(unit, &batch.notes).await?;
    repo::credits::add_refunds(unit, &batch.refunds).await?;
    repo::series::set_next(unit, NumberKind::CreditNote, batch.noted).await?;
    repo::disputes::insert_many(unit, &batch.disputes).await?;
    repo::series::set_next(unit, NumberKind::Invoice, batch.counters).await
}

/// What these postings leave at users' disposal.
fn disposed(postings: &[ledger_postings::Model]) -> Vec<(UserId, Money)> {
    let available = postings.iter().filter(|posting| posting.account_kind.0 == AccountKind::Available);
    let moved = |posting: &ledger_postings::Model| {
        let amount = Money { minor: posting.amount_minor, currency: posting.currency.0 };
        Some((posting.account_user_id.as_ref()?.0, amount))
    };
    available.filter_map(moved).collect()
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

/// Paid with more than was owed: the excess is the client's credit.
const PLUS: i64 = 110;

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
        57..=58 => at(Is::Paid, Escrow::Held, PLUS),
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
    (next, funded): (&mut HashMap<UserId, i64>, &mut HashMap<ProjectId, usize>),
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
    let part = project.and_then(|project| unfunded(maker, funded, project));
    let currency = part.as_ref().map_or(currency, |part| part.terms.amount.currency);
    let (title, lines) = match &part {
        Some(part) => (part.terms.title.clone(), vec![whole(maker, part)]),
        None => of_career(maker, people.career(freelancer), currency),
    };
    let is_plain = part.is_none();
    let discount = (is_plain && maker.dice.chance(15)).then_some(Discount::Percent(50_000));
    let pricing = Pricing { discount, prices_include_tax: is_plain && maker.dice.chance(10), ..Pricing::default() };
    let disputed = maker.dice.chance(5).then(|| *maker.dice.one(DisputeStatus::ALL));
    let disputed = disputed.filter(|_| part.as_ref().is_none_or(|part| part.status == MilestoneStatus::Submitted));
    let stand = match part.as_ref().filter(|_| disputed.is_none()) {
        Some(part) => stand_of(part.status),
        None => stand(maker, disputed),
    };
    let is_sent = stand.status != InvoiceStatus::Draft;
    let sequence = is_sent.then(|| {
        let next = next.entry(freelancer).or_insert(1);
        *next += 1;
        batch.counters.insert(freelancer, *next);
        *next - 1
    });
    let sent_at = is_sent.then(|| maker.later(at, 3));
    let settled = matches!(stand.status, InvoiceStatus::Paid | InvoiceStatus::Released | InvoiceStatus::Refunded);
    let paid_at = sent_at.filter(|_| settled).map(|sent| maker.later(sent, 20));
    let released_at = paid_at.filter(|_| stand.status == InvoiceStatus::Released).map(|paid| maker.later(paid, 14));
    let voided_at = sent_at.filter(|_| stand.status == InvoiceStatus::Void).map(|sent| maker.later(sent, 9));
    let due_date =
        maker.dice.chance(85).then(|| (at + Duration::days(maker.dice.between(7, 45))).format("%Y-%m-%d").to_string());
    let notes = maker.dice.chance(40).then(|| "Payable into escrow. Thank you!\nMerci — 谢谢 — شكرا".to_owned());
    let content = Content::of(Heading { title, notes, due_date }, lines, pricing).expect("a demo's sums are small");
    let total = content.totals.payable();
    let paid_minor = total * stand.paid.min(100) / 100;
    let excess = if stand.paid == PLUS { (total / 10).max(1) } else { 0 };
    let given_back = if stand.status == InvoiceStatus::Refunded { paid_minor } else { 0 };
    let work = submitted(maker, stand.escrow, paid_at);
    let mut made = InvoiceState {
        id,
        version: 0,
        freelancer_id: freelancer,
        client_id: client,
        project_id: project.map(|project| project.id),
        milestone_id: part.as_ref().map(|part| part.id),
        currency,
        content,
        parties: is_sent.then(|| Parties { issuer: people.party(freelancer), client: people.party(client) }),
        status: stand.status,
        escrow: stand.escrow,
        anchor_status: AnchorStatus::None,
        paid_minor,
        refunded_minor: given_back,
        released_minor: if stand.status == InvoiceStatus::Released { paid_minor } else { 0 },
        external_minor: 0,
        fee_minor: 0,
        terms: EscrowTerms::default(),
        work,
        credited_minor: given_back,
        number: sequence.map(|sequence| number(sent_at.unwrap_or(at).year(), sequence)),
        number_seq: sequence,
        series: sequence.map(|_| Series::BuiltIn),
        number_year: None,
        names: Some(PartyNames { freelancer: people.name(freelancer), client: people.name(client) }),
        declined: None,
        canonical_hash: None,
        canonical_version: is_sent.then_some(CANONICAL_VERSION),
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
    money(maker, batch, &made, excess);
    if let (Some(status), Some(paid_at)) = (disputed, paid_at) {
        let dispute = disputes::dispute(maker, people, &made, status, paid_at);
        batch.events.extend(maker.of_dispute(&dispute));
        batch.disputes.push(dispute);
    }
    made
}

/// Work that the client looks at was submitted in the last days, so that its release is still to come.
fn submitted(maker: &mut Maker<'_>, escrow: EscrowStatus, paid_at: Option<Timestamp>) -> Work {
    let Some(paid_at) = paid_at.filter(|_| escrow == EscrowStatus::InReview) else { return Work::default() };
    let at = (maker.plan.end - Duration::days(maker.dice.between(1, 10))).max(paid_at);
    let note = Some("All of it is done as agreed; please have a look.".to_owned());
    let release_at = Some(at + Duration::days(EscrowTerms::default().release_days));
    Work { submitted: Some(Submission { at, note, release_at }), returned: None }
}

fn number(year: i32, sequence: i64) -> String {
    Allocated::built_in(NumberKind::Invoice, year, sequence).number
}

/// A milestone of the project that no invoice funds yet.
fn unfunded(maker: &mut Maker<'_>, funded: &mut HashMap<ProjectId, usize>, project: &Project) -> Option<Milestone> {
    let next = funded.entry(project.id).or_insert(0);
    let milestone = project.milestones.get(*next).filter(|_| maker.dice.chance(80))?;
    *next += 1;
    Some(milestone.clone())
}

/// Where the money of a milestone stands: it follows the work.
fn stand_of(status: MilestoneStatus) -> Stand {
    use InvoiceStatus as Is;
    let at = |status, escrow| Stand { status, escrow, paid: 100 };
    match status {
        MilestoneStatus::Accepted => at(Is::Released, EscrowStatus::Released),
        MilestoneStatus::Submitted => at(Is::Paid, EscrowStatus::InReview),
        MilestoneStatus::Planned | MilestoneStatus::Proposed => at(Is::Paid, EscrowStatus::Held),
    }
}

/// The line of a whole milestone.
fn whole(maker: &mut Maker<'_>, part: &Milestone) -> Line {
    line(maker, part.terms.title.clone(), (None, MILLION, part.terms.amount.minor))
}

/// What a freelancer's invoice is called, and its lines: parts of a work of the trade, by the hour.
fn of_career(maker: &mut Maker<'_>, career: &Career, currency: Currency) -> (String, Vec<Line>) {
    let work = maker.dice.one(career.works);
    let price = prices::price(maker.dice.between(career.rate.0, career.rate.1), currency);
    let first = maker.dice.place(work.parts.len());
    let parts = &work.parts[first..];
    let count = usize::try_from(maker.dice.between(1, 3)).unwrap_or(1);
    let lines = parts.iter().take(count).map(|(title, hours)| {
        let quarters = maker.dice.between(hours.0 * 2, hours.1 * 4);
        line(maker, (*title).to_owned(), (Some("hour"), quarters * MILLION / 4, price))
    });
    (work.title.to_owned(), lines.collect())
}

fn line(maker: &mut Maker<'_>, description: String, (unit, quantity_micro, price): (Option<&str>, i64, i64)) -> Line {
    let tax_rate_ppm = *maker.dice.one(&[0, 0, 70_000, 190_000, 200_000, 215_000, 88_750]);
    Line {
        description,
        unit: unit.map(str::to_owned),
        quantity_micro,
        unit_price: UnitPrice::of_minor(price),
        discount: (unit.is_some() && maker.dice.chance(8)).then_some(Discount::Percent(100_000)),
        tax_category: if tax_rate_ppm == 0 { TaxCategory::Zero } else { TaxCategory::Standard },
        tax_rate_ppm,
        tax_reason: None,
    }
}

/// What it claims, its payment, and what became of the money: in escrow, with the freelancer, or given back.
fn money(maker: &mut Maker<'_>, batch: &mut Batch, made: &InvoiceState, excess: i64) {
    let (parties, sent_at) = (made.between(), made.sent_at.unwrap_or(made.created_at));
    if made.status != InvoiceStatus::Draft {
        post(maker, batch, Transfer::billing(made.id, parties, made.billed()), sent_at);
    }
    if made.status == InvoiceStatus::Void {
        post(maker, batch, Transfer::voiding(made.id, parties, made.billed()), made.updated_at);
    }
    if made.paid_minor == 0 {
        return;
    }
    let at = made.paid_at.unwrap_or(sent_at);
    let method = *maker.dice.one(PaymentMethod::ALL);
    let payment = payment(maker, made, method, excess, at);
    let source = payment::source(PaymentChannel::Platform, method);
    post(maker, batch, Transfer::settlement(payment.id, made.id, parties, source, made.paid()), at);
    if excess > 0 {
        let over = payment.excess();
        post(maker, batch, Transfer::excess(payment.id, parties, method, Custody::Platform, over), at);
        batch.credits.push((parties, over));
    }
    batch.events.extend(maker.of_payment(made, &payment));
    batch.payments.push(payment);
    match made.status {
        InvoiceStatus::Released => {
            post(maker, batch, Transfer::release(made.id, parties, made.paid(), made.money(0)), made.updated_at);
        }
        InvoiceStatus::Refunded => give_back(maker, batch, made, method),
        _ => {}
    }
}

fn payment(maker: &mut Maker<'_>, made: &InvoiceState, method: PaymentMethod, excess: i64, at: Timestamp) -> Payment {
    let external_ref = format!("demo-{}-{}", maker.plan.seed, made.id);
    let amount = made.money(made.paid_minor + excess);
    let received = Received { external_ref, method, amount, received_at: None };
    let part = Allocation { invoice_id: made.id, minor: made.paid_minor };
    let by = Some(made.client_id);
    let announced = Payment::announce(maker.id(at), made.between(), received, vec![part], by, at);
    let confirmed = announced.confirm(PaymentChannel::Platform, vec![part], by, at);
    confirmed.expect("it is announced").next
}

/// A credit note over everything that was paid, and the refund of the credit that it gives.
fn give_back(maker: &mut Maker<'_>, batch: &mut Batch, made: &InvoiceState, method: PaymentMethod) {
    let (parties, amount, at) = (made.between(), made.paid(), made.updated_at);
    let next = batch
        .noted
        .entry(made.freelancer_id)
        .or_insert_with(|| maker.notes.get(&made.freelancer_id).copied().unwrap_or(1));
    let number_seq = *next;
    *next += 1;
    maker.notes.insert(made.freelancer_id, *next);
    let note = CreditNote {
        id: maker.id(at),
        invoice_id: made.id,
        parties,
        number: Allocated::built_in(NumberKind::CreditNote, at.year(), number_seq),
        amount,
        tax: made.money(made.content.totals.tax),
        refunded: amount,
        reason: "The work was not done".to_owned(),
        issued_by: made.freelancer_id,
        created_at: at,
    };
    post(maker, batch, Transfer::credit_note(note.id, made.id, parties, amount, (amount.minor, 0)), at);
    let refund = Refund {
        id: maker.id(at),
        parties,
        custody: Custody::Platform,
        amount,
        method,
        external_ref: None,
        status: RefundStatus::Done,
        payment_id: None,
        invoice_id: Some(made.id),
        reason: None,
        requested_by: made.freelancer_id,
        decided_at: Some(at),
        created_at: at,
    };
    post(maker, batch, Transfer::refund(refund.id, parties, Custody::Platform, method, amount), at);
    batch.notes.push(note);
    batch.refunds.push(refund);
}

fn post(maker: &mut Maker<'_>, batch: &mut Batch, transfer: Result<Transfer, Unbalanced>, at: Timestamp) {
    let transfer = transfer.expect("more than nothing is paid here");
    batch.postings.extend(ledger::rows(&transfer, at, &mut || maker.id::<()>(at).to_string()));
}
