//! Reconciliation: a whole model compared page by page at cuts of the primary, in bounded memory, beside live writes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Instant,
};

use chainbill_domain::{Model, Timestamp, document::Encoded};
use chainbill_mirror::Page;
use chainbill_records::{RowPage, Snapshot};
use tokio_util::sync::CancellationToken;

use crate::{
    SyncError,
    certificate::Builder,
    compare::{Class, Level, Seen, Verdict, differing, fields_that_differ, verdicts},
    copy::{Progress, Report},
    engine::Engine,
    examine::{Sides, encode_all, examine},
};

/// An entity whose copy is wrong.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The entity.
    pub id: String,
    /// In which way.
    pub class: Class,
    /// Fields that differ; empty where a side is missing or only stamps were compared.
    pub fields: Vec<String>,
}

/// What a comparison found.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The model.
    pub model: &'static str,
    /// How closely it looked.
    pub level: Level,
    /// The moment of the primary that it speaks of: of the whole model at the deep level, of the first page otherwise.
    pub cut: Timestamp,
    /// Entities of either side.
    pub compared: u64,
    /// Rows.
    pub rows: u64,
    /// Differences that are on their way.
    pub in_flight: u64,
    /// Differences of parked entities.
    pub parked: u64,
    /// Rows whose values cannot be read.
    pub unreadable: Vec<(String, String)>,
    /// Wrong copies, at most [`MOST_FINDINGS`]; `drift` counts all.
    pub findings: Vec<Finding>,
    /// Wrong copies per class.
    pub drift: BTreeMap<Class, u64>,
}

impl Comparison {
    /// All wrong copies.
    #[must_use]
    pub fn drifting(&self) -> u64 {
        self.drift.values().sum()
    }

    fn add(&mut self, id: String, class: Class, fields: Vec<String>) {
        *self.drift.entry(class).or_default() += 1;
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(Finding { id, class, fields });
        }
    }
}

/// Findings kept with their ids; a model with more needs an initial copy, not a list.
pub const MOST_FINDINGS: usize = 100_000;

/// Documents read beyond the rows of a page, so that phantoms among them show.
const MARGIN: u32 = 64;

/// Compares a model. With a builder, rows of the whole model are read at one cut and certified.
pub(crate) async fn compare(
    engine: &Arc<Engine>,
    model: &'static Model,
    level: Level,
    mut certificate: Option<&mut Builder>,
    report: Report<'_>,
    stop: &CancellationToken,
) -> Result<Comparison, SyncError> {
    let parked: BTreeSet<String> =
        engine.records.parked(Some(model.name), 100_000).await?.into_iter().map(|p| p.entry.entity_id).collect();
    let cut = engine.now();
    let whole = engine.records.snapshot().await?;
    let total = whole.count(model).await?;
    let mut walk = Walk { engine, model, level, after: None, rows_over: false };
    let mut result = Comparison {
        model: model.name,
        level,
        cut,
        compared: 0,
        rows: 0,
        in_flight: 0,
        parked: 0,
        unreadable: Vec::new(),
        findings: Vec::new(),
        drift: BTreeMap::new(),
    };
    let started = Instant::now();
    loop {
        if stop.is_cancelled() {
            return Err(SyncError::Stopped);
        }
        let page = if certificate.is_some() {
            walk.page(&whole).await?
        } else {
            let snapshot = engine.records.snapshot().await?;
            let page = walk.page(&snapshot).await?;
            snapshot.close().await?;
            page
        };
        let Some(page) = page else { break };
        if let Some(builder) = certificate.as_deref_mut() {
            page.rows.iter().for_each(|row| builder.add(row));
            builder.write_down(engine, model).await?;
        }
        result.compared += page.compared();
        result.rows += page.rows.len() as u64;
        result.unreadable.extend(page.unreadable.iter().cloned());
        judge(engine, model, page, &parked, &mut result).await?;
        report(Progress { model: model.name, done: result.compared, total: total.max(result.compared) });
        throttle(engine, result.compared, started).await;
    }
    whole.close().await?;
    Ok(result)
}

