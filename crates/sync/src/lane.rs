//! Lanes: each takes batches off its partitions of the outbox and has them carried out (see [`crate::relay`]).
//!
//! A batch is carried out first and taken off the queue afterwards ([`crate::leaving`]): the next batch is looked for
//! meanwhile, without what is on its way off. Which lanes work is [`crate::width`]'s matter.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chainbill_records::{
    Commits, RecordsError,
    outbox::{PARTS, Queued},
};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    SyncError,
    backoff::Backoff,
    caught::caught,
    engine::{Engine, Figures},
    errors::{Retry, retry},
    leaving::Leaving,
    plan::Settlement,
    planted::{Mistake, is as planted},
    relay::{self, Carried},
    width::{Place, WIDE_FROM, Width},
};

/// One lane of the relay.
pub(crate) struct Lane {
    engine: Arc<Engine>,
    index: usize,
    width: Arc<Width>,
    wide: watch::Receiver<bool>,
    /// The lanes whose partitions it works on at present.
    places: Vec<Place>,
    parts: watch::Receiver<Vec<u16>>,
    commits: watch::Receiver<Commits>,
    /// The commits of this process whose entries were looked for.
    seen: Commits,
    /// When all partitions are looked at again, and how long to wait after that.
    next_look: Instant,
    pause: Duration,
    /// How long to wait for reads that have reached what waits.
    late_pause: Duration,
    /// Models that wait after a failure of their own, and until when.
    resting: HashMap<&'static str, (Backoff, Instant)>,
    leaving: Leaving,
}

impl Lane {
    pub fn new(engine: Arc<Engine>, index: usize, width: Arc<Width>, parts: watch::Receiver<Vec<u16>>) -> Self {
        let commits = engine.records.commits();
        let (seen, pause) = (*commits.borrow(), engine.settings.poll.0);
        Self {
            engine,
            index,
            wide: width.changes(),
            width,
            places: Vec::new(),
            parts,
            commits,
            seen,
            pause,
            late_pause: pause,
            next_look: Instant::now(),
            resting: HashMap::new(),
            leaving: Leaving::default(),
        }
    }

