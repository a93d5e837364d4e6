//! `chainbill check`.

use chainbill_app::{App, INVARIANTS};
use serde_json::json;

use super::{Went, migrate::up_to_date};
use crate::{open, output::Output, settings::Settings};

pub(super) async fn check(settings: &Settings, out: Output) -> anyhow::Result<Went> {
    let records = open::patient(settings).await?;
    up_to_date(&records).await?;
    let app = App::new(records, settings.app());
    let bar = out.bar("invariants", INVARIANTS.len() as u64);
    let mut results = Vec::new();
    for invariant in INVARIANTS {
        results.push((invariant, app.violations(invariant).await?));
        bar.inc(1);
    }
    bar.finish_and_clear();
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
