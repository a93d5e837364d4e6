use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{
    Timestamp,
    credit::CreditNote,
    ledger::{Account, Claim, Owner, Source},
    money::Money,
    states::{Custody, NumberKind, PaymentMethod, TaxCategory},
    transition::Transition,
};

fn id<K>(place: u8) -> crate::id::Id<K> {
    crate::id::Id::new(Timestamp::default(), [place; 10])
}

fn occasion() -> Occasion {
    Occasion { at: Timestamp::default(), event_id: id(7) }
}

fn content(price: i64, due_date: Option<&str>) -> Content {
    let line = Line {
        description: "work".to_owned(),
        unit: None,
        quantity_micro: MILLION,
        unit_price: UnitPrice::of_minor(price),
        discount: None,
        tax_category: TaxCategory::Zero,
        tax_rate_ppm: 0,
        tax_reason: None,
    };
    let heading = Heading { title: "Work".to_owned(), notes: None, due_date: due_date.map(str::to_owned) };
    Content::of(heading, vec![line], Pricing::default()).expect("it has a total")
}

fn draft(price: i64) -> Invoice {
    let new = NewDraft {
        id: id(1),
        freelancer_id: id(2),
        client_id: id(3),
        project_id: None,
        milestone_id: None,
        currency: "EUR".parse().expect("a currency"),
        series: None,
        content: content(price, None),
    };
    Invoice::draft(new, occasion()).state
}

fn number(sequence: i64) -> Allocated {
    Allocated::built_in(NumberKind::Invoice, 2026, sequence)
}

fn sent(price: i64) -> Invoice {
    draft(price).send(number(1), "2026-11-27", occasion()).expect("it is a draft").next
}

const WORLD: Source = Source::World(PaymentMethod::Card, Custody::Platform);
const DIRECT: Source = Source::World(PaymentMethod::Other, Custody::Freelancer);

fn settle(invoice: &Invoice, source: Source, minor: i64) -> Result<Transition<Invoice>, CannotSettle> {
    let amount = invoice.money(minor);
    invoice.clone().settle(id(5), source, amount, occasion())
}

#[test]
fn a_refusal_says_what_is_allowed() {
    let refusal = sent(100).edit(content(1, None), None).expect_err("it is sent");
    assert_eq!(refusal.to_string(), "an invoice that is SENT cannot be edited");
    let allowed = vec!["pay", "void", "credit-notes", "decline", "duplicate"];
    assert_eq!((refusal.current, refusal.allowed), ("SENT", allowed));
    let part = settle(&sent(100), WORLD, 1).expect("it is sent").next;
    let refusal = part.void(occasion()).expect_err("it is paid in part");
    assert_eq!(
        refusal.allowed,
        ["pay", "credit-notes", "refund", "reverse", "submit-work", "release", "dispute", "duplicate"]
    );
    assert!(sent(100).delete().is_err() && draft(100).delete().is_ok());
}

#[test]
fn what_could_not_be_paid_is_not_sent() {
    let invoice = draft(0).edit(content(0, Some("2026-11-26")), None).expect("it is a draft").next;
    let reasons = vec![Unpayable::Nothing, Unpayable::Due("2026-11-26".to_owned())];
    assert_eq!(invoice.can_be_sent("2026-11-27"), Err(CannotSend::Unpayable(reasons)));
    let invoice = draft(1).edit(content(1, Some("2026-11-27")), None).expect("it is a draft").next;
    let sent = invoice.send(number(7), "2026-11-27", occasion()).expect("it is due today").next;
    assert_eq!((sent.number.as_deref(), sent.number_seq), (Some("INV-2026-000007"), Some(7)));
    assert!(!sent.is_overdue("2026-11-27") && sent.is_overdue("2026-11-28"));
}

#[test]
fn a_payment_of_nothing_or_of_too_much_or_in_another_currency_does_not_settle() {
    let invoice = sent(100);
    assert_eq!(settle(&invoice, WORLD, 0).map(drop), Err(CannotSettle::NotPositive));
    assert_eq!(settle(&invoice, WORLD, -1).map(drop), Err(CannotSettle::NotPositive));
    assert_eq!(settle(&invoice, WORLD, 101).map(drop), Err(CannotSettle::TooMuch(invoice.money(100))));
    let dollars = Money { minor: 1, currency: "USD".parse().expect("a currency") };
    let other = invoice.clone().settle(id(5), WORLD, dollars, occasion()).map(drop);
    assert_eq!(other, Err(CannotSettle::Currency(dollars.currency, invoice.currency)));
    let part = settle(&invoice, WORLD, 1).expect("it is sent").next;
    assert_eq!(settle(&part, WORLD, i64::MAX).map(drop), Err(CannotSettle::TooMuch(invoice.money(99))));
}

