//! Backfill of a model's new column: its rate, beside writes, against the initial copy of the same rows.

use std::time::{Duration, Instant};

use chainbill_domain::{
    Model,
    mapping::{Column, Embed, text},
    models,
    models::INVOICES,
};
use chainbill_records::{ModelState, Records};
use chainbill_sync::{Replicator, Settings, SyncError};
use chainbill_testkit::Fresh;
use chainbill_testkit::sea_orm::ConnectionTrait as _;
use tokio_util::sync::CancellationToken;

use crate::{
    deep,
    load::{Kind, Load},
    rate, settings,
};

/// Commits per second beside the backfill.
const BESIDE: u64 = 100;

/// The results.
pub(crate) struct Seen {
    /// Documents per second without other load.
    pub alone: f64,
    /// Beside writes.
    pub beside: f64,
    /// On a second run, over current documents.
    pub again: f64,
    /// Concurrent deep comparisons, and their false drift.
    pub comparisons: u64,
    pub drift: u64,
    /// Whether both sides were certified equal in the end.
    pub certified: bool,
}

pub(crate) async fn reshape(fresh: &Fresh, records: &Records) -> anyhow::Result<Seen> {
    let stop = CancellationToken::new();
    for column in ["bench_region", "bench_class"] {
        let sql = format!("ALTER TABLE invoices ADD COLUMN {column} VARCHAR(16) NOT NULL DEFAULT 'unknown'");
        records.execute_unprepared(&sql).await?;
    }
    let first = with(&INVOICES, text("bench_region", "region"));
    let sync = of_release(fresh, records, first).await;
    let alone = timed(&sync, first, &stop).await?;
    let again = timed(&sync, first, &stop).await?;

    let second = with(first, text("bench_class", "class"));
    let sync = of_release(fresh, records, second).await;
    let running = sync.start();
    let load = Load { target: BESIDE, rows: 1, kind: Kind::Mixed, lasting: Duration::from_secs(600) };
    let writing = {
        let records = records.clone();
        tokio::spawn(async move { load.run(&records, None).await })
    };
    let (mut comparisons, mut drift, started) = (0, 0, Instant::now());
    let copy = loop {
        anyhow::ensure!(started.elapsed() < Duration::from_secs(900), "the backfill did not end");
        match sync.run(second, deep(), &|_| {}, &stop).await {
            Ok(report) => {
                comparisons += 1;
                drift += report.comparison.drifting();
            }
            Err(SyncError::LeaseTaken(_)) => {}
            Err(error) => return Err(error.into()),
        }
        let copy = records.backfill_state(second).await?;
        if copy.state == ModelState::Live && copy.revision == Some(second.revision()) {
            break copy;
        }
    };
    writing.abort();
    anyhow::ensure!(sync.drained(Duration::from_secs(120)).await?, "the backlog did not drain");
    let report = sync.run(second, deep(), &|_| {}, &stop).await?;
    running.stop().await;
    Ok(Seen {
        alone,
        beside: copy.rate as f64,
        again,
        comparisons,
        drift: drift + report.comparison.drifting() + report.comparison.outdated,
        certified: report.certificate.is_some(),
    })
}

async fn timed(sync: &Replicator, model: &'static Model, stop: &CancellationToken) -> anyhow::Result<f64> {
    let started = Instant::now();
    let done = sync.backfill(model, &|_| {}, stop).await?;
    Ok(rate(done.rows, started.elapsed().as_secs_f64()))
}

/// The replicator of a release with this description.
async fn of_release(fresh: &Fresh, records: &Records, model: &'static Model) -> Replicator {
    let own = |other: &&'static Model| if other.name == model.name { model } else { *other };
    let models: Vec<&'static Model> = models::ALL.iter().map(own).collect();
    Replicator::new(fresh.beside(records).await, fresh.mirror().await, Settings { models: models.leak(), ..settings() })
}

/// The same description with another column.
fn with(model: &'static Model, column: Column) -> &'static Model {
    let Model { name, columns, embeds, omitted, search, indexes, every } = *model;
    let columns: Vec<Column> = columns.iter().copied().chain([column]).collect();
    let embeds: &'static [Embed] = embeds;
    Box::leak(Box::new(Model { name, columns: columns.leak(), embeds, omitted, search, indexes, every }))
}
