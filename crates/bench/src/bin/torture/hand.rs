//! Fault injection: a deck of faults, shuffled by the seed, repeatedly.

mod primary;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::ensure;
use chainbill_testkit::{Dice, Fault};
use tokio::time::sleep;

use crate::{
    databases::{Databases, Side},
    load::Load,
    process::Process,
    strangers::{self, Seen},
};

use primary::Harm;

/// A fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Card {
    /// ChainBill is killed and started again.
    Killed,
    /// ChainBill is frozen for a while.
    Frozen,
    /// ChainBill is frozen until another server has its leases, then continues mid-operation.
    FrozenPastItsLease,
    /// A database is killed and started again.
    DatabaseKilled(Side),
    /// A database is frozen.
    DatabaseFrozen(Side),
    /// A fault of a database's proxy.
    Between(Side, Fault),
    /// A thousand abandoned logins.
    AbandonedLogins,
    /// Stalled readers.
    NeverReading,
    /// A fault of the live primary.
    Primary(Harm),
    /// A server of the primary's group lags.
    Behind,
}

const DELAY: Duration = Duration::from_millis(30);

/// Each fault and its count in the deck.
const DECK: &[(Card, usize)] = &[
    (Card::Killed, 8),
    (Card::Frozen, 1),
    (Card::FrozenPastItsLease, 1),
    (Card::DatabaseKilled(Side::Second), 1),
    (Card::DatabaseFrozen(Side::Second), 1),
    (Card::Between(Side::Second, Fault::Silence), 1),
    (Card::Between(Side::Second, Fault::Refuse), 1),
    (Card::Between(Side::Second, Fault::LoseAnswers), 1),
    (Card::Between(Side::Second, Fault::Latency(DELAY)), 1),
    (Card::Between(Side::Second, Fault::Bytes), 1),
    (Card::Between(Side::Second, Fault::Reset), 1),
    (Card::DatabaseKilled(Side::Primary), 1),
    (Card::DatabaseFrozen(Side::Primary), 1),
    (Card::Between(Side::Primary, Fault::LoseCommits), 2),
    (Card::Between(Side::Primary, Fault::Silence), 1),
    (Card::Between(Side::Primary, Fault::Refuse), 1),
    (Card::Between(Side::Primary, Fault::Reset), 1),
    (Card::Between(Side::Primary, Fault::Latency(DELAY)), 1),
    (Card::AbandonedLogins, 1),
    (Card::NeverReading, 1),
    (Card::Behind, 6),
];

impl Card {
    /// Its table row.
    fn name(self) -> String {
        let of = |side: Side| if side == Side::Primary { "primary" } else { "mirror" };
        match self {
            Self::Killed => "ChainBill killed".to_owned(),
            Self::Frozen => "ChainBill frozen".to_owned(),
            Self::FrozenPastItsLease => "ChainBill frozen past its lease".to_owned(),
            Self::DatabaseKilled(side) => format!("{} killed", of(side)),
            Self::DatabaseFrozen(side) => format!("{} frozen", of(side)),
            Self::AbandonedLogins => "a thousand logins abandoned".to_owned(),
            Self::NeverReading => "readers that never read".to_owned(),
            Self::Primary(harm) => harm.name().to_owned(),
            Self::Behind => "server of the primary's group behind".to_owned(),
            Self::Between(side, fault) => {
                let word = match fault {
                    Fault::None => "left alone",
                    Fault::Silence => "silent",
                    Fault::Refuse => "refusing",
                    Fault::LoseAnswers => "'s answers lost",
                    Fault::Latency(_) => "slow",
                    Fault::Bytes => "'s answers byte by byte",
                    Fault::Reset => "'s answers cut by a reset",
                    Fault::LoseCommits => "'s replies to COMMIT lost",
                };
                format!("{}{}{word}", of(side), if word.starts_with('\'') { "" } else { " " })
            }
        }
    }
}

/// Counts and times.
#[derive(Default)]
pub struct Tally {
    /// Count of each fault.
    pub cycles: BTreeMap<String, u64>,
    /// From the kill to the first answer of the new process.
    pub answering: Vec<Duration>,
    /// From the primary's return to the first acknowledged write.
    pub acknowledging: Vec<Duration>,
    /// Crowd measurements.
    pub crowds: Vec<Seen>,
}

/// Plays the cards.
pub struct Hand {
    /// ChainBill.
    pub program: PathBuf,
    /// Its databases.
    pub databases: Databases,
    /// Its processes.
    pub servers: Vec<Process>,
    /// Its clients.
    pub load: Arc<Load>,
    /// Random.
    pub dice: Dice,
    /// Statistics.
    pub tally: Tally,
}

impl Hand {
    /// A new deck, the longest fault on top, so that a short run has it.
    pub fn deck(&mut self) -> Vec<Card> {
        let all = DECK.iter().flat_map(|(card, times)| std::iter::repeat_n(*card, *times));
        let all = all.chain(Harm::ALL.map(Card::Primary));
        let mut deck: Vec<Card> = all.filter(|card| self.can(*card)).collect();
        self.dice.shuffle(&mut deck);
        if let Some(place) = deck.iter().position(|card| *card == Card::FrozenPastItsLease) {
            let last = deck.len() - 1;
            deck.swap(place, last);
        }
        deck
    }

