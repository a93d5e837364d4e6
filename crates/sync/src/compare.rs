//! Comparing the two sides, purely: rows and what waits for them at one moment of the primary, against documents that
//! were read *after* that moment.
//!
//! Whatever had left the outbox before the moment had been applied. So a difference with a pending entry is in flight,
//! a document newer than its row is undecided until a second, later moment is looked at, and everything else is drift.
//! Nobody waits and nobody guesses.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chainbill_domain::{
    Document, Model, Revision, Timestamp, Value,
    document::{Encoded, digest, digest_at},
};
use chainbill_mirror::{Stamp, Stored};
use chainbill_records::Pending;

use crate::planted::{Mistake, is as planted};

/// How closely documents are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// By what they say of themselves: version and stored digest.
    Fast,
    /// By their own fields: the digest is computed again, so that tampering shows.
    Deep,
}

impl Level {
    /// `fast` or `deep`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Deep => "deep",
        }
    }
}

/// In which way a copy is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// The row has no document.
    Lost,
    /// The document is of an older version.
    Stale,
    /// The document has no row.
    Phantom,
    /// The document has the row's version but not its content, or carries no usable version.
    Mutated,
    /// The document has a version that its row never reached: the primary was restored from an older backup, or somebody
    /// wrote the version.
    Ahead,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 5] = [Self::Lost, Self::Stale, Self::Phantom, Self::Mutated, Self::Ahead];

    /// The class of that word.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// The word in answers and evidence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Stale => "stale",
            Self::Phantom => "phantom",
            Self::Mutated => "mutated",
            Self::Ahead => "ahead",
        }
    }
}

/// What a comparison says of one entity that is not simply equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A change is on its way, since a moment.
    InFlight(Timestamp),
    /// The document may come from a commit after the moment: a later moment decides.
    Undecided(Class),
    /// It is as it was written, after an earlier description of the model: it is to be made anew, and is no drift.
    Outdated,
    /// It is of a later description than is known here, which is believed by its version.
    Newer,
    /// It is wrong.
    Drift(Class),
}

/// How documents of other revisions than the model's own are judged.
#[derive(Debug, Clone, Default)]
pub struct Revisions {
    /// The revision that documents are brought to, where it is not the model's own here.
    pub newer: Option<Revision>,
    /// The revisions that releases have been at work with. Another one somebody has made up.
    pub known: BTreeSet<Revision>,
}

/// What a document's revision says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Own,
    Outdated,
    Newer,
    Nobodys,
}

impl Revisions {
    fn standing(&self, own: Revision, stored: Option<Revision>) -> Standing {
        match stored {
            Some(stored) if stored == own => Standing::Own,
            Some(stored) if self.newer == Some(stored) => Standing::Newer,
            Some(stored) if !self.known.contains(&stored) => Standing::Nobodys,
            // Without a revision: from before there were any.
            _ => Standing::Outdated,
        }
    }
}

/// A document as the comparison needs it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// What it says of itself.
    pub stamp: Stamp,
    /// Its fields; `None` at the fast level.
    pub body: Option<Document>,
}

impl Seen {
    /// Whether it is a document that was not made by the description of this revision.
    #[must_use]
    pub fn is_of_another_than(&self, own: Revision) -> bool {
        let Stamp { version, revision, tombstone, .. } = &self.stamp;
        version.is_some() && !tombstone && *revision != Some(own)
    }

    /// Whether it has the digest that it carries, as far as its fields were read; no description is needed to see it.
    fn is_as_written(&self, model: &Model) -> bool {
        let Stamp { id, version, digest, revision, .. } = &self.stamp;
        let (Some(version), Some(written)) = (version, digest) else { return false };
        let as_written = |body| digest_at(model.name, *revision, id, *version, body) == *written;
        self.body.as_ref().is_none_or(as_written)
    }
}

impl From<Stamp> for Seen {
    fn from(stamp: Stamp) -> Self {
        Self { stamp, body: None }
    }
}

impl From<Stored> for Seen {
    fn from(stored: Stored) -> Self {
        Self { stamp: stored.stamp, body: Some(stored.body) }
    }
}

/// Judges every entity of either side; equal ones are left out.
#[must_use]
pub fn verdicts(
    model: &'static Model,
    rows: &[Encoded],
    documents: &[Seen],
    pending: &BTreeMap<String, Pending>,
    revisions: &Revisions,
) -> Vec<(String, Verdict)> {
    let by_id: HashMap<&str, &Seen> = documents.iter().map(|seen| (seen.stamp.id.as_str(), seen)).collect();
    let known: HashSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let of_rows = rows.iter().filter_map(|row| {
        let verdict = judge_row(model, row, by_id.get(row.id.as_str()).copied(), pending.get(&row.id), revisions)?;
        Some((row.id.clone(), verdict))
    });
    let of_documents = documents.iter().filter(|seen| !known.contains(seen.stamp.id.as_str())).filter_map(|seen| {
        let verdict = judge_rowless(seen, pending.get(&seen.stamp.id))?;
        Some((seen.stamp.id.clone(), verdict))
    });
    of_rows.chain(of_documents).collect()
}