#[test]
fn what_the_freelancer_received_is_released_at_once() {
    let paid = settle(&sent(100), DIRECT, 100).expect("it is sent").next;
    assert_eq!((paid.status, paid.escrow), (InvoiceStatus::Released, EscrowStatus::Unfunded));
    assert!(paid.paid_at.is_some() && paid.released_at.is_some());
    let mixed = settle(&sent(100), DIRECT, 40).expect("it is sent").next;
    assert_eq!((mixed.status, mixed.escrow), (InvoiceStatus::Sent, EscrowStatus::Unfunded));
    let mixed = settle(&mixed, WORLD, 60).expect("it is sent").next;
    assert_eq!((mixed.status, mixed.escrow, mixed.held().minor), (InvoiceStatus::Paid, EscrowStatus::Held, 60));
}

#[test]
fn a_reversal_needs_the_money_to_be_there() {
    let paid = settle(&sent(100), WORLD, 100).expect("it is sent").next;
    let back = paid.clone().unsettle(id(5), WORLD, paid.money(100), occasion()).expect("it is held").next;
    assert_eq!((back.status, back.paid_minor, back.paid_at), (InvoiceStatus::Sent, 0, None));
    let mut released = paid.clone().into_state();
    (released.released_minor, released.status) = (100, InvoiceStatus::Released);
    released.escrow = EscrowStatus::Released;
    let refused = Invoice::stored(released).unsettle(id(5), WORLD, paid.money(100), occasion());
    let Err(CannotSettle::Refused(refusal)) = refused else { panic!("it is released: {refused:?}") };
    assert_eq!(refusal.allowed, ["credit-notes", "refund", "duplicate"]);
    let mut minted = paid.clone().into_state();
    minted.anchor_status = AnchorStatus::Confirmed;
    let refused = Invoice::stored(minted).unsettle(id(5), WORLD, paid.money(100), occasion());
    let Err(CannotSettle::Refused(refusal)) = refused else { panic!("a token witnesses it: {refused:?}") };
    assert_eq!(refusal.allowed, ["credit-notes", "refund", "submit-work", "release", "dispute", "duplicate"]);
}

#[test]
fn a_payment_queues_the_notarisation_and_a_reversal_takes_it_back_until_it_is_submitted() {
    let token = crate::mint::TokenId::random([1; 8]).expect("not 0");
    let reversed = |invoice: &Invoice| invoice.clone().unsettle(id(5), WORLD, invoice.money(100), occasion());
    let part = settle(&sent(100), WORLD, 40).expect("it is sent").queued_when_paid().next;
    assert_eq!(part.anchor_status, AnchorStatus::None, "a part is no payment");
    let queued = settle(&part, WORLD, 60).expect("60 are due").queued_when_paid().next;
    assert_eq!(queued.anchor_status, AnchorStatus::Queued);
    let direct = settle(&sent(100), DIRECT, 100).expect("it is sent").queued_when_paid().next;
    assert_eq!((direct.status, direct.anchor_status), (InvoiceStatus::Released, AnchorStatus::Queued));
    let back = reversed(&queued).expect("nothing is on the chain").queued_when_paid().next;
    assert_eq!((back.status, back.anchor_status), (InvoiceStatus::Sent, AnchorStatus::None));

    let submitted = queued.anchor_submitted(token, "local:0", occasion()).expect("it is queued").next;
    assert!(matches!(reversed(&submitted), Err(CannotSettle::Refused(_))), "it may be on the chain");
    assert_eq!((&submitted.token_id, &submitted.tx_hash), (&None, &None), "nothing is claimed before it is confirmed");
    let failed = submitted.clone().anchor_failed("refused", occasion()).expect("it is submitted").next;
    assert_eq!(reversed(&failed).expect("nothing is there").next.anchor_status, AnchorStatus::None);
    assert_eq!(failed.anchor_requeued().expect("it failed").next.anchor_status, AnchorStatus::Queued);
    let confirmed = submitted.anchor_confirmed(token, "local:0", occasion()).expect("it is submitted").next;
    assert_eq!(confirmed.token_id, Some(token.to_string()));
    assert_eq!(confirmed.tx_hash.as_deref(), Some("local:0"));
    let refusal = confirmed.anchor_requeued().expect_err("it is confirmed");
    assert_eq!((refusal.current, refusal.allowed), ("CONFIRMED", Vec::new()));
}

