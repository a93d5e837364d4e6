//! The parsed oracle file: each write's outcome as its client knows it.

use std::collections::BTreeMap;

use crate::load::Word;

/// A write's parsed key: `count-c-12-1-3` is the third count of client 1 on the subject `c-12`.
pub struct Write<'h> {
    /// The target.
    pub subject: &'h str,
    /// The rest of the key.
    pub rest: &'h str,
    /// The client's last known state.
    pub fate: Word,
    /// The answer: an id for creations, often a path for others.
    pub answer: &'h str,
}

/// The clients' writes.
pub struct History<'h> {
    fates: BTreeMap<&'h str, (Word, &'h str)>,
    /// Impossible answers.
    pub wrong: Vec<&'h str>,
}

impl<'h> History<'h> {
    /// Reads the file.
    pub fn read(text: &'h str) -> Self {
        let mut history = Self { fates: BTreeMap::new(), wrong: Vec::new() };
        for line in text.lines() {
            let mut parts = line.splitn(3, ' ');
            let (Some(word), Some(key), answer) = (parts.next(), parts.next(), parts.next().unwrap_or("")) else {
                continue;
            };
            let Some(word) = Word::ALL.into_iter().find(|known| known.text() == word) else { continue };
            if word == Word::Wrong {
                history.wrong.push(line);
                continue;
            }
            let known = history.fates.entry(key).or_insert((word, answer));
            // An acknowledgement is final.
            if known.0 != Word::Acknowledged {
                *known = (word, answer);
            }
        }
        history
    }

    /// All writes of a kind.
    pub fn of(&self, what: &'static str) -> impl Iterator<Item = Write<'h>> {
        self.fates.iter().filter_map(move |(key, (fate, answer))| {
            let rest = key.strip_prefix(what)?.strip_prefix('-')?;
            let end = rest.match_indices('-').nth(1).map_or(rest.len(), |(place, _)| place);
            let (subject, rest) = rest.split_at(end);
            Some(Write { subject, rest: rest.trim_start_matches('-'), fate: *fate, answer })
        })
    }

    /// Outcome of one write.
    pub fn fate(&self, key: &str) -> Option<Word> {
        self.fates.get(key).map(|(fate, _)| *fate)
    }

    /// Subject and id of each acknowledged creation.
    pub fn made(&self) -> impl Iterator<Item = (&'h str, &'h str)> {
        self.of("make").filter(|write| write.fate == Word::Acknowledged).map(|write| (write.subject, write.answer))
    }

    /// Whether an invoice's delete is acknowledged or has an unknown outcome.
    pub fn may_be_gone(&self, subject: &str) -> bool {
        matches!(self.fate(&format!("delete-{subject}")), Some(Word::Acknowledged | Word::Meant))
    }

    /// Acknowledged writes to rows with concurrent writers.
    pub fn contended(&self) -> u64 {
        let raced = |write: &Write<'_>| {
            write.fate == Word::Acknowledged && self.fate(&format!("patch-{}", write.subject)).is_some()
        };
        self.acknowledged(&["count", "part", "patch"]) + self.of("delete").filter(raced).count() as u64
    }

    /// Writes that were never answered.
    pub fn unanswered(&self) -> u64 {
        self.fates.values().filter(|(fate, _)| *fate == Word::Meant).count() as u64
    }

    /// Acknowledged writes of these kinds.
    pub fn acknowledged(&self, kinds: &[&'static str]) -> u64 {
        let acknowledged =
            |what: &&'static str| self.of(what).filter(|write| write.fate == Word::Acknowledged).count() as u64;
        kinds.iter().map(acknowledged).sum()
    }
}