fn judge_row(
    model: &'static Model,
    row: &Encoded,
    seen: Option<&Seen>,
    pending: Option<&Pending>,
    revisions: &Revisions,
) -> Option<Verdict> {
    let on_its_way = |class| pending.map_or(Verdict::Drift(class), |pending| Verdict::InFlight(pending.since));
    let Some(seen) = seen else { return Some(on_its_way(Class::Lost)) };
    let Some(version) = seen.stamp.version else { return Some(Verdict::Drift(Class::Mutated)) };
    // A relay that met the row already deleted, by an entry from before, leaves a tombstone at the version that the row
    // had; the entries of that version and of the delete still wait then.
    if seen.stamp.tombstone && version <= row.version {
        return Some(on_its_way(Class::Lost));
    }
    if version < row.version {
        return Some(on_its_way(Class::Stale));
    }
    if version > row.version {
        return Some(Verdict::Undecided(Class::Ahead));
    }
    match revisions.standing(model.revision(), seen.stamp.revision) {
        Standing::Own if seen.stamp.digest == Some(row.digest) && body_matches(model, row, seen) => None,
        Standing::Newer => Some(Verdict::Newer),
        Standing::Outdated if seen.is_as_written(model) => Some(Verdict::Outdated),
        _ => Some(Verdict::Drift(Class::Mutated)),
    }
}

/// A body that is the row's, value by value, has its digest too: only others are hashed.
fn body_matches(model: &'static Model, row: &Encoded, seen: &Seen) -> bool {
    let same = |body: &Document| *body == row.body || digest(model, &row.id, row.version, body) == row.digest;
    planted(Mistake::BelieveDigest) || seen.body.as_ref().is_none_or(same)
}

fn judge_rowless(seen: &Seen, pending: Option<&Pending>) -> Option<Verdict> {
    let empty = seen.body.as_ref().is_none_or(|body| body.0.is_empty());
    if seen.stamp.tombstone && seen.stamp.version.is_some() && empty {
        return None;
    }
    Some(match pending {
        Some(pending) => Verdict::InFlight(pending.since),
        // A tombstone is its stamp alone: with anything else it is somebody's document in disguise.
        None if !empty && seen.stamp.tombstone => Verdict::Drift(Class::Mutated),
        None if seen.stamp.version.is_none() => Verdict::Drift(Class::Phantom),
        None => Verdict::Undecided(Class::Phantom),
    })
}

/// Decides what the first look could not: documents as they were *seen then*, against rows and waiting entries of a later
/// moment, and documents read after it. Every document comes from a commit before it was seen, so a row that has not
/// reached its version at the later moment, about `moment`, never will. A document that is read anew could be newer again, for ever.
#[must_use]
pub fn second_look(
    model: &'static Model,
    seen_then: &[Seen],
    rows: &[Encoded],
    documents: &[Seen],
    pending: &BTreeMap<String, Pending>,
    revisions: &Revisions,
    moment: Timestamp,
) -> Vec<(String, Verdict)> {
    let rows: HashMap<&str, &Encoded> = rows.iter().map(|row| (row.id.as_str(), row)).collect();
    let now: HashMap<&str, &Seen> = documents.iter().map(|seen| (seen.stamp.id.as_str(), seen)).collect();
    let decide = |then: &Seen| {
        let id = then.stamp.id.as_str();
        let verdict = match rows.get(id) {
            Some(row) if then.stamp.version > Some(row.version) => Some(Verdict::Drift(Class::Ahead)),
            // What was seen then has been overtaken by a commit of which nothing is known to be wrong.
            Some(row) if then.stamp.version < Some(row.version) => {
                Some(Verdict::InFlight(pending.get(id).map_or(moment, |pending| pending.since)))
            }
            Some(row) => judge_row(model, row, Some(then), pending.get(id), revisions),
            None if pending.contains_key(id) => pending.get(id).map(|pending| Verdict::InFlight(pending.since)),
            // Its delete, if there was one, has been applied before the later moment.
            None => match now.get(id) {
                Some(seen) if !seen.stamp.tombstone => Some(Verdict::Drift(Class::Phantom)),
                _ => None,
            },
        };
        verdict.map(|verdict| (id.to_owned(), verdict))
    };
    seen_then.iter().filter_map(decide).collect()
}

