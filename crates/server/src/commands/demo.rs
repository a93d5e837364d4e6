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
    wish: Demo,
    stop: &CancellationToken,
) -> anyhow::Result<Went> {
    let records = open::patient(settings).await?;
    chainbill_records::migrations::up(&records, None).await?;
    if !wish.yes && !may_fill(&records, out).await? {
        return Ok(Went::Wrong);
    }
    let until = wish.until.unwrap_or_else(|| SystemClock.now().date_naive());
    let plan = Plan::new(wish.invoices, wish.seed).until(until);
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
        "seed": wish.seed, "until": until.to_string(), "rows": made.rows, "events": made.events, "seconds": seconds,
        "password": made.password, "stopped": made.is_stopped,
    });
    out.result(&answer, || told(&made, &plan, seconds))?;
    Ok(if made.is_stopped { Went::Unable } else { Went::Fine })
}

fn told(made: &Made, plan: &Plan, seconds: f64) -> String {
    let rows: Vec<String> = made.rows.iter().map(|(model, rows)| format!("{rows} {model}")).collect();
    let stopped = if made.is_stopped { "stopped: what was made is whole, and stays\n" } else { "" };
    format!(
        "{stopped}made {}, {} events in {seconds:.1} s\nA running server brings them to the second database; `chainbill sync \
         initial` does so too.\nEverybody's password is `{}`; log in as {} or {}.",
        rows.join(", "),
        made.events,
        made.password,
        plan.email(0),
        plan.email(plan.freelancers())
    )
}

/// Whether the primary may be filled: it holds nobody but operators and people of demos, or whoever sits there says so.
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
