//! The initial copy: every row of a model, page by page, beside live writes. It can be ended at any moment and goes on
//! from its cursor; its writes are guarded, so it never undoes what the relay has done meanwhile.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chainbill_domain::Model;
use chainbill_mirror::{Guard, Outcome, Page, Write};
use chainbill_records::{Copy, CopyState, FaultSource, RowPage};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    SyncError,
    caught::{broken_off, caught},
    engine::Engine,
    held::Held,
    plan::write_of,
    planted::{Mistake, is as planted},
};

/// How far a copy or a comparison is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// The model.
    pub model: &'static str,
    /// Rows done.
    pub done: u64,
    /// Rows that there were at the beginning.
    pub total: u64,
}

/// Hears of progress.
pub type Report<'r> = &'r (dyn Fn(Progress) + Send + Sync);

/// What a copy did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Copied {
    /// Rows written or found to be there already.
    pub rows: u64,
    /// Rows that cannot be written; the relay is asked to park them.
    pub parked: u64,
}

/// Pages are written down as done about this often.
const SAVE_EVERY: Duration = Duration::from_millis(500);

struct Portion {
    last: String,
    rows: u64,
    writes: Vec<Write>,
    poison: Vec<String>,
}

/// Copies a model from its cursor, or from the start when it is not being copied.
pub(crate) async fn copy(
    engine: &Arc<Engine>,
    model: &'static Model,
    report: Report<'_>,
    stop: &CancellationToken,
) -> Result<Copied, SyncError> {
    let held = Held::wait(engine, &format!("copy-{}", model.name), stop).await?;
    let result = tokio::select! {
        result = copy_held(engine, model, report, stop) => result,
        () = held.lost() => Err(SyncError::Held(format!("the copy of {}", model.name))),
    };
    held.release().await;
    match &result {
        Ok(_) => engine.cured(model, FaultSource::Copy).await?,
        Err(error) => engine.failed(model, FaultSource::Copy, error).await?,
    }
    result
}

async fn copy_held(
    engine: &Arc<Engine>,
    model: &'static Model,
    report: Report<'_>,
    stop: &CancellationToken,
) -> Result<Copied, SyncError> {
    engine.mirror.prepare(&[model], engine.settings.retention).await?;
    let page = Page { after: None, up_to: None, limit: 1 };
    let found_documents = !engine.mirror.stamps(model, page).await?.is_empty();
    if found_documents {
        engine.records.settle_fact(&to_be_tidied(model), "due").await?;
    }
    let mut state = begin(engine, model).await?;
    if state.total > 0 {
        tracing::info!(model = model.name, total = state.total, "Sync copies {} from {:?}", model.name, state.cursor);
    }
    let (portions, reader) = read_ahead(engine.clone(), model, state.cursor.clone(), !found_documents, stop.clone());
    let mut written = stream::unfold(portions, async |mut portions: mpsc::Receiver<_>| {
        let portion: Result<Portion, SyncError> = portions.recv().await?;
        Some((portion, portions))
    })
    .map(|portion| caught(write(engine.clone(), model, portion)))
    .buffered(engine.settings.pages_ahead.max(1))
    .boxed();
    let (started, mut saved, first) = (Instant::now(), Instant::now(), state.copied);
    let mut parked = 0;
    while let Some(portion) = written.try_next().await? {
        engine.ask_relay(model, &portion.poison).await?;
        parked += portion.poison.len() as u64;
        state.copied = state.copied.saturating_add(i64::try_from(portion.rows).unwrap_or(0));
        state.cursor = Some(portion.last);
        state.rate = rate(state.copied - first, started.elapsed());
        report(progress(model, &state));
        if saved.elapsed() >= SAVE_EVERY {
            save(engine, &state).await?;
            saved = Instant::now();
        }
    }
    drop(written);
    reader.await.map_err(broken_off)?;
    if stop.is_cancelled() {
        save(engine, &state).await?;
        return Err(SyncError::Stopped);
    }
    state.rate = rate(state.copied - first, started.elapsed());
    end(engine, model, &mut state).await?;
    report(progress(model, &state));
    // That nothing was copied is no news.
    if state.copied > 0 {
        tracing::info!(
            model = model.name,
            "Sync has copied {} rows of {} at {}/s",
            state.copied,
            model.name,
            state.rate
        );
    }
    Ok(Copied { rows: u64::try_from(state.copied).unwrap_or(0), parked })
}

