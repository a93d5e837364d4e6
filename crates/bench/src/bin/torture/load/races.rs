//! Concurrent changes and deletes of drafts.

use std::time::Duration;

use anyhow::bail;
use chainbill_testkit::Dice;
use reqwest::Method;
use serde_json::json;

use super::{
    Load,
    ask::{Question, Reply},
    drafts::Deleted,
    invoices::Made,
    oracle::Word,
};

impl Load {
    /// Creates a draft, which one client changes while another deletes it. A delete with a version conflict is given
    /// up, or retried without a version.
    pub async fn race(&self, subject: &str) -> anyhow::Result<()> {
        let Some(Made { path, version, .. }) = self.make(subject, "10.00").await? else { return Ok(()) };
        let mut dice = Dice::named(self.seed, subject);
        let (guarded, insists) = (dice.roll(0, 2) > 0, dice.roll(0, 1) == 0);
        let starts = [0, 1].map(|_| Duration::from_millis(dice.roll(0, 6)));
        let change = async {
            tokio::time::sleep(starts[0]).await;
            self.change(subject, &path, version).await
        };
        let delete = async {
            tokio::time::sleep(starts[1]).await;
            self.delete(subject, &path, guarded.then_some(version)).await
        };
        let (changed, mut deleted) = tokio::try_join!(change, delete)?;
        if guarded && changed && deleted == Deleted::Done {
            let why = "both were done to the same version";
            self.oracle.note(Word::Wrong, &format!("delete-{subject}"), why)?;
        }
        if deleted == Deleted::Refused && insists {
            self.met_another();
            deleted = self.delete(subject, &path, None).await?;
        }
        match deleted {
            Deleted::Done => self.stays_away(subject, &path).await,
            Deleted::Refused | Deleted::Unknown => Ok(()),
        }
    }

    /// Changes a draft's title; true when acknowledged.
    async fn change(&self, subject: &str, path: &str, version: i64) -> anyhow::Result<bool> {
        let (key, title) = (format!("patch-{subject}"), changed_title(subject));
        self.oracle.note(Word::Meant, &key, path)?;
        let body = json!({"title": title});
        let change = Question { body, version: Some(version), ..Question::new(Method::PATCH, path, &self.writer) };
        for turn in Self::first(&key).. {
            match self.ask(&change, turn).await? {
                Reply::Answer(200, _) => {
                    self.oracle.note(Word::Acknowledged, &key, path)?;
                    return Ok(true);
                }
                Reply::Answer(404, _) => {
                    // An unanswered earlier attempt leaves no trace.
                    self.oracle.note(Word::Refused, &key, path)?;
                    self.met_another();
                    return Ok(false);
                }
                Reply::Answer(412, _) => return self.changed_before(&key, path, &title).await,
                Reply::Answer(status, _) => bail!("{key} was answered {status}"),
                Reply::Unknown if self.is_impatient(&key) => return Ok(false),
                Reply::Unknown => Self::pause().await,
            }
        }
        unreachable!("the loop has no end")
    }

    /// Another version of the draft: an unanswered attempt of this client, the only writer, changed it.
    async fn changed_before(&self, key: &str, path: &str, title: &str) -> anyhow::Result<bool> {
        match self.look(&self.writer, path).await? {
            None => {
                self.oracle.note(Word::Refused, key, path)?;
                Ok(false)
            }
            Some(draft) if draft["title"] == title => {
                self.oracle.note(Word::Acknowledged, key, path)?;
                Ok(true)
            }
            Some(_) => {
                self.oracle.note(Word::Wrong, key, "another version without a change")?;
                Ok(false)
            }
        }
    }
}

/// The title of a changed draft.
pub fn changed_title(subject: &str) -> String {
    format!("changed-{subject}")
}
