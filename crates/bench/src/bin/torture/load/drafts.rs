//! Drafts that are made and deleted again.

use reqwest::Method;

use super::{
    Load,
    ask::{Heard, Question},
    oracle::Word,
};

/// What became of a delete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deleted {
    /// It is acknowledged.
    Done,
    /// The draft has changed: it was not done.
    Refused,
    /// The client has heard nothing and walked away.
    Unknown,
}

impl Load {
    /// Makes a draft and deletes it. Then the request that made it comes a second time, as a late copy would: it is
    /// answered as the first was, and makes nothing.
    pub async fn draft(&self, subject: &str) -> anyhow::Result<()> {
        let Some(made) = self.make(subject, "10.00").await? else { return Ok(()) };
        match self.delete(subject, &made.path, Some(made.version)).await? {
            Deleted::Done => {}
            Deleted::Refused => {
                return self.oracle.note(Word::Wrong, &key(subject), "a draft of one's own has changed");
            }
            Deleted::Unknown => return Ok(()),
        }
        let make = format!("make-{subject}");
        let body = self.draft_of(subject, "10.00");
        let again = Question { key: Some(&make), body, ..Question::new(Method::POST, "/api/invoices", &self.writer) };
        if let Some((_, said)) = self.insist(&again, &make).await?
            && said["id"] != made.id.as_str()
        {
            self.oracle.note(Word::Wrong, &make, "one key made two drafts")?;
        }
        self.stays_away(subject, &made.path).await
    }

    /// Deletes a draft, if it is still of that version. Only one client deletes a draft: whoever finds it gone after
    /// having heard nothing has deleted it.
    pub async fn delete(&self, subject: &str, path: &str, version: Option<i64>) -> anyhow::Result<Deleted> {
        let key = key(subject);
        self.oracle.note(Word::Meant, &key, path)?;
        let question = Question { version, ..Question::new(Method::DELETE, path, &self.writer) };
        let mut unheard = false;
        for turn in Self::first(&key).. {
            match self.ask(&question, turn).await? {
                Heard::Answer(412, _) => {
                    self.oracle.note(Word::Refused, &key, path)?;
                    return Ok(Deleted::Refused);
                }
                Heard::Answer(404, _) if !unheard => {
                    self.oracle.note(Word::Wrong, &key, "it was gone before it was deleted")?;
                    return Ok(Deleted::Unknown);
                }
                Heard::Answer(..) => {
                    self.oracle.note(Word::Told, &key, path)?;
                    return Ok(Deleted::Done);
                }
                Heard::Nothing if self.is_impatient(&key) => return Ok(Deleted::Unknown),
                Heard::Nothing => unheard = true,
            }
            Self::pause().await;
        }
        unreachable!("the loop has no end")
    }

    /// What was deleted can neither be read nor changed, whichever server is asked.
    pub async fn stays_away(&self, subject: &str, path: &str) -> anyhow::Result<()> {
        if self.look(&self.writer, path).await?.is_some() {
            self.oracle.note(Word::Wrong, &key(subject), "it is there after its delete")?;
        }
        let body = serde_json::json!({"notes": "after its delete"});
        let change = Question { body, ..Question::new(Method::PATCH, path, &self.writer) };
        match self.insist(&change, path).await? {
            Some((404, _)) | None => Ok(()),
            Some((status, _)) => {
                self.oracle.note(Word::Wrong, &key(subject), &format!("a change after its delete answered {status}"))
            }
        }
    }
}

fn key(subject: &str) -> String {
    format!("delete-{subject}")
}
