//! `chainbill notary verify`.

use anyhow::{Context as _, bail};
use chainbill_chain::{Fault, Report, verify};
use serde_json::json;

use super::Went;
use crate::{output::Output, settings::Settings};

pub(super) fn check(settings: &Settings, out: Output) -> anyhow::Result<Went> {
    let folder = settings.data_dir.display();
    let report = verify(&settings.data_dir).with_context(|| format!("the notary in {folder} cannot be read"))?;
    let Some(report) = report else {
        bail!("there is no notary in {folder} (DATA_DIR): nothing was notarised there");
    };
    let holds = report.fault.is_none();
    let entry = match &report.fault {
        Some(Fault::Entry { sequence, .. }) => Some(*sequence),
        _ => None,
    };
    let cause = report.fault.as_ref().map(ToString::to_string);
    let answer = json!({
        "network": "local", "holds": holds, "cause": cause, "firstBadEntry": entry, "entries": report.entries,
        "tip": report.tip, "publicKey": report.public_key, "tornBytes": report.torn_bytes,
    });
    out.result(&answer, || text(&report, cause.as_deref()))?;
    Ok(Went::fine_if(holds))
}

fn text(report: &Report, cause: Option<&str>) -> String {
    let Report { public_key, entries, tip, torn_bytes, fault: _ } = report;
    let key = public_key.as_deref().unwrap_or("none");
    let word = if cause.is_some() { "BROKEN" } else { "holds" };
    let mut text = format!("{word}\nnetwork: local\nentries that verify: {entries}\ntip: {tip}\npublic key: {key}\n");
    if *torn_bytes > 0 {
        text +=
            &format!("torn: {torn_bytes} bytes of an entry that was never answered; the next entry replaces them\n");
    }
    cause.map_or_else(|| text.clone(), |cause| format!("{text}first fault: {cause}\n"))
}
