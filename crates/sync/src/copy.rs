//! The initial copy and the backfill: every row of a model, page by page, beside live writes. Either can be ended at any
//! moment and goes on from its cursor; its writes are guarded, so it never undoes what the relay has done meanwhile.
//!
//! A backfill makes documents anew after the model has got another description. Where documents are, both look at what those
//! say of themselves first: what is there already is left alone, so coming again costs little more than reading.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use chainbill_domain::{Model, Row};
use chainbill_mirror::{Content, Guard, Outcome, Page, Stamp, Write};
use chainbill_records::{Copy, CopyState, FaultSource, Fence, RowPage, Snapshot, outbox::EntryKey};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    SyncError,
    caught::{broken_off, caught},
    engine::Engine,
    held::Held,
    pace,
    plan::write_of,
    planted::{Mistake, is as planted},
    prepare::prepare,
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
/// Models copied side by side on a server: while one waits for an answer another writes.
const MODELS_AT_ONCE: usize = 4;

/// How many models are copied side by side. An embedded mirror has one writer: several models would only hold more pages in
/// memory.
pub(crate) fn models_at_once(engine: &Engine) -> usize {
    if engine.mirror.writes_side_by_side() { MODELS_AT_ONCE } else { 1 }
}

/// How many pages of a model are written side by side.
fn pages_at_once(engine: &Engine) -> usize {
    if engine.mirror.writes_side_by_side() { engine.settings.pages_ahead.max(1) } else { 1 }
}

/// Documents made anew by their ids at once.
const AT_ONCE: usize = 500;
/// The same of documents that may be megabytes.
const FEW: usize = 8;

/// What rows are read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The model was never copied as a whole.
    Initial,
    /// Its documents are there, and some may be of another description.
    Backfill,
}

impl Purpose {
    const fn state(self) -> CopyState {
        match self {
            Self::Initial => CopyState::Copying,
            Self::Backfill => CopyState::Backfilling,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Initial => "copied",
            Self::Backfill => "backfilled",
        }
    }
}

struct Portion {
    last: String,
    rows: u64,
    writes: Vec<Write>,
    poison: Vec<String>,
    /// Entries of the outbox that are carried out when the entity's write has taken effect.
    waiting: HashMap<String, Vec<EntryKey>>,
    /// Entries that are carried out.
    done: Vec<EntryKey>,
}

/// What is to be done about a model's documents as a whole, if anything.
pub(crate) async fn due(engine: &Engine, model: &'static Model) -> Result<Option<Purpose>, SyncError> {
    let copy = engine.records.copy(model).await?;
    Ok(match copy.state {
        CopyState::Pending | CopyState::Copying => Some(Purpose::Initial),
        CopyState::Backfilling => Some(Purpose::Backfill),
        CopyState::CatchingUp | CopyState::Live => {
            let other = copy.revision != Some(model.revision()) || engine.others_wrote(model, copy.started_at);
            other.then_some(Purpose::Backfill)
        }
    })
}

