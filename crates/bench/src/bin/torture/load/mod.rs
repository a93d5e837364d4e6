//! Writing clients. Each kind of work has its own file; this one has the shared parts.

mod ask;
mod counts;
mod disputes;
mod drafts;
mod held;
mod invoices;
mod oracle;
mod parts;
mod races;
mod recurring;

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;

pub use self::{
    counts::numbers,
    held::RELEASES,
    invoices::title,
    oracle::{Oracle, Word},
    parts::PARTS,
    races::changed_title,
};
use crate::process::PASSWORD;

/// A client's repeated work.
#[derive(Clone, Copy)]
enum Work {
    Invoices,
    Drafts,
    Counts,
    Profile,
    Parts,
    Races,
    Recurring,
    Held,
    Disputes,
}

/// All concurrent clients.
const ALL: [(Work, &str); 11] = [
    (Work::Invoices, "a"),
    (Work::Invoices, "b"),
    (Work::Drafts, "d"),
    (Work::Counts, "c"),
    (Work::Profile, "u"),
    (Work::Parts, "p"),
    (Work::Races, "r"),
    (Work::Races, "s"),
    (Work::Recurring, "j"),
    (Work::Held, "h"),
    (Work::Disputes, "q"),
];

/// A user's session.
pub struct Person {
    pub id: String,
    pub token: String,
}

/// State of all clients.
pub struct Load {
    /// HTTP.
    pub client: Client,
    /// Their log.
    pub oracle: Oracle,
    /// Selects impatient clients and delays.
    pub seed: u64,
    /// Pays.
    pub payer: Person,
    /// Issues invoices.
    pub writer: Person,
    /// Has both roles' rights.
    pub operator: Person,
    bases: Mutex<Vec<String>>,
    over: AtomicBool,
    met: AtomicU64,
}

impl Load {
    /// Registers the users.
    pub async fn new(client: Client, bases: Vec<String>, oracle: Oracle, seed: u64) -> anyhow::Result<Self> {
        let payer = account(&client, &bases[0], "payer", "CLIENT").await?;
        let writer = account(&client, &bases[0], "writer", "FREELANCER").await?;
        let operator = login(&client, &bases[0], "root").await?;
        let (bases, over, met) = (Mutex::new(bases), AtomicBool::new(false), AtomicU64::new(0));
        Ok(Self { client, oracle, seed, payer, writer, operator, bases, over, met })
    }

    /// Runs all clients until [`Self::end`].
    pub fn work(self: &Arc<Self>) -> JoinSet<anyhow::Result<()>> {
        ALL.into_iter().map(|(work, name)| self.clone().rounds(work, name)).collect()
    }

    async fn rounds(self: Arc<Self>, work: Work, name: &'static str) -> anyhow::Result<()> {
        for round in 0.. {
            if self.is_over() {
                break;
            }
            let subject = format!("{name}-{round}");
            match work {
                Work::Invoices => self.invoice(&subject).await?,
                Work::Drafts => self.draft(&subject).await?,
                Work::Counts => self.counts(&subject).await?,
                Work::Profile => self.profile(round).await?,
                Work::Parts => self.parts(&subject).await?,
                Work::Races => self.race(&subject).await?,
                Work::Recurring => self.recurring(&subject).await?,
                Work::Held => self.held(&subject).await?,
                Work::Disputes => self.dispute(&subject).await?,
            }
        }
        Ok(())
    }

    /// Updates a server's address.
    pub fn moved(&self, place: usize, base: &str) {
        // A server without clients has no entry.
        if let Some(known) = self.bases.lock().unwrap_or_else(PoisonError::into_inner).get_mut(place) {
            base.clone_into(known);
        }
    }

    /// Stops clients after their round.
    pub fn end(&self) {
        self.over.store(true, SeqCst);
    }

    /// Whether it was called.
    pub fn is_over(&self) -> bool {
        self.over.load(SeqCst)
    }

    /// Base URL of this turn's server.
    pub fn base(&self, turn: usize) -> String {
        let bases = self.bases.lock().unwrap_or_else(PoisonError::into_inner);
        bases[turn % bases.len()].clone()
    }

    /// Counts a write refused by a version conflict.
    fn met_another(&self) {
        self.met.fetch_add(1, SeqCst);
    }

    /// Version conflicts.
    pub fn met(&self) -> u64 {
        self.met.load(SeqCst)
    }
}

fn euros(amount: &str) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

async fn account(client: &Client, base: &str, name: &str, role: &str) -> anyhow::Result<Person> {
    let body = json!({"email": format!("{name}@example.org"), "password": PASSWORD, "name": name, "role": role});
    client.post(format!("{base}/api/auth/register")).json(&body).send().await?.error_for_status()?;
    login(client, base, name).await
}

async fn login(client: &Client, base: &str, name: &str) -> anyhow::Result<Person> {
    let body = json!({"email": format!("{name}@example.org"), "password": PASSWORD});
    let answer = client.post(format!("{base}/api/auth/login")).json(&body).send().await?.error_for_status()?;
    let login: Value = answer.json().await?;
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    Ok(Person { id: text(&login["user"]["id"]), token: text(&login["token"]) })
}
