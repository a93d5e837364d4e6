//! `chainbill demo`.

use std::{
    io::{BufRead as _, IsTerminal as _},
    time::Instant,
};

use anyhow::bail;
use chainbill_domain::{Clock as _, SystemClock};
use chainbill_records::{Records, repo::accounts};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::Went;
use crate::{
    cli::Demo,
    demo::{self, Made, Plan},
    open,
    output::{Output, complain},
    settings::Settings,
};

pub(super) async fn demo(
    settings: &Settings,
    out: Output,
    request: Demo,
    stop: &CancellationToken,
) -> anyhow::Result<Went> {
    let records = open::patient(settings).await?;
    chainbill_records::migrations::up(&records, None).await?;
    if !request.yes && !may_fill(&records, out).await? {
        return Ok(Went::Wrong);
    }
    let until = request.until.unwrap_or_else(|| SystemClock.now().date_naive());
    let plan = Plan::new(request.invoices, request.seed).until(until);
    let bar = out.bar("rows", plan.rows());
    let started = Instant::now();
    // How many rows there will be is known about; the bar's end is where it ends.
    let report = |rows| {
        bar.inc(rows);
        bar.set_length(plan.rows().max(bar.position()));
    };
    let made = demo::fill(&records, &plan, &report, stop).await;
    open::close(&records, None).await;
    let made = made?;
    if made.is_stopped {
        bar.abandon();
    } else {
        bar.set_length(bar.position());
        bar.finish();
    }
    let seconds = started.elapsed().as_secs_f64();
    let answer = json!({
        "seed": request.seed, "until": until.to_string(), "rows": made.rows, "events": made.events, "seconds": seconds,
        "password": made.password, "stopped": made.is_stopped,
    });
    out.result(&answer, || described(&made, &plan, seconds))?;
    Ok(if made.is_stopped { Went::Unable } else { Went::Fine })
}

fn described(made: &Made, plan: &Plan, seconds: f64) -> String {
    let rows: Vec<String> = made.rows.iter().map(|(model, rows)| format!("{rows} {model}")).collect();
    let stopped = if made.is_stopped { "stopped: the rows that were made stay, and are consistent\n" } else { "" };
    format!(
        "{stopped}made {}, {} events in {seconds:.1} s\nA running server mirrors them; `chainbill sync initial` does so too.\nThe password of all of them is `{}`; log in as {} or {}.",
        rows.join(", "),
        made.events,
        made.password,
        plan.email(0),
        plan.email(plan.freelancers())
    )
}

/// Whether the primary may be filled: it holds only operators and people of demos, or the user confirms it.
async fn may_fill(records: &Records, out: Output) -> anyhow::Result<bool> {
    let people = accounts::people_without(records, demo::ADDRESSES).await?;
    if people == 0 {
        return Ok(true);
    }
    let input = std::io::stdin();
    if out.json || !input.is_terminal() {
        bail!("the primary holds {people} people who are of no demo; --yes fills it all the same");
    }
    complain(&format!("The primary holds {people} people who are of no demo. Fill it with invented ones too? [y/N]"));
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