/// The fields (dotted paths, list places as numbers) in which a document differs from what it should be; `_sync.version`,
/// `_sync.digest` and `_sync.revision` among them, or `_sync` where none of it can be believed. Somebody may write a million fields, and names of
/// megabytes: so many are named, by so much of their names.
#[must_use]
pub fn fields_that_differ(model: &'static Model, expected: Option<&Encoded>, seen: Option<&Seen>) -> Vec<String> {
    const MOST: usize = 100;
    const LONGEST: usize = 200;
    let (Some(expected), Some(seen)) = (expected, seen) else { return Vec::new() };
    let mut paths = Vec::new();
    if let Some(body) = &seen.body {
        compare_documents("", &expected.body, body, &mut paths);
    }
    if paths.len() > MOST {
        let more = paths.split_off(MOST).len();
        paths.push(format!("(and {more} more)"));
    }
    for path in &mut paths {
        if let Some((end, _)) = path.char_indices().nth(LONGEST) {
            path.truncate(end);
            path.push('…');
        }
    }
    if seen.stamp.version.is_none() {
        paths.push("_sync".to_owned());
        return paths;
    }
    if seen.stamp.version != Some(expected.version) {
        paths.push("_sync.version".to_owned());
    }
    if seen.stamp.digest != Some(expected.digest) {
        paths.push("_sync.digest".to_owned());
    }
    if seen.is_of_another_than(model.revision()) {
        paths.push("_sync.revision".to_owned());
    }
    paths
}

fn compare_documents(prefix: &str, expected: &Document, found: &Document, paths: &mut Vec<String>) {
    let before = paths.len();
    let mut by_name: HashMap<&str, (&Value, bool)> = HashMap::with_capacity(found.0.len());
    for (name, value) in &found.0 {
        by_name.entry(name).and_modify(|(_, doubled)| *doubled = true).or_insert((value, false));
    }
    for (name, value) in &expected.0 {
        match by_name.remove(&**name) {
            Some((_, true)) | None => paths.push(format!("{prefix}{name}")),
            Some((other, false)) => compare_values(&format!("{prefix}{name}"), value, other, paths),
        }
    }
    // Those that nobody expects, each once, in their order.
    for (name, _) in &found.0 {
        if by_name.remove(&**name).is_some() {
            paths.push(format!("{prefix}{name}"));
        }
    }
    if paths.len() == before && expected.0.iter().map(|(name, _)| name).ne(found.0.iter().map(|(name, _)| name)) {
        paths.push(format!("{prefix}(order of fields)"));
    }
}

fn compare_values(path: &str, expected: &Value, found: &Value, paths: &mut Vec<String>) {
    match (expected, found) {
        (Value::Map(one), Value::Map(other)) => compare_documents(&format!("{path}."), one, other, paths),
        (Value::List(one), Value::List(other)) if one.len() == other.len() => {
            for (place, (one, other)) in one.iter().zip(other).enumerate() {
                compare_values(&format!("{path}.{place}"), one, other, paths);
            }
        }
        (one, other) if one == other => {}
        _ => paths.push(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use chainbill_domain::models::SKILLS;

    use super::{Document, Encoded, Seen, Stamp, Value, digest, fields_that_differ};

    fn differ(expected: Vec<(String, Value)>, found: Vec<(String, Value)>) -> Vec<String> {
        let document = |fields: Vec<(String, Value)>| {
            Document(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
        };
        let body = document(expected);
        let digest = digest(&SKILLS, "a", 1, &body);
        let expected = Encoded { id: "a".to_owned(), version: 1, body, digest };
        let revision = Some(SKILLS.revision());
        let stamp = Stamp { id: "a".to_owned(), version: Some(1), digest: Some(digest), revision, tombstone: false };
        fields_that_differ(&SKILLS, Some(&expected), Some(&Seen { stamp, body: Some(document(found)) }))
    }

    fn field(name: &str, number: i64) -> (String, Value) {
        (name.to_owned(), Value::Int(number))
    }

    #[test]
    fn what_stands_there_twice_is_named_once_wherever_it_stands() {
        let ours = || vec![field("a", 1), field("b", 2)];
        assert!(differ(ours(), ours()).is_empty());
        assert_eq!(differ(ours(), vec![field("a", 1), field("b", 2), field("a", 1)]), ["a"]);
        assert_eq!(differ(ours(), vec![field("a", 5), field("a", 1), field("b", 2)]), ["a"]);
        assert_eq!(differ(ours(), vec![field("x", 5), field("a", 1), field("b", 2), field("x", 1)]), ["x"]);
        assert_eq!(differ(ours(), vec![field("b", 2), field("a", 1)]), ["(order of fields)"]);
    }

    #[test]
    fn a_million_fields_and_endless_names_are_named_in_part() {
        let many = (0..1_000).map(|number| field(&number.to_string(), 1)).collect();
        let named = differ(Vec::new(), many);
        assert_eq!((named.len(), &*named[99], &*named[100]), (101, "99", "(and 900 more)"));
        let named = differ(Vec::new(), vec![field(&"é".repeat(1_000_000), 1)]);
        assert_eq!(named, [format!("{}…", "é".repeat(200))]);
    }
}
