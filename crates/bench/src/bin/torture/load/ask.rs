//! Requests to ChainBill, which may fail at any moment.

use std::time::Duration;

use anyhow::bail;
use chainbill_testkit::Dice;
use reqwest::Method;
use serde_json::Value;

use super::{Load, Person, oracle::Word};

/// Request timeout; the retry goes to the other server.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Retry delay.
const PAUSE: Duration = Duration::from_millis(20);
/// One in this many unanswered writes is given up; its outcome stays unknown.
const IMPATIENT: u64 = 6;

/// A request.
#[derive(Clone)]
pub struct Question<'q> {
    pub method: Method,
    pub path: &'q str,
    pub who: &'q Person,
    /// Idempotency key: repeats get the same answer.
    pub key: Option<&'q str>,
    /// The expected version (`If-Match`).
    pub version: Option<i64>,
    pub body: Value,
}

impl<'q> Question<'q> {
    /// Body-less.
    pub fn new(method: Method, path: &'q str, who: &'q Person) -> Self {
        Self { method, path, who, key: None, version: None, body: Value::Null }
    }
}

/// Result of one attempt.
pub enum Reply {
    /// A final answer: status and body.
    Answer(u16, Value),
    /// No final answer: the outcome is unknown.
    Unknown,
}

impl Load {
    /// One attempt; the turn selects the server.
    pub async fn ask(&self, question: &Question<'_>, turn: usize) -> anyhow::Result<Reply> {
        let Question { method, path, who, key, version, body } = question;
        let request = self.client.request(method.clone(), format!("{}{path}", self.base(turn)));
        let mut request = request.bearer_auth(&who.token).timeout(PATIENCE);
        if let Some(key) = key {
            request = request.header("idempotency-key", *key);
        }
        if let Some(version) = version {
            request = request.header("if-match", format!("\"{version}\""));
        }
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = async {
            let response = request.send().await?;
            let status = response.status().as_u16();
            Ok::<_, reqwest::Error>((status, response.text().await?))
        };
        match answer.await {
            // Database unavailable.
            Ok((503, _)) | Err(_) => Ok(Reply::Unknown),
            // Concurrent request.
            Ok((409, text)) if text.contains("still-running") || text.contains("\"changed\"") => Ok(Reply::Unknown),
            Ok((status @ (200 | 201), text)) => Ok(Reply::Answer(status, serde_json::from_str(&text)?)),
            Ok((status @ (204 | 404 | 412), _)) => Ok(Reply::Answer(status, Value::Null)),
            Ok((status, text)) => bail!("{method} {path} answered {status}: {text}"),
        }
    }

    /// Retries across servers until a final answer. None when an impatient client gives up.
    pub async fn insist(&self, question: &Question<'_>, key: &str) -> anyhow::Result<Option<(u16, Value)>> {
        let impatient = self.is_impatient(key);
        for turn in Self::first(key).. {
            match self.ask(question, turn).await? {
                Reply::Answer(status, body) => return Ok(Some((status, body))),
                Reply::Unknown if impatient => return Ok(None),
                Reply::Unknown => tokio::time::sleep(PAUSE).await,
            }
        }
        unreachable!("the loop has no end")
    }

    /// The same with an idempotency key, recorded in the oracle.
    pub async fn surely(&self, who: &Person, path: &str, key: &str, body: Value) -> anyhow::Result<Option<Value>> {
        self.oracle.note(Word::Meant, key, path)?;
        let question = Question { key: Some(key), body, ..Question::new(Method::POST, path, who) };
        match self.insist(&question, key).await? {
            Some((200 | 201, json)) => {
                self.oracle.note(Word::Acknowledged, key, json["id"].as_str().unwrap_or(""))?;
                Ok(Some(json))
            }
            Some((status, _)) => bail!("{path} answered {status}"),
            None => Ok(None),
        }
    }

    /// Reads a resource, with retries; none when it does not exist.
    pub async fn look(&self, who: &Person, path: &str) -> anyhow::Result<Option<Value>> {
        for turn in Self::first(path).. {
            match self.ask(&Question::new(Method::GET, path, who), turn).await? {
                Reply::Answer(200, thing) => return Ok(Some(thing)),
                Reply::Answer(404, _) => return Ok(None),
                Reply::Answer(status, _) => bail!("{path} answered {status}"),
                Reply::Unknown => tokio::time::sleep(PAUSE).await,
            }
        }
        unreachable!("the loop has no end")
    }

    /// The first server's index, derived from the key.
    pub fn first(key: &str) -> usize {
        key.bytes().map(usize::from).sum()
    }

    /// Whether this write is given up when unanswered.
    pub fn is_impatient(&self, key: &str) -> bool {
        Dice::named(self.seed, key).roll(1, IMPATIENT) == 1
    }

    /// The retry delay.
    pub async fn pause() {
        tokio::time::sleep(PAUSE).await;
    }
}
