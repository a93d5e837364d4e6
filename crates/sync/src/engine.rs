//! What all parts of the synchronisation share.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use chainbill_domain::{Model, Timestamp};
use chainbill_mirror::Mirror;
use chainbill_records::{
    FaultSource, Records,
    outbox::{Entry, Op},
};

use crate::{
    Settings, SyncError,
    counting::Counting,
    errors::{Retry, retry},
    head::Head,
    parkings::Parkings,
};

/// Shared by every task of the synchronisation of one process.
pub(crate) struct Engine {
    pub records: Records,
    pub mirror: Arc<dyn Mirror>,
    pub settings: Settings,
    /// Names this process among others in leases.
    pub owner: String,
    pub figures: Figures,
    pub counting: Counting,
    faults: Mutex<Faults>,
    held: Mutex<HashSet<String>>,
}

/// What this process has last seen or written of faults, and when.
type Faults = HashMap<(&'static str, FaultSource), (Option<String>, Timestamp)>;

/// What is known of faults is believed for so long: another process may write one down, or end one.
const BELIEVED: Duration = Duration::from_secs(10);

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
    /// What models wait for that are not copied yet.
    waiting: Mutex<Option<String>>,
    /// The oldest waiting entry, and since when it has been the oldest.
    pub head: Mutex<Head>,
    /// Whether anything is parked.
    pub parkings: Parkings,
    /// Whether this process relays: only then its figures say something of the synchronisation.
    pub relays: AtomicBool,
}

impl Figures {
    pub fn note_trouble(&self, at: Timestamp, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble.map(|text| (at, text));
    }

    pub fn trouble(&self) -> Option<(Timestamp, String)> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what models wait for that are not copied yet; whether it is something else than before.
    pub fn note_waiting(&self, waiting: Option<String>) -> bool {
        let mut known = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = *known != waiting;
        *known = waiting;
        is_new
    }

    pub fn waiting(&self) -> Option<String> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes the oldest waiting entry; how long it has been the oldest.
    pub fn note_head(&self, oldest: Option<Timestamp>, now: Timestamp) -> Duration {
        let mut head = self.head.lock().unwrap_or_else(PoisonError::into_inner);
        head.note(oldest, now);
        head.stuck_for(now)
    }

    /// How long the oldest waiting entry had been the oldest when it was last looked at.
    pub fn stuck_for(&self, now: Timestamp) -> Duration {
        self.head.lock().unwrap_or_else(PoisonError::into_inner).stuck_for(now)
    }

    /// A figure of the relay; none where this process does not relay.
    pub fn of_relay(&self, figure: &AtomicU64) -> Option<u64> {
        self.relays.load(Ordering::Relaxed).then(|| figure.load(Ordering::Relaxed))
    }

    pub fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }
}

impl Engine {
    pub fn new(records: Records, mirror: Arc<dyn Mirror>, settings: Settings) -> Self {
        let random = || records.random().bytes::<8>().iter().map(|byte| format!("{byte:02x}")).collect();
        let owner = settings.owner.clone().unwrap_or_else(random);
        let (faults, held) = (Mutex::default(), Mutex::default());
        Self {
            records,
            mirror,
            settings,
            owner,
            figures: Figures::default(),
            counting: Counting::default(),
            faults,
            held,
        }
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

    /// A model failed. When somebody should act, its state says so, with reason and hint, until [`Self::cured`] by the same
    /// source.
    pub async fn failed(&self, model: &'static Model, source: FaultSource, error: &SyncError) -> Result<(), SyncError> {
        let Retry::Operator(hint) = retry(error) else { return Ok(()) };
        let reason = error.to_string();
        if self.believes(model, source, Some(&reason)) {
            return Ok(());
        }
        tracing::error!(model = model.name, "Sync of {} is faulted: {reason}. {hint}", model.name);
        self.records.add_fault(model, source, &reason, hint).await?;
        self.faults().insert((model.name, source), (Some(reason), self.now()));
        Ok(())
    }

    /// A model works: a fault that this source has met is over, whichever process wrote it down.
    pub async fn cured(&self, model: &'static Model, source: FaultSource) -> Result<(), SyncError> {
        if self.believes(model, source, None) {
            return Ok(());
        }
        if self.records.end_fault(model, source).await? {
            tracing::info!(model = model.name, "Sync of {} works again", model.name);
        }
        self.faults().insert((model.name, source), (None, self.now()));
        Ok(())
    }

    /// Whether a model's fault is known to be this one, or known to be none.
    fn believes(&self, model: &'static Model, source: FaultSource, reason: Option<&String>) -> bool {
        let faults = self.faults();
        // What was seen in the future was seen by a clock that jumped.
        let now = self.now();
        let known = faults.get(&(model.name, source)).filter(|(_, at)| *at <= now && *at + BELIEVED > now);
        known.is_some_and(|(known, _)| known.as_ref() == reason)
    }

    /// Whether the relay of this process has met what an operator must see to, and has not got over it.
    pub fn hindered(&self) -> Result<(), SyncError> {
        let faults = self.faults();
        let of_relay = faults.iter().filter(|((_, source), _)| *source == FaultSource::Relay);
        match of_relay.filter_map(|((model, _), (reason, _))| Some((*model, reason.as_ref()?))).next() {
            Some((model, reason)) => Err(SyncError::Faulted { model, reason: reason.clone() }),
            None => Ok(()),
        }
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody in this process holds the lease of that name; it is held from then on. Leases tell processes apart,
    /// not tasks of one process.
    pub fn hold(&self, lease: &str) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(lease.to_owned())
    }

    /// Nobody in this process holds the lease any more.
    pub fn let_go(&self, lease: &str) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(lease);
    }
}
