//! Tests of the judge: a correct state passes, and each violation is found.

use serde_json::{Value, json};

use super::{facts::Facts, history::History, judged};

const ORACLE: &str = "\
meant make-a-0 /api/invoices
acknowledged make-a-0 A
meant send-a-0 /api/invoices/A/send
acknowledged send-a-0 A
meant pay-a-0 /api/invoices/A/pay
acknowledged pay-a-0 P
meant make-d-0 /api/invoices
acknowledged make-d-0 D
meant delete-d-0 /api/invoices/D
acknowledged delete-d-0 /api/invoices/D
meant make-r-0 /api/invoices
acknowledged make-r-0 R
meant patch-r-0 /api/invoices/R
meant delete-r-0 /api/invoices/R
acknowledged patch-r-0 /api/invoices/R
refused delete-r-0 /api/invoices/R
meant make-p-0 /api/invoices
acknowledged make-p-0 S
meant send-p-0 /api/invoices/S/send
acknowledged send-p-0 S
meant part-p-0-0 /api/invoices/S/pay
meant part-p-0-1 /api/invoices/S/pay
acknowledged part-p-0-0 Q
meant make-c-0 /api/invoices
acknowledged make-c-0 C
meant count-c-0-0-1 /api/invoices/C
acknowledged count-c-0-0-1 /api/invoices/C
meant count-c-0-0-2 /api/invoices/C
meant make-v-0 /api/invoices
acknowledged make-v-0 V
meant send-v-0 /api/invoices/V/send
acknowledged send-v-0 V
meant pay-v-0 /api/payments/W/confirm
acknowledged pay-v-0 W
meant reverse-v-0 /api/payments/W/reverse
acknowledged reverse-v-0 W
meant make-h-0 /api/invoices
acknowledged make-h-0 H
meant send-h-0 /api/invoices/H/send
acknowledged send-h-0 H
meant fund-h-0 /api/invoices/H/pay
acknowledged fund-h-0 F
meant release-h-0-0 /api/invoices/H/release
acknowledged release-h-0-0 H
meant release-h-0-1 /api/invoices/H/release
acknowledged release-h-0-1 H
meant payout-h-0 /api/payouts
acknowledged payout-h-0 O
meant out-h-0 /api/payouts/O/confirm
acknowledged out-h-0 O
meant make-q-0 /api/invoices
acknowledged make-q-0 X
meant send-q-0 /api/invoices/X/send
acknowledged send-q-0 X
meant fund-q-0 /api/invoices/X/pay
acknowledged fund-q-0 F
meant dispute-q-0 /api/disputes
acknowledged dispute-q-0 Z
meant settle-q-0 /api/disputes/Z/settlement/accept
acknowledged settle-q-0 Z
meant make-a-1 /api/invoices
";

fn invoice(id: &str, title: &str, status: &str, paid: &str, notes: &str) -> (String, Value) {
    let money = json!({"amount": paid, "currency": "EUR"});
    (id.to_owned(), json!({"id": id, "title": title, "status": status, "paid": money, "notes": notes}))
}

fn facts() -> Facts {
    let invoices = [
        invoice("A", "invoice-a-0", "SENT", "20.00", ""),
        invoice("R", "changed-r-0", "DRAFT", "0.00", ""),
        invoice("S", "invoice-p-0", "SENT", "1.00", ""),
        invoice("C", "invoice-c-0", "DRAFT", "0.00", "0=1"),
        invoice("V", "invoice-v-0", "SENT", "0.00", ""),
        invoice("H", "invoice-h-0", "PAID", "50.00", ""),
        invoice("X", "invoice-q-0", "RELEASED", "50.00", ""),
    ];
    let mut invoices = std::collections::BTreeMap::from(invoices);
    invoices.get_mut("H").unwrap()["released"] = json!({"amount": "5.00"});
    let settled = invoices.get_mut("X").unwrap();
    (settled["released"], settled["refunded"]) = (json!({"amount": "40.00"}), json!({"amount": "10.00"}));
    let payouts = vec![json!({"id": "O", "destination": "h-0", "status": "PAID"})];
    Facts { invoices, payouts, profile: json!({"bio": null}), tombstones: ["D".to_owned()].into() }
}

