//! Clients that write. Each kind of work has a file of its own; what they share is here.

mod ask;
mod bills;
mod counts;
mod drafts;
mod oracle;
mod parts;
mod races;

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;

pub use self::{
    bills::title,
    counts::numbers,
    oracle::{Oracle, Word},
    parts::PARTS,
    races::changed_title,
};
use crate::process::PASSWORD;

/// What a client does again and again.
#[derive(Clone, Copy)]
enum Work {
    Bills,
    Drafts,
    Counts,
    Profile,
    Parts,
    Races,
}

/// Everybody who works at once.
const ALL: [(Work, &str); 8] = [
    (Work::Bills, "a"),
    (Work::Bills, "b"),
    (Work::Drafts, "d"),
    (Work::Counts, "c"),
    (Work::Profile, "u"),
    (Work::Parts, "p"),
    (Work::Races, "r"),
    (Work::Races, "s"),
];

/// Somebody with a login.
pub struct Person {
    pub id: String,
    pub token: String,
}

/// Shared by all who work.
pub struct Load {
    /// Asks.
    pub client: Client,
    /// What they note.
    pub oracle: Oracle,
    /// Decides who is impatient, and who comes first.
    pub seed: u64,
    /// Who pays.
    pub payer: Person,
    /// Who bills.
    pub writer: Person,
    /// Who may do what either may.
    pub operator: Person,
    bases: Mutex<Vec<String>>,
    over: AtomicBool,
    met: AtomicU64,
}

impl Load {
    /// Registers people and is ready to write.
    pub async fn new(client: Client, bases: Vec<String>, oracle: Oracle, seed: u64) -> anyhow::Result<Self> {
        let payer = account(&client, &bases[0], "payer", "CLIENT").await?;
        let writer = account(&client, &bases[0], "writer", "FREELANCER").await?;
        let operator = login(&client, &bases[0], "root").await?;
        let (bases, over, met) = (Mutex::new(bases), AtomicBool::new(false), AtomicU64::new(0));
        Ok(Self { client, oracle, seed, payer, writer, operator, bases, over, met })
    }

    /// Lets everybody work until [`Self::end`].
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
                Work::Bills => self.bill(&subject).await?,
                Work::Drafts => self.draft(&subject).await?,
                Work::Counts => self.counts(&subject).await?,
                Work::Profile => self.profile(round).await?,
                Work::Parts => self.parts(&subject).await?,
                Work::Races => self.race(&subject).await?,
            }
        }
        Ok(())
    }

    /// A server answers at another address.
    pub fn moved(&self, place: usize, base: &str) {
        // One that clients do not ask may move as it likes.
        if let Some(known) = self.bases.lock().unwrap_or_else(PoisonError::into_inner).get_mut(place) {
            base.clone_into(known);
        }
    }

    /// Everybody ends the round and stops.
    pub fn end(&self) {
        self.over.store(true, SeqCst);
    }

    /// Whether that was said.
    pub fn is_over(&self) -> bool {
        self.over.load(SeqCst)
    }

    /// Where the server of this turn answers.
    pub fn base(&self, turn: usize) -> String {
        let bases = self.bases.lock().unwrap_or_else(PoisonError::into_inner);
        bases[turn % bases.len()].clone()
    }

    /// A write came too late: somebody else had changed the row.
    fn met_another(&self) {
        self.met.fetch_add(1, SeqCst);
    }

    /// How often that was.
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
