//! Passwords: argon2id, beside the request threads, a few at a time.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer};

use crate::{
    AppError, Context,
    argon::Memory,
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

    /// The text. The caller answers for where it goes.
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
    memory: Memory,
    /// The network that asks; none for the program itself.
    network: Option<IpAddr>,
}

/// Each hash takes 19 MiB and some 30 ms of a processor: two bound the memory, and a full queue is served within about a
/// second.
const BOUNDS: Bounds = Bounds { running: 2, waiting: 64, waiting_of_one: 16 };

impl Default for Passwords {
    fn default() -> Self {
        Self { turns: Turns::new(BOUNDS), memory: Memory::default(), network: None }
    }
}

impl Passwords {
    /// The same turns, taken for the network that asks: they are shared fairly among networks.
    pub(crate) fn asked_by(&self, context: &Context) -> Self {
        Self { network: context.network(), ..self.clone() }
    }

    /// The hash of a password with this salt.
    ///
    /// # Errors
    /// [`AppError::Crowded`] when too many wait; when the machine cannot compute it.
    pub async fn hash(&self, password: Secret, salt: [u8; 16]) -> Result<String, AppError> {
        self.turn(move |memory| memory.hash(password.reveal().as_bytes(), &salt)).await
    }

    /// Whether the password belongs to the hash. Without a hash the same work is done for nothing, so that time does not
    /// tell whether an account exists.
    ///
    /// # Errors
    /// [`AppError::Crowded`] when too many wait; when the machine cannot compute it.
    pub async fn matches(&self, password: Secret, hash: Option<String>) -> Result<bool, AppError> {
        self.turn(move |memory| {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| NO_PASSWORD.to_owned());
            Ok(memory.matches(password.reveal().as_bytes(), &hash)? && known)
        })
        .await
    }

    async fn turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Memory) -> Result<T, AppError> + Send + 'static,
    ) -> Result<T, AppError> {
        let turn = self.turns.take(self.network).await.map_err(AppError::Crowded)?;
        // The work owns its turn: it goes on when its caller has gone.
        let memory = self.memory.clone();
        let work = move || {
            let _turn = turn;
            work(&memory)
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| AppError::Hashing(error.to_string()))?
    }
}

/// A hash with the same cost that no password has.
const NO_PASSWORD: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
