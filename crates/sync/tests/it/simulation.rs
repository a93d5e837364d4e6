//! Thousands of schedules of commits, relays, crashes, lost answers, frozen owners, reads that land on a server that is
//! behind, and comparisons, from the pure parts of the relay and of the reconciliation. And the test of the test: each
//! planted bug is caught.

use std::collections::{BTreeMap, BTreeSet};

use chainbill_domain::{
    Digest, Document, Row, Timestamp, Value,
    document::{digest, encode},
    mapping::Kind,
    models::SKILLS,
};
use chainbill_mirror::{Content, Outcome, Stamp, Write};
use chainbill_records::{
    Pending,
    outbox::{Entry, Op, Queued},
};
use chainbill_sync::{
    compare::{ObservedDocument, Revisions, Verdict, recheck, verdicts},
    plan::{Batch, BatchResult, Found, Task, Writes},
};

/// A plausible programming mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bug {
    None,
    /// Entries leave the queue before their documents are written.
    MarkBeforeApply,
    /// A write replaces any document: nothing fences a frozen owner.
    NoVersionGuard,
    /// A delete removes the document instead of leaving a tombstone.
    NoTombstone,
    /// What was not answered for counts as done.
    SettleUnanswered,
    /// A delete is forgotten.
    LostDelete,
    /// One relay encodes a value differently.
    OtherEncoder,
    /// Coalescing acks entries that came after the row was read.
    SettleUnseen,
    /// The comparison reads documents before rows.
    DocumentsFirst,
    /// The comparison does not look into the outbox.
    BlindComparison,
    /// The comparison takes a newer document for drift at once.
    NoSecondLook,
    /// The second look reads the documents anew.
    NewDocumentsAgain,
    /// The relay acts on rows from before their entries.
    BelieveLateReads,
    /// The recheck accepts any snapshot of the primary.
    LateSecondLook,
}

const PLANTED: [Bug; 13] = [
    Bug::MarkBeforeApply,
    Bug::NoVersionGuard,
    Bug::NoTombstone,
    Bug::SettleUnanswered,
    Bug::LostDelete,
    Bug::OtherEncoder,
    Bug::SettleUnseen,
    Bug::DocumentsFirst,
    Bug::BlindComparison,
    Bug::NoSecondLook,
    Bug::NewDocumentsAgain,
    Bug::BelieveLateReads,
    Bug::LateSecondLook,
];

/// Time plays no part here: order does.
const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }
}

#[derive(Clone)]
struct Kept {
    version: i64,
    content: Option<(Document, Digest)>,
}

/// Where a relay is in its batch.
enum Phase {
    Idle,
    Planned(Vec<Task>),
    Read(Vec<Task>, Writes),
    Answered(BatchResult),
}

/// A comparison that has taken its snapshot and not yet read the documents.
struct Cut {
    rows: Vec<Row>,
    pending: BTreeMap<String, Pending>,
    documents: Option<Vec<ObservedDocument>>,
    /// Documents that the first look left undecided, as they were seen then.
    then: Vec<ObservedDocument>,
}

/// The primary at a moment.
#[derive(Clone, Default)]
struct Moment {
    rows: BTreeMap<String, (i64, u64)>,
    queue: Vec<Queued>,
}

struct Simulation {
    dice: Dice,
    bug: Bug,
    rows: BTreeMap<String, (i64, u64)>,
    queue: Vec<Queued>,
    /// What servers that are behind show.
    history: Vec<Moment>,
    made: u64,
    copies: BTreeMap<String, Kept>,
    relays: [Phase; 2],
    holder: usize,
    cut: Option<Cut>,
    false_alarms: Vec<String>,
}

fn row(id: &str, version: i64, payload: u64) -> Row {
    let cell = |kind: Kind| match kind {
        Kind::Bool => Value::Bool(payload.is_multiple_of(2)),
        Kind::Int | Kind::Money { .. } => Value::Int(1),
        Kind::Time => Value::Time(0),
        Kind::Text => Value::Text(format!("{payload}")),
    };
    Row {
        id: id.to_owned(),
        version,
        cells: SKILLS.columns.iter().map(|column| cell(column.kind)).collect(),
        children: Vec::new(),
    }
}

impl Simulation {
    fn new(seed: u64, bug: Bug) -> Self {
        Self {
            dice: Dice(seed),
            bug,
            rows: BTreeMap::new(),
            queue: Vec::new(),
            history: Vec::new(),
            made: 0,
            copies: BTreeMap::new(),
            relays: [Phase::Idle, Phase::Idle],
            holder: 0,
            cut: None,
            false_alarms: Vec::new(),
        }
    }

