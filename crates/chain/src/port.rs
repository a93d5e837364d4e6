//! The port.

use async_trait::async_trait;
use chainbill_domain::{
    Timestamp,
    mint::{Receipt, Submission, TokenId},
};

use crate::ChainError;

/// What is to be notarised: hashes and opaque ids only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notarisation {
    /// The token's id.
    pub token: TokenId,
    /// The invoice's canonical hash: 64 hexadecimal digits.
    pub hash: String,
    /// An opaque reference of the caller, at most 64 visible ASCII characters.
    pub reference: String,
}

/// What a chain holds of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notarised {
    /// The token, its hash and its reference.
    pub what: Notarisation,
    /// The transaction that made it.
    pub transaction: String,
    /// When the chain took it.
    pub at: Timestamp,
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// The chain has not seen it, and may still take it.
    Unknown,
    /// The chain has it and has not decided.
    Pending,
    /// It took effect.
    Confirmed(Receipt),
    /// It did not take effect and never will: its time is over.
    Expired,
    /// It was carried out and failed, with this cause; it never takes effect.
    Failed(String),
}

/// A chain on which invoices are notarised. No call belongs inside a transaction of the primary.
#[async_trait]
pub trait Chain: Send + Sync + 'static {
    /// The network: `local`, `devnet`, `testnet`, `mainnet`.
    fn network(&self) -> &'static str;

    /// The network with the account or the key that signs, at most 100 characters: what a submission is bound to.
    ///
    /// # Errors
    /// See [`ChainError::class`].
    async fn identity(&self) -> Result<String, ChainError>;

    /// Signs a submission. Nothing is sent.
    ///
    /// # Errors
    /// See [`ChainError::class`].
    async fn prepare(&self, what: &Notarisation) -> Result<Submission, ChainError>;

    /// Sends a submission. One that was sent before, by this or another process, is sent once.
    ///
    /// # Errors
    /// See [`ChainError::class`]; after every error but a refusal, the status decides.
    async fn submit(&self, submission: &Submission) -> Result<(), ChainError>;

    /// What became of a submission, by its transaction id.
    ///
    /// # Errors
    /// See [`ChainError::class`].
    async fn status(&self, submission: &Submission) -> Result<Status, ChainError>;

    /// What the chain holds of a token, read from the chain itself; none when it has no such token.
    ///
    /// # Errors
    /// See [`ChainError::class`].
    async fn token(&self, token: TokenId) -> Result<Option<Notarised>, ChainError>;

    /// Whether it could be used now.
    ///
    /// # Errors
    /// See [`ChainError::class`].
    async fn probe(&self) -> Result<(), ChainError>;
}
