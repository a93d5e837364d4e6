//! Clients that write, and the file in which they note what they meant and what they were told.

use std::{
    fs::File,
    io::Write as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use anyhow::{Context as _, bail};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::process::PASSWORD;

/// A client that waits longer for an answer asks the other server.
const PATIENCE: Duration = Duration::from_millis(1500);

/// What clients meant and what they were told.
pub struct Oracle {
    file: Mutex<File>,
    told: AtomicU64,
}

impl Oracle {
    /// An empty one.
    pub fn new(file: File) -> Self {
        Self { file: Mutex::new(file), told: AtomicU64::new(0) }
    }

    /// How many writes were acknowledged.
    pub fn told(&self) -> u64 {
        self.told.load(SeqCst)
    }

    fn note(&self, word: &str, key: &str, answer: &str) -> anyhow::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(file, "{word} {key} {answer}")?;
        if word == "told" {
            self.told.fetch_add(1, SeqCst);
        }
        Ok(())
    }
}

/// Shared by the writers.
pub struct Load {
    /// Asks.
    pub client: Client,
    /// What they note.
    pub oracle: Oracle,
    /// Who pays: id and token.
    pub payer: (String, String),
    /// Who bills: a token.
    pub writer: String,
    bases: Mutex<Vec<String>>,
    over: AtomicBool,
}

impl Load {
    /// Registers two people and is ready to write.
    pub async fn new(client: Client, bases: Vec<String>, oracle: Oracle) -> anyhow::Result<Self> {
        let payer = account(&client, &bases[0], "payer", "CLIENT").await?;
        let (_, writer) = account(&client, &bases[0], "writer", "FREELANCER").await?;
        Ok(Self { client, oracle, payer, writer, bases: Mutex::new(bases), over: AtomicBool::new(false) })
    }

    /// A server answers at another address.
    pub fn moved(&self, place: usize, base: &str) {
        base.clone_into(&mut self.bases.lock().unwrap_or_else(PoisonError::into_inner)[place]);
    }

    /// Each writer ends its round and stops.
    pub fn end(&self) {
        self.over.store(true, SeqCst);
    }

    fn base(&self, turn: usize) -> String {
        let bases = self.bases.lock().unwrap_or_else(PoisonError::into_inner);
        bases[turn % bases.len()].clone()
    }

    /// Asks one server after the other until one answers for good: the same key each time, so that it happens once.
    async fn surely(&self, token: &str, path: &str, key: &str, body: Value) -> anyhow::Result<Value> {
        self.oracle.note("meant", key, path)?;
        // Which server is asked first follows from the key.
        let first = key.bytes().map(usize::from).sum();
        for turn in first.. {
            let request = self.client.request(Method::POST, format!("{}{path}", self.base(turn))).bearer_auth(token);
            let request = request.header("idempotency-key", key).json(&body).timeout(PATIENCE);
            let answer = async {
                let response = request.send().await?;
                let status = response.status().as_u16();
                Ok::<_, reqwest::Error>((status, response.text().await?))
            };
            match answer.await {
                Ok((200 | 201, text)) => {
                    let json: Value = serde_json::from_str(&text)?;
                    self.oracle.note("told", key, json["id"].as_str().unwrap_or(""))?;
                    return Ok(json);
                }
                // Somebody else works on it, or the database was busy or away: nobody knows yet.
                Ok((503, _)) | Err(_) => {}
                Ok((409, text)) if text.contains("still-running") || text.contains("\"changed\"") => {}
                Ok((status, text)) => bail!("{path} answered {status}: {text}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        unreachable!("the loop has no end")
    }

    /// Makes, sends and has paid one bill after the other.
    pub async fn write(self: Arc<Self>, writer: u64) -> anyhow::Result<()> {
        for round in 0.. {
            if self.over.load(SeqCst) {
                break;
            }
            let key = |what: &str| format!("{what}-{writer}-{round}");
            let line =
                json!({"description": "Work", "quantity": "1", "unitPrice": {"amount": "50.00", "currency": "EUR"}});
            let body = json!({"clientId": self.payer.0, "title": key("bill"), "currency": "EUR", "lines": [line]});
            let made = self.surely(&self.writer, "/api/invoices", &key("make"), body).await?;
            let path = format!("/api/invoices/{}", made["id"].as_str().context("an id")?);
            self.surely(&self.writer, &format!("{path}/send"), &key("send"), Value::Null).await?;
            let body =
                json!({"amount": {"amount": "20.00", "currency": "EUR"}, "method": "OTHER", "externalRef": key("ref")});
            self.surely(&self.payer.1, &format!("{path}/pay"), &key("pay"), body).await?;
        }
        Ok(())
    }
}

async fn account(client: &Client, base: &str, name: &str, role: &str) -> anyhow::Result<(String, String)> {
    let email = format!("{name}@example.org");
    let body = json!({"email": email, "password": PASSWORD, "name": name, "role": role});
    client.post(format!("{base}/api/auth/register")).json(&body).send().await?.error_for_status()?;
    let body = json!({"email": email, "password": PASSWORD});
    let answer = client.post(format!("{base}/api/auth/login")).json(&body).send().await?.error_for_status()?;
    let login: Value = answer.json().await?;
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    Ok((text(&login["user"]["id"]), text(&login["token"])))
}
