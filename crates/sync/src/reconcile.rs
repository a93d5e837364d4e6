//! Reconciliation: a whole model compared page by page at cuts of the primary, in bounded memory, beside live writes.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use chainbill_domain::{Model, Timestamp, document::Encoded};
use chainbill_records::Resume;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    SyncError,
    ahead::{Ahead, Moment, Sheet},
    caught::broken_off,
    certificate::Builder,
    compare::{Class, Level, Seen, Verdict, fields_that_differ, verdicts},
    copy::{Progress, Report},
    engine::Engine,
    examine::{Sides, examine},
    keeper::age,
    planted::{Mistake, is as planted},
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
    /// Differences that have been on their way for longer than [`crate::Settings::stall_after`].
    pub waiting: u64,
    /// Differences of parked entities.
    pub parked: u64,
    /// Rows whose values cannot be read, and why.
    pub unreadable: Vec<(String, String)>,
    /// Documents of an earlier description of the model, to be made anew.
    pub outdated: u64,
    /// Their ids, at most [`MOST_FINDINGS`].
    pub outdated_ids: Vec<String>,
    /// Documents of a later description than is known here, believed by their version.
    pub newer: u64,
    /// Wrong copies, at most [`MOST_FINDINGS`]; `drift` counts all.
    pub findings: Vec<Finding>,
    /// Wrong copies per class.
    pub drift: BTreeMap<Class, u64>,
}

impl Comparison {
    fn new(model: &'static Model, level: Level, cut: Timestamp) -> Self {
        Self {
            model: model.name,
            level,
            cut,
            compared: 0,
            rows: 0,
            in_flight: 0,
            waiting: 0,
            parked: 0,
            unreadable: Vec::new(),
            outdated: 0,
            outdated_ids: Vec::new(),
            newer: 0,
            findings: Vec::new(),
            drift: BTreeMap::new(),
        }
    }

    /// Itself as text, for a run that goes on with it.
    fn written(&self) -> String {
        let findings: Vec<_> =
            self.findings.iter().map(|found| json!([found.id, found.class.name(), found.fields])).collect();
        let drift: BTreeMap<&str, u64> = self.drift.iter().map(|(class, count)| (class.name(), *count)).collect();
        json!({
            "cut": self.cut.timestamp_millis(), "compared": self.compared, "rows": self.rows,
            "inFlight": self.in_flight, "waiting": self.waiting, "parked": self.parked, "unreadable": self.unreadable,
            "findings": findings, "drift": drift,
            "outdated": self.outdated, "outdatedIds": self.outdated_ids, "newer": self.newer,
        })
        .to_string()
    }

    /// What [`Self::written`] wrote; none when it was another release.
    pub(crate) fn read(model: &'static Model, text: &str) -> Option<Self> {
        let state: serde_json::Value = serde_json::from_str(text).ok()?;
        let count = |name: &str| state[name].as_u64();
        let cut = Timestamp::from_timestamp_millis(state["cut"].as_i64()?)?;
        let mut findings = Vec::new();
        for found in state["findings"].as_array()? {
            let class = Class::named(found[1].as_str()?)?;
            let fields = serde_json::from_value(found[2].clone()).ok()?;
            findings.push(Finding { id: found[0].as_str()?.to_owned(), class, fields });
        }
        let drift =
            state["drift"].as_object()?.iter().map(|(class, count)| Some((Class::named(class)?, count.as_u64()?)));
        Some(Self {
            compared: count("compared")?,
            rows: count("rows")?,
            in_flight: count("inFlight")?,
            waiting: count("waiting")?,
            parked: count("parked")?,
            unreadable: serde_json::from_value(state["unreadable"].clone()).ok()?,
            outdated: count("outdated")?,
            outdated_ids: serde_json::from_value(state["outdatedIds"].clone()).ok()?,
            newer: count("newer")?,
            findings,
            drift: drift.collect::<Option<_>>()?,
            ..Self::new(model, Level::Fast, cut)
        })
    }

    /// All wrong copies.
    #[must_use]
    pub fn drifting(&self) -> u64 {
        self.drift.values().sum()
    }

    /// Something is on its way since a moment. What takes longer than a change takes is no longer on its way, and what begins
    /// as far in the future is nothing that anybody has committed.
    fn on_its_way(&mut self, engine: &Engine, since: Timestamp) {
        let (now, most) = (engine.now(), engine.settings.stall_after);
        if age(now, since) >= most || age(since, now) >= most {
            self.waiting += 1;
        } else {
            self.in_flight += 1;
        }
    }

    fn add_outdated(&mut self, id: String) {
        self.outdated += 1;
        if self.outdated_ids.len() < MOST_FINDINGS {
            self.outdated_ids.push(id);
        }
    }

    fn add(&mut self, id: String, class: Class, fields: Vec<String>) {
        *self.drift.entry(class).or_default() += 1;
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(Finding { id, class, fields });
        }
    }
}

/// Findings kept with their ids; a model with more needs an initial copy, not a list. How far a run is, is written down with
/// them, and must fit into a statement.
pub const MOST_FINDINGS: usize = 20_000;