    fn can(&self, card: Card) -> bool {
        match card {
            Card::Killed | Card::Frozen | Card::FrozenPastItsLease => true,
            Card::AbandonedLogins | Card::NeverReading => cfg!(target_os = "linux"),
            Card::DatabaseKilled(side) | Card::DatabaseFrozen(side) => self.databases.may_kill(side),
            Card::Behind => self.databases.group.is_some(),
            Card::Between(side, _) => self.databases.proxy(side).is_some(),
            Card::Primary(harm) => self.can_harm(harm),
        }
    }

    /// Plays a card.
    pub async fn play(&mut self, card: Card) -> anyhow::Result<()> {
        let victim = usize::try_from(self.dice.roll(0, 1))?;
        sleep(self.some(20, 400)).await;
        match card {
            Card::Killed => self.kill(victim).await?,
            Card::Frozen => self.freeze(victim, 500, 4_000).await?,
            Card::FrozenPastItsLease => self.freeze(victim, 11_000, 13_000).await?,
            Card::DatabaseKilled(side) => self.kill_database(side).await?,
            Card::DatabaseFrozen(side) => self.freeze_database(side).await?,
            Card::Between(side, fault) => self.between(side, fault).await?,
            Card::AbandonedLogins | Card::NeverReading => self.crowd(card, victim).await?,
            Card::Primary(harm) => self.harm(harm).await?,
            Card::Behind => self.fall_behind().await?,
        }
        for server in &mut self.servers {
            server.must_live()?;
        }
        *self.tally.cycles.entry(card.name()).or_default() += 1;
        Ok(())
    }

    /// A hostile crowd at a server; the load and honest logins must continue.
    async fn crowd(&mut self, card: Card, victim: usize) -> anyhow::Result<()> {
        let pause = self.some(500, 4_000);
        let (server, client) = (&self.servers[victim], &self.load.client);
        let seen = match card {
            Card::AbandonedLogins => strangers::abandoned_logins(server, client).await?,
            _ => strangers::never_reading(server, client, &self.load.operator.token, pause).await?,
        };
        self.tally.crowds.push(seen);
        Ok(())
    }

    fn some(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.dice.roll(low, high))
    }

    async fn kill(&mut self, victim: usize) -> anyhow::Result<()> {
        let killed = Instant::now();
        self.servers[victim].kill()?;
        self.servers[victim] = Process::start(&self.program, &self.databases, victim)?;
        self.servers[victim].ready(&self.load.client).await?;
        self.tally.answering.push(killed.elapsed());
        self.load.moved(victim, &self.servers[victim].base);
        Ok(())
    }

    async fn freeze(&mut self, victim: usize, low: u64, high: u64) -> anyhow::Result<()> {
        let pause = self.some(low, high);
        self.servers[victim].signal("-STOP")?;
        sleep(pause).await;
        self.servers[victim].signal("-CONT")
    }

    async fn kill_database(&mut self, side: Side) -> anyhow::Result<()> {
        let pause = self.some(0, 1_500);
        self.databases.harm(side, "kill").await?;
        sleep(pause).await;
        let back = self.databases.start(side).await?;
        self.acknowledged_since(side, back).await
    }

    async fn fall_behind(&mut self) -> anyhow::Result<()> {
        let pause = self.some(300, 2_500);
        match &self.databases.group {
            Some(group) => group.falls_behind(pause).await,
            None => Ok(()),
        }
    }

    async fn freeze_database(&mut self, side: Side) -> anyhow::Result<()> {
        let pause = self.some(300, 4_000);
        self.databases.harm(side, "stop").await?;
        sleep(pause).await;
        self.databases.harm(side, "cont").await?;
        self.acknowledged_since(side, Instant::now()).await
    }

    async fn between(&mut self, side: Side, fault: Fault) -> anyhow::Result<()> {
        let pause = self.some(100, 2_000);
        let Some(proxy) = self.databases.proxy(side) else { return Ok(()) };
        proxy.set(fault);
        sleep(pause).await;
        proxy.set(Fault::None);
        if matches!(fault, Fault::Silence | Fault::Refuse) {
            return self.acknowledged_since(side, Instant::now()).await;
        }
        Ok(())
    }

    /// Waits until clients write again after the primary's return. Mirror faults do not affect them.
    async fn acknowledged_since(&mut self, side: Side, back: Instant) -> anyhow::Result<()> {
        if side == Side::Second {
            return Ok(());
        }
        let acknowledged = self.load.oracle.acknowledged();
        while self.load.oracle.acknowledged() == acknowledged {
            ensure!(
                back.elapsed() < Duration::from_secs(60),
                "nothing is acknowledged a minute after the primary's return"
            );
            sleep(Duration::from_millis(2)).await;
        }
        self.tally.acknowledging.push(back.elapsed());
        Ok(())
    }
}
