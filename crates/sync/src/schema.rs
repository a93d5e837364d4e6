//! Which descriptions rule: several releases may be at work on the same databases, each with descriptions of its own, while one
//! is rolled out, or rolled back.
//!
//! The documents are brought to the revisions of one of them, the ruling one: whoever is new here, or has come back when nobody
//! of the ruling one is at work any more ([`chainbill_records::Records::attend`]). A process that does not rule still relays,
//! for a change must not wait: it writes a newer version in its own revision, and the ruling one makes that anew. It makes no
//! document anew itself, makes no collections ready, and believes a document of the ruling revision by its version.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use chainbill_domain::{Model, Revision};
use chainbill_records::Schema;
use tokio::sync::watch;

use crate::{
    SyncError,
    compare::{Revisions, Seen},
    engine::Engine,
};

/// What a process knows of its own descriptions and of others'.
pub(crate) struct Schemas {
    id: Revision,
    own: BTreeMap<&'static str, Revision>,
    known: Mutex<Vec<Schema>>,
    rules: watch::Sender<bool>,
}

impl Schemas {
    pub fn new(models: &[&'static Model]) -> Self {
        Self {
            id: Revision::of_all(models),
            own: models.iter().map(|model| (model.name, model.revision())).collect(),
            known: Mutex::default(),
            rules: watch::Sender::new(false),
        }
    }

    fn known(&self) -> MutexGuard<'_, Vec<Schema>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the documents were brought to these descriptions when this was last looked at.
    pub fn rule(&self) -> bool {
        *self.rules.borrow()
    }

    /// Ends when other descriptions rule.
    pub async fn outranked(&self) {
        // The sender is in `self`: it does not go while somebody waits.
        let _ = self.rules.subscribe().wait_for(|rules| !rules).await;
    }

    fn note(&self, known: Vec<Schema>) -> bool {
        let rules = known.first().is_some_and(|ruling| ruling.id == self.id);
        *self.known() = known;
        self.rules.send_if_modified(|before| std::mem::replace(before, rules) != rules);
        rules
    }

    /// How documents of other revisions are judged. Descriptions that are not known to be at work anywhere are taken for ones
    /// that will rule when they are.
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

impl Engine {
    /// Says that this process is at work with its descriptions, as everybody does before it writes a document; whether they
    /// rule.
    pub async fn attend(&self) -> Result<bool, SyncError> {
        let Schemas { id, own, .. } = &self.schemas;
        let known = self.records.attend(*id, own, self.settings.gone_after()).await?;
        let (before, rules) = (self.schemas.rule(), self.schemas.note(known));
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

    /// The same for work that only the ruling descriptions may do.
    pub async fn attend_ruling(&self) -> Result<(), SyncError> {
        if self.attend().await? { Ok(()) } else { Err(SyncError::Outranked) }
    }

    /// How these documents' revisions are judged. Whoever writes a document has made its descriptions known before, so what
    /// is looked up after a document was seen knows its revision, unless somebody made it up.
    pub async fn revisions_of(&self, model: &'static Model, documents: &[Seen]) -> Result<Revisions, SyncError> {
        let own = model.revision();
        let others: BTreeSet<Option<Revision>> =
            documents.iter().filter(|seen| seen.is_of_another_than(own)).map(|seen| seen.stamp.revision).collect();
        if others.is_empty() {
            return Ok(Revisions::default());
        }
        if !others.into_iter().all(|other| other.is_some_and(|revision| self.schemas.knows(model, revision))) {
            self.schemas.note(self.records.schemas().await?);
        }
        Ok(self.schemas.revisions(model))
    }

    /// Whether others, who make other documents of this model, were at work since its last backfill began: what they have
    /// changed is of their revision. While they are, it is looked for as often as the schedule looks for drift.
    pub fn others_wrote(&self, model: &'static Model, since: Option<chainbill_domain::Timestamp>) -> bool {
        let (now, gone, every) = (self.now(), self.settings.gone_after(), self.settings.every(model));
        let own = model.revision();
        let other = |schema: &&Schema| schema.revisions.get(model.name).is_some_and(|revision| *revision != own);
        self.schemas.known().iter().filter(other).any(|schema| {
            let wrote = since.is_none_or(|since| since < schema.seen_at + gone);
            let long_ago = since.is_none_or(|since| !every.is_zero() && crate::keeper::age(now, since) >= every);
            wrote && (schema.is_gone(now, gone) || long_ago)
        })
    }
}
