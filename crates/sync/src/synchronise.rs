//! The face of the synchronisation.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chainbill_domain::{Model, Timestamp, freshness::Token, proof::Proof};
use chainbill_mirror::Mirror;
use chainbill_records::{CopyState, Parked, Records, outbox::ANALYTICS};
use futures::{FutureExt as _, StreamExt as _, stream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    Copied, Freshness, Mending, Order, Outcome, Recent, Repaired, Report, RunReport, Settings, Status, SyncError, Why,
    certificate,
    compare::Level,
    copy::{self, Purpose, models_at_once},
    engine::Engine,
    events,
    examine::CarriedOut,
    freshness, keeper,
    lane::Lane,
    partitions::Partitions,
    prepare, recent, relay,
    repair::{self, Mandate},
    runs, status, why,
    width::Width,
};

/// Keeps the second database identical to the primary. Cloning shares the engine.
#[derive(Clone)]
pub struct Sync {
    engine: Arc<Engine>,
}

/// The tasks of a running synchronisation.
#[must_use = "dropping it ends the tasks in the middle of what they do"]
pub struct Running {
    stop: CancellationToken,
    lanes_ended: CancellationToken,
    lanes: JoinSet<()>,
    others: JoinSet<()>,
}

impl Running {
    /// Lets every task finish its batch, gives leases back, and ends.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.lanes.join_next().await.is_some() {}
        self.lanes_ended.cancel();
        while self.others.join_next().await.is_some() {}
    }
}

impl Sync {
    /// Connects the two; nothing runs yet.
    #[must_use]
    pub fn new(records: Records, mirror: Arc<dyn Mirror>, settings: Settings) -> Self {
        Self { engine: Arc::new(Engine::new(records, mirror, settings)) }
    }

    /// Starts the relay's lanes, the sharing of partitions and the keeper.
    pub fn start(&self) -> Running {
        let mut running = self.relay();
        running.others.spawn(keeper::watch(self.engine.clone(), running.stop.clone()));
        running.others.spawn(keeper::lead(self.engine.clone(), running.stop.clone()));
        running.others.spawn(keeper::shape(self.engine.clone(), running.stop.clone()));
        tracing::info!(owner = self.engine.owner, "Sync runs to {}", self.engine.mirror.engine());
        running
    }

    fn relay(&self) -> Running {
        self.engine.figures.relays.store(true, Ordering::Relaxed);
        let (stop, lanes_ended) = (CancellationToken::new(), CancellationToken::new());
        let (mut lanes, mut others) = (JoinSet::new(), JoinSet::new());
        let partitions = Partitions::new(self.engine.clone());
        let width = Width::of(self.engine.settings.lanes);
        for index in 0..self.engine.settings.lanes {
            lanes.spawn(Lane::new(self.engine.clone(), index, width.clone(), partitions.held()).run(stop.clone()));
        }
        others.spawn(partitions.run(stop.clone(), lanes_ended.clone()));
        events::start(&self.engine, &mut others, &stop);
        Running { stop, lanes_ended, lanes, others }
    }

