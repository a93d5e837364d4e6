//! The decisions of the relay, as pure functions, so that whole schedules of relays, crashes and lost answers can be simulated.
//!
//! A batch goes through three steps. [`Batch::plan`] coalesces entries into one task per entity; [`Writes::of`] turns the rows
//! as they are *now* into guarded writes; [`Writes::record`] says which entries are done and which entities are dead letters.
//! An entry without an answer of the mirror is never done.

use std::collections::{BTreeMap, HashMap, HashSet};

use chainbill_domain::{Model, Row, Timestamp, wire};
use chainbill_mirror::{Content, Outcome, Tracked, Write};
use chainbill_records::outbox::{ANALYTICS, Entry, Op, Queued};

use crate::{
    engine::encoding::write_of,
    mutants::{Mutant, is as mutated},
    relay::heartbeat::HEARTBEATS,
};

/// All entries of one entity in a batch, as one piece of work.
#[derive(Debug, Clone)]
pub struct Task {
    /// The newest entry.
    pub newest: Entry,
    /// Its partition and its id in the queue.
    pub newest_at: (u16, String),
    /// The entries that are done with this task.
    pub entries: Vec<(u16, String)>,
    /// When the oldest of them was committed.
    pub since: Timestamp,
    /// Whether the entity was a dead letter when the entries were read.
    pub parked: bool,
    /// Whether the entry of its creation is among them, so that no document is expected.
    pub created: bool,
}

/// A batch of the queue, coalesced.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Tasks of each synchronised model (the heartbeat among them), by entity.
    pub tasks: BTreeMap<&'static str, Vec<Task>>,
    /// Events.
    pub events: Vec<Task>,
    /// Entries of an unknown model or operation: of a newer release, or written by hand.
    pub unknown: Vec<Task>,
}

/// The result of a batch.
#[derive(Debug, Clone, Default)]
pub struct BatchResult {
    /// Entries whose effect is in the mirror.
    pub done: Vec<(u16, String)>,
    /// Dead letters whose documents are in place now, per model.
    pub healed: BTreeMap<&'static str, Vec<String>>,
    /// Entities that cannot be written as they are, with the cause.
    pub dead_letters: Vec<(Task, String)>,
    /// How many writes took effect.
    pub applied: usize,
    /// How many found the same or a newer version in place.
    pub stale: usize,
    /// When each finished task's oldest entry was committed: for the lag.
    pub since: Vec<Timestamp>,
    /// How many entities wait for a read that shows their entries.
    pub late: usize,
}

impl BatchResult {
    /// Adds another result.
    pub fn merge(&mut self, other: Self) {
        self.done.extend(other.done);
        self.dead_letters.extend(other.dead_letters);
        self.since.extend(other.since);
        self.applied += other.applied;
        self.stale += other.stale;
        self.late += other.late;
        for (model, ids) in other.healed {
            self.healed.entry(model).or_default().extend(ids);
        }
    }
}