    /// Runs a schedule; what is wrong in the end.
    fn run(mut self) -> Vec<String> {
        for _ in 0..80 {
            self.history.push(Moment { rows: self.rows.clone(), queue: self.queue.clone() });
            match self.dice.roll(100) {
                0..=34 => self.commit(),
                35..=59 => self.relay(0),
                60..=84 => self.relay(1),
                // A lease runs out under its owner, who may be frozen in the middle of a batch.
                85..=88 => self.holder = 1 - self.holder,
                89..=91 => {
                    let who = usize::try_from(self.dice.roll(2)).unwrap();
                    self.relays[who] = Phase::Idle;
                }
                _ => self.compare(),
            }
        }
        self.end()
    }

    fn commit(&mut self) {
        let known: Vec<String> = self.rows.keys().cloned().collect();
        let kind = self.dice.roll(10);
        let (id, version, op) = if known.is_empty() || kind < 3 {
            self.made += 1;
            let id = format!("{:04}", self.made);
            self.rows.insert(id.clone(), (1, self.dice.roll(1000)));
            (id, 1, Op::Upsert)
        } else {
            let place = self.dice.roll(known.len() as u64);
            let id = known[usize::try_from(place).unwrap()].clone();
            let (version, _) = self.rows[&id];
            if kind < 8 {
                self.rows.insert(id.clone(), (version + 1, self.dice.roll(1000)));
                (id, version + 1, Op::Upsert)
            } else {
                self.rows.remove(&id);
                (id, version + 1, Op::Delete)
            }
        };
        let entry = Entry { model: SKILLS.name.to_owned(), entity_id: id, version, op, body: None };
        // Ids commit out of order: an entry may stand before one that is older.
        let name = format!("{:04}-{}", self.dice.roll(10_000), self.queue.len());
        let created_at = NOW;
        self.queue.push(Queued { partition: 0, id: name, entry, created_at, parked: false });
        self.queue.sort_by(|one, other| one.id.cmp(&other.id));
    }

    fn relay(&mut self, who: usize) {
        let phase = std::mem::replace(&mut self.relays[who], Phase::Idle);
        self.relays[who] = match phase {
            Phase::Idle if self.holder == who => self.plan(),
            Phase::Idle => Phase::Idle,
            Phase::Planned(tasks) => {
                let shown = self.some_moment();
                let rows = tasks.iter().filter_map(|task| {
                    let (version, payload) = shown.rows.get(&task.newest.entity_id)?;
                    let differently = self.bug == Bug::OtherEncoder && who == 1;
                    Some(row(&task.newest.entity_id, *version, if differently { payload + 1 } else { *payload }))
                });
                let mut found = Found::of(rows.collect());
                found.shown = match self.bug {
                    Bug::BelieveLateReads => tasks.iter().map(|task| task.newest_at.1.clone()).collect(),
                    _ => shown.queue.iter().map(|queued| queued.id.clone()).collect(),
                };
                let writes = Writes::of(&SKILLS, &tasks, found);
                Phase::Read(tasks, writes)
            }
            Phase::Read(tasks, writes) => self.apply(tasks, writes),
            Phase::Answered(result) => {
                self.dequeue(&result);
                Phase::Idle
            }
        };
    }

    /// What a read shows: the present, or a moment from before it where it lands on a server that is behind.
    fn some_moment(&mut self) -> Moment {
        let back = usize::try_from(self.dice.roll(12)).unwrap();
        // Half of the reads are of the present.
        let place = back.checked_sub(6).and_then(|back| self.history.len().checked_sub(back + 1));
        place.map_or_else(|| self.present(), |place| self.history[place].clone())
    }

    fn present(&self) -> Moment {
        Moment { rows: self.rows.clone(), queue: self.queue.clone() }
    }

    fn plan(&mut self) -> Phase {
        let most = usize::try_from(1 + self.dice.roll(6)).unwrap();
        let batch: Vec<Queued> = self.queue.iter().take(most).cloned().collect();
        let mut planned = Batch::plan(&[&SKILLS], batch);
        let mut tasks = planned.tasks.remove(SKILLS.name).unwrap_or_default();
        match self.bug {
            Bug::MarkBeforeApply => {
                let taken: Vec<&str> = tasks.iter().flat_map(|task| &task.entries).map(|(_, id)| id.as_str()).collect();
                self.queue.retain(|queued| !taken.contains(&queued.id.as_str()));
            }
            Bug::LostDelete => tasks.retain(|task| {
                let keep = task.newest.op != Op::Delete;
                if !keep {
                    self.queue.retain(|queued| queued.entry.entity_id != task.newest.entity_id);
                }
                keep
            }),
            _ => {}
        }
        if tasks.is_empty() { Phase::Idle } else { Phase::Planned(tasks) }
    }

