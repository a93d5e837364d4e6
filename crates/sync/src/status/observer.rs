//! What this process observes of the synchronisation over time: counts, the oldest entry, and since when it can judge.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chainbill_domain::Timestamp;

use crate::{
    engine::context::Engine,
    status::{
        counting::Counting,
        observation::{Database, ObservationWindow},
        stall::StallDetector,
    },
};

/// The observations of this process.
pub(crate) struct Observer {
    pub engine: Arc<Engine>,
    pub counting: Arc<Counting>,
    leads: AtomicBool,
    stall: Mutex<StallDetector>,
    window: Mutex<ObservationWindow>,
}

impl Observer {
    pub fn new(engine: Arc<Engine>) -> Self {
        Self {
            counting: Arc::new(Counting::new(engine.clone())),
            leads: AtomicBool::new(false),
            stall: Mutex::default(),
            window: Mutex::new(ObservationWindow::new(engine.now())),
            engine,
        }
    }

    /// Records whether a database has answered this process.
    pub fn note_answer(&self, database: Database, answers: bool) {
        self.window().note(database, answers, self.engine.now());
    }

    /// This process is the leader until the guard is dropped. The observation window restarts: what happened before is not judged.
    pub fn leading(&self) -> Leading<'_> {
        self.window().restart(self.engine.now());
        self.leads.store(true, Ordering::Relaxed);
        Leading(&self.leads)
    }

    /// Whether this process is the leader, and sends the heartbeats.
    pub fn leads(&self) -> bool {
        self.leads.load(Ordering::Relaxed)
    }

    /// For how long this process has been able to judge what is pending; for ever where it does not relay, and reports what it
    /// reads.
    pub fn window_length(&self) -> Duration {
        match self.engine.metrics.relays.load(Ordering::Relaxed) {
            true => self.window().length(self.engine.now()),
            false => Duration::MAX,
        }
    }

    /// Records the oldest pending entry. Returns for how long it has been the oldest, within the observation window.
    pub fn note_oldest(&self, oldest: Option<Timestamp>) -> Duration {
        self.stall().note(oldest, self.engine.now());
        self.stalled_for()
    }

    /// For how long the oldest pending entry had been the oldest when it was last recorded, within the observation window.
    pub fn stalled_for(&self) -> Duration {
        let stalled = self.stall().stalled_for(self.engine.now());
        stalled.min(self.window_length())
    }

    fn stall(&self) -> MutexGuard<'_, StallDetector> {
        self.stall.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn window(&self) -> MutexGuard<'_, ObservationWindow> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Observer::leading`].
pub(crate) struct Leading<'o>(&'o AtomicBool);

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