/// Copies a model from its cursor, or from the start when it is not being copied; or makes its documents anew.
pub(crate) async fn copy(
    engine: &Arc<Engine>,
    model: &'static Model,
    purpose: Purpose,
    report: Report<'_>,
    stop: &CancellationToken,
) -> Result<Copied, SyncError> {
    engine.attend_ruling().await?;
    let held = Held::wait(engine, &format!("copy-{}", model.name), stop).await?;
    let result = tokio::select! {
        result = copy_held(engine, model, purpose, report, stop) => result,
        () = held.lost() => Err(SyncError::Held(format!("the copy of {}", model.name))),
        () = engine.schemas.outranked() => Err(SyncError::Outranked),
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
    purpose: Purpose,
    report: Report<'_>,
    stop: &CancellationToken,
) -> Result<Copied, SyncError> {
    prepare(engine, &[model]).await?;
    let page = Page { after: None, up_to: None, limit: 1 };
    let found_documents = !engine.mirror.stamps(model, page).await?.is_empty();
    if found_documents && purpose == Purpose::Initial {
        engine.records.settle_fact(&to_be_tidied(model), "due").await?;
    }
    let mut state = begin(engine, model, purpose).await?;
    if state.total > 0 {
        tracing::info!(
            model = model.name,
            total = state.total,
            revision = %model.revision(),
            "Sync {} {} from {:?}",
            if purpose == Purpose::Initial { "copies" } else { "backfills" },
            model.name,
            state.cursor
        );
    }
    // Whatever had been taken off the queue before this moment may have been brought to documents that are no more.
    let fence = engine.records.fence().await?;
    let from = From { cursor: state.cursor.clone(), fresh: !found_documents, fence };
    let (portions, reader) = read_ahead(engine.clone(), model, from, stop.clone());
    let mut written = stream::unfold(portions, async |mut portions: mpsc::Receiver<_>| {
        let portion: Result<Portion, SyncError> = portions.recv().await?;
        Some((portion, portions))
    })
    .map(|portion| caught(write(engine.clone(), model, portion)))
    .buffered(pages_at_once(engine))
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
    end(engine, model, purpose, &mut state).await?;
    report(progress(model, &state));
    let (word, Copy { copied, rate, .. }) = (purpose.word(), &state);
    // That nothing was copied is no news.
    if *copied > 0 {
        tracing::info!(model = model.name, "Sync has {word} {copied} rows of {} at {rate}/s", model.name);
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

async fn begin(engine: &Engine, model: &'static Model, purpose: Purpose) -> Result<Copy, SyncError> {
    let mut state = engine.records.copy(model).await?;
    let revision = Some(model.revision());
    if state.state == purpose.state() && state.cursor.is_some() && state.revision == revision {
        return Ok(state);
    }
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
    engine.records.save_copy(&state).await?;
    Ok(state)
}

async fn end(engine: &Engine, model: &'static Model, purpose: Purpose, state: &mut Copy) -> Result<(), SyncError> {
    state.state = CopyState::CatchingUp;
    state.cursor = None;
    state.finished_at = Some(engine.now());
    save(engine, state).await?;
    let result = format!("{} {} rows at {}/s", purpose.word(), state.copied, state.rate);
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

/// From where pages are read.
struct From {
    /// After this id.
    cursor: Option<String>,
    /// Whether no documents are expected.
    fresh: bool,
    /// No page is of a moment before it.
    fence: Fence,
}

/// Reads and encodes pages in a task of its own, a bounded number ahead of the writing.
fn read_ahead(engine: Arc<Engine>, model: &'static Model, mut from: From, stop: CancellationToken) -> ReadAhead {
    let (sender, receiver) = mpsc::channel(1);
    let reader = tokio::spawn(async move {
        while !stop.is_cancelled() {
            let portion = match caught(read(&engine, model, &mut from)).await {
                Ok(None) => return,
                Ok(Some(portion)) => portion,
                Err(error) => {
                    // The receiver is gone only when the copy has ended for another reason.
                    let _ = sender.send(Err(error)).await;
                    return;
                }
            };
            from.cursor = Some(portion.last.clone());
            if sender.send(Ok(portion)).await.is_err() {
                return;
            }
        }
    });
    (receiver, reader)
}

async fn read(engine: &Engine, model: &'static Model, from: &mut From) -> Result<Option<Portion>, SyncError> {
    let From { cursor, fresh, fence } = from;
    let snapshot = engine.snapshot_after(fence).await?;
    let page = RowPage { after: cursor.as_deref(), up_to: None, limit: engine.settings.page };
    let rows = snapshot.page(model, page).await?;
    let waiting = waiting(&snapshot, model, &rows).await?;
    snapshot.close().await?;
    let Some(last) = rows.last().map(|row| row.id.clone()) else { return Ok(None) };
    let there = match fresh {
        true => There::nothing(),
        false => There::look(engine, model, cursor.as_deref(), &last, rows.len()).await?,
    };
    let mut portion = Portion {
        last,
        rows: rows.len() as u64,
        writes: Vec::with_capacity(rows.len()),
        poison: Vec::new(),
        waiting,
        done: Vec::new(),
    };
    for row in rows {
        let id = row.id.clone();
        match write_of(model, row) {
            Ok(write) if there.is(model, &write) => {
                portion.done.extend(portion.waiting.remove(&id).unwrap_or_default())
            }
            Ok(write) => portion.writes.push(Write { fresh: there.lacks(&id), ..write }),
            Err(_) => portion.poison.push(id),
        }
    }
    Ok(Some(portion))
}

/// What waits in the outbox for rows, of the same moment as these and of no later version: a write of the row carries it out.
/// Where little waits it is left to the relay.
async fn waiting(
    snapshot: &Snapshot,
    model: &'static Model,
    rows: &[Row],
) -> Result<HashMap<String, Vec<EntryKey>>, SyncError> {
    if rows.is_empty() || !snapshot.much_waits().await? {
        return Ok(HashMap::new());
    }
    let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    let mut all = snapshot.waiting(model, &ids).await?;
    let of = |row: &Row| {
        let entries = all.remove(&row.id)?.into_iter().filter(|(version, _)| *version <= row.version);
        Some((row.id.clone(), entries.map(|(_, key)| key).collect()))
    };
    Ok(rows.iter().filter_map(of).collect())
}

/// What is known to stand where rows are to be written.
struct There {
    stamps: HashMap<String, Stamp>,
    /// Whether nothing else stands there.
    all: bool,
}

impl There {
    fn nothing() -> Self {
        Self { stamps: HashMap::new(), all: true }
    }

    /// Looks at what the documents of a page's range say of themselves. More than that is not read where documents crowd.
    async fn look(
        engine: &Engine,
        model: &'static Model,
        after: Option<&str>,
        last: &str,
        rows: usize,
    ) -> Result<Self, SyncError> {
        const MARGIN: usize = 64;
        let limit = u32::try_from(rows + MARGIN).unwrap_or(u32::MAX);
        let stamps = engine.mirror.stamps(model, Page { after, up_to: Some(last), limit }).await?;
        let all = stamps.len() < rows + MARGIN;
        Ok(Self { stamps: stamps.into_iter().map(|stamp| (stamp.id.clone(), stamp)).collect(), all })
    }

    /// Whether the document says that it is what would be written.
    fn is(&self, model: &'static Model, write: &Write) -> bool {
        let Content::Document { digest, .. } = &write.content else { return false };
        if planted(Mistake::CopyWithoutGuard) {
            return false;
        }
        self.stamps.get(&write.id).is_some_and(|stamp| {
            let Stamp { version, digest: there, revision, tombstone, .. } = stamp;
            *version == Some(write.version)
                && *there == Some(*digest)
                && *revision == Some(model.revision())
                && !tombstone
        })
    }

    fn lacks(&self, id: &str) -> bool {
        self.all && !self.stamps.contains_key(id)
    }
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
    let outcomes = pace::apply(&engine, model, Guard::Outdated, &portion.writes).await?;
    pace::all_done(&outcomes)?;
    for (write, outcome) in portion.writes.drain(..).zip(outcomes) {
        match outcome {
            Outcome::Rejected(_) => portion.poison.push(write.id),
            Outcome::Applied => portion.done.extend(portion.waiting.remove(&write.id).unwrap_or_default()),
            // Something else is there: whether that is right is the relay's to judge.
            Outcome::Stale | Outcome::Refused(_) | Outcome::Throttled(_) => {}
        }
    }
    portion.done.sort_unstable();
    if let Err(error) = engine.records.dequeue(&portion.done).await {
        tracing::debug!(model = model.name, "Sync leaves what it has copied in the outbox: {error}");
    }
    Ok(portion)
}

/// Makes documents anew that were found to be of an earlier description; how many are not any more.
pub(crate) async fn renew(engine: &Engine, model: &'static Model, ids: &[String]) -> Result<u64, SyncError> {
    let mut renewed = 0;
    for ids in ids.chunks(if model.is_large() { FEW } else { AT_ONCE }) {
        let (mut writes, mut poison) = (Vec::with_capacity(ids.len()), Vec::new());
        for row in engine.records.rows(model, ids).await? {
            let id = row.id.clone();
            match write_of(model, row) {
                Ok(write) => writes.push(write),
                Err(_) => poison.push(id),
            }
        }
        let outcomes = pace::apply(engine, model, Guard::Outdated, &writes).await?;
        pace::all_done(&outcomes)?;
        let rejected = writes.into_iter().zip(outcomes).filter(|(_, outcome)| matches!(outcome, Outcome::Rejected(_)));
        poison.extend(rejected.map(|(write, _)| write.id));
        engine.ask_relay(model, &poison).await?;
        renewed += (ids.len() - poison.len()) as u64;
    }
    Ok(renewed)
}
