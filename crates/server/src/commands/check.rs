//! `chainbill check`.

use chainbill_app::{App, AppError, INVARIANTS};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;

use super::{Went, migrate::up_to_date};
use crate::{open, output::Output, settings::Settings};

/// Invariants that are asked at once: a server's processors work on one statement with one of them.
const SIDE_BY_SIDE: usize = 4;

pub(super) async fn check(settings: &Settings, out: Output) -> anyhow::Result<Went> {
    let records = open::patient(settings).await?;
    up_to_date(&records).await?;
    let app = App::new(records.clone(), settings.app());
    let bar = out.bar("invariants", INVARIANTS.len() as u64);
    let results: Vec<_> = stream::iter(INVARIANTS)
        .map(async |invariant| {
            let violations = app.violations(invariant).await?;
            bar.inc(1);
            Ok::<_, AppError>((invariant, violations))
        })
        .buffered(SIDE_BY_SIDE)
        .try_collect()
        .await?;
    bar.finish_and_clear();
    open::close(&records, None).await;
    let holds = results.iter().all(|(_, violations)| violations.is_empty());
    let rows: Vec<_> = results
        .iter()
        .map(|(invariant, violations)| {
            json!({
                "name": invariant.name, "description": invariant.description, "holds": violations.is_empty(),
                "violations": violations,
            })
        })
        .collect();
    out.result(&json!({"holds": holds, "invariants": rows}), || {
        let line = |(invariant, violations): &(&chainbill_app::Invariant, Vec<String>)| match violations.as_slice() {
            [] => format!("holds   {}: {}\n", invariant.name, invariant.description),
            some => format!("BROKEN  {}: {}\n        {}\n", invariant.name, invariant.description, some.join(" ")),
        };
        results.iter().map(line).collect()
    })?;
    Ok(Went::fine_if(holds))
}
