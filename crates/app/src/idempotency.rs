//! Doing a thing once: the caller's key, the effect and the answer are saved in one transaction.

use chainbill_domain::{freshness::Token, invoice::canonical};
use chainbill_records::{
    RecordsError, Unit,
    entities::idempotency_keys,
    sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, sea_query::Expr},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{App, AppError, Context, Done, command::sha256_hex};

/// How a command begins.
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
        let mut unit = self.records.begin().await?;
        let Some(key) = &context.idempotency_key else { return Ok(Begun::Fresh(unit)) };
        if key.is_empty() || key.len() > 200 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(AppError::field("/Idempotency-Key", "1 to 200 visible ASCII characters are accepted"));
        }
        let fingerprint = fingerprint(operation, command);
        let row = idempotency_keys::Model {
            user_id: owner(context),
            idem_key: key.clone(),
            fingerprint: fingerprint.clone(),
            status: None,
            answer: None,
            created_at: unit.now(),
            expires_at: unit.now() + self.settings.replay,
        };
        match unit.add::<idempotency_keys::Entity>(row).await {
            Ok(()) => Ok(Begun::Fresh(unit)),
            Err(RecordsError::Duplicate(_)) => {
                unit.rollback().await?;
                self.replay(context, key, &fingerprint).await.map(Begun::Replay)
            }
            Err(RecordsError::Again(cause)) if cause.to_string().contains("1205") => Err(AppError::Busy),
            Err(error) => Err(error.into()),
        }
    }

    async fn replay<T: DeserializeOwned>(
        &self,
        context: &Context,
        key: &str,
        fingerprint: &str,
    ) -> Result<Done<T>, AppError> {
        let known =
            idempotency_keys::Entity::find_by_id((owner(context), key.to_owned())).one(self.records.db()).await?;
        let Some(known) = known else { return Err(AppError::Busy) };
        if known.fingerprint != fingerprint {
            return Err(AppError::IdempotencyMismatch);
        }
        let answer = known.answer.ok_or(AppError::Busy)?;
        let (value, token): (T, String) =
            serde_json::from_str(&answer).map_err(|error| AppError::Broken(format!("a stored answer: {error}")))?;
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
                .filter(idempotency_keys::Column::UserId.eq(owner(context)))
                .filter(idempotency_keys::Column::IdemKey.eq(key.as_str()))
                .exec(unit.db())
                .await?;
        }
        unit.commit().await?;
        Ok(Done { value, token, replayed: false })
    }

    /// Forgets answers and logins past their time; how many.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn clean(&self) -> Result<u64, AppError> {
        let now = self.records.now();
        let keys = idempotency_keys::Entity::delete_many()
            .filter(idempotency_keys::Column::ExpiresAt.lt(now))
            .exec(self.records.db())
            .await?;
        let sessions = chainbill_records::entities::sessions::Entity::delete_many()
            .filter(chainbill_records::entities::sessions::Column::ExpiresAt.lt(now))
            .exec(self.records.db())
            .await?;
        Ok(keys.rows_affected + sessions.rows_affected)
    }
}

fn owner(context: &Context) -> String {
    context.actor.as_ref().map_or_else(|| "anonymous".to_owned(), |actor| actor.user_id.to_string())
}

fn fingerprint(operation: &str, command: &impl Serialize) -> String {
    let command = serde_json::to_value(command).map(|value| canonical(&value)).unwrap_or_default();
    sha256_hex(format!("{operation}\n{command}"))
}
