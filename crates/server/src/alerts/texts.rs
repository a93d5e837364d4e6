//! The texts of alarms. Each is about its own condition: the status's reason may be that of another.

use chainbill_sync::{ModelStatus, Status};

/// Explanation a condition began.
pub(super) fn began(condition: &str, status: &Status) -> String {
    let of = |count: fn(&ModelStatus) -> Option<u64>| {
        let some =
            status.models.iter().filter_map(|model| Some((count(model).filter(|count| *count > 0)?, model.model)));
        let named: Vec<String> = some.map(|(count, model)| format!("{count} of {model}")).collect();
        if named.is_empty() { String::new() } else { format!(": {}", named.join(", ")) }
    };
    let count = |count: Option<u64>| count.unwrap_or(0);
    match condition {
        "sync.stalled" | "sync.late" => waits(status),
        "sync.faulted" => faulted(status),
        "sync.parked" => format!("{} dead letters{}", count(status.parked), of(|model| model.parked)),
        "sync.drift" => {
            let names = status.models.iter().filter(|model| model.drift == Some(true)).map(|model| model.model);
            format!("found different: {}", names.collect::<Vec<_>>().join(", "))
        }
        "sync.quarantined" => {
            format!("{} documents are quarantined{}", count(status.quarantined), of(|model| model.quarantined))
        }
        _ => status.reason.clone().unwrap_or_else(|| status.status.to_owned()),
    }
}

/// The state when a condition has ended.
pub(super) fn ended(status: &Status) -> String {
    match &status.reason {
        Some(reason) => format!("{} still: {reason}", status.status),
        None => "everything is synchronised".to_owned(),
    }
}

fn waits(status: &Status) -> String {
    let (oldest, beat) = (status.oldest_seconds.unwrap_or(0.0), status.heartbeat_seconds.unwrap_or(0.0));
    if beat > oldest {
        format!("no heartbeat has come through for {beat:.1} s")
    } else {
        format!("the oldest change waits for {oldest:.1} s")
    }
}

fn faulted(status: &Status) -> String {
    let faulted = status.models.iter().filter(|model| model.state == Some("FAULTED"));
    let reasons = faulted.map(|model| format!("{}: {}", model.model, model.reason.as_deref().unwrap_or("unknown")));
    reasons.collect::<Vec<_>>().join("; ")
}
