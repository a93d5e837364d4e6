//! `chainbill sync`: the server's synchronisation in a process of its own.

use anyhow::{anyhow, bail};
use chainbill_domain::{Clock as _, Model, SystemClock};
use chainbill_sync::{
    Comparison, Finding, Order, RepairPolicy, Repaired, Replicator, RunReport, Status, SyncError, compare::Level,
};
use chainbill_web::{BackfillReport, Backfilled, DeadLetter, RepairedEntity};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Went, migrate::up_to_date};
use crate::{
    cli::{OneModel, Repair, SyncCommand, Verify},
    mapping, open,
    output::{Bars, Output, follow},
    settings::Settings,
    slot::Slot,
    sync_admin::{
        selected,
        views::{self, Runs},
    },
};

pub(super) async fn sync(
    settings: &Settings,
    out: Output,
    request: SyncCommand,
    one_model: Option<OneModel>,
    stop: &CancellationToken,
) -> anyhow::Result<Went> {
    if let SyncCommand::Mapping { markdown } = request {
        let text = || if markdown { mapping::markdown() } else { format!("{:#}", mapping::json()) };
        out.result(&mapping::json(), text)?;
        return Ok(Went::Fine);
    }
    let records = open::patient(settings).await?;
    up_to_date(&records).await?;
    let mirror = open::secondary(settings).await?;
    let slot = Slot::take(&settings.data_dir);
    let owner = slot.as_ref().map(|slot| slot.name.clone());
    let sync = Replicator::new(records.clone(), mirror.clone(), chainbill_sync::Settings { owner, ..settings.sync() });
    let went = carried_out(&sync, out, request, one_model, stop).await;
    open::close(&records, Some(&mirror)).await;
    went
}

async fn carried_out(
    sync: &Replicator,
    out: Output,
    request: SyncCommand,
    one_model: Option<OneModel>,
    stop: &CancellationToken,
) -> anyhow::Result<Went> {
    match request {
        SyncCommand::Initial => initial(sync, out, stop).await,
        SyncCommand::Status => status(sync, out).await,
        SyncCommand::Verify(Verify { model, deep, resume }) => {
            let level = if deep { Level::Deep } else { Level::Fast };
            let order = Order::new("verify", level, RepairPolicy::Report).resuming(resume);
            runs(sync, out, model.as_deref(), order, stop).await
        }
        SyncCommand::Repair(Repair { model, force }) => {
            sync.drain(stop).await?;
            let policy = if force { RepairPolicy::Force } else { RepairPolicy::Repair };
            runs(sync, out, model.as_deref(), Order::new("repair", Level::Deep, policy), stop).await
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

fn line(backfilled: &Backfilled) -> String {
    let Backfilled { model, copied, parked } = backfilled;
    format!("{model}: {copied} copied, {parked} parked\n")
}

async fn initial(sync: &Replicator, out: Output, stop: &CancellationToken) -> anyhow::Result<Went> {
    let bars = Bars::new(out, chainbill_domain::models::ALL.iter().map(|model| model.name));
    let copied = sync.initial_of(chainbill_domain::models::ALL, &|progress| bars.follow(progress), stop).await;
    bars.finish();
    let models: Vec<Backfilled> = copied
        .into_iter()
        .map(|(model, copied)| Ok(views::backfilled(model, copied?)))
        .collect::<Result<_, SyncError>>()?;
    sync.drain(stop).await?;
    let report = BackfillReport { models };
    out.result(&report, || report.models.iter().map(line).collect())?;
    Ok(Went::fine_if(report.models.iter().all(|model| model.parked == 0)))
}

async fn status(sync: &Replicator, out: Output) -> anyhow::Result<Went> {
    let status = sync.status().await;
    out.result(&views::status(status.clone()), || described(&status))?;
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
        "mirror",
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
            text.push_str(&format!("    {count} documents are quarantined\n"));
        }
    }
    if let Some(events) = &status.events {
        let behind = events.behind.iter().map(|(consumer, count)| format!(", {consumer} behind by {count}"));
        text.push_str(&format!("\nevents without a position {}{}\n", events.unsequenced, behind.collect::<String>()));
    }
    text
}

async fn runs(
    sync: &Replicator,
    out: Output,
    model: Option<&str>,
    order: Order,
    stop: &CancellationToken,
) -> anyhow::Result<Went> {
    let mut runs = Runs::default();
    for model in selected(model)? {
        let bar = out.bar(model.name, 0);
        let report = sync.run(model, order, &follow(&bar), stop).await;
        bar.finish_and_clear();
        runs.add(model, report)?;
    }
    out.result(&runs.report(), || {
        runs.reports.iter().map(described_run).chain(runs.failures.iter().map(failed)).collect()
    })?;
    if !runs.failures.is_empty() {
        return Ok(Went::Unable);
    }
    Ok(Went::fine_if(runs.equal()))
}

fn described_run(report: &RunReport) -> String {
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
    sync: &Replicator,
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
        let done = if retry { "is queued again" } else { "is dropped" };
        out.result(&json!({"done": known}), || {
            format!("{} {id} {}", model.name, if known { done } else { "is no dead letter" })
        })?;
        return Ok(Went::fine_if(known));
    }
    let parked = sync.failures(model.map(|model| model.name), 1000).await?;
    let parked: Vec<_> = parked.iter().filter(|one| id.is_none_or(|id| one.entry.entity_id == id)).collect();
    let rows: Vec<DeadLetter> = parked.iter().map(|parked| views::dead_letter(parked)).collect();
    out.result(&json!({"data": rows}), || {
        let line = |one: &&chainbill_records::DeadLetter| {
            format!("{} {} after {} attempts: {}\n", one.entry.model, one.entry.entity_id, one.attempts, one.cause)
        };
        if parked.is_empty() { "no dead letters".to_owned() } else { parked.iter().map(line).collect() }
    })?;
    Ok(Went::fine_if(parked.is_empty()))
}