/// How far a comparison is, is written down about this often.
const SAVE_EVERY: Duration = Duration::from_secs(2);

/// A comparison that shall be made.
pub(crate) struct Work<'w> {
    pub engine: &'w Arc<Engine>,
    pub model: &'static Model,
    pub level: Level,
    /// The run that it belongs to.
    pub run: &'w str,
    pub report: Report<'w>,
    pub stop: &'w CancellationToken,
}

/// Compares a model, or goes on after the id that an earlier comparison came to. With a builder, rows of the whole model
/// are read at one cut and certified.
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
    let ahead = Ahead { engine: engine.clone(), model, level };
    let moment = if certificate.is_some() { Moment::Same(whole) } else { Moment::After(fence) };
    let (leaves, rows_read) = ahead.clone().rows(moment, after);
    let (mut sheets, documents_read) = ahead.documents(leaves);
    let (started, mut saved) = (Instant::now(), Instant::now());
    while let Some(sheet) = sheets.recv().await {
        let sheet = sheet?;
        if let Some(builder) = certificate.as_deref_mut() {
            sheet.rows.iter().for_each(|row| builder.add(row));
            builder.write_down(engine, model).await?;
        }
        result.rows += sheet.rows.len() as u64;
        let reached = if sheet.last { sheet.up_to.clone() } else { None };
        if sheet.last {
            result.unreadable.extend_from_slice(&sheet.unreadable);
        }
        judge(engine, model, sheet, &mut result).await?;
        report(Progress { model: model.name, done: result.compared, total: total.max(result.compared) });
        if let Some(cursor) = reached
            && (stop.is_cancelled() || saved.elapsed() >= SAVE_EVERY)
        {
            let state = result.written();
            let far = (result.compared, total.max(result.compared));
            engine.records.save_resume(work.run, far, &Resume { cursor, state }).await?;
            saved = Instant::now();
        }
        if stop.is_cancelled() {
            return Err(SyncError::Stopped);
        }
        throttle(engine, result.compared - before, started).await;
    }
    rows_read.await.and(documents_read.await).map_err(broken_off)?;
    Ok(result)
}

/// Keeps to the most rows a second that the operator allows.
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

async fn judge(engine: &Engine, model: &'static Model, sheet: Sheet, result: &mut Comparison) -> Result<(), SyncError> {
    let Sheet { snapshot, rows, documents, unreadable, .. } = sheet;
    result.compared += entities(&rows, &documents);
    let revisions = engine.revisions_of(model, &documents).await?;
    let suspects = verdicts(model, &rows, &documents, &BTreeMap::new(), &revisions);
    let ids: Vec<String> = suspects.into_iter().map(|(id, _)| id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let suspected: HashSet<&str> = ids.iter().map(String::as_str).collect();
    let rows: Vec<Encoded> = rows.into_iter().filter(|row| suspected.contains(row.id.as_str())).collect();
    let documents: Vec<Seen> =
        documents.into_iter().filter(|seen| suspected.contains(seen.stamp.id.as_str())).collect();
    // The outbox of the same moment as the rows.
    let pending = match planted(Mistake::BlindComparison) {
        true => BTreeMap::new(),
        false => snapshot.pending(model, &ids).await?,
    };
    let parked = snapshot.parked(model, &ids).await?;
    let mut undecided = Vec::new();
    for (id, verdict) in verdicts(model, &rows, &documents, &pending, &revisions) {
        match verdict {
            _ if parked.contains(&id) => result.parked += 1,
            _ if unreadable.iter().any(|(own, _)| *own == id) => {}
            Verdict::InFlight(since) => result.on_its_way(engine, since),
            Verdict::Outdated => result.add_outdated(id),
            Verdict::Newer => result.newer += 1,
            Verdict::Undecided(class) if planted(Mistake::OneLook) => result.add(id, class, Vec::new()),
            Verdict::Undecided(_) => undecided.push(id),
            Verdict::Drift(class) => {
                let row = rows.iter().find(|row| row.id == id);
                let seen = documents.iter().find(|seen| seen.stamp.id == id);
                let fields = fields_that_differ(model, row, seen);
                result.add(id, class, fields);
            }
        }
    }
    for ids in undecided.chunks(100) {
        let sides: Sides = examine(engine, model, ids).await?;
        for (id, verdict) in &sides.verdicts {
            match verdict {
                Verdict::InFlight(since) => result.on_its_way(engine, *since),
                Verdict::Outdated => result.add_outdated(id.clone()),
                Verdict::Newer => result.newer += 1,
                Verdict::Drift(class) | Verdict::Undecided(class) => {
                    let fields = fields_that_differ(model, sides.rows.get(id), sides.documents.get(id));
                    result.add(id.clone(), *class, fields);
                }
            }
        }
    }
    Ok(())
}

/// Entities of either side; both are in the order of ids, but for documents whose ids are no text, which come last.
fn entities(rows: &[Encoded], documents: &[Seen]) -> u64 {
    let known: HashSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let rowless = documents.iter().filter(|seen| !known.contains(seen.stamp.id.as_str())).count();
    (rows.len() + rowless) as u64
}
