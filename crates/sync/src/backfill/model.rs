//! The backfill of a model: every row, page by page, beside live writes. It can be interrupted at any moment and resumes from its
//! cursor. Its writes are guarded, so it never undoes what the relay has done meanwhile.
//!
//! A model is backfilled initially, and again after a change of its revision. Where there are documents, their sync metadata is
//! read first: a document that is up to date is left alone, so repeating a backfill costs little more than reading.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chainbill_domain::Model;
use chainbill_mirror::{Guard, Outcome, Page};
use chainbill_records::{BackfillState, FaultSource, ModelState};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    backfill::{
        pages::{BackfillPage, Start, read_ahead},
        prepare::prepare,
    },
    cluster::lease::LeaseGuard,
    engine::{
        context::Engine,
        throttled::{self, all_done},
    },
    errors::SyncError,
    panics::{cancelled, catch_panic},
    progress::{OnProgress, Progress},
};

/// What a backfill did.
#[derive(Debug, Clone, Copy, Default)]
pub struct BackfillReport {
    /// Rows written or found to be in place already.
    pub rows: u64,
    /// Rows that cannot be written; the relay makes dead letters of them.
    pub parked: u64,
}

/// The cursor is saved about this often.
const SAVE_EVERY: Duration = Duration::from_millis(500);
/// Models backfilled side by side on a server: while one waits for an answer another writes.
const MODELS_AT_ONCE: usize = 4;

/// How many models are backfilled side by side. An embedded mirror has one writer: several models would only hold more pages in
/// memory.
pub(crate) fn models_at_once(engine: &Engine) -> usize {
    if engine.mirror.writes_side_by_side() { MODELS_AT_ONCE } else { 1 }
}

/// How many pages of a model are written side by side.
fn pages_at_once(engine: &Engine) -> usize {
    if engine.mirror.writes_side_by_side() { engine.settings.pages_ahead.max(1) } else { 1 }
}

/// Why rows are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The model was never backfilled as a whole.
    Initial,
    /// Its documents are there, and some may be of another revision.
    Revision,
}

impl Purpose {
    const fn state(self) -> ModelState {
        match self {
            Self::Initial => ModelState::Copying,
            Self::Revision => ModelState::Backfilling,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Initial => "copied",
            Self::Revision => "backfilled",
        }
    }
}

/// The backfill that a model needs, if any.
pub(crate) async fn due(engine: &Engine, model: &'static Model) -> Result<Option<Purpose>, SyncError> {
    let state = engine.records.backfill_state(model).await?;
    Ok(match state.state {
        ModelState::Pending | ModelState::Copying => Some(Purpose::Initial),
        ModelState::Backfilling => Some(Purpose::Revision),
        ModelState::CatchingUp | ModelState::Live => {
            let every = engine.settings.every(model);
            let other =
                state.revision != Some(model.revision()) || engine.schemas.others_wrote(model, state.started_at, every);
            other.then_some(Purpose::Revision)
        }
    })
}

/// Backfills a model from its cursor, or from the start when no backfill of this purpose is under way.
pub(crate) async fn backfill(
    engine: &Arc<Engine>,
    model: &'static Model,
    purpose: Purpose,
    report: OnProgress<'_>,
    stop: &CancellationToken,
) -> Result<BackfillReport, SyncError> {
    engine.schemas.attend_ruling().await?;
    let lease = LeaseGuard::acquire_patiently(engine, &format!("copy-{}", model.name), stop).await?;
    let result = tokio::select! {
        result = lease.protect(backfill_leased(engine, model, purpose, report, stop)) => result,
        () = engine.schemas.outranked() => Err(SyncError::Outranked),
    };
    lease.release().await;
    match &result {
        Ok(_) => engine.faults.end(model, FaultSource::Backfill).await?,
        Err(error) => engine.faults.add(model, FaultSource::Backfill, error).await?,
    }
    result
}

async fn backfill_leased(
    engine: &Arc<Engine>,
    model: &'static Model,
    purpose: Purpose,
    report: OnProgress<'_>,
    stop: &CancellationToken,
) -> Result<BackfillReport, SyncError> {
    prepare(engine, &[model]).await?;
    let page = Page { after: None, up_to: None, limit: 1 };
    let is_empty = engine.mirror.stamps(model, page).await?.is_empty();
    if !is_empty && purpose == Purpose::Initial {
        engine.records.settle_fact(&purge_due(model), "due").await?;
    }
    let mut state = begin(engine, model, purpose).await?;
    // Entries that were acked before this moment may have been applied to documents that no longer exist.
    let fence = engine.records.fence().await?;
    let start = Start { cursor: state.cursor.clone(), is_empty, fence };
    let (pages, reader) = read_ahead(engine.clone(), model, start, stop.clone());
    let (started, first) = (Instant::now(), state.copied);
    let parked = write_pages(engine, model, &mut state, pages, report).await?;
    reader.await.map_err(cancelled)?;
    if stop.is_cancelled() {
        save(engine, &state).await?;
        return Err(SyncError::Stopped);
    }
    state.rate = rate(state.copied - first, started.elapsed());
    finish(engine, model, purpose, &mut state).await?;
    report(progress(model, &state));
    // A model without rows is no news.
    if state.copied > 0 {
        let (word, BackfillState { copied, rate, .. }) = (purpose.word(), &state);
        tracing::info!(model = model.name, "Sync has {word} {copied} rows of {} at {rate}/s", model.name);
    }
    Ok(BackfillReport { rows: u64::try_from(state.copied).unwrap_or(0), parked })
}

