//! The mirror on MongoDB 6 or later and on servers that speak its protocol.
//!
//! It needs no transactions, no change streams and no client-level bulk writes, so that older servers and compatible
//! engines serve as well. Every request ends within a deadline of its own, whatever the driver does.

mod activity;
mod answer;
mod apply;
mod classes;
mod client;
mod decode;
mod encode;
mod errors;
mod events;
mod health;
mod ids;
mod logs;
mod non_string_ids;
mod prepare;
mod query;
mod reach;
mod read;
mod search;
mod store;
mod telemetry;
mod values;
mod writer;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use chainbill_domain::Model;
use mongodb::{Database, options::Collation};
use tokio::sync::OnceCell;

pub use self::client::MongoSettings;
use self::{client::Lazy, reach::Reach};
use crate::{
    limits::{Deadlines, within},
    port::MirrorError,
};

/// Collection of the mirror's own facts.
const OWN: &str = "_chainbill";
/// Collection of tracked events.
const ANALYTICS: &str = "analytics";
/// Collection of log lines.
const LOGS: &str = "app_logs";
/// When a tombstone was made.
const DELETED_AT: &str = "_sync.deletedAt";

/// A mirror on a MongoDB server.
#[derive(Debug)]
pub struct MongoMirror {
    client: Arc<Lazy>,
    deadlines: Deadlines,
    reach: Arc<Reach>,
    prepared: Mutex<BTreeSet<&'static str>>,
    guesses_counts: OnceCell<bool>,
    collated: OnceCell<BTreeSet<String>>,
}

impl MongoMirror {
    /// Parses the address without a request to the server, which may be down for now. The database is that of the address, else
    /// `chainbill`.
    ///
    /// # Errors
    /// When the address is no MongoDB connection string.
    pub fn connect(uri: &str, settings: MongoSettings) -> Result<Self, MirrorError> {
        let deadlines = settings.deadlines;
        Ok(Self {
            client: Arc::new(Lazy::new(uri, settings)?),
            deadlines,
            reach: Arc::default(),
            prepared: Mutex::default(),
            guesses_counts: OnceCell::new(),
            collated: OnceCell::new(),
        })
    }

    /// A request that a person waits for. It fails at once while the server is known not to answer.
    async fn query<T>(&self, what: &str, work: impl Future<Output = Result<T, MirrorError>>) -> Result<T, MirrorError> {
        self.reach.known()?;
        self.request(self.deadlines.request, what, work).await
    }

    /// A request that is made in any case. Where it is not answered, the server is probed in the background.
    async fn request<T>(
        &self,
        deadline: Duration,
        what: &str,
        work: impl Future<Output = Result<T, MirrorError>>,
    ) -> Result<T, MirrorError> {
        let answer = within(deadline, what, work).await;
        if matches!(answer, Err(MirrorError::Unavailable(_))) {
            self.reach.watch(&self.client, self.deadlines.ping);
        }
        answer
    }

    /// The collation that compares by bytes, where a collection has another default; `None` where it has not, since some servers
    /// refuse the option.
    async fn simple_collation(&self, database: &Database, model: &Model) -> Result<Option<Collation>, MirrorError> {
        let collated = self.collated.get_or_try_init(|| read::collated(database)).await?;
        Ok(collated.contains(model.name).then(|| Collation::builder().locale("simple").build()))
    }

    /// The name of the database.
    #[must_use]
    pub fn database_name(&self) -> &str {
        self.client.database_name()
    }
}
