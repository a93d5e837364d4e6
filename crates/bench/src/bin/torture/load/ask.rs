//! Asking ChainBill, which may be killed, frozen or cut off at any moment.

use std::time::Duration;

use anyhow::bail;
use chainbill_testkit::Dice;
use reqwest::Method;
use serde_json::Value;

use super::{Load, Person, oracle::Word};

/// A client that waits longer for an answer asks the other server.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(20);
/// One of so many clients that hear nothing walks away, and never learns what became of it.
const IMPATIENT: u64 = 6;

/// What is asked.
#[derive(Clone)]
pub struct Question<'q> {
    pub method: Method,
    pub path: &'q str,
    pub who: &'q Person,
    /// Who asks again with the same one gets the same answer.
    pub key: Option<&'q str>,
    /// The version that must still be there.
    pub version: Option<i64>,
    pub body: Value,
}

impl<'q> Question<'q> {
    /// A plain one.
    pub fn new(method: Method, path: &'q str, who: &'q Person) -> Self {
        Self { method, path, who, key: None, version: None, body: Value::Null }
    }
}

/// What came of asking once.
pub enum Heard {
    /// An answer for good: its status and what it says.
    Answer(u16, Value),
    /// Nothing, or that nobody knows: it was done, will be, or not.
    Nothing,
}

impl Load {
    /// Asks once; the turn decides which server.
    pub async fn ask(&self, question: &Question<'_>, turn: usize) -> anyhow::Result<Heard> {
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
            // The database was busy or away.
            Ok((503, _)) | Err(_) => Ok(Heard::Nothing),
            // Somebody else works on it.
            Ok((409, text)) if text.contains("still-running") || text.contains("\"changed\"") => Ok(Heard::Nothing),
            Ok((status @ (200 | 201), text)) => Ok(Heard::Answer(status, serde_json::from_str(&text)?)),
            Ok((status @ (204 | 404 | 412), _)) => Ok(Heard::Answer(status, Value::Null)),
            Ok((status, text)) => bail!("{method} {path} answered {status}: {text}"),
        }
    }

    /// Asks one server after the other until one answers for good. None for a client that hears nothing and walks away.
    pub async fn insist(&self, question: &Question<'_>, key: &str) -> anyhow::Result<Option<(u16, Value)>> {
        let impatient = self.is_impatient(key);
        for turn in Self::first(key).. {
            match self.ask(question, turn).await? {
                Heard::Answer(status, said) => return Ok(Some((status, said))),
                Heard::Nothing if impatient => return Ok(None),
                Heard::Nothing => tokio::time::sleep(PAUSE).await,
            }
        }
        unreachable!("the loop has no end")
    }

    /// The same, with the same key each time, so that it happens once, and on record.
    pub async fn surely(&self, who: &Person, path: &str, key: &str, body: Value) -> anyhow::Result<Option<Value>> {
        self.oracle.note(Word::Meant, key, path)?;
        let question = Question { key: Some(key), body, ..Question::new(Method::POST, path, who) };
        match self.insist(&question, key).await? {
            Some((200 | 201, json)) => {
                self.oracle.note(Word::Told, key, json["id"].as_str().unwrap_or(""))?;
                Ok(Some(json))
            }
            Some((status, _)) => bail!("{path} answered {status}"),
            None => Ok(None),
        }
    }

    /// Reads a thing, however long it takes; none when there is no such thing.
    pub async fn look(&self, who: &Person, path: &str) -> anyhow::Result<Option<Value>> {
        for turn in Self::first(path).. {
            match self.ask(&Question::new(Method::GET, path, who), turn).await? {
                Heard::Answer(200, thing) => return Ok(Some(thing)),
                Heard::Answer(404, _) => return Ok(None),
                Heard::Answer(status, _) => bail!("{path} answered {status}"),
                Heard::Nothing => tokio::time::sleep(PAUSE).await,
            }
        }
        unreachable!("the loop has no end")
    }

    /// Which server is asked first follows from the key.
    pub fn first(key: &str) -> usize {
        key.bytes().map(usize::from).sum()
    }

    /// Whether the client of this write walks away when it hears nothing.
    pub fn is_impatient(&self, key: &str) -> bool {
        Dice::named(self.seed, key).roll(1, IMPATIENT) == 1
    }

    /// Before the next attempt.
    pub async fn pause() {
        tokio::time::sleep(PAUSE).await;
    }
}
