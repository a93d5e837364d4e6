use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{
    ledger::{Account, Owner},
    money::Money,
    payment::Received,
    states::{NumberKind, PaymentMethod},
    transition::Transition,
};

fn id<K>(place: u8) -> crate::id::Id<K> {
    crate::id::Id::new(Timestamp::default(), [place; 10])
}

fn occasion() -> Occasion {
    Occasion { at: Timestamp::default(), event_id: id(7) }
}

fn content(price: i64, due_date: Option<&str>) -> Content {
    let lines =
        vec![Line { description: "work".to_owned(), quantity_milli: 1000, unit_price_minor: price, tax_rate_bp: 0 }];
    let totals = totals(&lines, 0).expect("they fit");
    Content { title: "Work".to_owned(), notes: None, due_date: due_date.map(str::to_owned), lines, totals }
}

fn draft(price: i64) -> Invoice {
    let new = NewDraft {
        id: id(1),
        freelancer_id: id(2),
        client_id: id(3),
        project_id: None,
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
    draft(price).send(number(1), "2026-11-27", Timestamp::default()).expect("it is a draft").next
}

fn payment(invoice: &Invoice, minor: i64) -> Payment {
    let amount = Money { minor, currency: invoice.currency };
    let received = Received { external_ref: "r".to_owned(), method: PaymentMethod::Card, amount, received_at: None };
    Payment::record(id(5), invoice, received, id(3), Timestamp::default())
}

#[test]
fn a_refusal_says_what_is_allowed() {
    let refusal = sent(100).edit(content(1, None), None).expect_err("it is sent");
    assert_eq!(refusal.to_string(), "an invoice that is SENT cannot be edited");
    assert_eq!((refusal.current, refusal.allowed), ("SENT", vec!["pay", "void", "decline", "duplicate"]));
    let invoice = sent(100);
    let part = invoice.clone().pay(&payment(&invoice, 1), occasion()).expect("it is sent").next;
    assert_eq!(part.void(Timestamp::default()).expect_err("it is paid in part").allowed, ["pay", "duplicate"]);
    assert!(sent(100).delete().is_err() && draft(100).delete().is_ok());
}

#[test]
fn what_could_not_be_paid_is_not_sent() {
    let invoice = draft(0).edit(content(0, Some("2026-11-26")), None).expect("it is a draft").next;
    let reasons = vec![Unpayable::Nothing, Unpayable::Due("2026-11-26".to_owned())];
    assert_eq!(invoice.can_be_sent("2026-11-27"), Err(CannotSend::Unpayable(reasons)));
    let invoice = draft(1).edit(content(1, Some("2026-11-27")), None).expect("it is a draft").next;
    let sent = invoice.send(number(7), "2026-11-27", Timestamp::default()).expect("it is due today").next;
    assert_eq!((sent.number.as_deref(), sent.number_seq), (Some("INV-2026-000007"), Some(7)));
    assert!(!sent.is_overdue("2026-11-27") && sent.is_overdue("2026-11-28"));
}

#[test]
fn a_payment_of_nothing_or_in_another_currency_is_not_taken() {
    let invoice = sent(100);
    let pay = |payment: Payment| invoice.clone().pay(&payment, occasion()).map(drop);
    assert_eq!(pay(payment(&invoice, 0)), Err(CannotPay::NotPositive));
    assert_eq!(pay(payment(&invoice, -1)), Err(CannotPay::NotPositive));
    let dollars = Money { minor: 1, currency: "USD".parse().expect("a currency") };
    let other = Payment { amount: dollars, ..payment(&invoice, 1) };
    assert_eq!(pay(other), Err(CannotPay::Currency(dollars.currency, invoice.currency)));
    let part = invoice.clone().pay(&payment(&invoice, 1), occasion()).expect("it is sent").next;
    assert_eq!(part.clone().pay(&payment(&part, i64::MAX), occasion()).map(drop), Err(CannotPay::TooLarge));
}

#[test]
fn a_declined_invoice_is_voided_or_paid_all_the_same_and_not_declined_twice() {
    let declined = sent(100).decline("Not what we agreed".to_owned(), occasion()).expect("it is sent");
    assert_eq!(declined.events.iter().map(|event| event.data.kind().name()).collect::<Vec<_>>(), ["INVOICE_DECLINED"]);
    let invoice = declined.next;
    assert_eq!(invoice.declined.as_ref().map(|declined| declined.reason.as_str()), Some("Not what we agreed"));
    let again = invoice.clone().decline("No".to_owned(), occasion()).expect_err("it is declined");
    assert_eq!(again.allowed, ["pay", "void", "duplicate"]);
    assert!(invoice.clone().void(Timestamp::default()).is_ok());
    let paid = invoice.clone().pay(&payment(&invoice, 1), occasion()).expect("it is sent").next;
    assert_eq!(paid.declined, None, "a payment takes it back");
    assert!(
        paid.decline("No".to_owned(), occasion()).is_err() && draft(1).decline("No".to_owned(), occasion()).is_err()
    );
}

#[test]
fn a_duplicate_says_the_same_but_for_a_due_day_that_has_passed() {
    let invoice = draft(1).edit(content(1, Some("2026-11-27")), Some(Series::BuiltIn)).expect("a draft").next;
    let sent = invoice.send(number(7), "2026-11-27", Timestamp::default()).expect("it is due today").next;
    let copy = sent.duplicate(id(8), "2026-11-27", occasion()).state;
    assert_eq!((&copy.content, copy.series, copy.number.as_deref()), (&sent.content, Some(Series::BuiltIn), None));
    let later = sent.duplicate(id(8), "2026-11-28", occasion()).state;
    assert_eq!(later.content, Content { due_date: None, ..sent.content.clone() });
}

/// What is asked of an invoice, by a number.
fn act(invoice: Invoice, action: Action, amount: i64) -> Result<Option<Transition<Invoice>>, String> {
    let at = Timestamp::default();
    match action {
        Action::Edit => invoice.edit(content(amount, None), None).map(Some).map_err(|error| error.to_string()),
        Action::Send => invoice.send(number(1), "2026-11-27", at).map(Some).map_err(|error| error.to_string()),
        Action::Void => invoice.void(at).map(Some).map_err(|error| error.to_string()),
        Action::Delete => invoice.delete().map(|_| None).map_err(|error| error.to_string()),
        Action::Pay => {
            let payment = payment(&invoice, amount);
            invoice.pay(&payment, occasion()).map(Some).map_err(|error| error.to_string())
        }
        Action::Decline => invoice.decline("No".to_owned(), occasion()).map(Some).map_err(|error| error.to_string()),
        Action::Duplicate => {
            let copy = invoice.duplicate(id(6), "2026-11-27", occasion()).state;
            assert_eq!((copy.status, &copy.content), (InvoiceStatus::Draft, &invoice.content));
            Ok(Some(Transition::quiet(invoice.clone(), invoice)))
        }
    }
}

const ACTIONS: [Action; 6] =
    [Action::Edit, Action::Send, Action::Pay, Action::Void, Action::Decline, Action::Duplicate];

proptest! {
    #[test]
    fn whatever_is_asked_in_whatever_order_money_and_states_agree(
        asked in prop::collection::vec((0_usize..6, 1_i64..200), 0..20),
    ) {
        let mut invoice = draft(100);
        let mut ledger: BTreeMap<Account, i64> = BTreeMap::new();
        for (place, amount) in asked {
            let (before, action) = (invoice.clone(), ACTIONS[place]);
            let allowed = before.allowed().contains(&action);
            match act(invoice, action, amount) {
                Ok(Some(change)) => {
                    prop_assert!(allowed);
                    prop_assert_eq!(&change.before, &before);
                    prop_assert_eq!(change.transfers.is_empty(), action != Action::Pay);
                    for posting in change.transfers.iter().flat_map(|transfer| transfer.postings()) {
                        *ledger.entry(posting.account).or_default() += posting.minor;
                    }
                    invoice = change.next;
                }
                Ok(None) => unreachable!("a draft is not deleted here"),
                Err(_) => {
                    prop_assert!(!allowed);
                    invoice = before;
                }
            }
            let escrow = Account { owner: Owner::Escrow(invoice.id), currency: invoice.currency };
            prop_assert_eq!(ledger.values().sum::<i64>(), 0, "no money is made or lost");
            prop_assert_eq!(ledger.get(&escrow).copied().unwrap_or(0), invoice.paid_minor, "what is paid is held");
            let full = invoice.paid_minor >= invoice.total().minor;
            prop_assert_eq!(invoice.status == InvoiceStatus::Paid, full);
            prop_assert_eq!(invoice.paid_at.is_some(), full);
            prop_assert_eq!(invoice.escrow, invoice.funded());
            prop_assert!(invoice.declined.is_none() || invoice.paid_minor == 0, "a payment takes it back");
            let frozen = invoice.status != InvoiceStatus::Draft;
            prop_assert_eq!(invoice.number.is_some() && invoice.canonical_hash.is_some(), frozen);
        }
    }

    #[test]
    fn every_order_of_payments_ends_alike(total in 1_i64..1000, first in 1_i64..1000, second in 1_i64..1000) {
        let ends = |parts: [i64; 2]| {
            let mut invoice = sent(total);
            for part in parts {
                let payment = payment(&invoice, part);
                match invoice.clone().pay(&payment, occasion()) {
                    Ok(change) => invoice = change.next,
                    Err(_) => break,
                }
            }
            (invoice.status, invoice.payment_status(), invoice.escrow)
        };
        prop_assume!(first < total && second < total);
        prop_assert_eq!(ends([first, second]), ends([second, first]));
    }
}