/// Partial recovery.
async fn since(
    sync: &Replicator,
    out: Output,
    model: &'static Model,
    span: &str,
    stop: &CancellationToken,
) -> anyhow::Result<Went> {
    let since = chainbill_domain::span::since(span, SystemClock.now())
        .map_err(|error| anyhow!("--since is {span:?}: {error}"))?;
    sync.drain(stop).await?;
    let bar = out.bar(model.name, 0);
    let recent = sync.since(model, since, &follow(&bar), stop).await;
    bar.finish_and_clear();
    let recent = recent?;
    out.result(&views::recent_repair(model, since, &recent), || {
        let Repaired { repaired, failed, quarantined, .. } = recent.repaired;
        let wrong = format!("{failed} that cannot be repaired, {quarantined} quarantined");
        format!("{}: {} changed since {since}, {repaired} repaired, {wrong}", model.name, recent.compared)
    })?;
    Ok(Went::fine_if(recent.is_right()))
}

async fn one_model_whole(
    sync: &Replicator,
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
        let backfilled = views::backfilled(model, copied?);
        sync.drain(stop).await?;
        out.result(&backfilled, || line(&backfilled))?;
        return Ok(Went::fine_if(backfilled.parked == 0));
    }
    sync.drain(stop).await?;
    runs(sync, out, Some(model.name), Order::new("manual", Level::Fast, RepairPolicy::Repair), stop).await
}

async fn one(sync: &Replicator, out: Output, model: &'static Model, id: &str) -> anyhow::Result<Went> {
    let (repaired, why) = sync.one(model, id).await?;
    if why.is_nothing() {
        bail!("there is no {} {id} in either database", model.name);
    }
    let entity = RepairedEntity {
        repaired: repaired.repaired > 0,
        quarantined: repaired.quarantined > 0,
        entity: views::diagnosis(why),
    };
    let verdict = &entity.entity.verdict;
    out.result(&entity, || {
        format!("{} {id}: {verdict}{}", model.name, if entity.repaired { ", repaired" } else { "" })
    })?;
    Ok(Went::fine_if(verdict == "equal"))
}
