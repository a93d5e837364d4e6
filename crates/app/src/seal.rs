//! Freshness tokens under a seal: nobody makes one by himself, for its answer would tell whether somebody else's thing exists.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chainbill_domain::freshness::{NotAToken, Token};
use chainbill_records::{RecordsError, entities::shared_keys, sea_orm::EntityTrait as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::sync::OnceCell;

use crate::{App, AppError};

/// The key of the seal: one for all processes, kept in the primary, read once.
#[derive(Clone, Default)]
pub(crate) struct Seal(Arc<OnceCell<String>>);

/// Its name among the shared keys.
const NAME: &str = "sync-token";
/// Bytes of a seal.
const LENGTH: usize = 16;

fn mac(key: &str, text: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key of any length is accepted");
    mac.update(text.as_bytes());
    mac
}

impl App {
    /// The token as it is given away.
    ///
    /// # Errors
    /// When the key of the seal cannot be read.
    pub async fn sealed(&self, token: &Token) -> Result<String, AppError> {
        let text = token.to_string();
        let seal = mac(self.seal_key().await?, &text).finalize().into_bytes();
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(&seal[..LENGTH])))
    }

    /// A token that was given away by this or another process over the same primary.
    ///
    /// # Errors
    /// [`AppError::Validation`] when none of them gave it.
    pub async fn unsealed(&self, text: &str) -> Result<Token, AppError> {
        let refused = || AppError::field("/freshAfter", NotAToken);
        let (text, seal) = text.split_once('.').ok_or_else(refused)?;
        let seal = URL_SAFE_NO_PAD.decode(seal).ok().filter(|seal| seal.len() == LENGTH).ok_or_else(refused)?;
        mac(self.seal_key().await?, text).verify_truncated_left(&seal).map_err(|_| refused())?;
        text.parse().map_err(|_| refused())
    }

    async fn seal_key(&self) -> Result<&str, AppError> {
        Ok(self.seal.0.get_or_try_init(|| self.shared_key(NAME)).await?)
    }

    /// The key of this name, made where there is none yet.
    async fn shared_key(&self, name: &str) -> Result<String, AppError> {
        let known = || shared_keys::Entity::find_by_id(name).one(self.records.db());
        if let Some(known) = known().await? {
            return Ok(known.value);
        }
        let value = hex::encode(self.records.random().bytes::<32>());
        let mut unit = self.records.begin().await?;
        let row = shared_keys::Model { name: name.to_owned(), value: value.clone(), created_at: unit.now() };
        match unit.add::<shared_keys::Entity>(row).await {
            Ok(()) => {
                unit.commit().await?;
                Ok(value)
            }
            Err(RecordsError::Duplicate(_)) => {
                unit.rollback().await?;
                let known = known().await?;
                known.map(|known| known.value).ok_or_else(|| AppError::Broken(format!("the key {name} came and went")))
            }
            Err(error) => Err(error.into()),
        }
    }
}
