//! What all parts of the synchronisation share.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use chainbill_domain::{Model, Timestamp};
use chainbill_mirror::Mirror;
use chainbill_records::{
    CopyState, Records,
    outbox::{Entry, Op},
};

use crate::{
    Settings, SyncError,
    errors::{Retry, retry},
};

/// Shared by every task of the synchronisation of one process.
pub(crate) struct Engine {
    pub records: Records,
    pub mirror: Arc<dyn Mirror>,
    pub settings: Settings,
    /// Names this process among others in leases.
    pub owner: String,
    pub figures: Figures,
    faults: Mutex<BTreeMap<&'static str, String>>,
}

/// What this process has done since it started.
#[derive(Default)]
pub(crate) struct Figures {
    /// Writes that took effect.
    pub applied: AtomicU64,
    /// Writes that found the same or a newer version.
    pub stale: AtomicU64,
    /// Failed turns of the relay.
    pub failures: AtomicU64,
    /// Writes per second over the last seconds.
    pub rate: AtomicU64,
    /// The lag of the last applied change in milliseconds.
    pub lag_ms: AtomicU64,
    /// What went wrong last, and when; none after a success.
    pub trouble: Mutex<Option<(Timestamp, String)>>,
}

impl Figures {
    pub fn note_trouble(&self, at: Timestamp, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble.map(|text| (at, text));
    }

    pub fn trouble(&self) -> Option<(Timestamp, String)> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }
}

impl Engine {
    pub fn new(records: Records, mirror: Arc<dyn Mirror>, settings: Settings) -> Self {
        let owner = records.random().bytes::<8>().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { records, mirror, settings, owner, figures: Figures::default(), faults: Mutex::default() }
    }

    pub fn now(&self) -> Timestamp {
        self.records.now()
    }

    /// Asks the relay to look at entities that could not be written. Parking is the relay's alone: who holds an entity's
    /// partition is the only one who can tell an old failure from a new one.
    pub async fn ask_relay(&self, model: &'static Model, ids: &[String]) -> Result<(), SyncError> {
        let entry = |id: &String| Entry {
            model: model.name.to_owned(),
            entity_id: id.clone(),
            version: 0,
            op: Op::Upsert,
            body: None,
        };
        for ids in ids.chunks(1000) {
            self.records.enqueue(&ids.iter().map(entry).collect::<Vec<_>>()).await?;
        }
        Ok(())
    }

    /// A model failed. When somebody should act, its state says so, with reason and hint.
    pub async fn failed(&self, model: &'static Model, error: &SyncError) -> Result<(), SyncError> {
        let Retry::Operator(hint) = retry(error) else { return Ok(()) };
        let reason = error.to_string();
        let known = self.faults.lock().unwrap_or_else(PoisonError::into_inner).insert(model.name, reason.clone());
        if known.as_ref() == Some(&reason) {
            return Ok(());
        }
        tracing::error!(model = model.name, "Sync of {} is faulted: {reason}. {hint}", model.name);
        let mut copy = self.records.copy(model).await?;
        if copy.state != CopyState::Pending && copy.state != CopyState::Copying {
            copy.state = CopyState::Faulted;
        }
        copy.reason = Some(reason);
        copy.hint = Some(hint.to_owned());
        self.records.save_copy(&copy).await?;
        Ok(())
    }

    /// A model works: when it was faulted, it is no more.
    pub async fn cured(&self, model: &'static Model) -> Result<(), SyncError> {
        if self.faults.lock().unwrap_or_else(PoisonError::into_inner).remove(model.name).is_none() {
            return Ok(());
        }
        let mut copy = self.records.copy(model).await?;
        if copy.state == CopyState::Faulted {
            copy.state = CopyState::CatchingUp;
        }
        copy.reason = None;
        copy.hint = None;
        self.records.save_copy(&copy).await?;
        tracing::info!(model = model.name, "Sync of {} works again", model.name);
        Ok(())
    }
}
