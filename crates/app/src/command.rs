//! The use cases' common ground.

use std::sync::Arc;

use chainbill_domain::{
    Timestamp,
    event::{Event, EventData},
    id::Id,
};
use chainbill_records::{Records, Unit, entities::audit_entries};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;

use crate::{AppError, Context, Passwords, Settings, seal::Seal};

/// The use cases. Cloning shares everything.
#[derive(Clone)]
pub struct App {
    pub(crate) records: Records,
    pub(crate) settings: Settings,
    pub(crate) passwords: Passwords,
    pub(crate) seal: Seal,
    /// Told of each login.
    pub(crate) logins: Arc<Notify>,
}

impl App {
    /// Use cases over a primary.
    #[must_use]
    pub fn new(records: Records, settings: Settings) -> Self {
        Self { records, settings, passwords: Passwords::default(), seal: Seal::default(), logins: Arc::default() }
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

    /// Rows of all synchronised models together, counted on connections that nobody's business waits for.
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

    pub(crate) fn new_id<K>(&self) -> Id<K> {
        Id::new(self.records.now(), self.records.random().bytes())
    }

    /// Records an event of the unit's moment.
    pub(crate) fn record(&self, unit: &mut Unit, data: EventData) {
        unit.event(&Event { id: self.new_id(), at: unit.now(), data });
    }

    /// Writes down who did what to whom, with the subject before and after.
    pub(crate) async fn audit<T: Serialize>(
        &self,
        unit: &mut Unit,
        context: &Context,
        action: &str,
        subject: (&str, String),
        change: (Option<&T>, Option<&T>),
    ) -> Result<(), AppError> {
        let text = |view: Option<&T>| view.and_then(|view| serde_json::to_string(view).ok());
        let entry = audit_entries::Model {
            id: self.new_id::<()>().to_string(),
            at: unit.now(),
            actor_id: context.actor.as_ref().map(|actor| actor.user_id.into()),
            action: action.to_owned(),
            subject_model: subject.0.to_owned(),
            subject_id: subject.1,
            before_doc: text(change.0),
            after_doc: text(change.1),
            request_id: context.request_id.clone(),
            address: context.address.clone(),
        };
        Ok(unit.add::<audit_entries::Entity>(entry).await?)
    }
}

pub(crate) fn sha256_hex(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(Sha256::digest(bytes))
}