#[test]
fn a_credit_note_lowers_the_claim_and_what_was_paid_beyond_it_becomes_credit() {
    let credit = |invoice: &Invoice, minor| invoice.clone().credit(id(6), invoice.money(minor), occasion());
    let (change, credits) = credit(&sent(100), 30).expect("it is sent");
    assert_eq!((change.next.status, change.next.due().minor), (InvoiceStatus::Sent, 70));
    assert_eq!(credits.each().count(), 0);
    assert_eq!(credit(&change.next, 71).map(drop), Err(CannotCredit::TooMuch(change.next.money(70))));
    assert_eq!(credit(&change.next, 0).map(drop), Err(CannotCredit::NotPositive));
    let (whole, _) = credit(&change.next, 70).expect("it claims 70");
    assert_eq!(whole.next.status, InvoiceStatus::Void);
    assert!(credit(&whole.next, 1).is_err(), "nothing is left");

    let part = settle(&sent(100), DIRECT, 40).expect("it is sent").next;
    let part = settle(&part, WORLD, 30).expect("it is sent").next;
    let (change, credits) = credit(&part, 50).expect("30 are due");
    assert_eq!(credits.each().collect::<Vec<_>>(), [(Custody::Platform, part.money(20))]);
    let next = change.next;
    assert_eq!((next.status, next.held().minor, next.due().minor), (InvoiceStatus::Paid, 10, 0));
    let (change, credits) = credit(&next, 50).expect("50 are claimed");
    let both = [(Custody::Platform, next.money(10)), (Custody::Freelancer, next.money(40))];
    assert_eq!(credits.each().collect::<Vec<_>>(), both);
    assert_eq!((change.next.status, change.next.escrow), (InvoiceStatus::Refunded, EscrowStatus::Refunded));
}

#[test]
fn the_tax_of_credit_notes_sums_to_the_tax_of_their_invoice() {
    let Content { title, notes, due_date, mut lines, .. } = content(9_999, None);
    (lines[0].tax_category, lines[0].tax_rate_ppm) = (TaxCategory::Standard, 190_000);
    let heading = Heading { title, notes, due_date };
    let content = Content::of(heading, lines, Pricing::default()).expect("it has a total");
    let totals = content.totals;
    let mut invoice = draft(1).edit(content, None).expect("it is a draft").next;
    invoice = invoice.send(number(1), "2026-11-27", occasion()).expect("it is a draft").next;
    let mut tax = 0;
    for part in [1, 3333, 3333, totals.total - 6667] {
        tax += CreditNote::tax_of(&invoice, part).minor;
        invoice = invoice.clone().credit(id(6), invoice.money(part), occasion()).expect("it is claimed").0.next;
    }
    assert_eq!((tax, invoice.creditable().minor), (totals.tax, 0));
}

#[test]
fn a_declined_invoice_is_voided_or_paid_all_the_same_and_not_declined_twice() {
    let declined = sent(100).decline("Not what we agreed".to_owned(), occasion()).expect("it is sent");
    assert_eq!(declined.events.iter().map(|event| event.data.kind()).collect::<Vec<_>>(), ["INVOICE_DECLINED"]);
    let invoice = declined.next;
    assert_eq!(invoice.declined.as_ref().map(|declined| declined.reason.as_str()), Some("Not what we agreed"));
    let again = invoice.clone().decline("No".to_owned(), occasion()).expect_err("it is declined");
    assert_eq!(again.allowed, ["pay", "void", "credit-notes", "duplicate"]);
    assert!(invoice.clone().void(occasion()).is_ok());
    let paid = settle(&invoice, WORLD, 1).expect("it is sent").next;
    assert_eq!(paid.declined, None, "a payment takes it back");
    assert!(
        paid.decline("No".to_owned(), occasion()).is_err() && draft(1).decline("No".to_owned(), occasion()).is_err()
    );
}

