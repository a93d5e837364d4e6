//! The oracle's file, read: what became of each write as far as its client knows.

use std::collections::BTreeMap;

use crate::load::Word;

/// A write's key, taken apart: `count-c-12-1-3` is the third count of client 1 on the subject `c-12`.
pub struct Write<'h> {
    /// To what it was to be done.
    pub subject: &'h str,
    /// What else the key says.
    pub rest: &'h str,
    /// The last that its client was told.
    pub fate: Word,
    /// What was said then: of what was made its id, of others often their path.
    pub answer: &'h str,
}

/// What clients meant and what they were told.
pub struct History<'h> {
    fates: BTreeMap<&'h str, (Word, &'h str)>,
    /// What clients were told that cannot be.
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
            // Nothing that is said later takes an acknowledgement back.
            if known.0 != Word::Told {
                *known = (word, answer);
            }
        }
        history
    }

    /// Every write of a kind.
    pub fn of(&self, what: &'static str) -> impl Iterator<Item = Write<'h>> {
        self.fates.iter().filter_map(move |(key, (fate, answer))| {
            let rest = key.strip_prefix(what)?.strip_prefix('-')?;
            let end = rest.match_indices('-').nth(1).map_or(rest.len(), |(place, _)| place);
            let (subject, rest) = rest.split_at(end);
            Some(Write { subject, rest: rest.trim_start_matches('-'), fate: *fate, answer })
        })
    }

    /// What became of one write.
    pub fn fate(&self, key: &str) -> Option<Word> {
        self.fates.get(key).map(|(fate, _)| *fate)
    }

    /// The id of each bill whose making was acknowledged, by its subject.
    pub fn made(&self) -> impl Iterator<Item = (&'h str, &'h str)> {
        self.of("make").filter(|write| write.fate == Word::Told).map(|write| (write.subject, write.answer))
    }

    /// Whether a bill may be gone: its delete is acknowledged, or nobody knows of it.
    pub fn may_be_gone(&self, subject: &str) -> bool {
        matches!(self.fate(&format!("delete-{subject}")), Some(Word::Told | Word::Meant))
    }

    /// How many writes were acknowledged of rows that others wrote to at the same time.
    pub fn contended(&self) -> u64 {
        let raced =
            |write: &Write<'_>| write.fate == Word::Told && self.fate(&format!("patch-{}", write.subject)).is_some();
        self.told(&["count", "part", "patch"]) + self.of("delete").filter(raced).count() as u64
    }

    /// How many writes nobody ever heard of.
    pub fn unheard(&self) -> u64 {
        self.fates.values().filter(|(fate, _)| *fate == Word::Meant).count() as u64
    }

    /// How many writes of these kinds were acknowledged.
    pub fn told(&self, kinds: &[&'static str]) -> u64 {
        let told = |what: &&'static str| self.of(what).filter(|write| write.fate == Word::Told).count() as u64;
        kinds.iter().map(told).sum()
    }
}