    /// Carries out everything that waits now, beside whoever else relays: for a process that has work done and does not
    /// stay. What cannot be written is parked by then.
    ///
    /// # Errors
    /// [`SyncError::Stopped`] when asked to stop; when either database does not answer.
    pub async fn settle(&self, stop: &CancellationToken) -> Result<(), SyncError> {
        let (began, running) = (self.engine.now(), self.relay());
        let settled = async {
            // What this process has committed is to be seen before nothing is said to wait.
            let mut fence = self.engine.records.fence().await?;
            loop {
                let snapshot = self.engine.records.snapshot_after(&mut fence).await?;
                let oldest = snapshot.oldest_waiting().await?;
                snapshot.close().await?;
                if oldest.is_none_or(|oldest| oldest > began) {
                    return Ok(());
                }
                // The relay would wait for it to come back; whoever runs a command should hear of it instead.
                self.engine.mirror.ping().await?;
                self.engine.hindered()?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let result = tokio::select! { result = settled => result, () = stop.cancelled() => Err(SyncError::Stopped) };
        running.stop().await;
        result
    }

    /// What there is to say, within a second.
    pub async fn status(&self) -> Status {
        status::status(&self.engine, true).await
    }

    /// The same without the counts of both sides: cheap enough to be asked every second.
    pub async fn pulse(&self) -> Status {
        status::status(&self.engine, false).await
    }

    /// Copies a model anew from its first row, or goes on with a copy that was interrupted, and then removes what has no
    /// row.
    ///
    /// # Errors
    /// [`SyncError::Held`] when another process copies it.
    pub async fn initial(
        &self,
        model: &'static Model,
        report: Report<'_>,
        stop: &CancellationToken,
    ) -> Result<Copied, SyncError> {
        self.engine.attend_ruling().await?;
        recognise(&self.engine).await?;
        fill(&self.engine, model, report, stop).await
    }

    /// [`Self::initial`] of several models side by side; what one of them meets holds up no other.
    pub async fn initial_of(
        &self,
        models: &[&'static Model],
        report: Report<'_>,
        stop: &CancellationToken,
    ) -> Vec<(&'static Model, Result<Copied, SyncError>)> {
        let one = |model: &&'static Model| copied(self, model, report, stop).boxed();
        let works: Vec<_> = models.iter().map(one).collect();
        let mut all: Vec<_> = stream::iter(works).buffer_unordered(models_at_once(&self.engine)).collect().await;
        all.sort_by_key(|(model, _)| models.iter().position(|other| other.name == model.name));
        all
    }

    /// Whether the model's documents are of an earlier description, or may be.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn needs_backfill(&self, model: &'static Model) -> Result<bool, SyncError> {
        Ok(copy::due(&self.engine, model).await? == Some(Purpose::Backfill))
    }

    /// Makes a model's documents anew where they are of an earlier description, and looks at all of them.
    ///
    /// # Errors
    /// [`SyncError::Outranked`] when another release keeps the shape of the documents.
    pub async fn backfill(
        &self,
        model: &'static Model,
        report: Report<'_>,
        stop: &CancellationToken,
    ) -> Result<Copied, SyncError> {
        copy::copy(&self.engine, model, Purpose::Backfill, report, stop).await
    }

    /// Compares a model and does with drift as told.
    ///
    /// # Errors
    /// [`SyncError::Held`] when another process does; [`SyncError::Breaker`] when more differs than may be repaired.
    pub async fn run(
        &self,
        model: &'static Model,
        order: Order,
        report: Report<'_>,
        stop: &CancellationToken,
    ) -> Result<RunReport, SyncError> {
        runs::run(&self.engine, model, order, report, stop).await
    }

    /// Looks at what has changed in a model since a moment, and makes right what differs. What bulk statements wrote with a
    /// time of change from before, or deleted, is not among it: a comparison finds that.
    ///
    /// # Errors
    /// [`SyncError::Held`] when another process is at the model.
    pub async fn since(
        &self,
        model: &'static Model,
        since: Timestamp,
        report: Report<'_>,
        stop: &CancellationToken,
    ) -> Result<Recent, SyncError> {
        recent::recover(&self.engine, model, since, report, stop).await
    }

    /// Whether the model was never copied as a whole.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn needs_copy(&self, model: &'static Model) -> Result<bool, SyncError> {
        runs::needs_copy(&self.engine, model).await
    }

    /// Brings one entity's document in step now, whatever has happened to it.
    ///
    /// # Errors
    /// When either database does not answer.
    pub async fn one(&self, model: &'static Model, id: &str) -> Result<(Repaired, Why), SyncError> {
        let run = self.engine.records.new_id();
        relay::carry_now(&self.engine, model, id).await?;
        let rules = self.engine.attend().await?;
        let (ids, mandate) = ([id.to_owned()], Mandate { run: &run, force: true, carried_out: CarriedOut::new() });
        let repaired = repair::repair(&self.engine, model, &ids, &mandate).await?;
        if rules {
            copy::renew(&self.engine, model, &ids).await?;
        }
        Ok((repaired, self.why(model, id).await?))
    }

    /// Why a document is as it is.
    ///
    /// # Errors
    /// When either database does not answer.
    pub async fn why(&self, model: &'static Model, id: &str) -> Result<Why, SyncError> {
        why::why(&self.engine, model, id).await
    }

    /// Parked entities, the longest waiting first.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn failures(&self, model: Option<&str>, limit: u32) -> Result<Vec<Parked>, SyncError> {
        Ok(self.engine.records.parked(model, limit).await?)
    }

