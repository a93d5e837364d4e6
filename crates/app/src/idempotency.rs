//! Doing a thing once: the caller's key, the effect and the answer are saved in one transaction.
//!
//! An answer is kept as the bytes that were sent, with its status and its entity tag. A replay gives them back as they are, so
//! that a release whose answers have one field more replays yesterday's answer as it was.

use chainbill_domain::{freshness::Token, invoice::canonical};
use chainbill_records::{
    Records, RecordsError, Unit, Unreadable,
    repo::{
        Cleaned,
        idempotency::{self, Key},
        sessions,
    },
};
use serde::Serialize;

use crate::{
    App, AppError, Context, Done,
    context::{Answered, Stored},
    hashes::sha256_hex,
    views::Answer,
};

/// How a command begins.
pub(crate) enum Begun<'c, T> {
    /// It is new: here is its unit of work, and the key that it has taken.
    Fresh(Unit, Option<Keyed<'c>>),
    /// It was done before: here is its answer.
    Replay(Done<T>),
}

/// A caller's key, and whose it is.
pub(crate) struct Keyed<'c> {
    owner: String,
    key: &'c str,
}

impl Keyed<'_> {
    fn key(&self) -> Key<'_> {
        Key { owner: &self.owner, key: self.key }
    }

    /// Keeps an answer under the key, in the unit of its effect.
    pub async fn keep<T: Answer>(&self, unit: &Unit, status: u16, token: &Token, value: &T) -> Result<(), AppError> {
        let body = serde_json::to_string(value).map_err(AppError::unwritable)?;
        let kept = Kept { token: token.to_string(), tag: value.tag().unwrap_or_default(), body };
        Ok(idempotency::keep(unit, self.key(), status, kept.written()).await?)
    }
}

impl App {
    /// Begins a command. With a key, the key's row is the first thing saved: a second request with the same key waits for
    /// it, and then finds the answer.
    pub(crate) async fn begin<'c, T>(
        &self,
        context: &'c Context,
        operation: &str,
        asked: &impl Serialize,
    ) -> Result<Begun<'c, T>, AppError> {
        let Some(key) = context.idempotency_key.as_ref().filter(|_| !context.dry_run) else {
            return Ok(Begun::Fresh(self.records.begin().await?, None));
        };
        if key.is_empty() || key.len() > 200 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(AppError::field("/Idempotency-Key", "1 to 200 visible ASCII characters are accepted"));
        }
        let fingerprint = fingerprint(operation, asked)?;
        let keyed = || Keyed { owner: context.owner(), key };
        match self.begin_once(keyed(), &fingerprint).await? {
            Some(begun) => Ok(begun),
            // The key's time was over, and its row is gone now.
            None => self.begin_once(keyed(), &fingerprint).await?.ok_or(AppError::Busy),
        }
    }

    /// None when there was an answer under the key whose time was over: it is removed, and the key is as new.
    async fn begin_once<'c, T>(&self, keyed: Keyed<'c>, fingerprint: &str) -> Result<Option<Begun<'c, T>>, AppError> {
        let mut unit = self.records.begin().await?;
        let until = unit.now() + self.settings.replay;
        match idempotency::take(&mut unit, keyed.key(), fingerprint, until).await {
            Ok(()) => Ok(Some(Begun::Fresh(unit, Some(keyed)))),
            Err(RecordsError::Duplicate(_)) => {
                unit.rollback().await?;
                if idempotency::forget_expired(&self.records, keyed.key()).await? {
                    return Ok(None);
                }
                replay(&self.records, keyed.key(), fingerprint).await.map(|done| Some(Begun::Replay(done)))
            }
            Err(error) if error.is_locked() => Err(AppError::Busy),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes answers and logins whose time is over; how many.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn clean(&self) -> Result<u64, AppError> {
        let (now, mut count) = (self.records.now(), 0);
        loop {
            let Cleaned { removed, has_more } = idempotency::clean(&self.records, now).await?;
            count += removed;
            if !has_more {
                break;
            }
        }
        loop {
            let Cleaned { removed, has_more } = sessions::clean(&self.records, now).await?;
            count += removed;
            if !has_more {
                return Ok(count);
            }
        }
    }
}

async fn replay<T>(records: &Records, key: Key<'_>, fingerprint: &str) -> Result<Done<T>, AppError> {
    let Some(known) = idempotency::find(records, key).await? else { return Err(AppError::Busy) };
    if known.fingerprint != fingerprint {
        return Err(AppError::IdempotencyMismatch);
    }
    let (status, text) = known.answer.ok_or(AppError::Busy)?;
    let unreadable = |cause: String| {
        let cause = format!("the answer under the key {}: {cause}", key.key);
        RecordsError::Unreadable(Unreadable { column: "answer".to_owned(), cause })
    };
    let kept = Kept::read(&text).ok_or_else(|| unreadable("it is not in this release's form".to_owned()))?;
    let token = kept.token.parse().map_err(|error| unreadable(format!("its token: {error}")))?;
    let tag = Some(kept.tag).filter(|tag| !tag.is_empty());
    Ok(Done { answer: Answered::Replayed(Stored { body: kept.body, tag }), status, token })
}

/// An answer as it is kept: a line with its token, a line with its entity tag, and its bytes.
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    token: String,
    tag: String,
    body: String,
}

impl Kept {
    fn written(&self) -> String {
        format!("{}\n{}\n{}", self.token, self.tag, self.body)
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '\n').map(str::to_owned);
        Some(Self { token: parts.next()?, tag: parts.next()?, body: parts.next()? })
    }
}

fn fingerprint(operation: &str, asked: &impl Serialize) -> Result<String, AppError> {
    let asked = serde_json::to_value(asked).map_err(AppError::unwritable)?;
    Ok(sha256_hex(format!("{operation}\n{}", canonical(&asked))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_it_was_written() {
        for body in ["{}", "{\"a\":\"b\\nc\"}", "\n\n", ""] {
            let kept = || Kept { token: "t".to_owned(), tag: "3-overdue".to_owned(), body: body.to_owned() };
            assert_eq!(Kept::read(&kept().written()), Some(kept()));
        }
        assert_eq!(Kept::read("[{},\"t\"]"), None);
    }
}