/// Counts lost and doubled writes after changing the facts.
fn lost_and_doubled(oracle: &str, otherwise: impl FnOnce(&mut Facts)) -> (usize, usize) {
    let mut facts = facts();
    otherwise(&mut facts);
    let found = judged(&History::read(oracle), &facts);
    (found.lost.len(), found.doubled.len())
}

fn set(facts: &mut Facts, id: &str, field: &str, value: Value) {
    facts.invoices.get_mut(id).unwrap()[field] = value;
}

#[test]
fn a_correct_state_passes() {
    let found = judged(&History::read(ORACLE), &facts());
    assert_eq!((found.lost, found.doubled, found.wrong), (Vec::new(), Vec::new(), Vec::new()));
    assert_eq!((found.deletes, found.contended, found.unanswered), (1, 3, 3));
}

#[test]
fn unanswered_writes_may_be_done() {
    let right = lost_and_doubled(ORACLE, |facts| {
        facts.invoices.extend([invoice("B", "invoice-a-1", "DRAFT", "0.00", "")]);
        set(facts, "S", "paid", json!({"amount": "5.00"}));
        set(facts, "C", "notes", json!("0=2"));
    });
    assert_eq!(right, (0, 0));
    let forgotten = ORACLE.replace("refused delete-r-0 /api/invoices/R\n", "");
    assert_eq!(lost_and_doubled(&forgotten, |facts| drop(facts.invoices.remove("R"))), (0, 0));
}

#[test]
fn lost_writes_are_found() {
    let lost: [fn(&mut Facts); 14] = [
        |facts| {
            set(facts, "X", "released", json!({"amount": "0.00"}));
            set(facts, "X", "refunded", json!({"amount": "0.00"}));
        },
        |facts| set(facts, "H", "released", json!({"amount": "1.00"})),
        |facts| facts.payouts.clear(),
        |facts| facts.payouts[0]["status"] = json!("REQUESTED"),
        |facts| set(facts, "V", "paid", json!({"amount": "20.00"})),
        |facts| set(facts, "A", "status", json!("DRAFT")),
        |facts| set(facts, "A", "paid", json!({"amount": "0.00"})),
        |facts| set(facts, "R", "title", json!("invoice-r-0")),
        |facts| set(facts, "S", "paid", json!({"amount": "4.00"})),
        |facts| set(facts, "C", "notes", json!(null)),
        // Its delete was refused.
        |facts| drop(facts.invoices.remove("R")),
        |facts| facts.invoices.extend([invoice("D", "invoice-d-0", "DRAFT", "0.00", "")]),
        |facts| facts.tombstones.clear(),
        |facts| facts.tombstones.extend(["A".to_owned()]),
    ];
    for (place, otherwise) in lost.into_iter().enumerate() {
        assert_eq!(lost_and_doubled(ORACLE, otherwise), (1, 0), "{place}");
    }
}

#[test]
fn doubled_writes_are_found() {
    let doubled: [fn(&mut Facts); 10] = [
        |facts| set(facts, "X", "released", json!({"amount": "50.00"})),
        |facts| set(facts, "H", "released", json!({"amount": "6.00"})),
        |facts| facts.payouts.push(facts.payouts[0].clone()),
        |facts| set(facts, "V", "paid", json!({"amount": "40.00"})),
        |facts| facts.invoices.extend([invoice("B", "invoice-a-0", "DRAFT", "0.00", "")]),
        |facts| facts.invoices.extend([invoice("B", "invoice-x-0", "DRAFT", "0.00", "")]),
        |facts| set(facts, "A", "paid", json!({"amount": "40.00"})),
        |facts| set(facts, "S", "paid", json!({"amount": "2.00"})),
        |facts| set(facts, "C", "notes", json!("0=3")),
        |facts| set(facts, "C", "status", json!("SENT")),
    ];
    for (place, otherwise) in doubled.into_iter().enumerate() {
        assert_eq!(lost_and_doubled(ORACLE, otherwise), (0, 1), "{place}");
    }
    assert_eq!(judged(&History::read("wrong delete-d-0 it is there"), &facts()).wrong.len(), 1);
}