    /// Puts a parked entity back on the queue; `false` when there is none.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn retry_failure(&self, model: &str, id: &str) -> Result<bool, SyncError> {
        Ok(self.engine.records.retry_parked(model, id).await?)
    }

    /// Forgets a parked entity; its copy stays as it is until its next change or comparison. `false` when there is none.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn drop_failure(&self, model: &str, id: &str) -> Result<bool, SyncError> {
        Ok(self.engine.records.unpark(model, &[id.to_owned()]).await? > 0)
    }

    /// Waits until what the token names is in the second database, at most so long.
    ///
    /// # Errors
    /// When the second database does not answer.
    pub async fn wait_fresh(&self, token: &Token, bound: Duration) -> Result<Freshness, SyncError> {
        freshness::wait(&self.engine, token, bound).await
    }

    /// A proof from the model's newest certificate; none when the entity is not in it.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn prove(&self, model: &'static Model, id: &str) -> Result<Option<Proof>, SyncError> {
        certificate::prove(&self.engine, model, id).await
    }

    /// The primary, for what is only listed: runs, certificates, evidence.
    #[must_use]
    pub fn records(&self) -> &Records {
        &self.engine.records
    }

    /// Waits until neither entries nor events wait, heartbeats left out, at most so long; whether it came to that.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn drained(&self, bound: Duration) -> Result<bool, SyncError> {
        let until = tokio::time::Instant::now() + bound;
        loop {
            let backlog = self.engine.records.backlog().await?;
            if backlog.iter().all(|waiting| waiting.model == crate::HEARTBEATS.name) {
                return Ok(true);
            }
            if tokio::time::Instant::now() >= until {
                return Ok(false);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn copied(
    sync: &Sync,
    model: &'static Model,
    report: Report<'_>,
    stop: &CancellationToken,
) -> (&'static Model, Result<Copied, SyncError>) {
    (model, sync.initial(model, report, stop).await)
}

/// Copies a model and, where documents were there before, compares: those without a row go.
pub(crate) async fn fill(
    engine: &Arc<Engine>,
    model: &'static Model,
    report: Report<'_>,
    stop: &CancellationToken,
) -> Result<Copied, SyncError> {
    let copied = copy::copy(engine, model, Purpose::Initial, report, stop).await?;
    tidy(engine, model, stop).await?;
    Ok(copied)
}

/// After a copy onto documents that were there: nothing but what was copied may be there, so whatever else is found goes,
/// however much of it there is. That it is due is written down, for a process may end in between.
pub(crate) async fn tidy(
    engine: &Arc<Engine>,
    model: &'static Model,
    stop: &CancellationToken,
) -> Result<(), SyncError> {
    let due = copy::to_be_tidied(model);
    if engine.records.fact(&due).await?.is_none() || runs::needs_copy(engine, model).await? {
        return Ok(());
    }
    let order = Order::new("initial", Level::Deep, Mending::Force);
    loop {
        let report = runs::run(engine, model, order, &|_| {}, stop).await?;
        // There may be more than one run lists. What it cannot make right is no longer the copy's matter.
        if report.outcome != Outcome::Drift || report.repaired.repaired == 0 {
            return Ok(engine.records.forget_fact(&due).await?);
        }
    }
}

/// Looks whether the second database belongs to this primary. One that does not, or no longer, is to be filled anew.
pub(crate) async fn recognise(engine: &Arc<Engine>) -> Result<(), SyncError> {
    let _turn = engine.recognising.lock().await;
    let ours = engine.records.settle_fact("identity", &engine.records.new_id()).await?;
    let theirs = engine.mirror.identity().await?;
    if theirs.as_deref() == Some(ours.as_str()) {
        return Ok(());
    }
    match &theirs {
        None => tracing::info!("Sync finds the second database empty and fills it"),
        Some(other) => tracing::warn!("Sync finds copies of another primary ({other}) and makes its own"),
    }
    prepare::all(engine).await?;
    for model in engine.settings.models() {
        let mut copy = engine.records.copy(model).await?;
        copy.state = CopyState::Pending;
        copy.cursor = None;
        engine.records.save_copy(&copy).await?;
    }
    // Before anything says that the mirror is ours: what was interrupted here begins again.
    engine.records.rewind_consumer(ANALYTICS).await?;
    engine.mirror.set_identity(&ours).await?;
    Ok(())
}