    fn apply(&mut self, tasks: Vec<Task>, writes: Writes) -> Phase {
        // The answer is whole, is lost after everything took effect, or the connection broke somewhere.
        let fault = self.dice.roll(10);
        let outcomes: Vec<Option<Outcome>> = writes
            .writes
            .iter()
            .map(|write| (fault != 0 || self.dice.roll(2) == 0).then(|| write_one(&mut self.copies, self.bug, write)))
            .collect();
        let answered: Option<Vec<Outcome>> = if fault <= 1 { None } else { outcomes.into_iter().collect() };
        let mut result = BatchResult::default();
        match answered {
            Some(outcomes) => writes.record(&SKILLS, &tasks, &outcomes, &mut result),
            None if self.bug == Bug::SettleUnanswered => {
                let all = vec![Outcome::Applied; writes.writes.len()];
                writes.record(&SKILLS, &tasks, &all, &mut result);
            }
            None => return Phase::Idle,
        }
        if self.bug == Bug::SettleUnseen {
            let ids: Vec<&str> = tasks.iter().map(|task| task.newest.entity_id.as_str()).collect();
            let unseen = self.queue.iter().filter(|queued| ids.contains(&queued.entry.entity_id.as_str()));
            result.done.extend(unseen.map(|queued| (queued.partition, queued.id.clone())));
        }
        Phase::Answered(result)
    }

    fn dequeue(&mut self, result: &BatchResult) {
        self.queue.retain(|queued| !result.done.iter().any(|(_, id)| *id == queued.id));
    }

    /// A comparison in two steps, with any other steps between them.
    fn compare(&mut self) {
        match self.cut.take() {
            None => {
                let moment = self.some_moment();
                self.cut = Some(self.snapshot(&moment, Vec::new()));
            }
            Some(cut) => self.judge(cut),
        }
    }

    fn snapshot(&self, moment: &Moment, then: Vec<ObservedDocument>) -> Cut {
        let mut pending = BTreeMap::new();
        for Queued { entry, .. } in moment.queue.iter().filter(|_| self.bug != Bug::BlindComparison) {
            pending.insert(entry.entity_id.clone(), Pending { version: entry.version, op: entry.op, since: NOW });
        }
        Cut {
            rows: moment.rows.iter().map(|(id, (version, payload))| row(id, *version, *payload)).collect(),
            pending,
            documents: (self.bug == Bug::DocumentsFirst).then(|| self.documents()),
            then,
        }
    }

    fn documents(&self) -> Vec<ObservedDocument> {
        let seen = |(id, kept): (&String, &Kept)| ObservedDocument {
            stamp: Stamp {
                id: id.clone(),
                version: Some(kept.version),
                digest: kept.content.as_ref().map(|(_, digest)| *digest),
                revision: kept.content.as_ref().map(|_| SKILLS.revision()),
                tombstone: kept.content.is_none(),
            },
            body: Some(kept.content.as_ref().map(|(body, _)| body.clone()).unwrap_or_default()),
        };
        self.copies.iter().map(seen).collect()
    }

