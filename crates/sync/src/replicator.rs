//! The public face of the synchronisation.

use std::{sync::Arc, time::Duration};

use chainbill_domain::{Model, Timestamp, freshness::Token, proof::Proof};
use chainbill_mirror::ReplicationTarget;
use chainbill_records::{DeadLetter, Records};
use futures::{FutureExt as _, StreamExt as _, stream};
use tokio_util::sync::CancellationToken;

use crate::{
    backfill::{
        identity,
        model::{self as backfills, BackfillReport, Purpose, models_at_once},
        purge,
    },
    engine::context::Engine,
    errors::SyncError,
    progress::OnProgress,
    relay::{heartbeat::HEARTBEATS, portion},
    repair::{
        drift::{RepairContext, Repaired, repair},
        order::Order,
        recovery::{self, Recovery},
        report::RunReport,
        rewrite::rewrite_outdated,
        run,
    },
    settings::Settings,
    status::{
        explain::{Explanation, explain},
        freshness::{self, Freshness},
        observer::Observer,
        report::Status,
        verdict,
    },
    tasks::{self, Running},
    verify::{certificate, inspect::AppliedVersions},
};

/// Keeps the mirror identical to the primary. Clones share their state.
#[derive(Clone)]
pub struct Replicator {
    engine: Arc<Engine>,
    observer: Arc<Observer>,
}

impl Replicator {
    /// Connects the two databases; nothing runs yet.
    #[must_use]
    pub fn new(records: Records, mirror: Arc<dyn ReplicationTarget>, settings: Settings) -> Self {
        let engine = Arc::new(Engine::new(records, mirror, settings));
        Self { observer: Arc::new(Observer::new(engine.clone())), engine }
    }

    /// Starts the relay, the watch, the filler and the jobs of the leader.
    pub fn start(&self) -> Running {
        tasks::start(&self.observer)
    }

    /// Relays everything that is pending now, beside other processes: for a command that ends. What cannot be written is a dead letter
    /// by then.
    ///
    /// # Errors
    /// [`SyncError::Stopped`] when cancelled; when either database does not answer.
    pub async fn drain(&self, stop: &CancellationToken) -> Result<(), SyncError> {
        let (began, running) = (self.engine.now(), tasks::start_relay(&self.engine));
        let drained = async {
            // The snapshot must show what this process has committed.
            let mut fence = self.engine.records.fence().await?;
            loop {
                let snapshot = self.engine.records.snapshot_after(&mut fence).await?;
                let oldest = snapshot.oldest_waiting().await?;
                snapshot.close().await?;
                if oldest.is_none_or(|oldest| oldest > began) {
                    return Ok(());
                }
                // The relay would wait for the mirror to return; a command reports the failure instead.
                self.engine.mirror.ping().await?;
                self.engine.faults.check_relay()?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let result = tokio::select! { result = drained => result, () = stop.cancelled() => Err(SyncError::Stopped) };
        running.stop().await;
        result
    }

    /// The status report, within a second.
    pub async fn status(&self) -> Status {
        verdict::status(&self.observer, true).await
    }

    /// The status report without the counts of both sides: cheap enough for every second.
    pub async fn pulse(&self) -> Status {
        verdict::status(&self.observer, false).await
    }

    /// Backfills a model from its first row, or resumes an interrupted backfill, and then purges documents without a row.
    ///
    /// # Errors
    /// [`SyncError::LeaseTaken`] when another process backfills it.
    pub async fn initial(
        &self,
        model: &'static Model,
        report: OnProgress<'_>,
        stop: &CancellationToken,
    ) -> Result<BackfillReport, SyncError> {
        self.engine.schemas.attend_ruling().await?;
        identity::check(&self.engine).await?;
        purge::fill(&self.engine, model, report, stop).await
    }

    /// [`Self::initial`] of several models side by side; a failure of one holds up no other.
    pub async fn initial_of(
        &self,
        models: &[&'static Model],
        report: OnProgress<'_>,
        stop: &CancellationToken,
    ) -> Vec<(&'static Model, Result<BackfillReport, SyncError>)> {
        let one = |model: &&'static Model| initial_of_one(self, model, report, stop).boxed();
        let works: Vec<_> = models.iter().map(one).collect();
        let mut all: Vec<_> = stream::iter(works).buffer_unordered(models_at_once(&self.engine)).collect().await;
        all.sort_by_key(|(model, _)| models.iter().position(|other| other.name == model.name));
        all
    }

    /// Whether the model's documents are of another revision, or may be.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn needs_backfill(&self, model: &'static Model) -> Result<bool, SyncError> {
        Ok(backfills::due(&self.engine, model).await? == Some(Purpose::Revision))
    }

    /// Rewrites a model's documents where they are of an earlier revision; the metadata of all of them is read.
    ///
    /// # Errors
    /// [`SyncError::Outranked`] when the schema of another release rules.
    pub async fn backfill(
        &self,
        model: &'static Model,
        report: OnProgress<'_>,
        stop: &CancellationToken,
    ) -> Result<BackfillReport, SyncError> {
        backfills::backfill(&self.engine, model, Purpose::Revision, report, stop).await
    }

    /// Runs over a model: compares, and repairs drift as ordered.
    ///
    /// # Errors
    /// [`SyncError::LeaseTaken`] when another process does; [`SyncError::Breaker`] when more differs than may be repaired.
    pub async fn run(
        &self,
        model: &'static Model,
        order: Order,
        report: OnProgress<'_>,
        stop: &CancellationToken,
    ) -> Result<RunReport, SyncError> {
        run::run(&self.engine, model, order, report, stop).await
    }

    /// Inspects what has changed in a model since a moment, and repairs what differs. Rows that were written with an earlier
    /// `updated_at`, or deleted by bulk statements, are not found: a comparison finds them.
    ///
    /// # Errors
    /// [`SyncError::LeaseTaken`] when another process runs over the model.
    pub async fn since(
        &self,
        model: &'static Model,
        since: Timestamp,
        report: OnProgress<'_>,
        stop: &CancellationToken,
    ) -> Result<Recovery, SyncError> {
        recovery::recover(&self.engine, model, since, report, stop).await
    }

    /// Whether the model was never backfilled as a whole.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn needs_copy(&self, model: &'static Model) -> Result<bool, SyncError> {
        run::needs_backfill(&self.engine, model).await
    }

    /// Brings one entity's document in step now, even if it is quarantined.
    ///
    /// # Errors
    /// When either database does not answer.
    pub async fn one(&self, model: &'static Model, id: &str) -> Result<(Repaired, Explanation), SyncError> {
        let run = self.engine.records.new_id();
        portion::relay_entity(&self.engine, model, id).await?;
        let rules = self.engine.schemas.attend().await?;
        let (ids, applied) = ([id.to_owned()], AppliedVersions::new());
        let repaired = repair(&self.engine, model, &ids, &RepairContext { run: &run, force: true, applied }).await?;
        if rules {
            rewrite_outdated(&self.engine, model, &ids).await?;
        }
        Ok((repaired, self.explain(model, id).await?))
    }

    /// Explains why a document is as it is.
    ///
    /// # Errors
    /// When either database does not answer.
    pub async fn explain(&self, model: &'static Model, id: &str) -> Result<Explanation, SyncError> {
        explain(&self.engine, model, id).await
    }

    /// Dead letters, the oldest first.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn failures(&self, model: Option<&str>, limit: u32) -> Result<Vec<DeadLetter>, SyncError> {
        Ok(self.engine.records.dead_letters(model, limit).await?)
    }