/// The name of the fact that a copy was written onto documents that were there, so that a comparison is due after it.
pub(crate) fn to_be_tidied(model: &Model) -> String {
    format!("tidy-{}", model.name)
}

fn progress(model: &'static Model, state: &Copy) -> Progress {
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    Progress { model: model.name, done: count(state.copied), total: count(state.total.max(state.copied)) }
}

fn rate(rows: i64, elapsed: Duration) -> i64 {
    let millis = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX).max(1);
    rows.saturating_mul(1000) / millis
}

async fn begin(engine: &Engine, model: &'static Model) -> Result<Copy, SyncError> {
    let mut state = engine.records.copy(model).await?;
    if state.state == CopyState::Copying && state.cursor.is_some() {
        return Ok(state);
    }
    let snapshot = engine.records.snapshot().await?;
    let total = snapshot.count(model).await?;
    snapshot.close().await?;
    state.state = CopyState::Copying;
    state.cursor = None;
    state.copied = 0;
    state.total = i64::try_from(total).unwrap_or(i64::MAX);
    state.started_at = Some(engine.now());
    state.finished_at = None;
    engine.records.save_copy(&state).await?;
    Ok(state)
}

async fn end(engine: &Engine, model: &'static Model, state: &mut Copy) -> Result<(), SyncError> {
    state.state = CopyState::CatchingUp;
    state.cursor = None;
    state.finished_at = Some(engine.now());
    save(engine, state).await?;
    let result = format!("copied {} rows at {}/s", state.copied, state.rate);
    Ok(engine.records.note_result(model, &result).await?)
}

/// Writes down how far the copy is. When somebody has asked for another one meanwhile, this one is not it.
async fn save(engine: &Engine, state: &Copy) -> Result<(), SyncError> {
    match engine.records.save_progress(state).await? {
        true => Ok(()),
        false => Err(SyncError::Held(format!("the copy of {}", state.model))),
    }
}

type ReadAhead = (mpsc::Receiver<Result<Portion, SyncError>>, tokio::task::JoinHandle<()>);

/// Reads and encodes pages in a task of its own, a bounded number ahead of the writing.
fn read_ahead(
    engine: Arc<Engine>,
    model: &'static Model,
    cursor: Option<String>,
    fresh: bool,
    stop: CancellationToken,
) -> ReadAhead {
    let (sender, receiver) = mpsc::channel(1);
    let reader = tokio::spawn(async move {
        let mut after = cursor;
        while !stop.is_cancelled() {
            let portion = match caught(read(&engine, model, after.as_deref(), fresh)).await {
                Ok(None) => return,
                Ok(Some(portion)) => portion,
                Err(error) => {
                    // The receiver is gone only when the copy has ended for another reason.
                    let _ = sender.send(Err(error)).await;
                    return;
                }
            };
            after = Some(portion.last.clone());
            if sender.send(Ok(portion)).await.is_err() {
                return;
            }
        }
    });
    (receiver, reader)
}

async fn read(
    engine: &Engine,
    model: &'static Model,
    after: Option<&str>,
    fresh: bool,
) -> Result<Option<Portion>, SyncError> {
    let snapshot = engine.records.snapshot().await?;
    let page = RowPage { after, up_to: None, limit: engine.settings.page };
    let rows = snapshot.page(model, page).await?;
    snapshot.close().await?;
    let Some(last) = rows.last().map(|row| row.id.clone()) else { return Ok(None) };
    let mut portion =
        Portion { last, rows: rows.len() as u64, writes: Vec::with_capacity(rows.len()), poison: Vec::new() };
    for row in rows {
        let id = row.id.clone();
        match write_of(model, row) {
            Ok(write) => portion.writes.push(Write { fresh, ..write }),
            Err(_) => portion.poison.push(id),
        }
    }
    Ok(Some(portion))
}

async fn write(
    engine: Arc<Engine>,
    model: &'static Model,
    portion: Result<Portion, SyncError>,
) -> Result<Portion, SyncError> {
    let mut portion = portion?;
    if planted(Mistake::CopyWithoutGuard) {
        let ids: Vec<String> = portion.writes.iter().map(|write| write.id.clone()).collect();
        engine.mirror.remove(model, &ids).await?;
    }
    let outcomes = engine.mirror.apply(model, Guard::Newer, &portion.writes, engine.now()).await?;
    for (write, outcome) in portion.writes.drain(..).zip(outcomes) {
        if let Outcome::Rejected(_) = outcome {
            portion.poison.push(write.id);
        }
    }
    Ok(portion)
}
