//! `chainbill migrate`.

use anyhow::bail;
use chainbill_records::{
    Records,
    migrations::{self, Migration},
};
use serde_json::json;

use super::Went;
use crate::{cli::Migrate, open, output::Output, settings::Settings};

pub(super) async fn migrate(settings: &Settings, out: Output, request: Migrate) -> anyhow::Result<Went> {
    let records = open::patient(settings).await?;
    match request {
        Migrate::Up { steps } => migrations::up(&records, steps).await?,
        Migrate::Down { yes: false, steps } => {
            bail!("{steps} steps back would drop their tables with everything in them; --yes confirms it")
        }
        Migrate::Down { steps, .. } => migrations::down(&records, Some(steps)).await?,
        Migrate::Status => {}
    }
    let all = migrations::status(&records).await?;
    open::close(&records, None).await;
    let rows: Vec<_> = all.iter().map(|step| json!({"name": step.name, "applied": step.applied})).collect();
    out.result(&json!({"migrations": rows}), || {
        all.iter()
            .map(|step| format!("{}  {}\n", if step.applied { "applied" } else { "missing" }, step.name))
            .collect()
    })?;
    let asked = matches!(request, Migrate::Status);
    Ok(Went::fine_if(!asked || all.iter().all(|step| step.applied)))
}

/// Refuses to work on tables that are older than the program.
pub(super) async fn up_to_date(records: &Records) -> anyhow::Result<()> {
    let missing: Vec<Migration> = migrations::status(records).await?.into_iter().filter(|step| !step.applied).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|step| step.name.as_str()).collect();
    bail!("migrations are missing ({}): run `chainbill migrate up` or `chainbill serve` first", names.join(", "))
}
