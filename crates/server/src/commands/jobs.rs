//! `chainbill jobs`.

use anyhow::bail;
use chainbill_records::jobs::JobState;
use serde_json::json;

use super::{Went, migrate::up_to_date};
use crate::{cli::Jobs, open, output::Output, settings::Settings};

/// So many are listed.
const MOST: u64 = 1000;

pub(super) async fn jobs(settings: &Settings, out: Output, request: Jobs) -> anyhow::Result<Went> {
    let records = open::primary(settings).await?;
    up_to_date(&records).await?;
    match request {
        Jobs::List { dead, kind } => {
            let state = dead.then_some(JobState::Dead);
            let jobs = records.jobs(kind.as_deref(), state, None, MOST).await?;
            let rows: Vec<_> = jobs
                .iter()
                .map(|job| {
                    json!({
                        "id": job.id, "kind": job.kind, "key": job.key, "state": job.state.name(),
                        "runAt": chainbill_app::moment(job.run_at), "failures": job.failures, "error": job.error,
                        "createdAt": chainbill_app::moment(job.created_at),
                    })
                })
                .collect();
            out.result(&json!({"data": rows}), || {
                let line = |job: &chainbill_records::jobs::JobView| {
                    let error = job.error.as_deref().map(|error| format!("\n    {error}")).unwrap_or_default();
                    let (state, at) = (job.state.name(), chainbill_app::moment(job.run_at));
                    format!(
                        "{} {state:<7} {} {} at {at}, failed {} times{error}\n",
                        job.id, job.kind, job.key, job.failures
                    )
                };
                if jobs.is_empty() { "no jobs".to_owned() } else { jobs.iter().map(line).collect() }
            })?;
            Ok(Went::fine_if(jobs.iter().all(|job| job.state != JobState::Dead)))
        }
        Jobs::Retry { id } => {
            let known = records.retry_dead_job(&id).await?;
            report(out, known, &id, "is queued again")
        }
        Jobs::Drop { id } => {
            let known = records.drop_dead_job(&id).await?;
            report(out, known, &id, "is dropped")
        }
    }
}

fn report(out: Output, known: bool, id: &str, what: &str) -> anyhow::Result<Went> {
    if !known {
        bail!("there is no dead letter {id}: `chainbill jobs list --dead` lists them");
    }
    out.result(&json!({"id": id}), || format!("{id} {what}"))?;
    Ok(Went::Fine)
}
