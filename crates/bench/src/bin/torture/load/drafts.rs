//! Drafts that are created and deleted.

use reqwest::Method;

use super::{
    Load,
    ask::{Question, Reply},
    oracle::Word,
};

/// Outcome of a delete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deleted {
    /// Acknowledged.
    Done,
    /// Version conflict.
    Refused,
    /// Given up without an answer.
    Unknown,
}

impl Load {
    /// Creates and deletes a draft, then repeats the creating request, like a late duplicate: it gets the first
    /// answer and creates nothing.
    pub async fn draft(&self, subject: &str) -> anyhow::Result<()> {
        let Some(made) = self.make(subject, "10.00").await? else { return Ok(()) };
        match self.delete(subject, &made.path, Some(made.version)).await? {
            Deleted::Done => {}
            Deleted::Refused => {
                return self.oracle.note(Word::Wrong, &key(subject), "an uncontended draft has changed");
            }
            Deleted::Unknown => return Ok(()),
        }
        let make = format!("make-{subject}");
        let body = self.draft_of(subject, "10.00");
        let again = Question { key: Some(&make), body, ..Question::new(Method::POST, "/api/invoices", &self.writer) };
        if let Some((_, answer)) = self.insist(&again, &make).await?
            && answer["id"] != made.id.as_str()
        {
            self.oracle.note(Word::Wrong, &make, "one key made two drafts")?;
        }
        self.stays_away(subject, &made.path).await
    }

    /// Deletes a draft at that version. Only one client deletes a draft: a 404 after an unanswered attempt
    /// confirms that attempt.
    pub async fn delete(&self, subject: &str, path: &str, version: Option<i64>) -> anyhow::Result<Deleted> {
        let key = key(subject);
        self.oracle.note(Word::Meant, &key, path)?;
        let question = Question { version, ..Question::new(Method::DELETE, path, &self.writer) };
        let mut unanswered = false;
        for turn in Self::first(&key).. {
            match self.ask(&question, turn).await? {
                Reply::Answer(412, _) => {
                    self.oracle.note(Word::Refused, &key, path)?;
                    return Ok(Deleted::Refused);
                }
                Reply::Answer(404, _) if !unanswered => {
                    self.oracle.note(Word::Wrong, &key, "it was gone before it was deleted")?;
                    return Ok(Deleted::Unknown);
                }
                Reply::Answer(..) => {
                    self.oracle.note(Word::Acknowledged, &key, path)?;
                    return Ok(Deleted::Done);
                }
                Reply::Unknown if self.is_impatient(&key) => return Ok(Deleted::Unknown),
                Reply::Unknown => unanswered = true,
            }
            Self::pause().await;
        }
        unreachable!("the loop has no end")
    }

    /// A deleted draft can be neither read nor changed on any server.
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
