//! What the use cases share.

use std::sync::Arc;

use chainbill_chain::Chain;
use chainbill_domain::Timestamp;
use chainbill_provider::PaymentProvider;
use chainbill_records::{
    Records,
    repo::invariants::{self, Invariant},
};
use tokio::sync::Notify;

use crate::{AppError, Passwords, Settings, seal::Seal};

/// The use cases. Cloning shares everything.
#[derive(Clone)]
pub struct App {
    pub(crate) records: Records,
    pub(crate) settings: Settings,
    pub(crate) passwords: Passwords,
    pub(crate) seal: Seal,
    /// Notified of each login.
    pub(crate) logins: Arc<Notify>,
    /// Where clients pay, if there is such a provider.
    pub(crate) provider: Option<Arc<dyn PaymentProvider>>,
    /// Where paid invoices are notarised, if there is a chain.
    pub(crate) chain: Option<Arc<dyn Chain>>,
}

impl App {
    /// Use cases over a primary.
    #[must_use]
    pub fn new(records: Records, settings: Settings) -> Self {
        Self {
            records,
            settings,
            passwords: Passwords::default(),
            seal: Seal::default(),
            logins: Arc::default(),
            provider: None,
            chain: None,
        }
    }

    /// The same, with a provider at which clients pay.
    #[must_use]
    pub fn with_provider(self, provider: Option<Arc<dyn PaymentProvider>>) -> Self {
        Self { provider, ..self }
    }

    /// The same, with a chain on which paid invoices are notarised.
    #[must_use]
    pub fn with_chain(self, chain: Option<Arc<dyn Chain>>) -> Self {
        Self { chain, ..self }
    }

    /// The primary.
    #[must_use]
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// The kind of primary: `sqlite`, `mysql` or `mariadb`.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        self.records.dialect().name()
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.records.now()
    }

    /// A small round trip to the primary.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn ping(&self) -> Result<(), AppError> {
        Ok(self.records.ping().await?)
    }

    /// Whether the primary would take a write at the moment.
    ///
    /// # Errors
    /// When it would not.
    pub async fn takes_writes(&self) -> Result<(), AppError> {
        Ok(self.records.takes_writes().await?)
    }

    /// Rows of all synchronised models together, counted on connections that no request waits for.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn record_count(&self) -> Result<u64, AppError> {
        let snapshot = self.records.glance().await?;
        let mut count = 0;
        for model in chainbill_domain::models::ALL {
            count += snapshot.count(model).await?;
        }
        snapshot.close().await?;
        Ok(count)
    }

    /// What breaks an invariant, at most a hundred.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn violations(&self, invariant: &Invariant) -> Result<Vec<String>, AppError> {
        Ok(invariants::violations(&self.records, invariant).await?)
    }
}
