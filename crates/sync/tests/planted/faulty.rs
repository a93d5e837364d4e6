//! A second database that fails as networks fail: requests that never arrive, answers that are lost after everything took
//! effect, and answers that come so late that a lease has ended meanwhile. One that refuses a document can be asked for.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use async_trait::async_trait;
use chainbill_domain::{Model, Timestamp, Value};
use chainbill_mirror::{
    Activity, Guard, Hit, LogLine, Mirror, MirrorError, Outcome, Page, Retention, Stamp, Stored, Tracked, Write,
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
    pub under: Arc<dyn Mirror>,
    pub dice: Mutex<Dice>,
    /// Whether it fails at the moment.
    pub failing: AtomicBool,
    /// The document that it never takes.
    pub refuses: Mutex<Option<String>>,
}

impl Faulty {
    pub fn new(under: Arc<dyn Mirror>, seed: u64) -> Arc<Self> {
        let (dice, refuses) = (Mutex::new(Dice(seed)), Mutex::default());
        Arc::new(Self { under, dice, failing: AtomicBool::new(false), refuses })
    }

    fn roll(&self, end: u64) -> u64 {
        self.dice.lock().unwrap().roll(end)
    }
}

fn lost<T>() -> Result<T, MirrorError> {
    Err(MirrorError::Unavailable("the connection was lost".to_owned()))
}

#[async_trait]
impl Mirror for Faulty {
    async fn apply(
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
            // Frozen with the request in hand: others go on and the lease ends.
            1 => tokio::time::sleep(Duration::from_millis(300 + self.roll(500))).await,
            _ => {}
        }
        let mut outcomes = self.under.apply(model, guard, &taken, at).await?.into_iter();
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

    fn engine(&self) -> &'static str {
        self.under.engine()
    }
    async fn prepare(&self, models: &[&'static Model], retention: Retention) -> Result<(), MirrorError> {
        self.under.prepare(models, retention).await
    }
    async fn ping(&self) -> Result<(), MirrorError> {
        self.under.ping().await
    }
    async fn collections(&self) -> Result<Vec<String>, MirrorError> {
        self.under.collections().await
    }
    async fn identity(&self) -> Result<Option<String>, MirrorError> {
        self.under.identity().await
    }
    async fn set_identity(&self, primary: &str) -> Result<(), MirrorError> {
        self.under.set_identity(primary).await
    }
    async fn remove(&self, model: &'static Model, ids: &[String]) -> Result<u64, MirrorError> {
        self.under.remove(model, ids).await
    }
    async fn get(&self, model: &'static Model, id: &str) -> Result<Option<Stored>, MirrorError> {
        self.under.get(model, id).await
    }
    async fn get_many(&self, model: &'static Model, ids: &[String]) -> Result<Vec<Stored>, MirrorError> {
        self.under.get_many(model, ids).await
    }
    async fn takes_writes(&self, model: &'static Model) -> Result<(), MirrorError> {
        self.under.takes_writes(model).await
    }
    async fn stamps(&self, model: &'static Model, page: Page<'_>) -> Result<Vec<Stamp>, MirrorError> {
        self.under.stamps(model, page).await
    }
    async fn documents(&self, model: &'static Model, page: Page<'_>) -> Result<Vec<Stored>, MirrorError> {
        self.under.documents(model, page).await
    }
    async fn count(&self, model: &'static Model) -> Result<u64, MirrorError> {
        self.under.count(model).await
    }
    async fn search(&self, model: &'static Model, words: &str, skip: u32, limit: u32) -> Result<Vec<Hit>, MirrorError> {
        self.under.search(model, words, skip, limit).await
    }
    async fn find(
        &self,
        model: &'static Model,
        field: &'static str,
        value: &Value,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Stored>, MirrorError> {
        self.under.find(model, field, value, before, limit).await
    }
    async fn track(&self, events: &[Tracked]) -> Result<(), MirrorError> {
        self.under.track(events).await
    }
    async fn log(&self, lines: &[LogLine]) -> Result<(), MirrorError> {
        self.under.log(lines).await
    }
    async fn activity(&self, user: Option<&str>, since: Timestamp) -> Result<Activity, MirrorError> {
        self.under.activity(user, since).await
    }
    async fn expire(&self, retention: Retention, now: Timestamp) -> Result<u64, MirrorError> {
        self.under.expire(retention, now).await
    }
}