/// The model of that name, the heartbeat among them.
#[must_use]
pub fn model_named(models: &[&'static Model], name: &str) -> Option<&'static Model> {
    if name == HEARTBEATS.name { Some(&HEARTBEATS) } else { models.iter().copied().find(|model| model.name == name) }
}

impl Batch {
    /// Coalesces entries: many changes of one entity become one task at the newest version.
    #[must_use]
    pub fn plan(models: &[&'static Model], queued: Vec<Queued>) -> Self {
        let mut places: HashMap<(String, String), usize> = HashMap::with_capacity(queued.len());
        let mut tasks: Vec<Task> = Vec::with_capacity(queued.len());
        for Queued { partition, id, entry, created_at, parked } in queued {
            let key = (entry.model.clone(), entry.entity_id.clone());
            let place = *places.entry(key).or_insert_with(|| {
                tasks.push(Task {
                    newest: entry.clone(),
                    newest_at: (partition, id.clone()),
                    entries: Vec::new(),
                    since: created_at,
                    parked,
                    created: false,
                });
                tasks.len() - 1
            });
            let task = &mut tasks[place];
            task.entries.push((partition, id.clone()));
            task.since = task.since.min(created_at);
            task.created |= entry.version == 1 && entry.op == Op::Upsert;
            if entry.version >= task.newest.version {
                task.newest = entry;
                task.newest_at = (partition, id);
            }
        }
        let mut batch = Self::default();
        for task in tasks {
            match (task.newest.model.as_str(), model_named(models, &task.newest.model)) {
                _ if task.newest.op == Op::Unknown => batch.unknown.push(task),
                (ANALYTICS, _) => batch.events.push(task),
                (_, Some(model)) => batch.tasks.entry(model.name).or_default().push(task),
                (_, None) => batch.unknown.push(task),
            }
        }
        batch
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.events.is_empty() && self.unknown.is_empty()
    }

    /// Ids to read again.
    #[must_use]
    pub fn ids(tasks: &[Task]) -> Vec<String> {
        tasks.iter().map(|task| task.newest.entity_id.clone()).collect()
    }

    /// The readable events as documents.
    #[must_use]
    pub fn tracked(&self) -> Vec<Tracked> {
        self.events.iter().filter_map(tracked).collect()
    }

    /// Makes dead letters of entries of unknown models and of unreadable events.
    pub fn record_unreadable(&self, result: &mut BatchResult) {
        for task in &self.unknown {
            let cause = match task.newest.op {
                Op::Unknown => "the operation of the entry is not known here".to_owned(),
                _ => format!("the model {:?} is not known here", task.newest.model),
            };
            result.dead_letters.push((task.clone(), cause));
        }
        for task in self.events.iter().filter(|task| tracked(task).is_none()) {
            result.dead_letters.push((task.clone(), "the event in the outbox is no JSON object".to_owned()));
        }
    }

    /// Records the events that were stored.
    pub fn record_events(&self, result: &mut BatchResult) {
        for task in self.events.iter().filter(|task| tracked(task).is_some()) {
            result.done.extend(task.entries.iter().cloned());
            result.since.push(task.since);
            result.applied += 1;
            if task.parked {
                result.healed.entry(ANALYTICS).or_default().push(task.newest.entity_id.clone());
            }
        }
    }
}

fn tracked(task: &Task) -> Option<Tracked> {
    match serde_json::from_str(task.newest.body.as_deref()?).ok()? {
        serde_json::Value::Object(object) => {
            Some(Tracked { id: task.newest.entity_id.clone(), body: wire::from_json(object) })
        }
        _ => None,
    }
}

/// The rows that were read for tasks.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Rows, by their ids.
    pub rows: HashMap<String, Row>,
    /// Ids of entries that the same read has shown: it is of a moment after their commit.
    pub shown: HashSet<String>,
}

impl Found {
    /// The result of a read that shows no entries.
    #[must_use]
    pub fn of(rows: Vec<Row>) -> Self {
        Self { rows: rows.into_iter().map(|row| (row.id.clone(), row)).collect(), shown: HashSet::new() }
    }

    /// Whether the read may be of a moment before the task's newest entry was committed. A row that has not reached the entry's
    /// version, or is missing although it should exist, proves nothing by itself: both a restored backup and a server that is
    /// behind look so. If the same read shows the entry, the server is not behind.
    #[must_use]
    pub fn may_be_late(&self, task: &Task) -> bool {
        let lags = match (task.newest.op, self.rows.get(&task.newest.entity_id)) {
            (Op::Delete, None) => false,
            (_, None) => true,
            (_, Some(row)) => row.version < task.newest.version,
        };
        lags && !self.shown.contains(&task.newest_at.1) && !mutated(Mutant::BelieveLateReads)
    }
}

/// The writes of one model's tasks.
#[derive(Debug, Default)]
pub struct Writes {
    /// The writes.
    pub writes: Vec<Write>,
    places: Vec<usize>,
    poison: Vec<(usize, String)>,
    late: usize,
}

impl Writes {
    /// Makes writes from the rows as they are now. An entity without a row becomes a tombstone: at the version of its delete, or,
    /// when the row was removed past the application, one above the last known version. No write is made of a read that may be
    /// late.
    #[must_use]
    pub fn of(model: &'static Model, tasks: &[Task], mut found: Found) -> Self {
        let mut all = Self::default();
        for (place, task) in tasks.iter().enumerate() {
            if found.may_be_late(task) {
                all.late += 1;
                continue;
            }
            let write = match found.rows.remove(&task.newest.entity_id) {
                Some(row) => match write_of(model, row) {
                    Ok(write) => Write { fresh: write.fresh || task.created, ..write },
                    Err(cause) => {
                        all.poison.push((place, cause));
                        continue;
                    }
                },
                None => tombstone(&task.newest),
            };
            all.places.push(place);
            all.writes.push(write);
        }
        all
    }

    /// Records the outcomes, one per write.
    pub fn record(self, model: &'static Model, tasks: &[Task], outcomes: &[Outcome], result: &mut BatchResult) {
        result.late += self.late;
        for (place, outcome) in self.places.iter().zip(outcomes) {
            let task = &tasks[*place];
            match outcome {
                Outcome::Rejected(cause) => {
                    result.dead_letters.push((task.clone(), cause.clone()));
                    continue;
                }
                // The entries stay in the outbox until the collection takes the document.
                Outcome::Refused(_) | Outcome::Throttled(_) => continue,
                Outcome::Applied => result.applied += 1,
                Outcome::Stale => result.stale += 1,
            }
            result.done.extend(task.entries.iter().cloned());
            result.since.push(task.since);
            if task.parked {
                result.healed.entry(model.name).or_default().push(task.newest.entity_id.clone());
            }
        }
        for (place, cause) in self.poison {
            result.dead_letters.push((tasks[place].clone(), cause));
        }
    }
}

fn tombstone(newest: &Entry) -> Write {
    let version = match newest.op {
        Op::Delete => newest.version,
        Op::Upsert | Op::Event | Op::Unknown => newest.version.saturating_add(1),
    };
    Write { id: newest.entity_id.clone(), version, content: Content::Tombstone, fresh: false }
}

#[cfg(test)]
mod tests {
    use chainbill_domain::{Value, models::SKILLS};

    use super::*;

    fn queued(entity_id: &str, version: i64) -> Queued {
        let entry = Entry {
            model: SKILLS.name.to_owned(),
            entity_id: entity_id.to_owned(),
            version,
            op: Op::Upsert,
            body: None,
        };
        Queued {
            partition: 0,
            id: format!("{entity_id}-{version}"),
            entry,
            created_at: Timestamp::UNIX_EPOCH,
            parked: false,
        }
    }

    fn row(id: &str, version: i64) -> Row {
        let cells = SKILLS.columns.iter().map(|_| Value::Null).collect();
        Row { id: id.to_owned(), version, cells, children: Vec::new() }
    }

    #[test]
    fn what_was_made_and_changed_since_is_one_write_of_a_new_document() {
        let batch = Batch::plan(&[&SKILLS], vec![queued("made", 1), queued("made", 2), queued("changed", 2)]);
        let tasks = &batch.tasks[SKILLS.name];
        let writes = Writes::of(&SKILLS, tasks, Found::of(vec![row("changed", 2), row("made", 2)])).writes;
        let seen: Vec<_> = writes.iter().map(|write| (write.id.as_str(), write.version, write.fresh)).collect();
        assert_eq!(seen, [("made", 2, true), ("changed", 2, false)]);
        assert_eq!(tasks[0].entries.len(), 2);
    }

    #[test]
    fn a_read_that_may_be_too_early_makes_no_write_until_the_entry_shows_beside_it() {
        let deleted = |version| {
            let mut queued = queued("deleted", version);
            queued.entry.op = Op::Delete;
            queued
        };
        let asked = || queued("asked", 0);
        for (entry, read, is_late) in [
            (queued("changed", 2), Some(1), true),
            (queued("changed", 2), Some(2), false),
            (queued("changed", 2), Some(3), false),
            (queued("made", 1), None, true),
            (deleted(3), Some(2), true),
            (deleted(3), None, false),
            (deleted(3), Some(4), false),
            (asked(), Some(1), false),
            (asked(), None, true),
        ] {
            let shown = entry.id.clone();
            let batch = Batch::plan(&[&SKILLS], vec![entry.clone()]);
            let tasks = &batch.tasks[SKILLS.name];
            let rows = read.map(|version| row(&entry.entry.entity_id, version)).into_iter().collect();
            let mut found = Found::of(rows);
            let mut result = BatchResult::default();
            let writes = Writes::of(&SKILLS, tasks, found.clone());
            assert_eq!(writes.writes.len(), usize::from(!is_late), "{entry:?} with {read:?}");
            writes.record(&SKILLS, tasks, &vec![Outcome::Applied; usize::from(!is_late)], &mut result);
            assert_eq!((result.late, result.done.len()), (usize::from(is_late), usize::from(!is_late)));
            found.shown.insert(shown);
            assert_eq!(Writes::of(&SKILLS, tasks, found).writes.len(), 1, "it is as the primary says");
        }
    }
}
