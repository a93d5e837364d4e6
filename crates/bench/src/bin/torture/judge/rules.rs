//! What must be so, for each kind of write.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Found, facts::Facts, history::History};
use crate::load::{PARTS, Word, changed_title, numbers, title};

type Rule = fn(&History<'_>, &Facts, &mut Found);

/// Every rule.
pub const ALL: [Rule; 7] = [made, titles, sent, paid, parts, counts, changed_and_deleted];

/// What was made is there, unless somebody may have deleted it.
fn made(history: &History<'_>, facts: &Facts, found: &mut Found) {
    for (subject, id) in history.made() {
        if !facts.bills.contains_key(id) && !history.may_be_gone(subject) {
            found.lost.push(format!("make-{subject}: {id} is not there"));
        }
    }
}

/// One bill of each subject, and none that nobody meant.
fn titles(history: &History<'_>, facts: &Facts, found: &mut Found) {
    let subjects: Vec<&str> = history.of("make").map(|write| write.subject).collect();
    let known: BTreeMap<String, &str> =
        subjects.iter().flat_map(|subject| [(title(subject), *subject), (changed_title(subject), *subject)]).collect();
    let mut seen = BTreeSet::new();
    for bill in facts.bills.values() {
        let called = bill["title"].as_str().unwrap_or("");
        match known.get(called) {
            Some(subject) if seen.insert(*subject) => {}
            Some(subject) => found.doubled.push(format!("make-{subject}: {} is another one", bill["id"])),
            None => found.doubled.push(format!("{}: nobody has made {called:?}", bill["id"])),
        }
    }
}

/// What was sent is sent.
fn sent(history: &History<'_>, facts: &Facts, found: &mut Found) {
    for (subject, id) in history.made() {
        let is_draft = facts.bills.get(id).is_none_or(|bill| bill["status"] == "DRAFT");
        match history.fate(&format!("send-{subject}")) {
            Some(Word::Told) if is_draft => found.lost.push(format!("send-{subject}: {id} is not sent")),
            None if !is_draft => found.doubled.push(format!("{id}: nobody has sent it")),
            _ => {}
        }
    }
}

/// What one client paid is paid once.
fn paid(history: &History<'_>, facts: &Facts, found: &mut Found) {
    for (subject, id) in history.made() {
        let Some(bill) = facts.bills.get(id).filter(|_| history.fate(&format!("part-{subject}-0")).is_none()) else {
            continue;
        };
        match (euros(bill), history.fate(&format!("pay-{subject}"))) {
            (Some(0), Some(Word::Told)) => found.lost.push(format!("pay-{subject}: {id} is not paid")),
            (Some(0), _) | (Some(20), Some(_)) => {}
            _ => found.doubled.push(format!("pay-{subject}: {id} is paid with {}", bill["paid"])),
        }
    }
}

/// Of what several paid, each part is there once: the sum's digits tell them apart.
fn parts(history: &History<'_>, facts: &Facts, found: &mut Found) {
    for (subject, id) in history.made() {
        let Some(bill) = facts.bills.get(id) else { continue };
        for (place, part) in PARTS.iter().enumerate() {
            let key = format!("part-{subject}-{place}");
            let Some(fate) = history.fate(&key) else { continue };
            // The last digit takes whatever is above it.
            let times = euros(bill).map(|sum| if place + 1 < PARTS.len() { sum / part % 4 } else { sum / part });
            match times {
                Some(1) => {}
                Some(0) if fate != Word::Told => {}
                Some(0) => found.lost.push(format!("{key}: {id} has {}", bill["paid"])),
                _ => found.doubled.push(format!("{key}: {id} has {}", bill["paid"])),
            }
        }
    }
}

/// Each client's number on each board is what it was told, or one more of which it has not heard.
fn counts(history: &History<'_>, facts: &Facts, found: &mut Found) {
    let ids: BTreeMap<&str, &str> = history.made().collect();
    let mut told_and_meant: BTreeMap<(&str, u64), (u64, u64)> = BTreeMap::new();
    for write in history.of("count") {
        let Some((client, number)) = write.rest.split_once('-') else { continue };
        let (Ok(client), Ok(number)) = (client.parse(), number.parse::<u64>()) else { continue };
        let (told, meant) = told_and_meant.entry((write.subject, client)).or_default();
        *meant = (*meant).max(number);
        *told = (*told).max(if write.fate == Word::Told { number } else { 0 });
    }
    for ((subject, client), (told, meant)) in told_and_meant {
        let bill = ids.get(subject).and_then(|id| facts.bills.get(*id));
        let text = bill.map_or_else(|| &facts.profile["bio"], |bill| &bill["notes"]);
        let number = numbers(text).get(&client).copied().unwrap_or(0);
        let said = format!("count-{subject}-{client}: {number} of {told} that were told and {meant} that were meant");
        match number {
            number if number < told => found.lost.push(said),
            number if number > meant => found.doubled.push(said),
            _ => {}
        }
    }
}

/// What was changed is changed where it is still there; what was deleted is gone from both databases, and the second knows
/// that it is.
fn changed_and_deleted(history: &History<'_>, facts: &Facts, found: &mut Found) {
    for (subject, id) in history.made() {
        let bill = facts.bills.get(id);
        let is_changed = bill.map(|bill| bill["title"] == changed_title(subject));
        match (history.fate(&format!("patch-{subject}")), is_changed) {
            (Some(Word::Told), Some(false)) => found.lost.push(format!("patch-{subject}: {id} is not changed")),
            (Some(Word::Refused) | None, Some(true)) => {
                found.doubled.push(format!("patch-{subject}: {id} is changed though nobody did"));
            }
            _ => {}
        }
        let deleted = history.fate(&format!("delete-{subject}")) == Some(Word::Told);
        match (bill, facts.tombstones.contains(id)) {
            (Some(_), _) if deleted => found.lost.push(format!("delete-{subject}: {id} is there")),
            (Some(_), true) => found.lost.push(format!("{id} is there, and the second database calls it deleted")),
            (None, false) if deleted => {
                found.lost.push(format!("delete-{subject}: the second database does not know that {id} is deleted"));
            }
            _ => {}
        }
    }
}

/// What is paid, in whole euros; none when it is no such sum.
fn euros(bill: &Value) -> Option<u64> {
    bill["paid"]["amount"].as_str()?.strip_suffix(".00")?.parse().ok()
}
