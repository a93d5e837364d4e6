//! `chainbill sync`: the same engine as the server's, in a process of its own beside it.

use anyhow::{anyhow, bail};
use chainbill_domain::{Clock as _, Model, SystemClock};
use chainbill_sync::{
    Comparison, Copied, Finding, Mending, Order, Repaired, RunReport, Status, Sync, SyncError, compare::Level,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Went, migrate::up_to_date};
use crate::{
    cli::{OneModel, Repair, SyncCommand, Verify},
    desk::{Runs, of_parked, of_recent, wished},
    mapping, open,
    output::{Bars, Output, follow},
    settings::Settings,
    slot::Slot,
};

pub(super) async fn sync(
    settings: &Settings,
    out: Output,
    wish: SyncCommand,
    one_model: Option<OneModel>,
    stop: &CancellationToken,
) -> anyhow::Result<Went> {
    if let SyncCommand::Mapping { markdown } = wish {
        let text = || if markdown { mapping::markdown() } else { format!("{:#}", mapping::json()) };
        out.result(&mapping::json(), text)?;
        return Ok(Went::Fine);
    }
    let records = open::patient(settings).await?;
    up_to_date(&records).await?;
    let mirror = open::secondary(settings).await?;
    let slot = Slot::take(&settings.data_dir);
    let owner = slot.as_ref().map(|slot| slot.name.clone());
    let sync = Sync::new(records.clone(), mirror.clone(), chainbill_sync::Settings { owner, ..settings.sync() });
    let went = carried_out(&sync, out, wish, one_model, stop).await;
    open::close(&records, Some(&mirror)).await;
    went
}

async fn carried_out(
    sync: &Sync,
    out: Output,
    wish: SyncCommand,
    one_model: Option<OneModel>,
    stop: &CancellationToken,
) -> anyhow::Result<Went> {
    match wish {
        SyncCommand::Initial => initial(sync, out, stop).await,
        SyncCommand::Status => status(sync, out).await,
        SyncCommand::Verify(Verify { model, deep, resume }) => {
            let level = if deep { Level::Deep } else { Level::Fast };
            let order = Order::new("verify", level, Mending::Report).resuming(resume);
            runs(sync, out, model.as_deref(), order, stop).await
        }
        SyncCommand::Repair(Repair { model, force }) => {
            sync.settle(stop).await?;
            let mending = if force { Mending::Force } else { Mending::Repair };
            runs(sync, out, model.as_deref(), Order::new("repair", Level::Deep, mending), stop).await
        }
        SyncCommand::Failures { model, id, retry, drop } => {
            failures(sync, out, model.as_deref(), id.as_deref(), (retry, drop)).await
        }
        SyncCommand::Model(_) => match one_model {
            Some(OneModel { model, id: Some(id), .. }) => one(sync, out, chainbill_sync::model(&model)?, &id).await,
            Some(OneModel { model, since: Some(span), .. }) => {
                since(sync, out, chainbill_sync::model(&model)?, &span, stop).await
            }
            Some(OneModel { model, .. }) => one_model_whole(sync, out, chainbill_sync::model(&model)?, stop).await,
            None => bail!("a model is accepted: chainbill sync users"),
        },
        SyncCommand::Mapping { .. } => Ok(Went::Fine),
    }
}

fn of_copy(model: &'static Model, copied: Copied) -> Value {
    json!({"model": model.name, "copied": copied.rows, "parked": copied.parked})
}

async fn initial(sync: &Sync, out: Output, stop: &CancellationToken) -> anyhow::Result<Went> {
    let bars = Bars::new(out, chainbill_domain::models::ALL.iter().map(|model| model.name));
    let copied = sync.initial_of(chainbill_domain::models::ALL, &|progress| bars.follow(progress), stop).await;
    bars.finish();
    let models: Vec<Value> =
        copied.into_iter().map(|(model, copied)| Ok(of_copy(model, copied?))).collect::<Result<_, SyncError>>()?;
    sync.settle(stop).await?;
    let parked = models.iter().any(|model| model["parked"] != 0);
    out.result(&json!({"models": models}), || {
        models
            .iter()
            .map(|model| {
                format!(
                    "{}: {} copied, {} parked\n",
                    model["model"].as_str().unwrap_or(""),
                    model["copied"],
                    model["parked"]
                )
            })
            .collect()
    })?;
    Ok(Went::fine_if(!parked))
}

