//! What every part of the synchronisation of one process shares: both databases, settings, and state that outlives one task.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use chainbill_domain::{Model, Timestamp};
use chainbill_mirror::ReplicationTarget;
use chainbill_records::{
    Fence, Records, Snapshot,
    outbox::{Entry, Op},
};

use crate::{
    engine::{dead_letters::DeadLetterWatch, faults::Faults, metrics::Metrics, schemas::Schemas},
    errors::SyncError,
    mutants::{Mutant, is as mutated},
    settings::Settings,
};

/// Shared by every task of the synchronisation of one process.
pub(crate) struct Engine {
    pub records: Records,
    pub mirror: Arc<dyn ReplicationTarget>,
    pub settings: Settings,
    /// The name of this process in leases.
    pub owner: String,
    pub metrics: Metrics,
    pub dead_letters: DeadLetterWatch,
    pub schemas: Schemas,
    pub faults: Faults,
    /// Held while the identity of the mirror is checked.
    pub identification: tokio::sync::Mutex<()>,
    leases: Mutex<HashSet<String>>,
}

impl Engine {
    pub fn new(records: Records, mirror: Arc<dyn ReplicationTarget>, settings: Settings) -> Self {
        let random = || records.random().bytes::<8>().iter().map(|byte| format!("{byte:02x}")).collect();
        let owner = settings.owner.clone().unwrap_or_else(random);
        let (schemas, faults) = (Schemas::new(records.clone(), &settings), Faults::new(records.clone()));
        Self {
            records,
            mirror,
            settings,
            owner,
            metrics: Metrics::default(),
            dead_letters: DeadLetterWatch::default(),
            schemas,
            faults,
            identification: tokio::sync::Mutex::default(),
            leases: Mutex::default(),
        }
    }

    pub fn now(&self) -> Timestamp {
        self.records.now()
    }

    /// A snapshot of the primary that shows everything that was committed before the fence.
    pub async fn snapshot_after(&self, fence: &mut Fence) -> Result<Snapshot, SyncError> {
        match mutated(Mutant::BelieveLateCuts) {
            true => Ok(self.records.snapshot().await?),
            false => Ok(self.records.snapshot_after(fence).await?),
        }
    }

    /// Enqueues entities that could not be written, for the relay to retry. Only the relay dead-letters an entity: the holder
    /// of its partition alone can tell an old failure from a new one.
    pub async fn enqueue_for_relay(&self, model: &'static Model, ids: &[String]) -> Result<(), SyncError> {
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

    /// Reserves a lease within this process: rows of the lease table tell processes apart, not tasks of one process. `false`
    /// when another task has it.
    pub fn reserve_lease(&self, name: &str) -> bool {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned())
    }

    /// Frees a lease for other tasks of this process.
    pub fn unreserve_lease(&self, name: &str) {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}