    fn judge(&mut self, cut: Cut) {
        let cut = match self.bug {
            // The mistake: documents as they were before, rows as they are now.
            Bug::DocumentsFirst => Cut { documents: cut.documents, ..self.snapshot(&self.present(), cut.then) },
            _ => cut,
        };
        let rows: Vec<_> = cut.rows.into_iter().map(|row| encode(&SKILLS, row)).collect();
        let documents = cut.documents.unwrap_or_else(|| self.documents());
        let judged = match cut.then.as_slice() {
            [] => verdicts(&SKILLS, &rows, &documents, &cut.pending, &Revisions::default()),
            // The mistake: looking at new documents instead of those that were seen then.
            _ if self.bug == Bug::NewDocumentsAgain => {
                let ids: BTreeSet<&str> = cut.then.iter().map(|seen| seen.stamp.id.as_str()).collect();
                let mut again = verdicts(&SKILLS, &rows, &documents, &cut.pending, &Revisions::default());
                again.retain(|(id, _)| ids.contains(id.as_str()));
                for (_, verdict) in &mut again {
                    if let Verdict::Undecided(class) = verdict {
                        *verdict = Verdict::Drift(*class);
                    }
                }
                again
            }
            then => recheck(&SKILLS, then, &rows, &documents, &cut.pending, &Revisions::default(), NOW),
        };
        let mut undecided = BTreeSet::new();
        for (id, verdict) in judged {
            match verdict {
                Verdict::Undecided(class) if self.bug == Bug::NoSecondLook => {
                    self.false_alarms.push(format!("{id} is {}", class.name()));
                }
                Verdict::Drift(class) => self.false_alarms.push(format!("{id} is {}", class.name())),
                Verdict::Undecided(_) => drop(undecided.insert(id)),
                Verdict::InFlight(_) | Verdict::Outdated | Verdict::Newer => {}
            }
        }
        if !undecided.is_empty() {
            let then = documents.into_iter().filter(|seen| undecided.contains(&seen.stamp.id)).collect();
            // A moment after the documents were seen, however far behind the server of the first look was.
            let moment = if self.bug == Bug::LateSecondLook { self.some_moment() } else { self.present() };
            self.cut = Some(self.snapshot(&moment, then));
        }
    }

    /// Everything stops, one relay comes back and works until nothing waits; then both sides are equal.
    fn end(mut self) -> Vec<String> {
        let frozen = self.relays.iter().position(|phase| matches!(phase, Phase::Read(..)));
        let thawing = frozen.map(|who| std::mem::replace(&mut self.relays[who], Phase::Idle));
        self.relays = [Phase::Idle, Phase::Idle];
        self.holder = 0;
        // Servers that were behind have caught up.
        self.history.clear();
        for _ in 0..10_000 {
            if self.queue.is_empty() && matches!(self.relays[0], Phase::Idle) {
                break;
            }
            self.relay(0);
        }
        // The frozen owner wakes after everything is over and carries out what it had in hand.
        if let Some(Phase::Read(_, writes)) = thawing {
            for write in &writes.writes {
                write_one(&mut self.copies, self.bug, write);
            }
        }
        let mut wrong = std::mem::take(&mut self.false_alarms);
        if !self.queue.is_empty() {
            wrong.push("the queue never emptied".to_owned());
        }
        for (id, (version, payload)) in &self.rows {
            let expected = encode(&SKILLS, row(id, *version, *payload));
            let same = self.copies.get(id).is_some_and(|kept| {
                kept.version == *version
                    && kept.content.as_ref().is_some_and(|(body, kept)| {
                        *kept == expected.digest && digest(&SKILLS, id, *version, body) == expected.digest
                    })
            });
            if !same {
                wrong.push(format!("{id} is not as its row"));
            }
        }
        let phantoms = self.copies.iter().filter(|(id, kept)| kept.content.is_some() && !self.rows.contains_key(*id));
        wrong.extend(phantoms.map(|(id, _)| format!("{id} has no row")));
        wrong
    }
}

/// A mirror's outcome of one guarded write.
fn write_one(copies: &mut BTreeMap<String, Kept>, bug: Bug, write: &Write) -> Outcome {
    let stale = copies.get(&write.id).is_some_and(|kept| kept.version >= write.version);
    if stale && bug != Bug::NoVersionGuard {
        return Outcome::Stale;
    }
    let content = match &write.content {
        Content::Document { body, digest } => Some((body.clone(), *digest)),
        Content::Tombstone if bug == Bug::NoTombstone => {
            copies.remove(&write.id);
            return Outcome::Applied;
        }
        Content::Tombstone => None,
    };
    copies.insert(write.id.clone(), Kept { version: write.version, content });
    Outcome::Applied
}

#[test]
fn ten_thousand_schedules_end_equal_and_no_comparison_cries_wolf() {
    for seed in 0..10_000 {
        let wrong = Simulation::new(seed, Bug::None).run();
        assert_eq!(wrong, Vec::<String>::new(), "seed {seed}");
    }
}

#[test]
fn every_planted_bug_is_caught() {
    let missed: Vec<Bug> =
        PLANTED.into_iter().filter(|bug| (0..5_000).all(|seed| Simulation::new(seed, *bug).run().is_empty())).collect();
    assert_eq!(missed, Vec::<Bug>::new(), "mistakes that no schedule shows");
}
