//! Reconciliation: a whole model compared page by page at cuts of the primary, in bounded memory, beside live writes.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use chainbill_domain::{Model, Timestamp, document::Encoded};
use chainbill_records::Resume;
use tokio_util::sync::CancellationToken;

use crate::{
    comparison::{Comparison, Level},
    engine::context::Engine,
    errors::SyncError,
    mutants::{Mutant, is as mutated},
    panics::cancelled,
    progress::{OnProgress, Progress},
    time::age,
    verify::{
        certificate::Builder,
        compare::{ObservedDocument, Verdict, verdicts},
        field_diff::fields_that_differ,
        inspect::inspect,
        prefetch::{ComparePage, Cut, Prefetch},
        revisions::revisions_of,
    },
};

/// The progress of a comparison is saved about this often.
const SAVE_EVERY: Duration = Duration::from_secs(2);

/// What is compared, and for whom.
pub(crate) struct Work<'w> {
    pub engine: &'w Arc<Engine>,
    pub model: &'static Model,
    pub level: Level,
    /// The run that it belongs to.
    pub run: &'w str,
    pub report: OnProgress<'w>,
    pub stop: &'w CancellationToken,
}

/// Compares a model, or resumes an earlier comparison after the id that it had reached. With a builder, the rows of the whole
/// model are read at one cut and certified.
pub(crate) async fn compare(
    work: &Work<'_>,
    mut certificate: Option<&mut Builder>,
    earlier: Option<(String, Comparison)>,
) -> Result<Comparison, SyncError> {
    let Work { engine, model, level, report, stop, .. } = *work;
    let cut = engine.now();
    let mut fence = engine.records.fence().await?;
    let whole = Arc::new(engine.snapshot_after(&mut fence).await?);
    let total = whole.count(model).await?;
    let (after, mut result) = match earlier {
        Some((cursor, comparison)) => (Some(cursor), Comparison { level, ..comparison }),
        None => (None, Comparison::new(model, level, cut)),
    };
    let before = result.compared;
    let prefetch = Prefetch { engine: engine.clone(), model, level };
    let cuts = if certificate.is_some() { Cut::Whole(whole) } else { Cut::PerPage(fence) };
    let (row_pages, rows_read) = prefetch.clone().rows(cuts, after);
    let (mut pages, documents_read) = prefetch.documents(row_pages);
    let (started, mut saved) = (Instant::now(), Instant::now());
    while let Some(page) = pages.recv().await {
        let page = page?;
        if let Some(builder) = certificate.as_deref_mut() {
            page.rows.iter().for_each(|row| builder.add(row));
            builder.save_tiles(engine, model).await?;
        }
        result.rows += page.rows.len() as u64;
        let reached = if page.last { page.up_to.clone() } else { None };
        if page.last {
            result.unreadable.extend_from_slice(&page.unreadable);
        }
        judge(engine, model, page, &mut result).await?;
        report(Progress { model: model.name, done: result.compared, total: total.max(result.compared) });
        if let Some(cursor) = reached
            && (stop.is_cancelled() || saved.elapsed() >= SAVE_EVERY)
        {
            let state = result.to_state();
            let progress = (result.compared, total.max(result.compared));
            engine.records.save_resume(work.run, progress, &Resume { cursor, state }).await?;
            saved = Instant::now();
        }
        if stop.is_cancelled() {
            return Err(SyncError::Stopped);
        }
        throttle(engine, result.compared - before, started).await;
    }
    rows_read.await.and(documents_read.await).map_err(cancelled)?;
    Ok(result)
}

/// Keeps to the rows per second that the operator allows.
async fn throttle(engine: &Engine, done: u64, started: Instant) {
    let most = engine.settings.throttle;
    if most == 0 {
        return;
    }
    let due = Duration::from_secs_f64(done as f64 / f64::from(most));
    if let Some(early) = due.checked_sub(started.elapsed()) {
        tokio::time::sleep(early).await;
    }
}

async fn judge(
    engine: &Engine,
    model: &'static Model,
    page: ComparePage,
    result: &mut Comparison,
) -> Result<(), SyncError> {
    let ComparePage { snapshot, rows, documents, unreadable, .. } = page;
    result.compared += entities(&rows, &documents);
    let revisions = revisions_of(engine, model, &documents).await?;
    let suspects = verdicts(model, &rows, &documents, &BTreeMap::new(), &revisions);
    let ids: Vec<String> = suspects.into_iter().map(|(id, _)| id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let suspected: HashSet<&str> = ids.iter().map(String::as_str).collect();
    let rows: Vec<Encoded> = rows.into_iter().filter(|row| suspected.contains(row.id.as_str())).collect();
    let documents: Vec<ObservedDocument> =
        documents.into_iter().filter(|seen| suspected.contains(seen.stamp.id.as_str())).collect();
    // The outbox is read from the snapshot of the rows.
    let pending = match mutated(Mutant::BlindComparison) {
        true => BTreeMap::new(),
        false => snapshot.pending(model, &ids).await?,
    };
    let parked = snapshot.parked(model, &ids).await?;
    let mut undecided = Vec::new();
    for (id, verdict) in verdicts(model, &rows, &documents, &pending, &revisions) {
        match verdict {
            _ if parked.contains(&id) => result.parked += 1,
            _ if unreadable.iter().any(|(own, _)| *own == id) => {}
            Verdict::Undecided(class) if mutated(Mutant::NoRecheck) => result.add_drift(id, class, Vec::new()),
            Verdict::Undecided(_) => undecided.push(id),
            decided => {
                let row = rows.iter().find(|row| row.id == id);
                let seen = documents.iter().find(|seen| seen.stamp.id == id);
                count(engine, decided, id, || fields_that_differ(model, row, seen), result);
            }
        }
    }
    for ids in undecided.chunks(100) {
        let pairs = inspect(engine, model, ids).await?;
        for (id, verdict) in pairs.verdicts {
            let fields = || fields_that_differ(model, pairs.rows.get(&id), pairs.documents.get(&id));
            count(engine, verdict, id.clone(), fields, result);
        }
    }
    Ok(())
}

/// Adds a verdict to the result.
fn count(engine: &Engine, verdict: Verdict, id: String, fields: impl FnOnce() -> Vec<String>, result: &mut Comparison) {
    match verdict {
        Verdict::InFlight(since) if is_in_flight(engine, since) => result.in_flight += 1,
        Verdict::InFlight(_) => result.waiting += 1,
        Verdict::Outdated => result.add_outdated(id),
        Verdict::Newer => result.newer += 1,
        Verdict::Drift(class) | Verdict::Undecided(class) => result.add_drift(id, class, fields()),
    }
}

/// Whether an entry of this time is in flight: one that is older than a change takes is waiting, and no commit has made one that
/// lies as far in the future.
fn is_in_flight(engine: &Engine, since: Timestamp) -> bool {
    let (now, most) = (engine.now(), engine.settings.stall_after);
    age(now, since) < most && age(since, now) < most
}

/// Entities of either side. Both are in the order of ids, except that documents with non-string ids come last.
fn entities(rows: &[Encoded], documents: &[ObservedDocument]) -> u64 {
    let known: HashSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let rowless = documents.iter().filter(|seen| !known.contains(seen.stamp.id.as_str())).count();
    (rows.len() + rowless) as u64
}