#[test]
fn a_duplicate_says_the_same_but_for_a_due_day_that_has_passed() {
    let invoice = draft(1).edit(content(1, Some("2026-11-27")), Some(Series::BuiltIn)).expect("a draft").next;
    let sent = invoice.send(number(7), "2026-11-27", occasion()).expect("it is due today").next;
    let copy = sent.duplicate(id(8), "2026-11-27", occasion()).state;
    assert_eq!((&copy.content, copy.series, copy.number.as_deref()), (&sent.content, Some(Series::BuiltIn), None));
    let later = sent.duplicate(id(8), "2026-11-28", occasion()).state;
    assert_eq!(later.content, Content { due_date: None, ..sent.content.clone() });
}

/// An invoice of which all is held.
pub(super) fn paid(minor: i64) -> Invoice {
    settle(&sent(minor), WORLD, minor).expect("it is sent").next
}

/// What is asked of an invoice, by a number.
fn act(invoice: Invoice, action: Action, amount: i64, source: Source) -> Result<Transition<Invoice>, String> {
    let money = invoice.money(amount);
    match action {
        Action::Edit => invoice.edit(content(amount, None), None).map_err(|error| error.to_string()),
        Action::Send => invoice.send(number(1), "2026-11-27", occasion()).map_err(|error| error.to_string()),
        Action::Void => invoice.void(occasion()).map_err(|error| error.to_string()),
        Action::Pay => invoice.settle(id(5), source, money, occasion()).map_err(|error| error.to_string()),
        Action::Reverse => invoice.unsettle(id(5), source, money, occasion()).map_err(|error| error.to_string()),
        Action::Credit | Action::Refund => {
            invoice.credit(id(6), money, occasion()).map(|(change, _)| change).map_err(|error| error.to_string())
        }
        Action::Decline => invoice.decline("No".to_owned(), occasion()).map_err(|error| error.to_string()),
        Action::Duplicate => {
            let copy = invoice.duplicate(id(6), "2026-11-27", occasion()).state;
            assert_eq!((copy.status, &copy.content), (InvoiceStatus::Draft, &invoice.content));
            Ok(Transition::quiet(invoice.clone(), invoice))
        }
        Action::Submit => invoice.submit(None, occasion()).map_err(|error| error.to_string()),
        Action::Return => invoice.send_back("No".to_owned(), occasion()).map_err(|error| error.to_string()),
        Action::Approve => invoice.approve(occasion()).map_err(|error| error.to_string()),
        Action::Release => invoice.release(money, occasion()).map_err(|error| error.to_string()),
        Action::Dispute => match invoice.escrow {
            EscrowStatus::Disputed => Ok(invoice.thaw(Timestamp::default(), occasion())),
            _ => invoice.freeze().map_err(|error| error.to_string()),
        },
        Action::Delete => unreachable!("a draft is not deleted here"),
    }
}

const ACTIONS: [Action; 13] = [
    Action::Edit,
    Action::Send,
    Action::Pay,
    Action::Void,
    Action::Credit,
    Action::Reverse,
    Action::Decline,
    Action::Duplicate,
    Action::Submit,
    Action::Return,
    Action::Approve,
    Action::Release,
    Action::Dispute,
];

/// What the ledger alone says of an invoice.
fn rebuilt(ledger: &BTreeMap<(Account, crate::states::TransferKind), i64>, invoice: &Invoice) -> [i64; 8] {
    use crate::states::TransferKind as Kind;
    let sum = |owner, kinds: &[Kind]| -> i64 {
        let account = Account { owner, currency: invoice.currency };
        let of =
            |((it, kind), minor): (&(Account, Kind), &i64)| (*it == account && kinds.contains(kind)).then_some(*minor);
        ledger.iter().filter_map(of).sum()
    };
    let claim = |claim| Owner::Claim(invoice.between(), claim);
    [
        sum(claim(Claim::Settled), &[Kind::Payment, Kind::Reversal]),
        -sum(claim(Claim::Settled), &[Kind::CreditNote]),
        sum(claim(Claim::Credited), Kind::ALL),
        sum(Owner::External(invoice.freelancer_id), Kind::ALL),
        sum(Owner::Available(invoice.freelancer_id), Kind::ALL),
        sum(Owner::Fees, Kind::ALL),
        sum(Owner::Escrow(invoice.id, invoice.between()), Kind::ALL),
        sum(claim(Claim::Receivable), Kind::ALL),
    ]
}