async fn status(sync: &Sync, out: Output) -> anyhow::Result<Went> {
    let status = sync.status().await;
    out.result(&status, || described(&status))?;
    if !status.primary_reachable {
        bail!("the primary does not answer");
    }
    Ok(Went::fine_if(status.status == "healthy"))
}

fn described(status: &Status) -> String {
    let number = |value: Option<u64>| value.map_or_else(|| "?".to_owned(), |value| value.to_string());
    let seconds = |value: Option<f64>| value.map_or_else(|| "?".to_owned(), |value| format!("{value:.1} s"));
    let mut text = status.status.to_owned();
    if let Some(reason) = &status.reason {
        text.push_str(&format!(": {reason}"));
    }
    text.push_str(&format!(
        "\nprimary: {}\nbacklog {}, behind by {}, parked {}, quarantined {}, last heartbeat {}\n\n{:<13} {:<12} {:>10} {:>10} {:>8} {:>7}  last run\n",
        status.topology,
        number(status.backlog),
        seconds(status.lag_seconds),
        number(status.parked),
        number(status.quarantined),
        seconds(status.heartbeat_seconds),
        "model",
        "state",
        "primary",
        "secondary",
        "backlog",
        "parked"
    ));
    for model in &status.models {
        text.push_str(&format!(
            "{:<13} {:<12} {:>10} {:>10} {:>8} {:>7}  {}\n",
            model.model,
            model.state.unwrap_or("?"),
            number(model.mysql_count),
            number(model.mongodb_count),
            number(model.backlog),
            number(model.parked),
            model.last_result.as_deref().unwrap_or("")
        ));
        if let Some(state @ ("COPYING" | "BACKFILLING")) = model.state {
            let (word, to) = (state.to_ascii_lowercase(), model.revision.as_deref().unwrap_or("?"));
            let (copied, total, rate) = (model.copied, model.total, model.rate);
            text.push_str(&format!("    {word}: {copied} of {total} at {rate}/s, to revision {to}\n"));
        }
        if let Some(reason) = &model.reason {
            text.push_str(&format!("    {reason}\n    {}\n", model.hint.as_deref().unwrap_or("")));
        }
        if let Some(waits_for) = &model.waiting_for {
            text.push_str(&format!("    waits for {waits_for}\n"));
        }
        if let Some(count @ 1..) = model.quarantined {
            text.push_str(&format!("    {count} copies are known to be wrong and left alone\n"));
        }
    }
    if let Some(events) = &status.events {
        let behind = events.behind.iter().map(|(consumer, count)| format!(", {consumer} behind by {count}"));
        text.push_str(&format!("\nevents without a position {}{}\n", events.unsequenced, behind.collect::<String>()));
    }
    text
}

async fn runs(
    sync: &Sync,
    out: Output,
    model: Option<&str>,
    order: Order,
    stop: &CancellationToken,
) -> anyhow::Result<Went> {
    let mut runs = Runs::default();
    for model in wished(model)? {
        let bar = out.bar(model.name, 0);
        let report = sync.run(model, order, &follow(&bar), stop).await;
        bar.finish_and_clear();
        runs.add(model, report)?;
    }
    out.result(&runs.json(), || runs.reports.iter().map(told).chain(runs.failures.iter().map(failed)).collect())?;
    if !runs.failures.is_empty() {
        return Ok(Went::Unable);
    }
    Ok(Went::fine_if(runs.equal()))
}

fn told(report: &RunReport) -> String {
    let comparison = &report.comparison;
    let certificate = report.certificate.as_ref().map(|certificate| format!(", certificate {}", certificate.hash));
    let mut text = format!("{:<13} {}{}\n", comparison.model, report.line(), certificate.unwrap_or_default());
    text.push_str(&differences(comparison));
    for (id, cause) in &comparison.unreadable {
        text.push_str(&format!("    {} {id} unreadable: {cause}\n", comparison.model));
    }
    text
}