    /// Enqueues a dead letter again; `false` when there is none.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn retry_failure(&self, model: &str, id: &str) -> Result<bool, SyncError> {
        Ok(self.engine.records.retry_dead_letter(model, id).await?)
    }

    /// Deletes a dead letter; its document stays as it is until the next change or comparison. `false` when there is none.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn drop_failure(&self, model: &str, id: &str) -> Result<bool, SyncError> {
        Ok(self.engine.records.delete_dead_letters(model, &[id.to_owned()]).await? > 0)
    }

    /// Waits until the mirror holds what the token names, at most so long.
    ///
    /// # Errors
    /// When the mirror does not answer.
    pub async fn wait_fresh(&self, token: &Token, bound: Duration) -> Result<Freshness, SyncError> {
        freshness::wait(&self.engine, token, bound).await
    }

    /// A proof from the model's newest certificate; `None` when the entity is not in it.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn prove(&self, model: &'static Model, id: &str) -> Result<Option<Proof>, SyncError> {
        certificate::prove(&self.engine, model, id).await
    }

    /// The primary, for lists of runs, certificates and evidence.
    #[must_use]
    pub fn records(&self) -> &Records {
        &self.engine.records
    }

    /// Waits until neither entries nor events are pending, heartbeats left out, at most so long. Returns whether none is.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn drained(&self, bound: Duration) -> Result<bool, SyncError> {
        let until = tokio::time::Instant::now() + bound;
        loop {
            let backlog = self.engine.records.backlog().await?;
            if backlog.iter().all(|waiting| waiting.model == HEARTBEATS.name) {
                return Ok(true);
            }
            if tokio::time::Instant::now() >= until {
                return Ok(false);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn initial_of_one(
    replicator: &Replicator,
    model: &'static Model,
    report: OnProgress<'_>,
    stop: &CancellationToken,
) -> (&'static Model, Result<BackfillReport, SyncError>) {
    (model, replicator.initial(model, report, stop).await)
}
