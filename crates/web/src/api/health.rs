//! Health. Every answer comes within a second, whatever hangs, and says nothing that a stranger could use.

use std::{future::Future, time::Duration};

use axum::{Json, extract::State as Shared, http::StatusCode, response::IntoResponse};
use serde_json::{Value, json};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Answer;
use crate::State;

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(all)).routes(routes!(mysql)).routes(routes!(mongodb)).routes(routes!(sync))
}

/// Nothing here waits longer.
const PATIENCE: Duration = Duration::from_millis(700);

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
    let (ping, count) =
        futures::join!(in_time("the primary", state.app.ping()), in_time("the primary", state.app.record_count()));
    match ping {
        Some(()) => json!({"status": "healthy", "engine": state.app.engine(), "recordCount": count}),
        None => json!({"status": "unhealthy", "engine": state.app.engine(), "recordCount": null}),
    }
}

async fn secondary(state: &State) -> Value {
    let (ping, names) = futures::join!(
        in_time("the second database", state.copies.ping()),
        in_time("the second database", state.copies.collections())
    );
    match (ping, names) {
        (Some(()), Some(names)) => {
            json!({"status": "healthy", "engine": state.copies.engine(), "collections": names})
        }
        _ => json!({"status": "unhealthy", "engine": state.copies.engine(), "collections": []}),
    }
}

fn is_healthy(part: &Value) -> bool {
    part["status"] == "healthy"
}

fn status(healthy: bool) -> StatusCode {
    if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// Takes out what databases said: it may name hosts and users, and this answer is everybody's. Operators have the status.
fn guard(sync: &mut Value) {
    if let Some(sync) = sync.as_object_mut() {
        sync.remove("trouble");
        if sync.get("status").is_some_and(|status| status == "faulted") {
            sync.insert("reason".to_owned(), "a model needs an operator: see /api/sync/status".into());
        }
    }
    for model in sync["models"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        model.remove("reason");
        model.remove("hint");
    }
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
    let (mysql, mongodb, mut sync) = futures::join!(primary(&state), secondary(&state), state.desk.status());
    guard(&mut sync);
    Ok(Json(json!({"status": sync["status"], "mysql": mysql, "mongodb": mongodb, "sync": sync})).into_response())
}
