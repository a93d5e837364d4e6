//! What the relay does with a batch, without doing it: pure, so that whole schedules of relays, crashes and lost answers
//! can be simulated.
//!
//! A batch goes through three steps. [`Batch::plan`] coalesces entries into one task per entity; [`Batch::writes`] turns
//! the rows as they are *now* into guarded writes; [`Batch::settle`] says which entries are done and which entities are
//! parked. Nothing is settled that was not answered for.

use std::collections::{BTreeMap, HashMap, HashSet};

use chainbill_domain::{
    Model, Row, Timestamp, Value,
    document::{Encoded, encode},
    wire,
};
use chainbill_mirror::{Content, Outcome, Tracked, Write};
use chainbill_records::outbox::{ANALYTICS, Entry, Op, Queued};

use crate::{
    heartbeat::HEARTBEATS,
    planted::{Mistake, is as planted},
};

/// Everything that waits for one entity, as one piece of work.
#[derive(Debug, Clone)]
pub struct Task {
    /// The newest entry.
    pub newest: Entry,
    /// Its partition and its id in the queue.
    pub newest_at: (u16, String),
    /// The entries that this task answers for.
    pub taken: Vec<(u16, String)>,
    /// When the oldest of them was written.
    pub since: Timestamp,
    /// Whether the entity was parked when the entries were read.
    pub parked: bool,
    /// Whether the entry of its creation is among them: no document is expected to be there.
    pub created: bool,
}

/// A batch of the queue, coalesced.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Tasks of each synchronised model (the heartbeat among them), by entity.
    pub tasks: BTreeMap<&'static str, Vec<Task>>,
    /// Happenings.
    pub events: Vec<Task>,
    /// Entries that name a model or an operation nobody knows: from a newer release, or from a hand.
    pub unknown: Vec<Task>,
}

/// What became of a batch.
#[derive(Debug, Clone, Default)]
pub struct Settlement {
    /// Entries that the second database has taken.
    pub done: Vec<(u16, String)>,
    /// Entities that were parked and whose copies are in place now, per model.
    pub healed: BTreeMap<&'static str, Vec<String>>,
    /// Entities that can never be written as they are, with the cause.
    pub parked: Vec<(Task, String)>,
    /// How many writes took effect.
    pub applied: usize,
    /// How many found the same or a newer version in place.
    pub stale: usize,
    /// When each finished entry's oldest cause was committed: for the lag.
    pub since: Vec<Timestamp>,
    /// How many entities wait for a read that has reached their entries.
    pub late: usize,
}

