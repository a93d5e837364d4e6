//! Single-field faults of a foreign client: another value, another type, a missing field or an extra field.

use std::collections::BTreeMap;

use chainbill_testkit::Dice;
use mongodb::bson::{Bson, DateTime, Document, doc};

/// A fault for a document.
pub(crate) struct Fault {
    /// Its id.
    pub id: String,
    /// The field name that a comparison must report.
    pub path: String,
    /// The fault as a statement of an `update` command.
    pub statement: Document,
}

/// Fault counts per field. The fields with the fewest come next, so that all are covered.
#[derive(Default)]
pub(crate) struct Turns {
    fields: BTreeMap<String, u64>,
    kinds: BTreeMap<&'static str, u64>,
}

impl Turns {
    /// Count of distinct fields.
    pub fn fields(&self) -> usize {
        self.fields.len()
    }

    /// Counts per fault kind.
    pub fn kinds(&self) -> &BTreeMap<&'static str, u64> {
        &self.kinds
    }

    /// Picks a fault.
    pub fn fault(&mut self, model: &str, document: &Document, dice: &mut Dice) -> Option<Fault> {
        let id = document.get_str("_id").ok()?.to_owned();
        let mut leaves = Vec::new();
        leaves_of("", document, &mut leaves);
        leaves.push(("added".to_owned(), None));
        dice.shuffle(&mut leaves);
        let name = |path: &str| {
            let parts = path.split('.').map(|part| if part.parse::<u64>().is_ok() { "*" } else { part });
            format!("{model}.{}", parts.collect::<Vec<_>>().join("."))
        };
        let (path, value) =
            leaves.into_iter().min_by_key(|(path, _)| self.fields.get(&name(path)).copied().unwrap_or(0))?;
        let (kind, spoiled) = spoiled(&path, value.as_ref(), dice);
        *self.fields.entry(name(&path)).or_default() += 1;
        *self.kinds.entry(kind).or_default() += 1;
        let change = match spoiled {
            Some(value) => doc! { "$set": { &path: value } },
            None => doc! { "$unset": { &path: "" } },
        };
        Some(Fault { statement: doc! { "q": { "_id": &id }, "u": change }, id, path })
    }
}

/// All scalar values, and each list as a whole.
fn leaves_of(prefix: &str, document: &Document, leaves: &mut Vec<(String, Option<Bson>)>) {
    for (name, value) in document {
        let path = format!("{prefix}{name}");
        match value {
            _ if path == "_id" => {}
            Bson::Document(inner) => leaves_of(&format!("{path}."), inner, leaves),
            Bson::Array(items) => {
                for (place, item) in items.iter().enumerate() {
                    if let Bson::Document(inner) = item {
                        leaves_of(&format!("{path}.{place}."), inner, leaves);
                    }
                }
                leaves.push((path, Some(value.clone())));
            }
            value => leaves.push((path, Some(value.clone()))),
        }
    }
}

/// The faulty value; none for a removed field.
fn spoiled(path: &str, value: Option<&Bson>, dice: &mut Dice) -> (&'static str, Option<Bson>) {
    let Some(value) = value else { return ("a field more", Some(Bson::String("of a stranger".to_owned()))) };
    // A copy's write time is not compared: only a non-time value is a fault.
    let kinds = if path == "_sync.appliedAt" { 2 } else { 4 };
    match dice.below(kinds) {
        0 => ("a field less", None),
        1 => ("another type", Some(of_another_type(value, dice))),
        2 if *value != Bson::Null => ("null", Some(Bson::Null)),
        _ => ("another value", Some(another(path, value, dice))),
    }
}

fn another(path: &str, value: &Bson, dice: &mut Dice) -> Bson {
    match value {
        Bson::Null => Bson::String(String::new()),
        Bson::Boolean(flag) => Bson::Boolean(!flag),
        Bson::Int64(number) => Bson::Int64(number ^ 1),
        Bson::DateTime(at) => Bson::DateTime(DateTime::from_millis(at.timestamp_millis() + 1)),
        Bson::String(digest) if path == "_sync.digest" => Bson::String(digest.chars().rev().collect()),
        Bson::String(text) if text.is_empty() || dice.below(2) == 0 => Bson::String(format!("{text} ")),
        Bson::String(text) => Bson::String(text.chars().skip(1).collect()),
        Bson::Array(items) if items.is_empty() => Bson::Array(vec![Bson::Null]),
        Bson::Array(items) => Bson::Array(items[1..].to_vec()),
        other => Bson::String(format!("{other} ")),
    }
}

/// Nearly the same, of a similar-looking type.
fn of_another_type(value: &Bson, dice: &mut Dice) -> Bson {
    match (value, dice.below(3)) {
        (Bson::Null, _) => Bson::Undefined,
        (Bson::Boolean(flag), _) => Bson::Int64(i64::from(*flag)),
        (Bson::Int64(number), 0) => Bson::Double(*number as f64),
        (Bson::Int64(number), 1) => {
            i32::try_from(*number).map_or(Bson::DateTime(DateTime::from_millis(*number)), Bson::Int32)
        }
        (Bson::Int64(number), _) => Bson::String(number.to_string()),
        (Bson::DateTime(at), 0) => Bson::Int64(at.timestamp_millis()),
        (Bson::DateTime(at), _) => Bson::String(at.try_to_rfc3339_string().unwrap_or_default()),
        (Bson::String(text), 0) => Bson::Symbol(text.clone()),
        (Bson::String(text), 1) => Bson::Array(vec![Bson::String(text.clone())]),
        (Bson::String(text), _) => Bson::Document(doc! { "text": text }),
        (other, _) => Bson::String(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Document {
        let at = DateTime::from_millis(7);
        doc! {
            "_id": "a", "title": "x", "notes": Bson::Null, "open": true, "at": at,
            "total": { "minor": 5_i64, "currency": "EUR" }, "lines": [{ "text": "" }], "skills": [],
            "_sync": { "version": 1_i64, "digest": "ab", "appliedAt": at },
        }
    }

    #[test]
    fn every_field_has_its_turn_and_each_fault_is_one() {
        let (mut turns, mut dice) = (Turns::default(), Dice(1));
        let mut leaves = Vec::new();
        leaves_of("", &document(), &mut leaves);
        let before: BTreeMap<String, Option<Bson>> = leaves.into_iter().collect();
        for _ in 0..1000 {
            let Fault { path, statement, .. } = turns.fault("invoices", &document(), &mut dice).unwrap();
            let change = statement.get_document("u").unwrap();
            let value = change.get_document("$set").ok().and_then(|set| set.get(&path));
            assert_ne!(before.get(&path).cloned().flatten().as_ref(), value, "{path}");
        }
        assert_eq!(turns.fields(), before.len() + 1, "and a field of its own");
        assert!(turns.fields.values().all(|count| count.abs_diff(1000 / 13) <= 1), "{:?}", turns.fields);
        assert_eq!(turns.kinds().len(), 5);
    }
}
