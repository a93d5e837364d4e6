//! Counts: pending entries, and rows and documents of each model. With millions of them a count takes seconds, so what took long is
//! not counted again before ten times as long has passed. Models are counted one at a time, each to its end, whether or not a
//! caller still waits for the result.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chainbill_domain::Model;
use chainbill_records::outbox::Backlog;
use tokio::sync::oneshot;

use crate::{engine::context::Engine, errors::SyncError, panics::catch_panic};

/// Rows and documents of a model, as far as they are known.
pub(crate) type Counts = (Option<u64>, Option<u64>);

/// Counting takes at most one part in so many of the time.
const SHARE: u32 = 10;

/// A count that takes less is repeated for every caller.
const LONG: Duration = Duration::from_millis(100);

/// The last counts.
pub(crate) struct Counting {
    engine: Arc<Engine>,
    /// The backlog, as the watch has counted it.
    backlog: Mutex<Option<CountedBacklog>>,
    models: Mutex<HashMap<&'static str, CountedModel>>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct CountedModel {
    counts: Counts,
    running: bool,
    /// Not again before.
    next: Option<Instant>,
}

struct CountedBacklog {
    backlog: Arc<Vec<Backlog>>,
    took: Duration,
    /// Not again before.
    next: Instant,
}

impl Counting {
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, backlog: Mutex::default(), models: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// Counts the backlog for the watch, unless it is too early.
    pub async fn count_backlog(&self) -> Result<Option<Arc<Vec<Backlog>>>, SyncError> {
        if self.last_backlog().as_ref().is_some_and(|last| Instant::now() < last.next) {
            return Ok(None);
        }
        let began = Instant::now();
        let backlog = Arc::new(self.engine.records.backlog().await?);
        let took = began.elapsed();
        let next = Instant::now() + took * SHARE;
        *self.last_backlog() = Some(CountedBacklog { backlog: backlog.clone(), took, next });
        Ok(Some(backlog))
    }

    /// The backlog: counted now where that takes less than `patience`, else as the watch has last counted it.
    pub async fn backlog(&self, patience: Duration) -> Option<Arc<Vec<Backlog>>> {
        let last = self.last_backlog().as_ref().map(|last| (last.backlog.clone(), last.took));
        match last {
            Some((last, took)) if took >= LONG => Some(last),
            last => match tokio::time::timeout(patience, self.engine.records.backlog()).await {
                Ok(Ok(backlog)) => Some(Arc::new(backlog)),
                _ => last.map(|(last, _)| last),
            },
        }
    }

    /// The counts of a model: counted now where that takes less than `patience`, else the last ones.
    pub async fn model(self: &Arc<Self>, model: &'static Model, patience: Duration) -> Counts {
        if let Some(counted) = self.begin(model) {
            // After the timeout the count goes on in its own task.
            let _ = tokio::time::timeout(patience, counted).await;
        }
        self.models().get(model.name).map_or((None, None), |counted| counted.counts)
    }

    /// Begins to count a model, unless that is under way or it is too early. The receiver is notified of the end.
    fn begin(self: &Arc<Self>, model: &'static Model) -> Option<oneshot::Receiver<()>> {
        let mut models = self.models();
        let counted = models.entry(model.name).or_default();
        if counted.running || counted.next.is_some_and(|next| Instant::now() < next) {
            return None;
        }
        counted.running = true;
        let (sender, receiver) = oneshot::channel();
        let counting = self.clone();
        tokio::spawn(async move {
            let turn = counting.turn.lock().await;
            let began = Instant::now();
            let engine = &counting.engine;
            let (rows, documents) =
                futures::join!(catch_panic(rows(engine, model)), catch_panic(documents(engine, model)));
            drop(turn);
            let counted = CountedModel {
                counts: (rows.ok(), documents.ok()),
                running: false,
                next: Some(Instant::now() + began.elapsed() * SHARE),
            };
            counting.models().insert(model.name, counted);
            // The receiver is dropped when the caller's patience has ended.
            let _ = sender.send(());
        });
        Some(receiver)
    }

    fn last_backlog(&self) -> MutexGuard<'_, Option<CountedBacklog>> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn models(&self) -> MutexGuard<'_, HashMap<&'static str, CountedModel>> {
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn rows(engine: &Engine, model: &'static Model) -> Result<u64, SyncError> {
    let snapshot = engine.records.snapshot().await?;
    let count = snapshot.count(model).await?;
    snapshot.close().await?;
    Ok(count)
}

async fn documents(engine: &Engine, model: &'static Model) -> Result<u64, SyncError> {
    Ok(engine.mirror.count(model).await?)
}
