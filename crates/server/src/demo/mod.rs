//! A realistic data set of all eight models, and the events of its last weeks. The same seed and the same last day make the
//! same rows, and all go through the one saving path, so that they reach the second database like everything else. Only the
//! password is new each time: a known one would be a way in.
//!
//! Every batch is one transaction after which all invariants hold, numbers and their counters among them: whenever it is
//! interrupted, what was made is whole.

mod dice;
mod events;
mod files;
mod invoices;
mod people;
mod prices;
mod projects;
mod words;

use std::collections::BTreeMap;

use anyhow::bail;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chainbill_app::{Passwords, Secret};
use chainbill_domain::{Random, SystemRandom, Timestamp, event::Event, id::Id};
use chainbill_records::{Records, RecordsError, Unit};
use chrono::{DateTime, Duration, NaiveDate, NaiveTime};
use tokio_util::sync::CancellationToken;

use self::dice::Dice;

/// Rows saved in one transaction, and with an invoice its lines, its payment, its postings and its dispute. Each transaction
/// waits for the disk: with fewer rows in each that is what a demo does most of its time.
const BATCH: usize = 2000;

/// How much of what.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    seed: u64,
    invoices: usize,
    end: Timestamp,
}

impl Plan {
    /// A data set with so many invoices, in 2026.
    #[must_use]
    pub fn new(invoices: u32, seed: u64) -> Self {
        let end = DateTime::from_timestamp_millis(END).unwrap_or_default();
        Self { seed, invoices: invoices as usize, end }
    }

    /// The same, in the days before this one.
    #[must_use]
    pub fn until(self, day: NaiveDate) -> Self {
        Self { end: day.and_time(NaiveTime::MIN).and_utc(), ..self }
    }

    /// How many freelancers; they come first.
    #[must_use]
    pub fn freelancers(&self) -> usize {
        (self.invoices / 20).max(5)
    }

    fn clients(self) -> usize {
        (self.invoices / 40).max(4)
    }

    fn projects(self) -> usize {
        (self.invoices / 5).max(8)
    }

    fn files(self) -> usize {
        (self.invoices / 10).max(2)
    }

    /// About how many rows of the eight models.
    #[must_use]
    pub fn rows(&self) -> u64 {
        let people = 2 * self.freelancers() + self.clients();
        let work = self.projects() + self.projects() * 4 / 5 + self.invoices + self.invoices / 14;
        (people + work + self.files() + words::SKILLS.len()) as u64
    }

    /// The address of the person at that place.
    #[must_use]
    pub fn email(&self, place: usize) -> String {
        format!(
            "{}.{place}@s{}{ADDRESSES}",
            if place < self.freelancers() { "freelancer" } else { "client" },
            self.seed
        )
    }
}

/// What addresses of a demo's people end with: nobody real has one.
pub const ADDRESSES: &str = ".demo.chainbill.dev";

/// What was made.
#[derive(Debug)]
pub struct Made {
    /// Rows per model.
    pub rows: BTreeMap<&'static str, u64>,
    /// Events.
    pub events: u64,
    /// Everybody's password, made for this run.
    pub password: String,
    /// Whether it was stopped before everything was made. What was made is whole.
    pub is_stopped: bool,
}

/// Somebody asked to stop.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
struct Stopped;

/// Moments and ids of a run, all from the seed.
struct Maker<'m> {
    records: &'m Records,
    plan: &'m Plan,
    dice: Dice,
    report: &'m (dyn Fn(u64) + Send + Sync),
    stop: &'m CancellationToken,
    rows: BTreeMap<&'static str, u64>,
    events: u64,
}

/// Where nothing else is said the days end here: 1 November 2026.
const END: i64 = 1_793_491_200_000;
/// And there are so many.
const DAYS: i64 = 300;
/// Events are made of so many days: analytics keeps no older ones.
const EVENT_DAYS: i64 = 90;

impl Maker<'_> {
    fn id<K>(&mut self, at: Timestamp) -> Id<K> {
        Id::new(at, self.dice.bytes())
    }

    /// The moment of the `place`-th of `all` things, spread evenly over the days.
    fn moment(&mut self, place: usize, all: usize) -> Timestamp {
        let span = DAYS * 86_400_000;
        let step = span / i64::try_from(all.max(1)).unwrap_or(i64::MAX);
        let begin = self.plan.end - Duration::days(DAYS);
        begin + Duration::milliseconds(step * i64::try_from(place).unwrap_or(0) + self.dice.below(step.max(1)))
    }

    /// Some time after a moment, and not in the future.
    fn later(&mut self, at: Timestamp, most_days: i64) -> Timestamp {
        let left = (self.plan.end - at).num_milliseconds().max(2);
        let span = 60_000 + self.dice.below(most_days * 86_400_000);
        at + Duration::milliseconds(if span < left { span } else { 1 + span % (left - 1) })
    }

    /// Saves a batch of these models' rows: all of it or nothing.
    async fn save(
        &mut self,
        rows: &[(&'static str, usize)],
        events: Vec<Event>,
        work: impl AsyncFnOnce(&mut Unit) -> Result<(), RecordsError>,
    ) -> anyhow::Result<()> {
        if self.stop.is_cancelled() {
            bail!(Stopped);
        }
        let mut unit = self.records.begin().await?;
        match work(&mut unit).await {
            Err(RecordsError::Duplicate(_)) => {
                bail!("the data set of seed {} is in this database already; another --seed is accepted", self.plan.seed)
            }
            result => result?,
        }
        events.iter().for_each(|event| unit.event(event));
        unit.commit().await?;
        self.events += events.len() as u64;
        let mut all = 0;
        for &(model, count) in rows {
            *self.rows.entry(model).or_default() += count as u64;
            all += count as u64;
        }
        (self.report)(all);
        Ok(())
    }

    async fn everything(&mut self, password_hash: &str) -> anyhow::Result<()> {
        let skills = people::skills(self).await?;
        let people = people::people(self, &skills, password_hash).await?;
        let (projects, reviews) = projects::projects(self, &people, &skills).await?;
        let (invoices, lost) = invoices::invoices(self, &people, &projects).await?;
        files::files(self, &invoices).await?;
        projects::reputations(self, &people, &projects, &reviews, &lost).await
    }
}

/// Fills the primary. `report` hears how many rows each batch saved.
///
/// # Errors
/// When the primary does not answer, or holds the data set of this seed already.
pub async fn fill(
    records: &Records,
    plan: &Plan,
    report: &(dyn Fn(u64) + Send + Sync),
    stop: &CancellationToken,
) -> anyhow::Result<Made> {
    let random: &dyn Random = &SystemRandom;
    let password = URL_SAFE_NO_PAD.encode(random.bytes::<12>());
    let hash = Passwords::default().hash(Secret::new(password.clone()), random.bytes()).await?;
    let rows = chainbill_domain::models::ALL.iter().map(|model| (model.name, 0)).collect();
    let mut maker = Maker { records, plan, dice: Dice::new(plan.seed), report, stop, rows, events: 0 };
    let is_stopped = match maker.everything(&hash).await {
        Err(error) if error.is::<Stopped>() => true,
        result => result.map(|()| false)?,
    };
    Ok(Made { rows: maker.rows, events: maker.events, password, is_stopped })
}
