//! A mirror that fails as networks fail: requests that never arrive, answers that are lost after everything took effect, and answers
//! that come so late that a lease has expired meanwhile. It refuses a document on command, and makes those planted
//! mistakes that show towards a mirror.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use async_trait::async_trait;
use chainbill_domain::{
    Model, Timestamp, Value,
    document::{digest, encode},
};
use chainbill_mirror::{Content, Guard, Mirror, MirrorError, Outcome, Page, Stamp, Stored, Write};
use chainbill_records::Records;
use chainbill_testkit::Writing;

use crate::{
    mistakes::{Mistake, is},
    world::World,
};

/// `SplitMix64`.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }
}

pub struct Faulty {
    pub dice: Mutex<Dice>,
    /// Whether it fails at the moment.
    pub failing: AtomicBool,
    /// The document that it never takes.
    pub refuses: Mutex<Option<String>>,
    inner: Arc<dyn Mirror>,
    records: Records,
    /// Repairs that are read back once as if they had been applied.
    believed: Mutex<HashMap<String, Write>>,
}

impl Faulty {
    pub fn new(seed: u64, world: &World) -> Self {
        Self {
            dice: Mutex::new(Dice(seed)),
            failing: AtomicBool::new(false),
            refuses: Mutex::default(),
            inner: world.mirror.clone(),
            records: world.records.clone(),
            believed: Mutex::default(),
        }
    }

    fn roll(&self, end: u64) -> u64 {
        self.dice.lock().unwrap().roll(end)
    }

    /// Applies writes as a faulty network does.
    async fn apply_faultily(
        &self,
        model: &'static Model,
        guard: Guard,
        writes: &[Write],
        at: Timestamp,
    ) -> Result<Vec<Outcome>, MirrorError> {
        let refused = self.refuses.lock().unwrap().clone();
        let (taken, _): (Vec<&Write>, Vec<&Write>) =
            writes.iter().partition(|write| Some(&write.id) != refused.as_ref());
        let taken: Vec<Write> = taken.into_iter().cloned().collect();
        let fault = if self.failing.load(SeqCst) { self.roll(10) } else { 9 };
        match fault {
            0 => return lost(),
            // Frozen with the request in hand: others go on and the lease expires.
            1 => tokio::time::sleep(Duration::from_millis(300 + self.roll(500))).await,
            _ => {}
        }
        let mut outcomes = self.inner.apply(model, guard, &taken, at).await?.into_iter();
        match fault {
            2 | 3 => lost(),
            _ => Ok(writes
                .iter()
                .map(|write| match Some(&write.id) == refused.as_ref() {
                    true => Outcome::Rejected("this one is refused".to_owned()),
                    false => outcomes.next().unwrap(),
                })
                .collect()),
        }
    }

    /// Applies writes with the mistakes of a relay.
    async fn relay(&self, model: &'static Model, writes: &[Write], at: Timestamp) -> Result<Vec<Outcome>, MirrorError> {
        if is(Mistake::MarkBeforeApply) {
            self.dequeue(model, writes).await;
        }
        if is(Mistake::NoFence) {
            tokio::spawn(write_late(self.inner.clone(), model, writes.to_vec(), at));
        }
        let is_lost = |write: &Write| is(Mistake::LostDelete) && write.content == Content::Tombstone;
        let passed: Vec<Write> = writes.iter().filter(|write| !is_lost(write)).cloned().collect();
        let answer = self.apply_faultily(model, Guard::Newer, &passed, at).await;
        if is(Mistake::NoTombstone) {
            let gone = writes.iter().filter(|write| write.content == Content::Tombstone);
            self.inner.remove(model, &gone.map(|write| write.id.clone()).collect::<Vec<_>>()).await?;
        }
        let mut outcomes = match answer {
            Err(_) if is(Mistake::SettleUnanswered) => vec![Outcome::Applied; passed.len()],
            answer => answer?,
        }
        .into_iter();
        let answered = |outcome| match outcome {
            Outcome::Rejected(_) if is(Mistake::DropPoison) => Outcome::Applied,
            Outcome::Stale if is(Mistake::StaleIsDone) => Outcome::Applied,
            outcome => outcome,
        };
        Ok(writes
            .iter()
            .map(|write| if is_lost(write) { Outcome::Applied } else { answered(outcomes.next().unwrap()) })
            .collect())
    }

    /// Removes the entries that these writes carry out.
    async fn dequeue(&self, model: &'static Model, writes: &[Write]) {
        for write in writes {
            let queued = self.records.queued_of(model, &write.id).await.unwrap();
            let done = queued.into_iter().filter(|queued| queued.entry.version <= write.version);
            let done: Vec<_> = done.map(|queued| (queued.partition, queued.id)).collect();
            self.records.dequeue(&done).await.unwrap();
        }
    }
}

