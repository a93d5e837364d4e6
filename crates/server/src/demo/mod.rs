//! A realistic data set of all eight models. The same seed makes the same rows, and all go through the one saving path, so
//! that they reach the second database like everything else. Only the password is new each time: a known one would be a
//! way in.

mod dice;
mod files;
mod invoices;
mod people;
mod projects;
mod words;

use anyhow::bail;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chainbill_app::{Passwords, Secret};
use chainbill_domain::{Random, SystemRandom, Timestamp, id::Id};
use chainbill_records::{Records, RecordsError, Unit};
use chrono::{DateTime, Duration};
use tokio_util::sync::CancellationToken;

use self::dice::Dice;

/// Rows saved in one transaction.
const BATCH: usize = 500;

/// How much of what.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    seed: u64,
    invoices: usize,
}

impl Plan {
    /// A data set with so many invoices.
    #[must_use]
    pub const fn new(invoices: u32, seed: u64) -> Self {
        Self { seed, invoices: invoices as usize }
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
            "{}.{place}@s{}.demo.chainbill.dev",
            if place < self.freelancers() { "freelancer" } else { "client" },
            self.seed
        )
    }
}

/// What was made.
#[derive(Debug)]
pub struct Made {
    /// Rows per model.
    pub rows: Vec<(&'static str, u64)>,
    /// Everybody's password, made for this run.
    pub password: String,
}

/// Moments and ids of a run, all from the seed.
struct Maker<'m> {
    records: &'m Records,
    plan: &'m Plan,
    dice: Dice,
    report: &'m (dyn Fn(u64) + Send + Sync),
    stop: &'m CancellationToken,
}

/// The demo's days begin here.
const BEGIN: i64 = 1_767_600_000_000;
/// And there are so many.
const DAYS: i64 = 300;

impl Maker<'_> {
    fn id<K>(&mut self, at: Timestamp) -> Id<K> {
        Id::new(at, self.dice.bytes())
    }

    /// The moment of the `place`-th of `all` things, spread evenly over the days.
    fn moment(&mut self, place: usize, all: usize) -> Timestamp {
        let span = DAYS * 86_400_000;
        let step = span / i64::try_from(all.max(1)).unwrap_or(i64::MAX);
        let millis = BEGIN + step * i64::try_from(place).unwrap_or(0) + self.dice.below(step.max(1));
        DateTime::from_timestamp_millis(millis).unwrap_or_default()
    }

    fn later(&mut self, at: Timestamp, most_days: i64) -> Timestamp {
        at + Duration::milliseconds(60_000 + self.dice.below(most_days * 86_400_000))
    }

    /// Saves a batch: all of it or nothing.
    async fn save(
        &self,
        rows: usize,
        work: impl AsyncFnOnce(&mut Unit) -> Result<(), RecordsError>,
    ) -> anyhow::Result<()> {
        if self.stop.is_cancelled() {
            bail!("stopped; what was made so far stays");
        }
        let mut unit = self.records.begin().await?;
        match work(&mut unit).await {
            Err(RecordsError::Duplicate(_)) => {
                bail!("the data set of seed {} is in this database already; another --seed is accepted", self.plan.seed)
            }
            result => result?,
        }
        unit.commit().await?;
        (self.report)(rows as u64);
        Ok(())
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
    let mut maker = Maker { records, plan, dice: Dice::new(plan.seed), report, stop };
    let skills = people::skills(&mut maker).await?;
    let people = people::people(&mut maker, &skills, &hash).await?;
    let (projects, reviews) = projects::projects(&mut maker, &people, &skills).await?;
    let (invoices, disputes, lost) = invoices::invoices(&mut maker, &people, &projects).await?;
    let files = files::files(&mut maker, &invoices).await?;
    let reputations = projects::reputations(&mut maker, &people, &projects, &reviews, &lost).await?;
    let rows = vec![
        ("users", people.all() as u64),
        ("skills", skills.len() as u64),
        ("projects", projects.len() as u64),
        ("invoices", invoices.len() as u64),
        ("reviews", reviews.len() as u64),
        ("disputes", disputes),
        ("stored_files", files),
        ("reputations", reputations),
    ];
    Ok(Made { rows, password })
}
