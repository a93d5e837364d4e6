//! Schemas: the descriptions of all models, as one release has them. While a release is rolled out or back, several schemas are at
//! work on the same databases.
//!
//! One of them rules: documents are brought to its revisions. A schema rules when it is new here, or when it returns and no
//! process of the ruling one is alive any more ([`chainbill_records::Records::attend`]). A process that does not rule still
//! relays, for a change must not wait: it writes newer versions in its own revision, and the ruling release rewrites them. It does
//! not backfill, does not prepare collections, and accepts a document of the ruling revision by its version.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chainbill_domain::{Model, Revision, Timestamp};
use chainbill_records::{Records, Schema};
use tokio::sync::watch;

use crate::{errors::SyncError, settings::Settings, time::age};

/// How documents of other revisions than the model's own are judged.
#[derive(Debug, Clone, Default)]
pub struct Revisions {
    /// The revision that documents are brought to, where it is not the model's own here.
    pub newer: Option<Revision>,
    /// The revisions of releases that were at work. Any other is made up.
    pub known: BTreeSet<Revision>,
}

/// The schema of this process and those of others.
pub(crate) struct Schemas {
    records: Records,
    id: Revision,
    own: BTreeMap<&'static str, Revision>,
    /// A schema without a sign of life for this long is gone.
    gone_after: Duration,
    known: Mutex<Vec<Schema>>,
    rules: watch::Sender<bool>,
}

impl Schemas {
    pub fn new(records: Records, settings: &Settings) -> Self {
        let models = settings.models();
        Self {
            records,
            id: Revision::of_all(models),
            own: models.iter().map(|model| (model.name, model.revision())).collect(),
            gone_after: settings.gone_after(),
            known: Mutex::default(),
            rules: watch::Sender::new(false),
        }
    }

    /// Registers that this process is at work with its schema, before it writes a document. Returns whether the schema rules.
    pub async fn attend(&self) -> Result<bool, SyncError> {
        let Self { id, own, gone_after, .. } = self;
        let known = self.records.attend(*id, own, *gone_after).await?;
        let (before, rules) = (self.rules(), self.update(known));
        match (before, rules) {
            (false, true) => {
                tracing::debug!(schema = %id, "Sync keeps the documents to the descriptions of this release")
            }
            (true, false) => {
                tracing::info!(schema = %id, "Sync leaves the documents' shape to another release that has come");
            }
            _ => {}
        }
        Ok(rules)
    }

    /// [`Self::attend`] for work that only the ruling schema may do.
    pub async fn attend_ruling(&self) -> Result<(), SyncError> {
        if self.attend().await? { Ok(()) } else { Err(SyncError::Outranked) }
    }

    /// Whether this schema ruled when it was last checked.
    pub fn rules(&self) -> bool {
        *self.rules.borrow()
    }

    /// Completes when another schema rules.
    pub async fn outranked(&self) {
        // The sender lives in `self`, so the channel cannot close meanwhile.
        let _ = self.rules.subscribe().wait_for(|rules| !rules).await;
    }

    /// How documents of these revisions are judged. A process registers its schema before it writes a document, so a schema that
    /// is read after the document was observed knows the document's revision, unless that is made up.
    pub async fn revisions_for(
        &self,
        model: &Model,
        others: &BTreeSet<Option<Revision>>,
    ) -> Result<Revisions, SyncError> {
        if others.is_empty() {
            return Ok(Revisions::default());
        }
        if !others.iter().all(|other| other.is_some_and(|revision| self.knows(model, revision))) {
            self.update(self.records.schemas().await?);
        }
        Ok(self.revisions(model))
    }

    /// Whether another schema with another revision of this model was at work since its last backfill began, so that documents
    /// of that revision may be there. While it still is, this is checked as often as the schedule compares.
    pub fn others_wrote(&self, model: &'static Model, since: Option<Timestamp>, every: Duration) -> bool {
        let (now, own) = (self.records.now(), model.revision());
        let other = |schema: &&Schema| schema.revisions.get(model.name).is_some_and(|revision| *revision != own);
        self.known().iter().filter(other).any(|schema| {
            let wrote = since.is_none_or(|since| since < schema.seen_at + self.gone_after);
            let long_ago = since.is_none_or(|since| !every.is_zero() && age(now, since) >= every);
            wrote && (schema.is_gone(now, self.gone_after) || long_ago)
        })
    }

    fn known(&self) -> MutexGuard<'_, Vec<Schema>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, known: Vec<Schema>) -> bool {
        let rules = known.first().is_some_and(|ruling| ruling.id == self.id);
        *self.known() = known;
        self.rules.send_if_modified(|before| std::mem::replace(before, rules) != rules);
        rules
    }

    /// A schema that is not known to be at work anywhere is taken for one that will rule.
    fn revisions(&self, model: &Model) -> Revisions {
        let known = self.known();
        let of = |schema: &Schema| schema.revisions.get(model.name).copied();
        let own = self.own.get(model.name).copied();
        let at_work = known.iter().any(|schema| schema.id == self.id);
        let ruling = known.first().filter(|_| at_work).and_then(of);
        Revisions { newer: ruling.filter(|ruling| Some(*ruling) != own), known: known.iter().filter_map(of).collect() }
    }

    fn knows(&self, model: &Model, revision: Revision) -> bool {
        self.known().iter().any(|schema| schema.revisions.get(model.name) == Some(&revision))
    }
}
