//! Freshness tokens under a seal: a token that a client made up would tell whether an object exists that the client does not see.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chainbill_domain::freshness::{NotAToken, Token};
use chainbill_records::repo::shared_keys;
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
        let new = || hex::encode(self.records.random().bytes::<32>());
        Ok(self.seal.0.get_or_try_init(|| shared_keys::find_or_add(&self.records, NAME, new)).await?)
    }
}