fn failed((model, error): &(&'static Model, SyncError)) -> String {
    let found = if let SyncError::Breaker { comparison, .. } = error { differences(comparison) } else { String::new() };
    format!("{:<13} failed: {error}\n{found}", model.name)
}

fn differences(comparison: &Comparison) -> String {
    let line = |finding: &Finding| {
        let (class, fields) = (finding.class.name(), finding.fields.join(", "));
        format!("    {} {} {class} {fields}\n", comparison.model, finding.id)
    };
    comparison.findings.iter().map(line).collect()
}

async fn failures(
    sync: &Sync,
    out: Output,
    model: Option<&str>,
    id: Option<&str>,
    (retry, drop): (bool, bool),
) -> anyhow::Result<Went> {
    let model = model.map(chainbill_sync::model).transpose()?;
    if let (Some(model), Some(id), true) = (model, id, retry || drop) {
        let known = match retry {
            true => sync.retry_failure(model.name, id).await?,
            false => sync.drop_failure(model.name, id).await?,
        };
        let done = if retry { "is on the queue again" } else { "is forgotten" };
        out.result(&json!({"done": known}), || {
            format!("{} {id} {}", model.name, if known { done } else { "is not parked" })
        })?;
        return Ok(Went::fine_if(known));
    }
    let parked = sync.failures(model.map(|model| model.name), 1000).await?;
    let parked: Vec<_> = parked.iter().filter(|one| id.is_none_or(|id| one.entry.entity_id == id)).collect();
    let rows: Vec<Value> = parked.iter().map(|parked| of_parked(parked)).collect();
    out.result(&json!({"data": rows}), || {
        let line = |one: &&chainbill_records::Parked| {
            format!("{} {} after {} attempts: {}\n", one.entry.model, one.entry.entity_id, one.attempts, one.cause)
        };
        if parked.is_empty() { "nothing is parked".to_owned() } else { parked.iter().map(line).collect() }
    })?;
    Ok(Went::fine_if(parked.is_empty()))
}

/// Partial recovery.
async fn since(
    sync: &Sync,
    out: Output,
    model: &'static Model,
    span: &str,
    stop: &CancellationToken,
) -> anyhow::Result<Went> {
    let since = chainbill_domain::span::since(span, SystemClock.now())
        .map_err(|error| anyhow!("--since is {span:?}: {error}"))?;
    sync.settle(stop).await?;
    let bar = out.bar(model.name, 0);
    let recent = sync.since(model, since, &follow(&bar), stop).await;
    bar.finish_and_clear();
    let recent = recent?;
    out.result(&of_recent(model, since, &recent), || {
        let Repaired { repaired, failed, quarantined, .. } = recent.repaired;
        let wrong = format!("{failed} that cannot be repaired, {quarantined} quarantined");
        format!("{}: {} changed since {since}, {repaired} repaired, {wrong}", model.name, recent.compared)
    })?;
    Ok(Went::fine_if(recent.is_right()))
}

async fn one_model_whole(
    sync: &Sync,
    out: Output,
    model: &'static Model,
    stop: &CancellationToken,
) -> anyhow::Result<Went> {
    let first = sync.needs_copy(model).await?;
    if first || sync.needs_backfill(model).await? {
        let bar = out.bar(model.name, 0);
        let copied = match first {
            true => sync.initial(model, &follow(&bar), stop).await,
            false => sync.backfill(model, &follow(&bar), stop).await,
        };
        bar.finish();
        let copied = of_copy(model, copied?);
        sync.settle(stop).await?;
        out.result(&copied, || format!("{}: {} copied, {} parked", model.name, copied["copied"], copied["parked"]))?;
        return Ok(Went::fine_if(copied["parked"] == 0));
    }
    sync.settle(stop).await?;
    runs(sync, out, Some(model.name), Order::new("manual", Level::Fast, Mending::Repair), stop).await
}

async fn one(sync: &Sync, out: Output, model: &'static Model, id: &str) -> anyhow::Result<Went> {
    let (repaired, why) = sync.one(model, id).await?;
    if why.is_nothing() {
        bail!("there is no {} {id} in either database", model.name);
    }
    out.result(&json!({"repaired": repaired.repaired > 0, "entity": why}), || {
        format!("{} {id}: {}{}", model.name, why.verdict, if repaired.repaired > 0 { ", repaired" } else { "" })
    })?;
    Ok(Went::fine_if(why.verdict == "equal"))
}
