//! Concurrent counters in one row: each client reads the row, increments its own number in a text field and writes the
//! text back with the version it read. A lost update loses an increment; a doubled one counts twice.

use std::collections::BTreeMap;

use anyhow::bail;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Load, Person,
    ask::{Question, Reply},
    invoices::Made,
    oracle::Word,
};

/// Clients per row.
const CLIENTS: u64 = 3;
/// Increments per client and round.
const TIMES: u64 = 3;

/// A text field.
struct Board<'b> {
    subject: &'b str,
    path: &'b str,
    field: &'static str,
}

impl Load {
    /// Creates a draft and counts in its notes.
    pub async fn counts(&self, subject: &str) -> anyhow::Result<()> {
        let Some(Made { path, .. }) = self.make(subject, "10.00").await? else { return Ok(()) };
        let board = Board { subject, path: &path, field: "notes" };
        self.count(&board, [&self.writer; 3], 0).await
    }

    /// The owner and an operator count in one profile, round by round.
    pub async fn profile(&self, round: u64) -> anyhow::Result<()> {
        let path = self.profile_path();
        let board = Board { subject: "profile-0", path: &path, field: "bio" };
        self.count(&board, [&self.writer, &self.operator, &self.writer], round * TIMES).await
    }

    /// Path of the profile.
    pub fn profile_path(&self) -> String {
        format!("/api/users/{}", self.writer.id)
    }

    async fn count(&self, board: &Board<'_>, people: [&Person; 3], before: u64) -> anyhow::Result<()> {
        let counting = (0..CLIENTS).zip(people).map(async |(client, who)| {
            for number in before + 1..=before + TIMES {
                self.count_once(board, who, client, number).await?;
            }
            anyhow::Ok(())
        });
        futures::future::try_join_all(counting).await?;
        Ok(())
    }

    /// Sets a client's number. An unanswered attempt may still arrive: it and its retry carry the same version, so
    /// that one of them is refused.
    async fn count_once(&self, board: &Board<'_>, who: &Person, client: u64, number: u64) -> anyhow::Result<()> {
        let key = format!("count-{}-{client}-{number}", board.subject);
        self.oracle.note(Word::Meant, &key, board.path)?;
        for turn in Self::first(&key).. {
            let Some(row) = self.look(who, board.path).await? else {
                return self.oracle.note(Word::Wrong, &key, "the row is gone without a delete");
            };
            let mut numbers = numbers(&row[board.field]);
            if numbers.get(&client).is_some_and(|known| *known >= number) {
                // An unanswered attempt.
                return self.oracle.note(Word::Acknowledged, &key, board.path);
            }
            numbers.insert(client, number);
            let (body, version) = (json!({board.field: text(&numbers)}), row["version"].as_i64());
            let change = Question { body, version, ..Question::new(Method::PATCH, board.path, who) };
            match self.ask(&change, turn).await? {
                Reply::Answer(200, _) => return self.oracle.note(Word::Acknowledged, &key, board.path),
                Reply::Answer(412, _) => self.met_another(),
                Reply::Answer(status, _) => bail!("{key} was answered {status}"),
                Reply::Unknown => Self::pause().await,
            }
        }
        unreachable!("the loop has no end")
    }
}

/// The number of each client: `0=3 1=2`.
pub fn numbers(text: &Value) -> BTreeMap<u64, u64> {
    let pairs = text.as_str().unwrap_or("").split_whitespace();
    pairs
        .filter_map(|pair| pair.split_once('='))
        .filter_map(|(client, number)| Some((client.parse().ok()?, number.parse().ok()?)))
        .collect()
}

fn text(numbers: &BTreeMap<u64, u64>) -> String {
    numbers.iter().map(|(client, number)| format!("{client}={number}")).collect::<Vec<_>>().join(" ")
}