fn lost<T>() -> Result<T, MirrorError> {
    Err(MirrorError::Unavailable("the connection was lost".to_owned()))
}

/// An owner that sleeps past its lease, wakes, and writes what it had in hand without its guard.
async fn write_late(inner: Arc<dyn Mirror>, model: &'static Model, writes: Vec<Write>, at: Timestamp) {
    tokio::time::sleep(Duration::from_millis(200)).await;
    let ids: Vec<String> = writes.iter().map(|write| write.id.clone()).collect();
    // The databases of a story that has ended are gone.
    if inner.remove(model, &ids).await.is_ok() {
        let _ = inner.apply(model, Guard::NotNewer, &writes, at).await;
    }
}

/// The write of another encoder: times of whole seconds.
fn encoded_otherwise(model: &'static Model, mut write: Write) -> Write {
    if let Content::Document { body, digest: of_body } = &mut write.content {
        for (_, value) in &mut body.0 {
            if let Value::Time(millis) = value {
                *millis -= millis.rem_euclid(1000);
            }
        }
        *of_body = digest(model, &write.id, write.version, body);
    }
    write
}

/// The document that a write would leave behind.
fn as_applied(model: &'static Model, write: Write, found: Stored) -> Stored {
    let Content::Document { body, digest } = write.content else { return found };
    let (version, digest, revision) = (Some(write.version), Some(digest), Some(model.revision()));
    Stored { stamp: Stamp { version, digest, revision, tombstone: false, ..found.stamp }, body, ..found }
}

#[async_trait]
impl Writing for Faulty {
    async fn apply(
        &self,
        _inner: &dyn Mirror,
        model: &'static Model,
        guard: Guard,
        writes: &[Write],
        at: Timestamp,
    ) -> Result<Vec<Outcome>, MirrorError> {
        let otherwise = guard != Guard::NotNewer && is(Mistake::OtherEncoder);
        let encode = |write: &Write| if otherwise { encoded_otherwise(model, write.clone()) } else { write.clone() };
        let writes: Vec<Write> = writes.iter().map(encode).collect();
        match guard {
            Guard::Newer => return self.relay(model, &writes, at).await,
            Guard::Outdated if is(Mistake::CopyWithoutGuard) => {
                let ids: Vec<String> = writes.iter().map(|write| write.id.clone()).collect();
                self.inner.remove(model, &ids).await?;
            }
            Guard::NotNewer if is(Mistake::RepairUnseen) => {
                let believed = writes.iter().map(|write| (write.id.clone(), write.clone()));
                self.believed.lock().unwrap().extend(believed);
            }
            Guard::Outdated | Guard::NotNewer => {}
        }
        self.apply_faultily(model, guard, &writes, at).await
    }

    async fn stamps(
        &self,
        inner: &dyn Mirror,
        model: &'static Model,
        page: Page<'_>,
    ) -> Result<Vec<Stamp>, MirrorError> {
        // Without its guard a backfill overwrites what is up to date as well.
        if is(Mistake::CopyWithoutGuard) { Ok(Vec::new()) } else { inner.stamps(model, page).await }
    }

    async fn documents(
        &self,
        inner: &dyn Mirror,
        model: &'static Model,
        page: Page<'_>,
    ) -> Result<Vec<Stored>, MirrorError> {
        let mut found = inner.documents(model, page).await?;
        if is(Mistake::BelieveDigest) {
            let ids: Vec<String> = found.iter().map(|stored| stored.stamp.id.clone()).collect();
            let rows = if ids.is_empty() { Vec::new() } else { self.records.rows(model, &ids).await.unwrap() };
            let rows: HashMap<String, _> = rows.into_iter().map(|row| (row.id.clone(), encode(model, row))).collect();
            for stored in &mut found {
                let row = rows.get(&stored.stamp.id).filter(|row| stored.stamp.digest == Some(row.digest));
                if let Some(row) = row {
                    stored.body = row.body.clone();
                }
            }
        }
        Ok(found)
    }

    async fn get_many(
        &self,
        inner: &dyn Mirror,
        model: &'static Model,
        ids: &[String],
    ) -> Result<Vec<Stored>, MirrorError> {
        let found = inner.get_many(model, ids).await?;
        let mut believed = self.believed.lock().unwrap();
        let answer = |stored: Stored| match believed.remove(&stored.stamp.id) {
            Some(write) => as_applied(model, write, stored),
            None => stored,
        };
        Ok(found.into_iter().map(answer).collect())
    }
}
