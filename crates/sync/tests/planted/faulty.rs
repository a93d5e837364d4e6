//! A second database that fails as networks fail: requests that never arrive, answers that are lost after everything took
//! effect, and answers that come so late that a lease has ended meanwhile. One that refuses a document can be asked for.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use async_trait::async_trait;
use chainbill_domain::{Model, Timestamp};
use chainbill_mirror::{Guard, Mirror, MirrorError, Outcome, Write};
use chainbill_testkit::Writing;

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
}

impl Faulty {
    pub fn new(seed: u64) -> Self {
        let (dice, refuses) = (Mutex::new(Dice(seed)), Mutex::default());
        Self { dice, failing: AtomicBool::new(false), refuses }
    }

    fn roll(&self, end: u64) -> u64 {
        self.dice.lock().unwrap().roll(end)
    }
}

fn lost<T>() -> Result<T, MirrorError> {
    Err(MirrorError::Unavailable("the connection was lost".to_owned()))
}

#[async_trait]
impl Writing for Faulty {
    async fn apply(
        &self,
        inner: &dyn Mirror,
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
        let mut outcomes = inner.apply(model, guard, &taken, at).await?.into_iter();
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
}
