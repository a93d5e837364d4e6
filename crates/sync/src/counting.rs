//! Counting: what waits, and both sides of a model. With millions it takes seconds, whoever has stopped waiting for it. So
//! what took long is not counted again before ten times as long has passed, and of models one is counted at a time, to its
//! end.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chainbill_domain::Model;
use chainbill_records::outbox::Backlog;
use tokio::sync::oneshot;

use crate::{SyncError, caught::caught, engine::Engine};

/// Rows and documents of a model, as far as they are known.
pub(crate) type Counts = (Option<u64>, Option<u64>);

/// Of its time, counting may take this share at most.
const SHARE: u32 = 10;

/// What is counted in less is counted anew for everybody who asks.
const LONG: Duration = Duration::from_millis(100);

/// What was counted last.
#[derive(Default)]
pub(crate) struct Counting {
    /// What waited, as whoever watches it has counted it.
    waiting: Mutex<Option<Waiting>>,
    models: Mutex<HashMap<&'static str, Counted>>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Counted {
    known: Counts,
    running: bool,
    /// Not again before.
    next: Option<Instant>,
}

struct Waiting {
    backlog: Arc<Vec<Backlog>>,
    took: Duration,
    /// Not again before.
    next: Instant,
}

/// Counts what waits, for who watches it, unless it is too early.
pub(crate) async fn look(engine: &Engine) -> Result<Option<Arc<Vec<Backlog>>>, SyncError> {
    if engine.counting.waiting().as_ref().is_some_and(|waiting| Instant::now() < waiting.next) {
        return Ok(None);
    }
    let began = Instant::now();
    let backlog = Arc::new(engine.records.backlog().await?);
    let took = began.elapsed();
    let next = Instant::now() + took * SHARE;
    *engine.counting.waiting() = Some(Waiting { backlog: backlog.clone(), took, next });
    Ok(Some(backlog))
}

/// What waits: counted now where it comes within `patience`, else as whoever watches it has counted it last.
pub(crate) async fn backlog(engine: &Engine, patience: Duration) -> Option<Arc<Vec<Backlog>>> {
    let last = engine.counting.waiting().as_ref().map(|waiting| (waiting.backlog.clone(), waiting.took));
    match last {
        Some((last, took)) if took >= LONG => Some(last),
        last => match tokio::time::timeout(patience, engine.records.backlog()).await {
            Ok(Ok(backlog)) => Some(Arc::new(backlog)),
            _ => last.map(|(last, _)| last),
        },
    }
}

/// The counts of a model: fresh ones where they come within `patience`, else those of the last time.
pub(crate) async fn counts(engine: &Arc<Engine>, model: &'static Model, patience: Duration) -> Counts {
    if let Some(end) = begin(engine, model) {
        // Whoever counts goes on without us.
        let _ = tokio::time::timeout(patience, end).await;
    }
    engine.counting.models().get(model.name).map_or((None, None), |counted| counted.known)
}

/// Begins to count, unless somebody does or it is too early; hears of the end.
fn begin(engine: &Arc<Engine>, model: &'static Model) -> Option<oneshot::Receiver<()>> {
    let mut models = engine.counting.models();
    let counted = models.entry(model.name).or_default();
    if counted.running || counted.next.is_some_and(|next| Instant::now() < next) {
        return None;
    }
    counted.running = true;
    let (told, end) = oneshot::channel();
    let engine = engine.clone();
    tokio::spawn(async move {
        let turn = engine.counting.turn.lock().await;
        let began = Instant::now();
        let known = futures::join!(caught(rows(&engine, model)), caught(documents(&engine, model)));
        drop(turn);
        let counted = Counted {
            known: (known.0.ok(), known.1.ok()),
            running: false,
            next: Some(Instant::now() + began.elapsed() * SHARE),
        };
        engine.counting.models().insert(model.name, counted);
        // Nobody may wait any more.
        let _ = told.send(());
    });
    Some(end)
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

impl Counting {
    fn waiting(&self) -> MutexGuard<'_, Option<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn models(&self) -> MutexGuard<'_, HashMap<&'static str, Counted>> {
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
