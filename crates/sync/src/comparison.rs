//! The result of a comparison: plain data, which errors, runs and answers carry.

use std::collections::BTreeMap;

use chainbill_domain::{Model, Timestamp};
use serde_json::json;

/// How closely documents are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// By their sync metadata: version and stored digest.
    Fast,
    /// By their own fields: the digest is recomputed, so that tampering shows.
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

/// The class of a difference.
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
    /// The document has a version that its row never reached: the primary was restored from an older backup, or the version
    /// was written by hand.
    AheadOfSource,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 5] = [Self::Lost, Self::Stale, Self::Phantom, Self::Mutated, Self::AheadOfSource];

    /// The class of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// The name in answers and evidence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Stale => "stale",
            Self::Phantom => "phantom",
            Self::Mutated => "mutated",
            Self::AheadOfSource => "ahead",
        }
    }
}

/// An entity whose document is wrong.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The entity.
    pub id: String,
    /// The class of the difference.
    pub class: Class,
    /// Fields that differ; empty where a side is missing or only sync metadata was compared.
    pub fields: Vec<String>,
}

/// What a comparison found.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The model.
    pub model: &'static str,
    /// How closely documents were compared.
    pub level: Level,
    /// The moment of the primary that it speaks of: of the whole model at the deep level, of the first page otherwise.
    pub cut: Timestamp,
    /// Entities of either side.
    pub compared: u64,
    /// Rows.
    pub rows: u64,
    /// Differences with a change in flight.
    pub in_flight: u64,
    /// Differences whose change has been in flight for longer than [`crate::Settings::stall_after`].
    pub waiting: u64,
    /// Differences of dead-lettered entities.
    pub parked: u64,
    /// Rows with unreadable values: id and cause.
    pub unreadable: Vec<(String, String)>,
    /// Documents of an earlier revision of the model, to be backfilled.
    pub outdated: u64,
    /// Their ids, at most [`MOST_FINDINGS`].
    pub outdated_ids: Vec<String>,
    /// Documents of a later revision than is known here, which are accepted by their version.
    pub newer: u64,
    /// Wrong documents, at most [`MOST_FINDINGS`]; `drift` counts all.
    pub findings: Vec<Finding>,
    /// Wrong documents per class.
    pub drift: BTreeMap<Class, u64>,
}

/// Findings kept with their ids; a model with more needs a backfill, not a list. They are saved with the progress of a run, and
/// must fit into a statement.
pub const MOST_FINDINGS: usize = 20_000;

impl Comparison {
    pub(crate) fn new(model: &'static Model, level: Level, cut: Timestamp) -> Self {
        Self {
            model: model.name,
            level,
            cut,
            compared: 0,
            rows: 0,
            in_flight: 0,
            waiting: 0,
            parked: 0,
            unreadable: Vec::new(),
            outdated: 0,
            outdated_ids: Vec::new(),
            newer: 0,
            findings: Vec::new(),
            drift: BTreeMap::new(),
        }
    }

    /// The state of an unfinished comparison as JSON, from which a later run resumes.
    pub(crate) fn to_state(&self) -> String {
        let findings: Vec<_> =
            self.findings.iter().map(|found| json!([found.id, found.class.name(), found.fields])).collect();
        let drift: BTreeMap<&str, u64> = self.drift.iter().map(|(class, count)| (class.name(), *count)).collect();
        json!({
            "cut": self.cut.timestamp_millis(), "compared": self.compared, "rows": self.rows,
            "inFlight": self.in_flight, "waiting": self.waiting, "parked": self.parked, "unreadable": self.unreadable,
            "findings": findings, "drift": drift,
            "outdated": self.outdated, "outdatedIds": self.outdated_ids, "newer": self.newer,
        })
        .to_string()
    }

    /// Parses [`Self::to_state`]; `None` when another release wrote it.
    pub(crate) fn from_state(model: &'static Model, text: &str) -> Option<Self> {
        let state: serde_json::Value = serde_json::from_str(text).ok()?;
        let count = |name: &str| state[name].as_u64();
        let cut = Timestamp::from_timestamp_millis(state["cut"].as_i64()?)?;
        let mut findings = Vec::new();
        for found in state["findings"].as_array()? {
            let class = Class::named(found[1].as_str()?)?;
            let fields = serde_json::from_value(found[2].clone()).ok()?;
            findings.push(Finding { id: found[0].as_str()?.to_owned(), class, fields });
        }
        let drift =
            state["drift"].as_object()?.iter().map(|(class, count)| Some((Class::named(class)?, count.as_u64()?)));
        Some(Self {
            compared: count("compared")?,
            rows: count("rows")?,
            in_flight: count("inFlight")?,
            waiting: count("waiting")?,
            parked: count("parked")?,
            unreadable: serde_json::from_value(state["unreadable"].clone()).ok()?,
            outdated: count("outdated")?,
            outdated_ids: serde_json::from_value(state["outdatedIds"].clone()).ok()?,
            newer: count("newer")?,
            findings,
            drift: drift.collect::<Option<_>>()?,
            ..Self::new(model, Level::Fast, cut)
        })
    }

    /// All wrong documents.
    #[must_use]
    pub fn drifting(&self) -> u64 {
        self.drift.values().sum()
    }

    pub(crate) fn add_outdated(&mut self, id: String) {
        self.outdated += 1;
        if self.outdated_ids.len() < MOST_FINDINGS {
            self.outdated_ids.push(id);
        }
    }

    pub(crate) fn add_drift(&mut self, id: String, class: Class, fields: Vec<String>) {
        *self.drift.entry(class).or_default() += 1;
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(Finding { id, class, fields });
        }
    }
}