/// Writes pages until there are no more, and saves the cursor now and then. Returns how many rows cannot be written.
async fn write_pages(
    engine: &Arc<Engine>,
    model: &'static Model,
    state: &mut BackfillState,
    pages: mpsc::Receiver<Result<BackfillPage, SyncError>>,
    report: OnProgress<'_>,
) -> Result<u64, SyncError> {
    let mut written = stream::unfold(pages, async |mut pages: mpsc::Receiver<_>| {
        let page: Result<BackfillPage, SyncError> = pages.recv().await?;
        Some((page, pages))
    })
    .map(|page| catch_panic(write(engine.clone(), model, page)))
    .buffered(pages_at_once(engine))
    .boxed();
    let (started, mut saved, first, mut parked) = (Instant::now(), Instant::now(), state.copied, 0);
    while let Some(page) = written.try_next().await? {
        engine.enqueue_for_relay(model, &page.poison).await?;
        parked += page.poison.len() as u64;
        state.copied = state.copied.saturating_add(i64::try_from(page.rows).unwrap_or(0));
        state.cursor = Some(page.last);
        state.rate = rate(state.copied - first, started.elapsed());
        report(progress(model, state));
        if saved.elapsed() >= SAVE_EVERY {
            save(engine, state).await?;
            saved = Instant::now();
        }
    }
    Ok(parked)
}

/// The name of the fact that a backfill was written onto existing documents, so that orphans are to be purged after it.
pub(crate) fn purge_due(model: &Model) -> String {
    format!("purge-{}", model.name)
}

fn progress(model: &'static Model, state: &BackfillState) -> Progress {
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    Progress { model: model.name, done: count(state.copied), total: count(state.total.max(state.copied)) }
}

fn rate(rows: i64, elapsed: Duration) -> i64 {
    let millis = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX).max(1);
    rows.saturating_mul(1000) / millis
}

/// The state that the backfill resumes from, or that of a new one.
async fn begin(engine: &Engine, model: &'static Model, purpose: Purpose) -> Result<BackfillState, SyncError> {
    let mut state = engine.records.backfill_state(model).await?;
    let revision = Some(model.revision());
    if state.state != purpose.state() || state.cursor.is_none() || state.revision != revision {
        let snapshot = engine.records.snapshot().await?;
        let total = snapshot.count(model).await?;
        snapshot.close().await?;
        state.state = purpose.state();
        state.revision = revision;
        state.cursor = None;
        state.copied = 0;
        state.total = i64::try_from(total).unwrap_or(i64::MAX);
        state.started_at = Some(engine.now());
        if purpose == Purpose::Initial {
            state.finished_at = None;
        }
        engine.records.save_backfill(&state).await?;
    }
    if state.total > 0 {
        tracing::info!(
            model = model.name,
            total = state.total,
            revision = %model.revision(),
            "Sync {} {} from {:?}",
            if purpose == Purpose::Initial { "initially backfills" } else { "backfills" },
            model.name,
            state.cursor
        );
    }
    Ok(state)
}

async fn finish(
    engine: &Engine,
    model: &'static Model,
    purpose: Purpose,
    state: &mut BackfillState,
) -> Result<(), SyncError> {
    state.state = ModelState::CatchingUp;
    state.cursor = None;
    state.finished_at = Some(engine.now());
    save(engine, state).await?;
    let result = format!("{} {} rows at {}/s", purpose.word(), state.copied, state.rate);
    Ok(engine.records.note_result(model, &result).await?)
}

/// Saves the cursor. When another backfill of the model was ordered meanwhile, this one has lost its state.
async fn save(engine: &Engine, state: &BackfillState) -> Result<(), SyncError> {
    match engine.records.save_progress(state).await? {
        true => Ok(()),
        false => Err(SyncError::LeaseTaken(format!("the copy of {}", state.model))),
    }
}

async fn write(
    engine: Arc<Engine>,
    model: &'static Model,
    page: Result<BackfillPage, SyncError>,
) -> Result<BackfillPage, SyncError> {
    let mut page = page?;
    let outcomes = throttled::apply(&engine, model, Guard::Outdated, &page.writes).await?;
    all_done(&outcomes)?;
    for (write, outcome) in page.writes.drain(..).zip(outcomes) {
        match outcome {
            Outcome::Rejected(_) => page.poison.push(write.id),
            Outcome::Applied => page.done.extend(page.pending.remove(&write.id).unwrap_or_default()),
            // Another document is in place: the relay inspects it when it carries out the entries.
            Outcome::Stale | Outcome::Refused(_) | Outcome::Throttled(_) => {}
        }
    }
    page.done.sort_unstable();
    if let Err(error) = engine.records.dequeue(&page.done).await {
        tracing::debug!(model = model.name, "Sync leaves entries of backfilled rows to the relay: {error}");
    }
    Ok(page)
}