proptest! {
    #[test]
    fn whatever_is_asked_in_whatever_order_the_ledger_alone_rebuilds_amounts_and_states(
        asked in prop::collection::vec((0_usize..13, 1_i64..120, any::<bool>()), 0..30),
    ) {
        let mut invoice = draft(100).under(EscrowTerms { fee_bp: 1234, ..EscrowTerms::default() });
        let mut ledger = BTreeMap::new();
        for (place, amount, direct) in asked {
            let (before, action) = (invoice.clone(), ACTIONS[place]);
            let allowed = before.allowed().contains(&action);
            let thaws = action == Action::Dispute && before.escrow == EscrowStatus::Disputed;
            let was_final = before.allowed() == [Action::Duplicate] && action != Action::Duplicate && !thaws;
            match act(invoice, action, amount, if direct { DIRECT } else { WORLD }) {
                Ok(change) => {
                    prop_assert!((allowed || thaws) && !was_final);
                    prop_assert_eq!(&change.before, &before);
                    use Action::{Decline, Dispute, Duplicate, Edit, Return, Submit};
                    let quiet = [Edit, Decline, Duplicate, Submit, Return, Dispute];
                    prop_assert_eq!(change.transfers.is_empty(), quiet.contains(&action));
                    for transfer in &change.transfers {
                        for posting in transfer.postings() {
                            *ledger.entry((posting.account, transfer.reference().kind())).or_insert(0) += posting.minor;
                        }
                    }
                    invoice = change.next;
                }
                Err(_) => invoice = before,
            }
            prop_assert_eq!(ledger.values().sum::<i64>(), 0, "no money is made or lost");
            let is_sent = !matches!(invoice.status, InvoiceStatus::Draft);
            let due = match invoice.status {
                InvoiceStatus::Draft | InvoiceStatus::Void => 0,
                _ => invoice.due().minor,
            };
            let amounts = [
                invoice.paid_minor,
                invoice.refunded_minor,
                invoice.credited_minor,
                invoice.external_minor,
                invoice.released_minor,
                invoice.fee_minor,
                invoice.held().minor,
                due,
            ];
            prop_assert_eq!(rebuilt(&ledger, &invoice), amounts);
            // A credit note over what was released is the freelancer's to give back.
            let taken_back = invoice.external_minor.min(0);
            prop_assert!(amounts.iter().all(|amount| *amount >= 0 || *amount == taken_back), "{:?}", amounts);
            prop_assert!(invoice.paid_minor <= invoice.total().minor);
            if is_sent && invoice.credited_minor + invoice.paid_minor > 0 {
                prop_assert_eq!(invoice.status, invoice.settled());
            }
            let waits = matches!(invoice.escrow, EscrowStatus::Disputed | EscrowStatus::InReview);
            let derived = invoice.escrow == invoice.funded();
            prop_assert!((waits && invoice.held().minor > 0) || (!waits && derived));
            prop_assert_eq!(invoice.release_at().is_some(), invoice.escrow == EscrowStatus::InReview);
            let fee = invoice.fee_of(invoice.money(0)).minor;
            prop_assert_eq!(fee, 0, "all that was released is charged");
            prop_assert!(invoice.declined.is_none() || invoice.paid_minor == 0, "a payment takes it back");
            prop_assert_eq!(invoice.number.is_some() && invoice.canonical_hash.is_some(), is_sent);
            prop_assert_eq!(invoice.voided_at.is_some(), invoice.status == InvoiceStatus::Void);
        }
    }

    #[test]
    fn every_order_of_payments_ends_alike(total in 1_i64..1000, first in 1_i64..1000, second in 1_i64..1000) {
        let ends = |parts: [i64; 2]| {
            let mut invoice = sent(total);
            for part in parts {
                let due = invoice.due().minor;
                match settle(&invoice, WORLD, part.min(due)) {
                    Ok(change) => invoice = change.next,
                    Err(_) => break,
                }
            }
            (invoice.status, invoice.payment_status(), invoice.escrow, invoice.paid_minor)
        };
        prop_assert_eq!(ends([first, second]), ends([second, first]));
    }
}