    /// Works until asked to stop. A batch that has begun is brought to its end.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut backoff = Backoff::new(self.engine.settings.backoff);
        while !stop.is_cancelled() {
            self.take_places(&stop).await;
            let began = Instant::now();
            match caught(self.turn()).await {
                Ok(0) => self.let_go().await,
                Ok(count) => {
                    backoff.succeeded();
                    if count < WIDE_FROM {
                        // What comes meanwhile makes one batch instead of several.
                        tokio::time::sleep_until(began + self.engine.settings.pace).await;
                    }
                    continue;
                }
                Err(error) => {
                    // What this process has counted as seen was not carried out.
                    self.next_look = Instant::now();
                    self.let_go().await;
                    self.failed(&error, &mut backoff, &stop).await;
                    continue;
                }
            }
            let wake = if self.lacks_places() { began + self.engine.settings.poll.0 } else { self.next_look };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep_until(wake) => {}
                _ = self.commits.changed() => {}
                _ = self.wide.changed() => {}
                changed = self.parts.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    self.next_look = Instant::now();
                }
            }
        }
        self.let_leave().await;
    }

    /// Lets what was carried out go at once: nothing comes soon that it could go with.
    async fn let_go(&mut self) {
        if let Err(error) = self.leaving.go(&self.engine).await {
            self.tell_left(&error);
        }
    }

    /// Takes the places that are its own at present. The first lane takes all that are free while little waits; the others
    /// wait until much does.
    async fn take_places(&mut self, stop: &CancellationToken) {
        if self.index > 0 && !self.width.is_wide() {
            self.let_leave().await;
            self.places.clear();
            tokio::select! { () = stop.cancelled() => {}, _ = self.wide.wait_for(|wide| *wide) => {} }
        }
        for lane in self.width.places_of(self.index) {
            if self.works_for(lane) {
                continue;
            }
            if let Some(place) = self.width.take(lane) {
                self.places.push(place);
                // What others have left there is not known yet.
                self.next_look = Instant::now();
            }
        }
    }

    /// Whether another lane has not given its place to the first one yet.
    fn lacks_places(&self) -> bool {
        self.index == 0 && self.places.len() < self.width.places_of(0).len()
    }

    fn works_for(&self, lane: usize) -> bool {
        self.places.iter().any(|place| place.lane == lane)
    }

    async fn failed(&mut self, error: &SyncError, backoff: &mut Backoff, stop: &CancellationToken) {
        Figures::add(&self.engine.figures.failures, 1);
        metrics::counter!("chainbill_sync_failures_total").increment(1);
        let wait = backoff.failed(self.engine.records.random());
        if backoff.failures() == 1 {
            tracing::warn!(lane = self.index, "Sync waits: {error}");
        }
        self.engine.figures.note_trouble(self.engine.now(), Some(error.to_string()));
        tokio::select! { () = stop.cancelled() => {}, () = tokio::time::sleep(wait) => {} }
    }

    /// One batch; the number of entries looked at.
    pub async fn turn(&mut self) -> Result<usize, SyncError> {
        let queued = self.claim().await?;
        let count = queued.len();
        if count == 0 {
            return Ok(0);
        }
        if planted(Mistake::MarkBeforeApply) {
            let ids: Vec<_> = queued.iter().map(|queued| (queued.part, queued.id.clone())).collect();
            self.engine.records.dequeue(&ids).await?;
        }
        let Carried { settlement, results } = relay::carry_out(&self.engine, queued).await?;
        note(&self.engine, &settlement);
        let waits = self.wait_for_reads(&settlement);
        let mut first_error = None;
        for (model, result) in results {
            if let Err(error) = self.rest_or_fail(model, result) {
                first_error.get_or_insert(error);
            }
        }
        self.leaving.add(&self.engine, settlement).await?;
        // What a failed model left undone is tried again after a pause; what the others did stays done.
        first_error.map_or(Ok(if waits { 0 } else { count }), Err)
    }

    /// Where reads are behind their entries and nothing else was done, the next look waits, longer each time; whether it
    /// does.
    fn wait_for_reads(&mut self, settlement: &Settlement) -> bool {
        let (shortest, longest) = self.engine.settings.poll;
        if settlement.late == 0 {
            self.late_pause = shortest;
            return false;
        }
        let trouble = format!(
            "{} changes wait for a read that has reached them: servers of the primary's cluster are behind",
            settlement.late
        );
        self.engine.figures.note_trouble(self.engine.now(), Some(trouble));
        if !settlement.done.is_empty() || !settlement.parked.is_empty() {
            return false;
        }
        self.next_look = Instant::now() + self.late_pause;
        self.late_pause = (self.late_pause * 2).min(longest);
        true
    }

    /// The next entries of this lane's partitions: of those that this process has committed to since it last looked, and
    /// now and then of all, for what others have committed.
    async fn claim(&mut self) -> Result<Vec<Queued>, SyncError> {
        self.leaving.hear().await?;
        let (commits, now) = (*self.commits.borrow_and_update(), Instant::now());
        let everywhere = now >= self.next_look;
        let parts: Vec<u16> = {
            let held = self.parts.borrow_and_update().clone();
            let own = held.into_iter().filter(|part| self.works_for(self.width.lane_of(*part)));
            own.filter(|part| everywhere || commits[usize::from(*part)] != self.seen[usize::from(*part)]).collect()
        };
        if parts.is_empty() {
            self.width.note(self.index, 0);
            self.next_look = if everywhere { now + self.pause } else { self.next_look };
            return Ok(Vec::new());
        }
        let resting: Vec<&str> =
            self.resting.iter().filter(|(_, (_, until))| *until > now).map(|(model, _)| *model).collect();
        let each = self.engine.settings.batch.div_ceil(u32::try_from(parts.len()).unwrap_or(1));
        let (mut queued, unknown) = self.handed(&parts, &commits, everywhere);
        queued.retain(|queued| !resting.contains(&queued.entry.model.as_str()));
        if !unknown.is_empty() {
            // Those that are on their way out are read past.
            let limit = each.saturating_add(u32::try_from(self.leaving.most_of_a_part()).unwrap_or(each));
            queued.extend(self.engine.records.queued(&unknown, limit, &resting).await?);
        }
        queued.retain(|queued| !self.leaving.has(&queued.id));
        self.note_looks(&parts, &commits, &queued, each, everywhere);
        if self.places.len() > 1 && queued.len() >= WIDE_FROM {
            self.give_places(&mut queued).await?;
        } else {
            self.width.note(self.index, queued.len());
        }
        let mut taken = [0; PARTS as usize];
        queued.retain(|queued| {
            let count = &mut taken[usize::from(queued.part)];
            *count += 1;
            *count <= each
        });
        Ok(queued)
    }

    /// What this process has committed to these partitions since it last looked, and those of them in which more may wait
    /// than it knows of: a look everywhere asks for all. While something is parked every entry is asked for, for what is
    /// known here does not say whose entity is.
    fn handed(&self, parts: &[u16], commits: &Commits, everywhere: bool) -> (Vec<Queued>, Vec<u16>) {
        let (mut queued, mut unknown) = (Vec::new(), Vec::new());
        let ask = everywhere || self.engine.figures.parkings.may_be();
        for &part in parts {
            let place = usize::from(part);
            match self.engine.records.handed(part, self.seen[place], commits[place]) {
                Some(known) if !ask => queued.extend(known),
                _ => unknown.push(part),
            }
        }
        (queued, unknown)
    }

    /// Gives every lane its own place, and leaves it what was found there.
    async fn give_places(&mut self, queued: &mut Vec<Queued>) -> Result<(), SyncError> {
        // Nothing of what the others will find is on its way out.
        self.leaving.all(&self.engine).await?;
        self.places.retain(|place| place.lane == self.index);
        queued.retain(|queued| self.width.lane_of(queued.part) == self.index);
        self.width.widen();
        Ok(())
    }

    /// Remembers what was looked at. A partition that held more than was asked for is looked at again at once; a look
    /// everywhere that finds what others have committed is followed by the next one soon.
    fn note_looks(&mut self, parts: &[u16], commits: &Commits, queued: &[Queued], each: u32, everywhere: bool) {
        let mut others = false;
        for part in parts {
            let place = usize::from(*part);
            let found = queued.iter().filter(|queued| queued.part == *part).count();
            others |= found > 0 && commits[place] == self.seen[place];
            let more = found >= each as usize;
            self.seen[place] = if more { commits[place].wrapping_sub(1) } else { commits[place] };
        }
        if everywhere {
            let (shortest, longest) = self.engine.settings.poll;
            self.pause = if others { shortest } else { (self.pause * 2).min(longest) };
            self.next_look = Instant::now() + self.pause;
        }
    }

    /// Waits until everything that was carried out is off the queue: for a lane that ends its work.
    async fn let_leave(&mut self) {
        if let Err(error) = self.leaving.all(&self.engine).await {
            self.tell_left(&error);
        }
    }

    fn tell_left(&self, error: &SyncError) {
        tracing::warn!(lane = self.index, "Sync leaves entries that were carried out to whoever comes next: {error}");
    }

    /// A failure of one model, or of the happenings, that an operator must see does not hold up the others: they rest.
    fn rest_or_fail(&mut self, model: &'static str, result: Result<(), SyncError>) -> Result<(), SyncError> {
        let Err(error) = result else {
            self.resting.remove(model);
            return Ok(());
        };
        // One table that is locked or slow is its own model's matter as well.
        let is_busy = matches!(error, SyncError::Records(RecordsError::Later(_)));
        if !is_busy && !matches!(retry(&error), Retry::Operator(_)) {
            return Err(error);
        }
        let bounds = self.engine.settings.backoff;
        let (backoff, until) = self.resting.entry(model).or_insert_with(|| (Backoff::new(bounds), Instant::now()));
        if backoff.failures() == 0 {
            if is_busy {
                tracing::warn!(model, "Sync of {model} rests: {error}");
            } else {
                tracing::error!(model, "Sync of {model} rests: {error}");
            }
        }
        *until = Instant::now() + backoff.failed(self.engine.records.random());
        self.engine.figures.note_trouble(self.engine.now(), Some(error.to_string()));
        Ok(())
    }
}

/// Counts what was done.
pub(crate) fn note(engine: &Engine, settlement: &Settlement) {
    let now = engine.now();
    Figures::add(&engine.figures.applied, settlement.applied);
    Figures::add(&engine.figures.stale, settlement.stale);
    metrics::counter!("chainbill_sync_applied_total").increment(settlement.applied as u64);
    metrics::counter!("chainbill_sync_stale_total").increment(settlement.stale as u64);
    let lags = settlement.since.iter().map(|since| (now - *since).to_std().unwrap_or(Duration::ZERO));
    let lag_seconds = metrics::histogram!("chainbill_sync_lag_seconds");
    let mut last = None;
    for lag in lags {
        lag_seconds.record(lag.as_secs_f64());
        last = Some(lag);
    }
    if let Some(lag) = last {
        engine.figures.lag_ms.store(u64::try_from(lag.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
    if settlement.applied + settlement.stale > 0 {
        engine.figures.note_trouble(now, None);
    }
}