/// Keeps to the most rows a second that the operator allows.
async fn throttle(engine: &Engine, done: u64, started: Instant) {
    let most = engine.settings.throttle;
    if most == 0 {
        return;
    }
    let due = std::time::Duration::from_secs_f64(done as f64 / f64::from(most));
    if let Some(early) = due.checked_sub(started.elapsed()) {
        tokio::time::sleep(early).await;
    }
}

/// A page of both sides.
struct Sheet {
    rows: Vec<Encoded>,
    documents: Vec<Seen>,
    unreadable: Vec<(String, String)>,
    verdicts: Vec<(String, Verdict)>,
}

impl Sheet {
    fn compared(&self) -> u64 {
        let rows: BTreeSet<&str> = self.rows.iter().map(|row| row.id.as_str()).collect();
        let phantoms = self.documents.iter().filter(|seen| !rows.contains(seen.stamp.id.as_str())).count();
        (rows.len() + phantoms) as u64
    }
}

/// Walks both sides in the order of ids. A page ends where the side that fills it first ends.
struct Walk<'e> {
    engine: &'e Engine,
    model: &'static Model,
    level: Level,
    after: Option<String>,
    rows_over: bool,
}

impl Walk<'_> {
    async fn page(&mut self, snapshot: &Snapshot) -> Result<Option<Sheet>, SyncError> {
        let limit = self.engine.settings.page;
        let after = self.after.clone();
        let mut rows = if self.rows_over {
            Vec::new()
        } else {
            snapshot.page(self.model, RowPage { after: after.as_deref(), up_to: None, limit }).await?
        };
        self.rows_over = rows.is_empty();
        let up_to = rows.last().map(|row| row.id.clone());
        let most = u32::try_from(rows.len()).unwrap_or(limit).saturating_add(MARGIN);
        let page = Page { after: after.as_deref(), up_to: up_to.as_deref(), limit: most };
        let documents: Vec<Seen> = match self.level {
            Level::Fast => self.engine.mirror.stamps(self.model, page).await?.into_iter().map(Seen::from).collect(),
            Level::Deep => self.engine.mirror.documents(self.model, page).await?.into_iter().map(Seen::from).collect(),
        };
        if documents.len() >= most as usize
            && let Some(last) = documents.last().map(|seen| seen.stamp.id.clone())
        {
            rows.retain(|row| row.id <= last);
            self.after = Some(last);
        } else if up_to.is_some() {
            self.after = up_to;
        } else if documents.is_empty() {
            return Ok(None);
        } else {
            self.after = documents.last().map(|seen| seen.stamp.id.clone());
        }
        let (rows, unreadable) = encode_all(self.model, rows);
        let suspects = differing(self.model, &rows, &documents);
        let pending = snapshot.pending(self.model, &suspects).await?;
        let verdicts = verdicts(self.model, &rows, &documents, &pending);
        Ok(Some(Sheet { rows, documents, unreadable, verdicts }))
    }
}

async fn judge(
    engine: &Engine,
    model: &'static Model,
    page: Sheet,
    parked: &BTreeSet<String>,
    result: &mut Comparison,
) -> Result<(), SyncError> {
    let unreadable: BTreeSet<&str> = page.unreadable.iter().map(|(id, _)| id.as_str()).collect();
    let mut undecided = Vec::new();
    for (id, verdict) in page.verdicts {
        match verdict {
            _ if parked.contains(&id) || unreadable.contains(id.as_str()) => result.parked += 1,
            Verdict::InFlight => result.in_flight += 1,
            Verdict::Undecided(_) => undecided.push(id),
            Verdict::Drift(class) => {
                let row = page.rows.iter().find(|row| row.id == id);
                let seen = page.documents.iter().find(|seen| seen.stamp.id == id);
                let fields = fields_that_differ(row, seen);
                result.add(id, class, fields);
            }
        }
    }
    for ids in undecided.chunks(100) {
        let sides: Sides = examine(engine, model, ids).await?;
        for (id, verdict) in &sides.verdicts {
            match verdict {
                Verdict::InFlight => result.in_flight += 1,
                Verdict::Drift(class) | Verdict::Undecided(class) => {
                    let fields = fields_that_differ(sides.rows.get(id), sides.documents.get(id));
                    result.add(id.clone(), *class, fields);
                }
            }
        }
    }
    Ok(())
}
