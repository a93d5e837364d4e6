//! A realistic data set of all eight models, and the events of its last weeks. The seed and the last day determine the
//! rows. All use the normal saving path, so that they reach the mirror. Only the password is random: a known one would
//! be a security hole.
//!
//! Every batch is one transaction after which all invariants hold, numbers and counters included: an interrupted run
//! leaves consistent data.

mod careers;
mod dice;
mod disputes;
mod events;
mod files;
mod invoices;
mod people;
mod prices;
mod projects;
mod proposals;
mod words;

use std::collections::BTreeMap;

use anyhow::bail;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chainbill_app::{Passwords, Secret};
use chainbill_domain::{Random, SystemRandom, Timestamp, event::Event, id::Id, id::UserId};
use chainbill_records::{Records, RecordsError, Unit};
use chrono::{DateTime, Duration, NaiveDate, NaiveTime};
use tokio_util::sync::CancellationToken;

use self::dice::Dice;

/// Rows per transaction; an invoice includes its lines, payment, postings and dispute. Each transaction waits for the
/// disk: smaller batches would spend most of the time there.
const BATCH: usize = 2000;

/// The data's size.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    seed: u64,
    invoices: usize,
    end: Timestamp,
}

impl Plan {
    /// A data set with this many invoices.
    #[must_use]
    pub fn new(invoices: u32, seed: u64) -> Self {
        let end = DateTime::from_timestamp_millis(END).unwrap_or_default();
        Self { seed, invoices: invoices as usize, end }
    }

    /// The same, ending before this day.
    #[must_use]
    pub fn until(self, day: NaiveDate) -> Self {
        Self { end: day.and_time(NaiveTime::MIN).and_utc(), ..self }
    }

    /// Count of freelancers, who come first.
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

    /// Approximate rows of the eight models.
    #[must_use]
    pub fn rows(&self) -> u64 {
        let people = 2 * self.freelancers() + self.clients();
        let work = self.projects() + self.projects() * 4 / 5 + self.invoices + self.invoices / 14;
        (people + work + self.files() + words::SKILLS.len()) as u64
    }

    /// The email address of a user by index.
    #[must_use]
    pub fn email(&self, place: usize) -> String {
        format!(
            "{}.{place}@s{}{ADDRESSES}",
            if place < self.freelancers() { "freelancer" } else { "client" },
            self.seed
        )
    }
}

/// Domain suffix of demo users, reserved for them.
pub const ADDRESSES: &str = ".demo.chainbill.dev";

/// The result.
#[derive(Debug)]
pub struct Made {
    /// Rows per model.
    pub rows: BTreeMap<&'static str, u64>,
    /// Events.
    pub events: u64,
    /// All users' password, random per run.
    pub password: String,
    /// Whether the run was stopped early. The data is consistent.
    pub is_stopped: bool,
}

/// A requested stop.
#[derive(Debug, thiserror::Error)]
#[error("stopped")]
struct Stopped;

/// Seeded generator of a run's times and ids.
struct Maker<'m> {
    records: &'m Records,
    plan: &'m Plan,
    dice: Dice,
    report: &'m (dyn Fn(u64) + Send + Sync),
    stop: &'m CancellationToken,
    rows: BTreeMap<&'static str, u64>,
    events: u64,
    /// The next credit note of each issuer.
    notes: BTreeMap<UserId, i64>,
}

/// Default end of the days: 1 November 2026.
const END: i64 = 1_793_491_200_000;
/// Number of days.
const DAYS: i64 = 300;
/// Days with events: analytics keeps no older ones.
const EVENT_DAYS: i64 = 90;

impl Maker<'_> {
    fn id<K>(&mut self, at: Timestamp) -> Id<K> {
        Id::new(at, self.dice.bytes())
    }

    /// The time of item `place` of `all`, spread evenly over the days.
    fn moment(&mut self, place: usize, all: usize) -> Timestamp {
        let span = DAYS * 86_400_000;
        let step = span / i64::try_from(all.max(1)).unwrap_or(i64::MAX);
        let begin = self.plan.end - Duration::days(DAYS);
        begin + Duration::milliseconds(step * i64::try_from(place).unwrap_or(0) + self.dice.below(step.max(1)))
    }

    /// A random later time, before the end.
    fn later(&mut self, at: Timestamp, most_days: i64) -> Timestamp {
        let left = (self.plan.end - at).num_milliseconds().max(2);
        let span = 60_000 + self.dice.below(most_days * 86_400_000);
        at + Duration::milliseconds(if span < left { span } else { 1 + span % (left - 1) })
    }

    /// Saves a batch of these models' rows atomically.
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

/// Fills the primary. `report` receives each batch's row count.
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
    let mut maker =
        Maker { records, plan, dice: Dice::new(plan.seed), report, stop, rows, events: 0, notes: BTreeMap::new() };
    let is_stopped = match maker.everything(&hash).await {
        Err(error) if error.is::<Stopped>() => true,
        result => result.map(|()| false)?,
    };
    Ok(Made { rows: maker.rows, events: maker.events, password, is_stopped })
}