impl Settlement {
    /// Adds what became of others.
    pub fn merge(&mut self, other: Self) {
        self.done.extend(other.done);
        self.parked.extend(other.parked);
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
        for Queued { part, id, entry, created_at, parked } in queued {
            let key = (entry.model.clone(), entry.entity_id.clone());
            let place = *places.entry(key).or_insert_with(|| {
                tasks.push(Task {
                    newest: entry.clone(),
                    newest_at: (part, id.clone()),
                    taken: Vec::new(),
                    since: created_at,
                    parked,
                    created: false,
                });
                tasks.len() - 1
            });
            let task = &mut tasks[place];
            task.taken.push((part, id.clone()));
            task.since = task.since.min(created_at);
            task.created |= entry.version == 1 && entry.op == Op::Upsert;
            if entry.version >= task.newest.version {
                task.newest = entry;
                task.newest_at = (part, id);
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

    /// The happenings as documents, those that can be read.
    #[must_use]
    pub fn tracked(&self) -> Vec<Tracked> {
        self.events.iter().filter_map(tracked).collect()
    }

    /// Parks what names an unknown model or a happening that cannot be read.
    pub fn settle_unreadable(&self, settlement: &mut Settlement) {
        for task in &self.unknown {
            let cause = match task.newest.op {
                Op::Unknown => "the operation of the entry is not known here".to_owned(),
                _ => format!("the model {:?} is not known here", task.newest.model),
            };
            settlement.parked.push((task.clone(), cause));
        }
        for task in self.events.iter().filter(|task| tracked(task).is_none()) {
            settlement.parked.push((task.clone(), "the happening in the outbox is no JSON object".to_owned()));
        }
    }

    /// Settles the happenings that were kept.
    pub fn settle_events(&self, settlement: &mut Settlement) {
        for task in self.events.iter().filter(|task| tracked(task).is_some()) {
            settlement.done.extend(task.taken.iter().cloned());
            settlement.since.push(task.since);
            settlement.applied += 1;
            if task.parked {
                settlement.healed.entry(ANALYTICS).or_default().push(task.newest.entity_id.clone());
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

/// What was read for tasks.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Rows, by their ids.
    pub rows: HashMap<String, Row>,
    /// Entries, by their ids in the queue, that were shown by the very read that gave their entity's row, or none: it was of
    /// a moment after their commit.
    pub shown: HashSet<String>,
}

impl Found {
    /// What a read gave that shows no entries.
    #[must_use]
    pub fn of(rows: Vec<Row>) -> Self {
        Self { rows: rows.into_iter().map(|row| (row.id.clone(), row)).collect(), shown: HashSet::new() }
    }

    /// Whether what was read for a task may be of a moment before its newest entry was committed. A row that has not reached
    /// the entry's version, or is missing though it should be there, proves nothing by itself: a primary that was restored
    /// from a backup looks so, and so does a server that is behind. The entry beside it tells them apart.
    #[must_use]
    pub fn may_be_late(&self, task: &Task) -> bool {
        let lags = match (task.newest.op, self.rows.get(&task.newest.entity_id)) {
            (Op::Delete, None) => false,
            (_, None) => true,
            (_, Some(row)) => row.version < task.newest.version,
        };
        lags && !self.shown.contains(&task.newest_at.1) && !planted(Mistake::BelieveLateReads)
    }
}

/// The writes of one model's tasks.
#[derive(Debug, Default)]
pub struct Writes {
    /// Writes, each with the place of its task.
    pub writes: Vec<Write>,
    places: Vec<usize>,
    poison: Vec<(usize, String)>,
    late: usize,
}

impl Writes {
    /// Makes writes from the rows as they are now. An entity whose row is gone becomes a tombstone: at the version of its
    /// delete, or, when the row was removed behind the application's back, one above the last version heard of. Nothing
    /// is made of what may have been read too early.
    #[must_use]
    pub fn of(model: &'static Model, tasks: &[Task], mut found: Found) -> Self {
        let mut made = Self::default();
        for (place, task) in tasks.iter().enumerate() {
            if found.may_be_late(task) {
                made.late += 1;
                continue;
            }
            let write = match found.rows.remove(&task.newest.entity_id) {
                Some(row) => match write_of(model, row) {
                    Ok(write) => Write { fresh: write.fresh || task.created, ..write },
                    Err(cause) => {
                        made.poison.push((place, cause));
                        continue;
                    }
                },
                None => tombstone(&task.newest),
            };
            made.places.push(place);
            made.writes.push(write);
        }
        made
    }

    /// Settles the tasks by the answers, one per write.
    pub fn settle(self, model: &'static Model, tasks: &[Task], outcomes: &[Outcome], settlement: &mut Settlement) {
        settlement.late += self.late;
        for (place, outcome) in self.places.iter().zip(outcomes) {
            let task = &tasks[*place];
            match outcome {
                Outcome::Rejected(cause) => {
                    settlement.parked.push((task.clone(), cause.clone()));
                    continue;
                }
                // Its entries stay: it is written when the collection takes it.
                Outcome::Refused(_) | Outcome::Throttled(_) => continue,
                Outcome::Applied => settlement.applied += 1,
                Outcome::Stale => settlement.stale += 1,
            }
            settlement.done.extend(task.taken.iter().cloned());
            settlement.since.push(task.since);
            if task.parked {
                settlement.healed.entry(model.name).or_default().push(task.newest.entity_id.clone());
            }
        }
        for (place, cause) in self.poison {
            settlement.parked.push((tasks[place].clone(), cause));
        }
    }
}

/// The write that makes a copy of the row.
///
/// # Errors
/// When the row holds a value that cannot be read: the cause.
pub fn write_of(model: &'static Model, row: Row) -> Result<Write, String> {
    if let Some(cause) = unreadable_cell(&row) {
        return Err(cause);
    }
    let row = if planted(Mistake::OtherEncoder) { otherwise(row) } else { row };
    let Encoded { id, version, body, digest } = encode(model, row);
    Ok(Write { id, version, content: Content::Document { body, digest }, fresh: version == 1 })
}

/// The mistake of another encoder: times of whole seconds.
fn otherwise(mut row: Row) -> Row {
    for cell in &mut row.cells {
        if let Value::Time(millis) = cell {
            *millis -= millis.rem_euclid(1000);
        }
    }
    row
}

/// Why a row cannot be encoded, when one of its values cannot be read.
#[must_use]
pub fn unreadable_cell(row: &Row) -> Option<String> {
    let children = row.children.iter().flatten().flatten();
    row.cells.iter().chain(children).find_map(|cell| match cell {
        Value::Foreign(cause) => Some(cause.clone()),
        _ => None,
    })
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
    use chainbill_domain::models::SKILLS;

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
            part: 0,
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
        assert_eq!(tasks[0].taken.len(), 2);
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
            let mut settlement = Settlement::default();
            let writes = Writes::of(&SKILLS, tasks, found.clone());
            assert_eq!(writes.writes.len(), usize::from(!is_late), "{entry:?} with {read:?}");
            writes.settle(&SKILLS, tasks, &vec![Outcome::Applied; usize::from(!is_late)], &mut settlement);
            assert_eq!((settlement.late, settlement.done.len()), (usize::from(is_late), usize::from(!is_late)));
            found.shown.insert(shown);
            assert_eq!(Writes::of(&SKILLS, tasks, found).writes.len(), 1, "it is as the primary says");
        }
    }
}
