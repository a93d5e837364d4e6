//! The invariants of each kind of write.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Found, facts::Facts, history::History};
use crate::load::{PARTS, RELEASES, Word, changed_title, numbers, title};

type Rule = fn(&History<'_>, &Facts, &mut Found);

/// All rules.
pub const ALL: [Rule; 10] = [made, titles, sent, paid, parts, released, paid_out, settled, counts, changed_and_deleted];

/// Created invoices exist, unless a delete may have succeeded.
fn made(history: &History<'_>, facts: &Facts, found: &mut Found) {
    for (subject, id) in history.made() {
        if !facts.invoices.contains_key(id) && !history.may_be_gone(subject) {
            found.lost.push(format!("make-{subject}: {id} is not there"));
        }
    }
}

/// One invoice per subject, and no unknown titles.
fn titles(history: &History<'_>, facts: &Facts, found: &mut Found) {
    let subjects: Vec<&str> = history.of("make").map(|write| write.subject).collect();
    let known: BTreeMap<String, &str> =
        subjects.iter().flat_map(|subject| [(title(subject), *subject), (changed_title(subject), *subject)]).collect();
    let mut seen = BTreeSet::new();
    for invoice in facts.invoices.values() {
        let called = invoice["title"].as_str().unwrap_or("");
        match known.get(called) {
            Some(subject) if seen.insert(*subject) => {}
            Some(subject) => found.doubled.push(format!("make-{subject}: {} is another one", invoice["id"])),
            None => found.doubled.push(format!("{}: unknown title {called:?}", invoice["id"])),
        }
    }
}

/// Sends persist.
fn sent(history: &History<'_>, facts: &Facts, found: &mut Found) {
    for (subject, id) in history.made() {
        let is_draft = facts.invoices.get(id).is_none_or(|invoice| invoice["status"] == "DRAFT");
        match history.fate(&format!("send-{subject}")) {
            Some(Word::Acknowledged) if is_draft => found.lost.push(format!("send-{subject}: {id} is not sent")),
            None if !is_draft => found.doubled.push(format!("{id}: sent without a request")),
            _ => {}
        }
    }
}

/// Each payment is booked once, and each reversal undoes one.
fn paid(history: &History<'_>, facts: &Facts, found: &mut Found) {
    for (subject, id) in history.made() {
        // Those are judged by rules of their own.
        let others = [format!("part-{subject}-0"), format!("fund-{subject}")];
        let is_other = others.iter().any(|key| history.fate(key).is_some());
        let Some(invoice) = facts.invoices.get(id).filter(|_| !is_other) else {
            continue;
        };
        let reversed = history.fate(&format!("reverse-{subject}"));
        match (euros(&invoice["paid"]), history.fate(&format!("pay-{subject}"))) {
            (Some(20), Some(_)) if reversed == Some(Word::Acknowledged) => {
                found.lost.push(format!("reverse-{subject}: {id} is paid all the same"));
            }
            (Some(0), _) if reversed.is_some() => {}
            (Some(0), Some(Word::Acknowledged)) => found.lost.push(format!("pay-{subject}: {id} is not paid")),
            (Some(0), _) | (Some(20), Some(_)) => {}
            _ => found.doubled.push(format!("pay-{subject}: {id} is paid with {}", invoice["paid"])),
        }
    }
}

/// Each partial payment is booked once: the sum's digits separate them.
fn parts(history: &History<'_>, facts: &Facts, found: &mut Found) {
    digits(("part", &PARTS, "paid"), history, facts, found);
}

/// Each release is booked once, by the same digits.
fn released(history: &History<'_>, facts: &Facts, found: &mut Found) {
    digits(("release", &RELEASES, "released"), history, facts, found);
}

fn digits((what, all, field): (&str, &[u64], &str), history: &History<'_>, facts: &Facts, found: &mut Found) {
    for (subject, id) in history.made() {
        let Some(invoice) = facts.invoices.get(id) else { continue };
        for (place, part) in all.iter().enumerate() {
            let key = format!("{what}-{subject}-{place}");
            let Some(fate) = history.fate(&key) else { continue };
            // The last digit includes any excess.
            let times =
                euros(&invoice[field]).map(|sum| if place + 1 < all.len() { sum / part % 4 } else { sum / part });
            match times {
                Some(1) => {}
                Some(0) if fate != Word::Acknowledged => {}
                Some(0) => found.lost.push(format!("{key}: {id} has {}", invoice[field])),
                _ => found.doubled.push(format!("{key}: {id} has {}", invoice[field])),
            }
        }
    }
}

/// Each payout is asked for once, by its destination, and paid where that was acknowledged.
fn paid_out(history: &History<'_>, facts: &Facts, found: &mut Found) {
    for write in history.of("payout") {
        let payouts: Vec<&Value> =
            facts.payouts.iter().filter(|payout| payout["destination"] == write.subject).collect();
        let line = format!("payout-{}: {} payouts", write.subject, payouts.len());
        match payouts.as_slice() {
            [] if write.fate != Word::Acknowledged => {}
            [] => found.lost.push(line),
            [payout] => {
                let is_paid = payout["status"] == "PAID";
                match history.fate(&format!("out-{}", write.subject)) {
                    Some(Word::Acknowledged) if !is_paid => found.lost.push(format!("{line}, not paid")),
                    None if is_paid => found.doubled.push(format!("{line}, paid without a request")),
                    _ => {}
                }
            }
            _ => found.doubled.push(line),
        }
    }
}

/// Each settled dispute has moved its money once: 40 of 50 euros to the freelancer, the rest back. One that is not settled has moved
/// nothing.
fn settled(history: &History<'_>, facts: &Facts, found: &mut Found) {
    for (subject, id) in history.made() {
        let Some(invoice) = facts.invoices.get(id) else { continue };
        if history.fate(&format!("dispute-{subject}")).is_none() {
            continue;
        }
        let amounts = (euros(&invoice["released"]), euros(&invoice["refunded"]));
        match (history.fate(&format!("settle-{subject}")), amounts) {
            (Some(_), (Some(40), Some(10))) => {}
            (Some(Word::Acknowledged), (Some(0), Some(0))) => {
                found.lost.push(format!("settle-{subject}: the money of {id} has not moved"));
            }
            (_, (Some(0), Some(0))) => {}
            _ => found.doubled.push(format!("settle-{subject}: {id} has {amounts:?}")),
        }
    }
}

/// Each client's number on each board is the acknowledged one, or an unanswered later one.
fn counts(history: &History<'_>, facts: &Facts, found: &mut Found) {
    let ids: BTreeMap<&str, &str> = history.made().collect();
    let mut bounds: BTreeMap<(&str, u64), (u64, u64)> = BTreeMap::new();
    for write in history.of("count") {
        let Some((client, number)) = write.rest.split_once('-') else { continue };
        let (Ok(client), Ok(number)) = (client.parse(), number.parse::<u64>()) else { continue };
        let (acknowledged, intended) = bounds.entry((write.subject, client)).or_default();
        *intended = (*intended).max(number);
        *acknowledged = (*acknowledged).max(if write.fate == Word::Acknowledged { number } else { 0 });
    }
    for ((subject, client), (acknowledged, intended)) in bounds {
        let invoice = ids.get(subject).and_then(|id| facts.invoices.get(*id));
        let text = invoice.map_or_else(|| &facts.profile["bio"], |invoice| &invoice["notes"]);
        let number = numbers(text).get(&client).copied().unwrap_or(0);
        let line = format!("count-{subject}-{client}: {number} of {acknowledged} acknowledged and {intended} intended");
        match number {
            number if number < acknowledged => found.lost.push(line),
            number if number > intended => found.doubled.push(line),
            _ => {}
        }
    }
}

/// Changes persist unless deleted; deleted invoices are gone from both databases and have a tombstone in the mirror.
fn changed_and_deleted(history: &History<'_>, facts: &Facts, found: &mut Found) {
    for (subject, id) in history.made() {
        let invoice = facts.invoices.get(id);
        let is_changed = invoice.map(|invoice| invoice["title"] == changed_title(subject));
        match (history.fate(&format!("patch-{subject}")), is_changed) {
            (Some(Word::Acknowledged), Some(false)) => found.lost.push(format!("patch-{subject}: {id} is not changed")),
            (Some(Word::Refused) | None, Some(true)) => {
                found.doubled.push(format!("patch-{subject}: {id} is changed without a request"));
            }
            _ => {}
        }
        let deleted = history.fate(&format!("delete-{subject}")) == Some(Word::Acknowledged);
        match (invoice, facts.tombstones.contains(id)) {
            (Some(_), _) if deleted => found.lost.push(format!("delete-{subject}: {id} is there")),
            (Some(_), true) => found.lost.push(format!("{id} exists, but has a tombstone in the mirror")),
            (None, false) if deleted => {
                found.lost.push(format!("delete-{subject}: the mirror has no tombstone of {id}"));
            }
            _ => {}
        }
    }
}

/// A sum in whole euros; none for fractions.
fn euros(money: &Value) -> Option<u64> {
    money["amount"].as_str()?.strip_suffix(".00")?.parse().ok()
}
