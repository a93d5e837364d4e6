//! All routes, and what happens around every request.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{ConnectInfo, MatchedPath, Request, State as Shared},
    http::{HeaderName, HeaderValue, StatusCode},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use chainbill_app::App;
use metrics_exporter_prometheus::PrometheusHandle;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument as _;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::{Copies, Problem, Rates, SyncDesk, api, extract::under_request_id, limits::Gate, pages};

/// What the handlers share.
#[derive(Clone)]
pub struct State {
    pub(crate) app: App,
    pub(crate) copies: Arc<dyn Copies>,
    pub(crate) desk: Arc<dyn SyncDesk>,
    pub(crate) metrics: Option<PrometheusHandle>,
    pub(crate) fresh_bound: Duration,
    pub(crate) secure_cookies: bool,
    pub(crate) openapi: Arc<utoipa::openapi::OpenApi>,
    gate: Gate,
}

impl State {
    /// The handlers' world. `fresh_bound` is how long a reading waits for a token; `secure_cookies` says that browsers come
    /// over TLS.
    #[must_use]
    pub fn new(
        app: App,
        copies: Arc<dyn Copies>,
        desk: Arc<dyn SyncDesk>,
        metrics: Option<PrometheusHandle>,
        rates: Rates,
        fresh_bound: Duration,
        secure_cookies: bool,
    ) -> Self {
        Self {
            app,
            copies,
            desk,
            metrics,
            fresh_bound,
            secure_cookies,
            openapi: Arc::new(openapi()),
            gate: Gate::new(rates),
        }
    }
}

#[derive(OpenApi)]
#[openapi(info(
    title = "ChainBill",
    description = "Invoices and escrow for freelancers and clients. JSON in camelCase; money as decimal text with its \
        currency; errors as application/problem+json.",
    license(name = "Apache-2.0", identifier = "Apache-2.0")
))]
struct Doc;

fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::with_openapi(Doc::openapi())
        .merge(api::auth::routes())
        .merge(api::users::routes())
        .merge(api::skills::routes())
        .merge(api::projects::routes())
        .merge(api::invoices::routes())
        .merge(api::search::routes())
        .merge(api::analytics::routes())
        .merge(api::health::routes())
        .merge(api::sync::routes())
}

/// The description of the API.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes().split_for_parts().1
}

/// Everything that is served.
pub fn router(state: State) -> Router {
    let (api, _) = routes().split_for_parts();
    Router::new()
        .merge(api)
        .merge(pages::routes())
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "not-found", "there is no such path; see /docs"))
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "the path does not know this method; see /docs",
            )
        })
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            let detail = "something went wrong here; it was written down";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).into_response()
        }))
        .layer(from_fn_with_state(state.clone(), around))
        .with_state(state)
}

/// Longest path with its query.
const MOST_URL: usize = 8 * 1024;
/// Most bytes of all headers.
const MOST_HEADERS: usize = 32 * 1024;
/// Longest answer.
const DEADLINE: Duration = Duration::from_secs(60);

async fn around(Shared(state): Shared<State>, request: Request, next: Next) -> Response {
    let id = request_id_of(&request);
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>().map_or("(none)", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", id, %method, path = matched);
    let started = tokio::time::Instant::now();
    let mut response = under_request_id(id.clone(), guarded(&state, request, next)).instrument(span).await;
    let status = response.status().as_u16().to_string();
    let labels = [("method", method.to_string()), ("path", matched), ("status", status)];
    metrics::counter!("chainbill_http_requests_total", &labels).increment(1);
    metrics::histogram!("chainbill_http_request_seconds", &labels).record(started.elapsed().as_secs_f64());
    for (name, value) in [
        ("x-request-id", id.as_str()),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
        ("cache-control", "no-store"),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

async fn guarded(state: &State, request: Request, next: Next) -> Response {
    let url = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    if url > MOST_URL {
        let detail = format!("the path has {url} bytes: at most {MOST_URL} are accepted");
        return Problem::new(StatusCode::URI_TOO_LONG, "uri-too-long", detail).into_response();
    }
    let headers: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers > MOST_HEADERS {
        let detail = format!("the headers have {headers} bytes: at most {MOST_HEADERS} are accepted");
        return Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers-too-large", detail).into_response();
    }
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_string());
    let passed = match state.gate.pass(request.uri().path(), address.as_deref().unwrap_or("")) {
        Ok(passed) => passed,
        Err(refused) => return *refused,
    };
    let mut response = match tokio::time::timeout(DEADLINE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = "no answer in time; whether it was done is unknown, ask again with the same Idempotency-Key";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "deadline", detail).into_response()
        }
    };
    passed.tell(&mut response);
    response
}

/// The caller's id where it is a decent one, else a new one.
fn request_id_of(request: &Request) -> String {
    let given = request.headers().get("x-request-id").and_then(|value| value.to_str().ok());
    let decent = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    given.filter(decent).map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned)
}

impl State {
    /// Forgets addresses that have not asked for long; to be called now and then.
    pub fn forget_idle(&self) {
        self.gate.forget();
    }
}
