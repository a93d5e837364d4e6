//! Health. Every answer comes within a second, whatever hangs, and says nothing that a stranger could use.

use std::{future::Future, time::Duration};

use axum::{Json, extract::State as Shared, http::StatusCode, response::IntoResponse};
use serde_json::{Map, Value, json};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Answer;
use crate::{
    State,
    reading::{Counting, Reading},
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(all)).routes(routes!(mysql)).routes(routes!(mongodb)).routes(routes!(sync))
}

/// No question to a database waits longer here.
const PATIENCE: Duration = Duration::from_millis(600);
/// How old counts may be: they cost most, and whoever asks often must not starve the business.
const COUNTS_AGE: Duration = Duration::from_secs(2);

/// What everybody may ask for, shared by those who ask together.
#[derive(Default)]
pub(crate) struct Readings {
    primary: Reading<bool>,
    writes: Reading<bool>,
    rows: Counting<Option<u64>>,
    secondary: Reading<Option<Vec<String>>>,
    pulse: Reading<Value>,
    counted: Reading<Value>,
}

async fn in_time<T, E: std::fmt::Display>(what: &str, work: impl Future<Output = Result<T, E>>) -> Option<T> {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(Ok(value)) => Some(value),
        Ok(Err(error)) => {
            tracing::debug!("{what} is not healthy: {error}");
            None
        }
        Err(_) => None,
    }
}

async fn primary(state: &State) -> Value {
    let ping = async { in_time("the primary", state.app.ping()).await.is_some() };
    let app = state.app.clone();
    let count = async move { app.record_count().await.ok() };
    let (up, count) =
        futures::join!(state.readings.primary.get(Duration::ZERO, ping), state.readings.rows.get(COUNTS_AGE, count));
    match up {
        Some(true) => json!({"status": "healthy", "engine": state.app.engine(), "recordCount": count.flatten()}),
        _ => json!({"status": "unhealthy", "engine": state.app.engine(), "recordCount": null}),
    }
}

/// Whether the primary would take a write at the moment.
pub(crate) async fn takes_writes(state: &State) -> bool {
    let ask = async { in_time("the primary", state.app.takes_writes()).await.is_some() };
    state.readings.writes.get(Duration::ZERO, ask).await.unwrap_or(false)
}

async fn secondary(state: &State) -> Value {
    let look = async {
        let (ping, names) = futures::join!(
            in_time("the second database", state.copies.ping()),
            in_time("the second database", state.copies.collections())
        );
        ping.and(names)
    };
    match state.readings.secondary.get(Duration::ZERO, look).await.flatten() {
        Some(names) => json!({"status": "healthy", "engine": state.copies.engine(), "collections": names}),
        None => json!({"status": "unhealthy", "engine": state.copies.engine(), "collections": []}),
    }
}

/// The synchronisation as it stands, with counts that may be somewhat older.
async fn between(state: &State) -> Value {
    let readings = &state.readings;
    let (pulse, counted) = futures::join!(
        readings.pulse.get(Duration::ZERO, state.desk.pulse()),
        readings.counted.get(COUNTS_AGE, state.desk.status())
    );
    public(&pulse.unwrap_or(Value::Null), &counted.unwrap_or(Value::Null))
}

fn is_healthy(part: &Value) -> bool {
    part["status"] == "healthy"
}

