//! `chainbill demo`.

use std::time::Instant;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::Went;
use crate::{cli::Demo, demo, open, output::Output, settings::Settings};

pub(super) async fn demo(
    settings: &Settings,
    out: Output,
    wish: Demo,
    stop: &CancellationToken,
) -> anyhow::Result<Went> {
    let records = open::primary(settings).await?;
    chainbill_records::migrations::up(records.db(), records.dialect(), None).await?;
    let plan = demo::Plan::new(wish.invoices, wish.seed);
    let bar = out.bar("rows", plan.rows());
    let started = Instant::now();
    let made = demo::fill(&records, &plan, &|rows| bar.inc(rows), stop).await;
    open::close(&records, None).await;
    let made = made?;
    bar.finish_and_clear();
    let seconds = started.elapsed().as_secs_f64();
    let counts: serde_json::Map<_, _> =
        made.rows.iter().map(|(model, rows)| ((*model).to_owned(), json!(rows))).collect();
    let answer = json!({"seed": wish.seed, "rows": counts, "seconds": seconds, "password": made.password});
    out.result(&answer, || {
        let rows: Vec<String> = made.rows.iter().map(|(model, rows)| format!("{rows} {model}")).collect();
        format!(
            "made {} in {seconds:.1} s\nA running server brings them to the second database; `chainbill sync initial` does \
             so too.\nEverybody's password is `{}`; log in as {} or {}.",
            rows.join(", "),
            made.password,
            plan.email(0),
            plan.email(plan.freelancers())
        )
    })?;
    Ok(Went::Fine)
}
