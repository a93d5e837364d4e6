//! The filler: keeps the mirror prepared and complete. A mirror that was emptied, or replaced by another, is filled again without
//! an operator. One process of the ruling schema does it at a time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chainbill_domain::Model;
use futures::{FutureExt as _, StreamExt as _, stream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    backfill::{
        identity,
        model::{Purpose, backfill, due, models_at_once},
        prepare,
        purge::{self, purge},
    },
    cluster::leader::lead,
    engine::context::Engine,
    errors::SyncError,
    panics::catch_panic,
};

const ROUND: Duration = Duration::from_secs(1);
/// The pause after which refused collections and indexes are prepared again.
const PREPARE_AGAIN: Duration = Duration::from_secs(15);
/// What a model waits for whose turn comes later.
const TURN: &str = "its turn: other models are copied first";

/// Fills the mirror whenever this process is the leader, until cancelled.
pub(crate) async fn run(engine: Arc<Engine>, stop: CancellationToken) {
    let rules = || async { engine.schemas.rules() || matches!(catch_panic(engine.schemas.attend()).await, Ok(true)) };
    let work = || async {
        let filler = Filler { engine: engine.clone(), waits: Mutex::default() };
        tokio::select! {
            result = filler.keep_filled(&stop) => result,
            () = engine.schemas.outranked() => Err(SyncError::Outranked),
        }
    };
    lead(&engine, "shape", ROUND, rules, work, &stop).await;
}

struct Filler {
    engine: Arc<Engine>,
    /// What models wait for, as it was last saved.
    waits: Mutex<HashMap<&'static str, Option<String>>>,
}

impl Filler {
    async fn keep_filled(&self, stop: &CancellationToken) -> Result<(), SyncError> {
        // New indexes of this release, and a changed retention, are prepared even where everything else is in place.
        let mut in_place = self.prepare().await;
        let mut next = Instant::now() + PREPARE_AGAIN;
        let mut pause = ROUND;
        loop {
            match self.fill(stop).await {
                Ok(()) => pause = 5 * ROUND,
                Err(error) => {
                    tracing::debug!("Sync cannot fill the mirror yet: {error}");
                    pause = (pause * 2).min(5 * ROUND);
                }
            }
            tokio::time::sleep(pause).await;
            if !in_place && Instant::now() >= next {
                // A mirror that does not answer now is asked again in the next round.
                in_place = prepare::all(&self.engine).await.unwrap_or(false);
                next = Instant::now() + PREPARE_AGAIN;
            }
        }
    }

    /// Prepares the mirror as soon as it answers. Returns whether everything is in place. Each cause of waiting is logged once.
    async fn prepare(&self) -> bool {
        let mut reported = String::new();
        loop {
            let error = match prepare::all(&self.engine).await {
                Ok(in_place) => return in_place,
                Err(error) => error.to_string(),
            };
            if reported != error {
                tracing::warn!("Sync waits for the mirror to be prepared: {error}");
                reported.clone_from(&error);
            }
            let what = format!("the mirror to be prepared: {error}");
            if let Err(error) = self.all_wait_for(self.engine.settings.models(), &what).await {
                tracing::debug!("Sync cannot save what it waits for: {error}");
            }
            tokio::time::sleep(ROUND).await;
        }
    }

    async fn fill(&self, stop: &CancellationToken) -> Result<(), SyncError> {
        let (engine, models) = (&self.engine, self.engine.settings.models());
        identity::check(engine).await?;
        let at_once = models_at_once(engine);
        self.all_wait_for(models.get(at_once..).unwrap_or_default(), TURN).await?;
        let works: Vec<_> = models.iter().map(|model| self.fill_one(model, stop).boxed()).collect();
        let filled: Vec<_> = stream::iter(works).buffer_unordered(at_once).collect().await;
        // A failure of one model holds up no other.
        filled.into_iter().collect()
    }

    async fn fill_one(&self, model: &'static Model, stop: &CancellationToken) -> Result<(), SyncError> {
        let engine = &self.engine;
        self.waits_for(model, None).await?;
        let done = match due(engine, model).await? {
            Some(Purpose::Initial) => purge::fill(engine, model, &|_| {}, stop).await.map(drop),
            Some(Purpose::Revision) => backfill(engine, model, Purpose::Revision, &|_| {}, stop).await.map(drop),
            None => purge(engine, model, stop).await,
        };
        if let Err(error) = &done
            && !matches!(error, SyncError::Stopped)
        {
            tracing::debug!(model = model.name, "Sync cannot fill {} yet: {error}", model.name);
            self.waits_for(model, Some(format!("another try: {error}"))).await?;
        }
        done
    }

    /// Those of these models whose backfill is due wait for the same.
    async fn all_wait_for(&self, models: &[&'static Model], what: &str) -> Result<(), SyncError> {
        for model in models {
            if due(&self.engine, model).await?.is_some() {
                self.waits_for(model, Some(what.to_owned())).await?;
            }
        }
        Ok(())
    }

    /// Saves what a model's backfill waits for; `None` once it goes on.
    async fn waits_for(&self, model: &'static Model, what: Option<String>) -> Result<(), SyncError> {
        let waits = || self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        if waits().get(model.name) == Some(&what) {
            return Ok(());
        }
        self.engine.records.note_waiting(model, what.as_deref()).await?;
        match what.as_deref() {
            None => {}
            Some(TURN) => tracing::debug!(model = model.name, "Sync of {} waits for {TURN}", model.name),
            Some(what) => tracing::info!(model = model.name, "Sync of {} waits for {what}", model.name),
        }
        waits().insert(model.name, what);
        Ok(())
    }
}
