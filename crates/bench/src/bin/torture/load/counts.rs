//! Rows on which several count at once: each reads the row, raises its own number in a text and writes the text back, if the
//! row is still of the version that it has read. A lost update loses somebody's number, a doubled one raises it twice.

use std::collections::BTreeMap;

use anyhow::bail;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Load, Person,
    ask::{Heard, Question},
    bills::Made,
    oracle::Word,
};

/// How many count on a row.
const CLIENTS: u64 = 3;
/// How often each of them does in a round.
const TIMES: u64 = 3;

/// A text in a row.
struct Board<'b> {
    subject: &'b str,
    path: &'b str,
    field: &'static str,
}

impl Load {
    /// Makes a draft and lets several count in its notes.
    pub async fn counts(&self, subject: &str) -> anyhow::Result<()> {
        let Some(Made { path, .. }) = self.make(subject, "10.00").await? else { return Ok(()) };
        let board = Board { subject, path: &path, field: "notes" };
        self.count(&board, [&self.writer; 3], 0).await
    }

    /// Lets several count in one profile, its owner and an operator, round by round.
    pub async fn profile(&self, round: u64) -> anyhow::Result<()> {
        let path = self.profile_path();
        let board = Board { subject: "profile-0", path: &path, field: "bio" };
        self.count(&board, [&self.writer, &self.operator, &self.writer], round * TIMES).await
    }

    /// Where the profile is.
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

    /// Raises one's number to this. An attempt of which nothing was heard may still come: it and its successor
    /// carry the same version, so that one of them is refused.
    async fn count_once(&self, board: &Board<'_>, who: &Person, client: u64, number: u64) -> anyhow::Result<()> {
        let key = format!("count-{}-{client}-{number}", board.subject);
        self.oracle.note(Word::Meant, &key, board.path)?;
        for turn in Self::first(&key).. {
            let Some(row) = self.look(who, board.path).await? else {
                return self.oracle.note(Word::Wrong, &key, "the row is gone, and nobody deletes it");
            };
            let mut numbers = numbers(&row[board.field]);
            if numbers.get(&client).is_some_and(|known| *known >= number) {
                // An attempt of which nothing was heard.
                return self.oracle.note(Word::Told, &key, board.path);
            }
            numbers.insert(client, number);
            let (body, version) = (json!({board.field: text(&numbers)}), row["version"].as_i64());
            let change = Question { body, version, ..Question::new(Method::PATCH, board.path, who) };
            match self.ask(&change, turn).await? {
                Heard::Answer(200, _) => return self.oracle.note(Word::Told, &key, board.path),
                Heard::Answer(412, _) => self.met_another(),
                Heard::Answer(status, _) => bail!("{key} was answered {status}"),
                Heard::Nothing => Self::pause().await,
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
