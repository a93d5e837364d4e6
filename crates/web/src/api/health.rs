//! Health. Every response is sent within a second, whatever hangs, and is public.

mod views;

use std::{future::Future, time::Duration};

use axum::{Json, extract::State as Shared, http::StatusCode, response::IntoResponse};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::views::{Health, HealthWithSync, MirrorHealth, PrimaryHealth, SyncHealth};
use super::Answer;
use crate::{
    State, SyncStatus,
    coalesced::{BackgroundRead, SharedRead},
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(all)).routes(routes!(mysql)).routes(routes!(mongodb)).routes(routes!(sync))
}

/// The deadline of every read here.
const DEADLINE: Duration = Duration::from_millis(600);
/// The largest age of counts: they cost most, and frequent probes must not slow requests down.
const COUNTS_AGE: Duration = Duration::from_secs(2);

/// Reads that concurrent probes share.
#[derive(Default)]
pub(crate) struct Probes {
    primary: SharedRead<bool>,
    writes: SharedRead<bool>,
    rows: BackgroundRead<Option<u64>>,
    mirror: SharedRead<Option<Vec<String>>>,
    pulse: SharedRead<SyncStatus>,
    counted: SharedRead<SyncStatus>,
}

async fn in_time<T, E: std::fmt::Display>(what: &str, work: impl Future<Output = Result<T, E>>) -> Option<T> {
    match tokio::time::timeout(DEADLINE, work).await {
        Ok(Ok(value)) => Some(value),
        Ok(Err(error)) => {
            tracing::debug!("{what} is not healthy: {error}");
            None
        }
        Err(_) => None,
    }
}

const HEALTHY: &str = "healthy";

fn word(healthy: bool) -> &'static str {
    if healthy { HEALTHY } else { "unhealthy" }
}

async fn primary(state: &State) -> PrimaryHealth {
    let ping = async { in_time("the primary", state.app.ping()).await.is_some() };
    let app = state.app.clone();
    let count = async move { app.record_count().await.ok() };
    let (up, count) =
        futures::join!(state.probes.primary.get(Duration::ZERO, ping), state.probes.rows.get(COUNTS_AGE, count));
    let healthy = up == Some(true);
    PrimaryHealth {
        status: word(healthy),
        engine: state.app.engine(),
        record_count: count.flatten().filter(|_| healthy),
    }
}

/// Whether the primary accepts writes at the moment.
pub(crate) async fn accepts_writes(state: &State) -> bool {
    let probe = async { in_time("the primary", state.app.takes_writes()).await.is_some() };
    state.probes.writes.get(Duration::ZERO, probe).await.unwrap_or(false)
}

async fn mirror(state: &State) -> MirrorHealth {
    let read = async {
        let (ping, names) = futures::join!(
            in_time("the mirror", state.mirror.ping()),
            in_time("the mirror", state.mirror.collections())
        );
        ping.and(names)
    };
    let names = state.probes.mirror.get(Duration::ZERO, read).await.flatten();
    MirrorHealth {
        status: word(names.is_some()),
        engine: state.mirror.engine(),
        collections: names.unwrap_or_default(),
    }
}

async fn sync_health(state: &State) -> SyncHealth {
    let (pulse, counted) = futures::join!(
        state.probes.pulse.get(Duration::ZERO, state.sync.pulse()),
        state.probes.counted.get(COUNTS_AGE, state.sync.status())
    );
    SyncHealth::of(pulse.as_ref(), counted.as_ref())
}

fn test_clock(state: &State) -> Option<String> {
    state.test_clock.as_ref().map(|clock| chainbill_app::moment(clock.now()))
}

fn code(status: &str) -> StatusCode {
    if status == HEALTHY { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// Both databases. 503 only while the primary does not answer: requests do not depend on the mirror.
#[utoipa::path(get, path = "/api/health", tag = "health", responses(
    (status = 200, body = Health), (status = 503, body = Health)))]
async fn all(Shared(state): Shared<State>) -> Answer {
    let (mysql, mongodb) = futures::join!(primary(&state), mirror(&state));
    let status = match (mysql.status, mongodb.status) {
        (HEALTHY, HEALTHY) => HEALTHY,
        (HEALTHY, _) => "degraded",
        _ => "unhealthy",
    };
    let code = code(mysql.status);
    let (version, test_clock) = (env!("CARGO_PKG_VERSION"), test_clock(&state));
    Ok((code, Json(Health { status, version, mysql, mongodb, test_clock })).into_response())
}

/// The primary.
#[utoipa::path(get, path = "/api/health/mysql", tag = "health", responses(
    (status = 200, body = PrimaryHealth), (status = 503, body = PrimaryHealth)))]
async fn mysql(Shared(state): Shared<State>) -> Answer {
    let health = primary(&state).await;
    Ok((code(health.status), Json(health)).into_response())
}

/// The mirror.
#[utoipa::path(get, path = "/api/health/mongodb", tag = "health", responses(
    (status = 200, body = MirrorHealth), (status = 503, body = MirrorHealth)))]
async fn mongodb(Shared(state): Shared<State>) -> Answer {
    let health = mirror(&state).await;
    Ok((code(health.status), Json(health)).into_response())
}

/// Both databases and the synchronisation between them: backlog, lag, states of the models.
#[utoipa::path(get, path = "/api/health/sync", tag = "health", responses((status = 200, body = HealthWithSync)))]
async fn sync(Shared(state): Shared<State>) -> Answer {
    let (mysql, mongodb, sync) = futures::join!(primary(&state), mirror(&state), sync_health(&state));
    let (status, test_clock) = (sync.status.clone(), test_clock(&state));
    Ok(Json(HealthWithSync { status, mysql, mongodb, sync, test_clock }).into_response())
}
