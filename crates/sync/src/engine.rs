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
    FaultSource, Fence, Records, Snapshot,
    outbox::{Entry, Op},
};

use crate::{
    Settings, SyncError,
    counting::Counting,
    errors::{Retry, retry},
    head::Head,
    judging::{Judging, Side},
    parkings::Parkings,
    planted::{Mistake, is as planted},
    schema::Schemas,
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
    pub schemas: Schemas,
    /// Who looks whose the second database is: one at a time.
    pub recognising: tokio::sync::Mutex<()>,
    faults: Mutex<Faults>,
    held: Mutex<HashSet<String>>,
    judging: Mutex<Judging>,
    /// What copies wait for, as this process has written it down last.
    waiting: Mutex<HashMap<&'static str, Option<String>>>,
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
    /// The oldest waiting entry, and since when it has been the oldest.
    pub head: Mutex<Head>,
    /// Whether anything is parked.
    pub parkings: Parkings,
    /// Whether this process relays: only then its figures say something of the synchronisation.
    pub relays: AtomicBool,
    /// Whether it sends the heartbeats.
    pub beats: AtomicBool,
}

impl Figures {
    pub fn note_trouble(&self, at: Timestamp, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble.map(|text| (at, text));
    }

    pub fn trouble(&self) -> Option<(Timestamp, String)> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
        let (faults, held, waiting) = (Mutex::default(), Mutex::default(), Mutex::default());
        let schemas = Schemas::new(settings.models());
        let judging = Mutex::new(Judging::new(records.now()));
        Self {
            records,
            mirror,
            settings,
            owner,
            figures: Figures::default(),
            counting: Counting::default(),
            schemas,
            recognising: tokio::sync::Mutex::default(),
            faults,
            held,
            judging,
            waiting,
        }
    }

    pub fn now(&self) -> Timestamp {
        self.records.now()
    }

    /// A view of the primary that shows everything that was committed before the fence.
    pub async fn snapshot_after(&self, fence: &mut Fence) -> Result<Snapshot, SyncError> {
        match planted(Mistake::BelieveLateCuts) {
            true => Ok(self.records.snapshot().await?),
            false => Ok(self.records.snapshot_after(fence).await?),
        }
    }

    /// A database answers this process, or does not.
    pub fn note_answer(&self, side: Side, answers: bool) {
        self.judging().note(side, answers, self.now());
    }

    /// This process judges from now on: it takes over what another has done until now.
    pub fn judges_anew(&self) {
        self.judging().begin(self.now());
    }

    /// How long this process has been able to judge what waits. Whoever only looks, and does not relay, takes what is there
    /// as it is.
    pub fn judges_for(&self) -> Duration {
        match self.figures.relays.load(Ordering::Relaxed) {
            true => self.judging().lasts(self.now()),
            false => Duration::MAX,
        }
    }

    fn judging(&self) -> MutexGuard<'_, Judging> {
        self.judging.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what a model's copy waits for; nothing once it goes on.
    pub async fn waits_for(&self, model: &'static Model, what: Option<String>) -> Result<(), SyncError> {
        let known = || self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if known().get(model.name) == Some(&what) {
            return Ok(());
        }
        self.records.note_waiting(model, what.as_deref()).await?;
        if let Some(what) = &what {
            // That models take turns is no news.
            match what.starts_with("its turn") {
                true => tracing::debug!(model = model.name, "Sync of {} waits for {what}", model.name),
                false => tracing::info!(model = model.name, "Sync of {} waits for {what}", model.name),
            }
        }
        known().insert(model.name, what);
        Ok(())
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
