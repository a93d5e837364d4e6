//! Passwords: argon2id, beside the request threads, a few at a time.

use std::net::IpAddr;

use argon2::{
    Argon2, Params,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use serde::{Deserialize, Deserializer};

use crate::{
    AppError, Context,
    turns::{Bounds, Turns},
};

/// A text that is shown nowhere.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text. Whoever asks answers for where it goes.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// Computes and compares hashes. Cloning shares the turns.
#[derive(Clone)]
pub struct Passwords {
    turns: Turns,
    /// For whom; nobody but the program itself where there is none.
    network: Option<IpAddr>,
}

/// Each hash takes 19 MiB and some 30 ms of a processor: two bound the memory, and a full queue is served within about a
/// second.
const BOUNDS: Bounds = Bounds { running: 2, waiting: 64, waiting_of_one: 16 };

impl Default for Passwords {
    fn default() -> Self {
        Self { turns: Turns::new(BOUNDS), network: None }
    }
}

/// OWASP's first recommendation for argon2id: 19 MiB, two passes, one lane.
fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).expect("the recommended parameters are valid");
    Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
}

impl Passwords {
    /// The same turns, taken in the name of whoever asks: they are shared fairly among networks.
    pub(crate) fn asked_by(&self, context: &Context) -> Self {
        Self { turns: self.turns.clone(), network: context.network() }
    }

    /// The hash of a password with this salt.
    ///
    /// # Errors
    /// [`AppError::Crowded`] when too many wait; when the machine cannot compute it.
    pub async fn hash(&self, password: Secret, salt: [u8; 16]) -> Result<String, AppError> {
        self.turn(move || {
            let hash = argon2().hash_password_with_salt(password.reveal().as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).map_err(|error| AppError::Broken(format!("a password hash: {error}")))
        })
        .await
    }

    /// Whether the password belongs to the hash. Without a hash the same work is done for nothing, so that time does not
    /// tell whether an account exists.
    ///
    /// # Errors
    /// [`AppError::Crowded`] when too many wait; when the machine cannot compute it.
    pub async fn matches(&self, password: Secret, hash: Option<String>) -> Result<bool, AppError> {
        self.turn(move || {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
            let parsed =
                PasswordHash::new(&hash).map_err(|error| AppError::Broken(format!("a stored hash: {error}")))?;
            Ok(argon2().verify_password(password.reveal().as_bytes(), &parsed).is_ok() && known)
        })
        .await
    }

    async fn turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, AppError> + Send + 'static,
    ) -> Result<T, AppError> {
        let turn = self.turns.take(self.network).await.map_err(AppError::Crowded)?;
        // The work owns its turn: it goes on when whoever asked has gone.
        let work = move || {
            let _turn = turn;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| AppError::Broken(error.to_string()))?
    }
}

/// A hash with the same cost that no password has.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
