//! Doing a thing once: the caller's key, the effect and the answer are saved in one transaction.

use chainbill_domain::{Timestamp, freshness::Token, id::SessionId, invoice::canonical};
use chainbill_records::{
    RecordsError, Text, Unit, Unreadable,
    entities::{idempotency_keys, sessions},
    sea_orm::{
        ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
        sea_query::Expr,
    },
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{App, AppError, Context, Done, command::sha256_hex};

/// How a command begins.
#[expect(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
pub(crate) enum Begun<T> {
    /// It is new: here is its unit of work.
    Fresh(Unit),
    /// It was done before: here is its answer.
    Replay(Done<T>),
}

impl App {
    /// Begins a command. With a key, the key's row is the first thing saved: a second request with the same key waits for
    /// it, and then finds the answer.
    pub(crate) async fn begin<T: DeserializeOwned>(
        &self,
        context: &Context,
        operation: &str,
        command: &impl Serialize,
    ) -> Result<Begun<T>, AppError> {
        let Some(key) = &context.idempotency_key else { return Ok(Begun::Fresh(self.records.begin().await?)) };
        if key.is_empty() || key.len() > 200 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(AppError::field("/Idempotency-Key", "1 to 200 visible ASCII characters are accepted"));
        }
        let fingerprint = fingerprint(operation, command);
        match self.begin_once(context, key, &fingerprint).await? {
            Some(begun) => Ok(begun),
            // The key's time was over, and its row is gone now.
            None => self.begin_once(context, key, &fingerprint).await?.ok_or(AppError::Busy),
        }
    }

    /// None when there was an answer under the key whose time was over: it is removed, and the key is as new.
    async fn begin_once<T: DeserializeOwned>(
        &self,
        context: &Context,
        key: &str,
        fingerprint: &str,
    ) -> Result<Option<Begun<T>>, AppError> {
        let mut unit = self.records.begin().await?;
        let row = idempotency_keys::Model {
            user_id: context.owner(),
            idem_key: key.to_owned(),
            fingerprint: fingerprint.to_owned(),
            status: None,
            answer: None,
            created_at: unit.now(),
            expires_at: unit.now() + self.settings.replay,
        };
        match unit.add::<idempotency_keys::Entity>(row).await {
            Ok(()) => Ok(Some(Begun::Fresh(unit))),
            Err(RecordsError::Duplicate(_)) => {
                unit.rollback().await?;
                if self.forget_expired(context, key).await? {
                    return Ok(None);
                }
                self.replay(context, key, fingerprint).await.map(|done| Some(Begun::Replay(done)))
            }
            Err(error) if error.is_locked() => Err(AppError::Busy),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the answer under a key when its time is over; whether it did.
    async fn forget_expired(&self, context: &Context, key: &str) -> Result<bool, AppError> {
        use idempotency_keys::{Column, Entity};
        let expired = Entity::delete_many()
            .filter(Column::UserId.eq(context.owner()))
            .filter(Column::IdemKey.eq(key))
            .filter(Column::ExpiresAt.lte(self.records.now()));
        Ok(expired.exec(self.records.db()).await?.rows_affected > 0)
    }

    async fn replay<T: DeserializeOwned>(
        &self,
        context: &Context,
        key: &str,
        fingerprint: &str,
    ) -> Result<Done<T>, AppError> {
        let known =
            idempotency_keys::Entity::find_by_id((context.owner(), key.to_owned())).one(self.records.db()).await?;
        let Some(known) = known else { return Err(AppError::Busy) };
        if known.fingerprint != fingerprint {
            return Err(AppError::IdempotencyMismatch);
        }
        let answer = known.answer.ok_or(AppError::Busy)?;
        let (value, token): (T, String) =
            serde_json::from_str(&answer).map_err(|error| unreadable_answer(key, &error))?;
        Ok(Done { value, token: token.parse().unwrap_or_default(), replayed: true })
    }

    /// Saves the answer beside its effect, and commits both.
    pub(crate) async fn finish<T: Serialize>(
        &self,
        unit: Unit,
        context: &Context,
        value: T,
    ) -> Result<Done<T>, AppError> {
        let token: Token = unit.token();
        if let Some(key) = &context.idempotency_key {
            let answer = serde_json::to_string(&(&value, token.to_string()))
                .map_err(|error| AppError::Broken(format!("an answer: {error}")))?;
            idempotency_keys::Entity::update_many()
                .col_expr(idempotency_keys::Column::Answer, Expr::val(answer))
                .filter(idempotency_keys::Column::UserId.eq(context.owner()))
                .filter(idempotency_keys::Column::IdemKey.eq(key.as_str()))
                .exec(unit.db())
                .await?;
        }
        unit.commit().await?;
        Ok(Done { value, token, replayed: false })
    }

    /// Forgets answers and logins past their time; how many.
    ///
    /// They are looked for without locks and removed a few at a time by their keys: one large DELETE by time would lock all
    /// rows that it passes, and every command saves a key.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn clean(&self) -> Result<u64, AppError> {
        let (now, mut count) = (self.records.now(), 0);
        loop {
            let (known, gone) = self.clean_keys(now).await?;
            count += gone;
            if known < AT_ONCE {
                break;
            }
        }
        loop {
            let (known, gone) = self.clean_sessions(now).await?;
            count += gone;
            if known < AT_ONCE {
                return Ok(count);
            }
        }
    }

    /// Removes some answers: how many were known to be over, and how many of them this removed.
    async fn clean_keys(&self, now: Timestamp) -> Result<(u64, u64), AppError> {
        use idempotency_keys::{Column, Entity};
        let over: Vec<(String, String)> = Entity::find()
            .select_only()
            .columns([Column::UserId, Column::IdemKey])
            .filter(Column::ExpiresAt.lt(now))
            .order_by_asc(Column::ExpiresAt)
            .limit(AT_ONCE)
            .into_tuple()
            .all(self.records.db())
            .await?;
        if over.is_empty() {
            return Ok((0, 0));
        }
        let known = over.len() as u64;
        let these = over.into_iter().fold(Condition::any(), |these, (user, key)| {
            these.add(Condition::all().add(Column::UserId.eq(user)).add(Column::IdemKey.eq(key)))
        });
        let gone = Entity::delete_many().filter(these).exec(self.records.db()).await?;
        Ok((known, gone.rows_affected))
    }

    /// Removes some logins, as [`Self::clean_keys`] does.
    async fn clean_sessions(&self, now: Timestamp) -> Result<(u64, u64), AppError> {
        use sessions::{Column, Entity};
        let over: Vec<Text<SessionId>> = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::ExpiresAt.lt(now))
            .order_by_asc(Column::ExpiresAt)
            .limit(AT_ONCE)
            .into_tuple()
            .all(self.records.db())
            .await?;
        if over.is_empty() {
            return Ok((0, 0));
        }
        let known = over.len() as u64;
        let gone = Entity::delete_many().filter(Column::Id.is_in(over)).exec(self.records.db()).await?;
        Ok((known, gone.rows_affected))
    }
}

/// Another release has written the answer in words that this one does not know; it can give it.
fn unreadable_answer(key: &str, error: &serde_json::Error) -> AppError {
    let cause = format!("the answer under the key {key}: {error}");
    RecordsError::Unreadable(Unreadable { column: "answer".to_owned(), cause }).into()
}

/// Rows that are cleaned away at once.
const AT_ONCE: u64 = 200;

fn fingerprint(operation: &str, command: &impl Serialize) -> String {
    let command = serde_json::to_value(command).map(|value| canonical(&value)).unwrap_or_default();
    sha256_hex(format!("{operation}\n{command}"))
}