fn status(healthy: bool) -> StatusCode {
    if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// What strangers learn of the synchronisation. All else may hold what databases said, which names hosts and users;
/// operators have the status.
const PUBLIC: &[&str] = &[
    "status",
    "engine",
    "topology",
    "primaryReachable",
    "mirrorReachable",
    "backlog",
    "oldestSeconds",
    "parked",
    "quarantined",
    "rate",
    "lagMs",
    "heartbeatSeconds",
    "applied",
    "failures",
];
/// What they learn of a model.
const PUBLIC_OF_MODEL: &[&str] = &[
    "model",
    "state",
    "backlog",
    "oldestSeconds",
    "parked",
    "quarantined",
    "copied",
    "total",
    "rate",
    "lastRun",
    "everySeconds",
];
/// What is counted of a model.
const COUNTED: &[&str] = &["mysqlCount", "mongodbCount"];

fn picked(from: &Value, names: &[&str]) -> Map<String, Value> {
    let all = from.as_object();
    names.iter().filter_map(|name| Some(((*name).to_owned(), all?.get(*name)?.clone()))).collect()
}

fn public(pulse: &Value, counted: &Value) -> Value {
    let counts = |name: &Value| {
        let known = counted["models"].as_array().and_then(|all| all.iter().find(|model| model["model"] == *name));
        picked(known.unwrap_or(&Value::Null), COUNTED)
    };
    let model = |model: &Value| {
        let mut shown = picked(model, PUBLIC_OF_MODEL);
        shown.extend(counts(&model["model"]));
        Value::Object(shown)
    };
    let mut shown = picked(pulse, PUBLIC);
    let reason = match pulse["status"].as_str() {
        Some("faulted") => json!("a model needs an operator: see /api/sync/status"),
        // These reasons are the synchronisation's own words.
        Some(_) => pulse["reason"].clone(),
        None => json!("the synchronisation does not answer in time"),
    };
    shown.insert("reason".to_owned(), reason);
    shown.entry("status").or_insert_with(|| json!("unreachable"));
    shown.insert("models".to_owned(), pulse["models"].as_array().into_iter().flatten().map(model).collect());
    Value::Object(shown)
}

/// Both databases at a glance. 503 only when the primary is away: without the second one business goes on.
#[utoipa::path(get, path = "/api/health", tag = "health", responses(
    (status = 200, body = serde_json::Value), (status = 503, body = serde_json::Value)))]
async fn all(Shared(state): Shared<State>) -> Answer {
    let (mysql, mongodb) = futures::join!(primary(&state), secondary(&state));
    let word = match (is_healthy(&mysql), is_healthy(&mongodb)) {
        (true, true) => "healthy",
        (true, false) => "degraded",
        (false, _) => "unhealthy",
    };
    let code = status(is_healthy(&mysql));
    let body = json!({"status": word, "version": env!("CARGO_PKG_VERSION"), "mysql": mysql, "mongodb": mongodb});
    Ok((code, Json(body)).into_response())
}

/// The primary.
#[utoipa::path(get, path = "/api/health/mysql", tag = "health", responses(
    (status = 200, body = serde_json::Value), (status = 503, body = serde_json::Value)))]
async fn mysql(Shared(state): Shared<State>) -> Answer {
    let part = primary(&state).await;
    Ok((status(is_healthy(&part)), Json(part)).into_response())
}

/// The second database.
#[utoipa::path(get, path = "/api/health/mongodb", tag = "health", responses(
    (status = 200, body = serde_json::Value), (status = 503, body = serde_json::Value)))]
async fn mongodb(Shared(state): Shared<State>) -> Answer {
    let part = secondary(&state).await;
    Ok((status(is_healthy(&part)), Json(part)).into_response())
}

/// Both databases and what is between them: backlog, lag, states of the models.
#[utoipa::path(get, path = "/api/health/sync", tag = "health", responses((status = 200, body = serde_json::Value)))]
async fn sync(Shared(state): Shared<State>) -> Answer {
    let (mysql, mongodb, sync) = futures::join!(primary(&state), secondary(&state), between(&state));
    Ok(Json(json!({"status": sync["status"], "mysql": mysql, "mongodb": mongodb, "sync": sync})).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_learn_nothing_that_a_database_said() {
        let said = "access denied for user 'chainbill'@'db.internal'";
        let model = json!({
            "model": "users", "state": "FAULTED", "reason": said, "hint": said, "lastResult": said, "backlog": 3,
            "mysqlCount": null, "mongodbCount": null,
        });
        let pulse = json!({"status": "faulted", "reason": said, "trouble": said, "backlog": 3, "models": [model]});
        let counted = json!({"models": [{"model": "users", "mysqlCount": 7, "mongodbCount": 4, "lastResult": said}]});
        let shown = public(&pulse, &counted);
        assert!(!shown.to_string().contains("db.internal"), "{shown}");
        assert_eq!((&shown["status"], &shown["backlog"]), (&json!("faulted"), &json!(3)));
        assert_eq!((&shown["models"][0]["mysqlCount"], &shown["models"][0]["backlog"]), (&json!(7), &json!(3)));
    }

    #[test]
    fn a_synchronisation_that_does_not_answer_is_said_to_be_unreachable() {
        assert_eq!(public(&Value::Null, &Value::Null)["status"], "unreachable");
    }
}
