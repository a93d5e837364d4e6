//! Commits at a steady rate, through the saving path.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use chainbill_domain::{Model, models::INVOICES};
use chainbill_records::{Records, entities::invoices};
use tokio::sync::mpsc;

use crate::commits::invoice;

const WRITERS: u64 = 16;
/// The written and compared model.
pub(crate) static WRITTEN: &Model = &INVOICES;

/// An entity's id and its commit's answer time.
pub(crate) type Committed = (String, Instant);

/// Kind of load.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// New invoices.
    Creations,
    /// New invoices and as many changes.
    Mixed,
}

/// A steady load.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    /// Commits per second.
    pub target: u64,
    /// Rows per commit.
    pub rows: usize,
    pub kind: Kind,
    pub lasting: Duration,
}

impl Load {
    /// Runs the load and reports each commit to an optional watcher. Returns the reached commits per second.
    pub async fn run(self, records: &Records, tell: Option<mpsc::UnboundedSender<Committed>>) -> anyhow::Result<f64> {
        let count = Arc::new(AtomicU64::new(0));
        let started = Instant::now();
        let mut writers = tokio::task::JoinSet::new();
        for place in 0..WRITERS {
            writers.spawn(self.write(place, records.clone(), count.clone(), tell.clone()));
        }
        drop(tell);
        while let Some(one) = writers.join_next().await {
            one??;
        }
        Ok(count.load(Relaxed) as f64 / started.elapsed().as_secs_f64())
    }

    /// One writer, its commits evenly interleaved with the others'.
    async fn write(
        self,
        place: u64,
        records: Records,
        count: Arc<AtomicU64>,
        tell: Option<mpsc::UnboundedSender<Committed>>,
    ) -> anyhow::Result<()> {
        let each = Duration::from_micros(1_000_000 / self.target);
        let first = tokio::time::Instant::now() + each * u32::try_from(place)?;
        let mut ticks = tokio::time::interval_at(first, each * u32::try_from(WRITERS)?);
        let until = Instant::now() + self.lasting;
        let mut last = Vec::<invoices::Model>::new();
        while Instant::now() < until {
            ticks.tick().await;
            let mut unit = records.begin().await?;
            let changed = std::mem::take(&mut last);
            if changed.is_empty() {
                let rows = (0..self.rows).map(|_| invoice(&records)).collect();
                last = unit.insert_many::<invoices::Entity>(rows).await?;
            }
            for before in &changed {
                let after = invoices::Model { notes: Some("Payable at once.".to_owned()), ..before.clone() };
                unit.update::<invoices::Entity>(before, after).await?;
            }
            unit.commit().await?;
            count.fetch_add(1, Relaxed);
            if let Some(tell) = &tell {
                for row in changed.iter().chain(&last) {
                    tell.send((row.id.to_string(), Instant::now()))?;
                }
            }
            if self.kind == Kind::Creations {
                last.clear();
            }
        }
        Ok(())
    }
}
