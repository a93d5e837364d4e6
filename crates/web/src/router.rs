//! All routes, and the middleware around every request.

use std::{collections::BTreeSet, ops::Deref, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{MatchedPath, Request, State as Shared},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use chainbill_app::{App, Secret};
use chainbill_mirror::MirrorQuery;
use ipnet::IpNet;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::Value;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument as _;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    AdvancingClock, Problem, Rates, SyncAdmin,
    api::{self, health::Probes},
    client_address,
    coalesced::SharedRead,
    description,
    extract::{under_request_id, without_body},
    framing,
    limits::Gate,
    measured::Measured,
    pages,
    tags::IfNoneMatch,
};

/// Where API and pages are reached: origins without a path.
#[derive(Debug, Clone, Default)]
pub struct PublicUrls {
    /// The API.
    pub api: String,
    /// The web pages.
    pub web: String,
}

/// Settings of the HTTP server.
#[derive(Clone, Default)]
pub struct Serving {
    /// Rate limits per address.
    pub rates: Rates,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether `/metrics` is served by [`metrics_router`] alone.
    pub metrics_apart: bool,
    /// The bearer token that `/metrics` requires; none leaves it public.
    pub metrics_token: Option<Secret>,
    /// How long a read of the mirror waits for a Sync-Token.
    pub fresh_bound: Duration,
    /// Whether cookies are sent over TLS only.
    pub secure_cookies: bool,
    /// The addresses in the description of the API.
    pub public_urls: PublicUrls,
    /// The clock of test mode; none otherwise.
    pub test_clock: Option<Arc<dyn AdvancingClock>>,
}

/// The state that the handlers share. Every request clones it some times over, which costs one count.
#[derive(Clone)]
pub struct State(Arc<Contents>);

/// What the state holds.
pub struct Contents {
    pub(crate) app: App,
    pub(crate) mirror: Arc<dyn MirrorQuery>,
    pub(crate) sync: Arc<dyn SyncAdmin>,
    pub(crate) metrics: Option<PrometheusHandle>,
    pub(crate) fresh_bound: Duration,
    pub(crate) secure_cookies: bool,
    pub(crate) description: Value,
    /// Operations that take no body, as `POST /api/auth/logout`.
    bodiless: BTreeSet<String>,
    pub(crate) probes: Arc<Probes>,
    pub(crate) test_clock: Option<Arc<dyn AdvancingClock>>,
    pub(crate) metrics_apart: bool,
    pub(crate) metrics_token: Option<Secret>,
    pub(crate) gauges: Arc<SharedRead<()>>,
    trusted_proxies: Vec<IpNet>,
    gate: Gate,
    measured: Measured,
}

impl Deref for State {
    type Target = Contents;

    fn deref(&self) -> &Contents {
        &self.0
    }
}

impl State {
    /// The state of a server.
    #[must_use]
    pub fn new(
        app: App,
        mirror: Arc<dyn MirrorQuery>,
        sync: Arc<dyn SyncAdmin>,
        metrics: Option<PrometheusHandle>,
        serving: Serving,
    ) -> Self {
        let mut description = describe(serving.test_clock.is_some());
        description::locate(&mut description, &serving.public_urls);
        Self(Arc::new(Contents {
            app,
            mirror,
            sync,
            metrics,
            fresh_bound: serving.fresh_bound,
            secure_cookies: serving.secure_cookies,
            bodiless: description::bodiless(&description),
            description,
            probes: Arc::default(),
            test_clock: serving.test_clock,
            metrics_apart: serving.metrics_apart,
            metrics_token: serving.metrics_token,
            gauges: Arc::default(),
            trusted_proxies: serving.trusted_proxies,
            gate: Gate::new(serving.rates),
            measured: Measured::default(),
        }))
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

/// All routes; those of test mode where it is on.
fn routes(test_mode: bool) -> OpenApiRouter<State> {
    let test = if test_mode { api::test_clock::routes() } else { OpenApiRouter::new() };
    OpenApiRouter::with_openapi(Doc::openapi())
        .merge(test)
        .merge(api::auth::routes())
        .merge(api::users::routes())
        .merge(api::skills::routes())
        .merge(api::projects::routes())
        .merge(api::milestones::routes())
        .merge(api::proposals::routes())
        .merge(api::invoices::routes())
        .merge(api::payments::routes())
        .merge(api::checkouts::routes())
        .merge(api::credits::routes())
        .merge(api::escrow::routes())
        .merge(api::payouts::routes())
        .merge(api::mints::routes())
        .merge(api::ledger::routes())
        .merge(api::series::routes())
        .merge(api::quotes::routes())
        .merge(api::recurrences::routes())
        .merge(api::disputes::routes())
        .merge(api::reviews::routes())
        .merge(api::files::routes())
        .merge(api::search::routes())
        .merge(api::matches::routes())
        .merge(api::analytics::routes())
        .merge(api::health::routes())
        .merge(api::sync::routes())
        .merge(api::logs::routes())
        .merge(api::jobs::routes())
}

/// The description of the API, as OpenAPI.
#[must_use]
pub fn openapi() -> Value {
    describe(false)
}

/// The description with or without the routes of test mode.
pub(crate) fn describe(test_mode: bool) -> Value {
    let mut description = description::complete(&routes(test_mode).split_for_parts().1);
    if test_mode {
        description::mark_test_mode(&mut description);
    }
    description
}

/// Everything that is served.
pub fn router(state: State) -> Router {
    let (api, _) = routes(state.test_clock.is_some()).split_for_parts();
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

/// `/metrics` alone, for a listener of its own.
pub fn metrics_router(state: State) -> Router {
    Router::new()
        .merge(pages::metrics_routes())
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "not-found", "only /metrics is here"))
        .layer(from_fn_with_state(state.clone(), around))
        .with_state(state)
}

/// Longest path with its query.
const MOST_URL: usize = 8 * 1024;
/// Most bytes of all headers.
const MOST_HEADERS: usize = 32 * 1024;
/// The deadline of every other request.
const DEADLINE: Duration = Duration::from_secs(20);
/// The deadline of health and status. It covers authentication, which reads the primary.
const HEALTH_DEADLINE: Duration = Duration::from_millis(950);

fn deadline(path: &str) -> Duration {
    match path {
        "/api/health" | "/api/sync/status" | "/livez" | "/readyz" => HEALTH_DEADLINE,
        path if path.starts_with("/api/health/") => HEALTH_DEADLINE,
        _ => DEADLINE,
    }
}

fn late(method: &Method) -> Problem {
    let detail = match *method {
        Method::GET | Method::HEAD | Method::OPTIONS => "no answer in time; something that it needs does not answer",
        _ => "no answer in time; whether it was done is unknown, ask again with the same Idempotency-Key",
    };
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "deadline", detail).retry_after(2)
}

/// Headers of every response.
static ALWAYS: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

async fn around(Shared(state): Shared<State>, request: Request, next: Next) -> Response {
    let id = request_id_of(&request);
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let path = matched.as_ref().map_or("(none)", MatchedPath::as_str);
    let span = tracing::info_span!("request", id, %method, path);
    let started = tokio::time::Instant::now();
    // Boxed once here: each of the futures around it would otherwise move the whole of it.
    let work = Box::pin(guarded(&state, request, next, path));
    let mut response = under_request_id(id.clone(), work).instrument(span).await;
    state.measured.record(known(&method), path, response.status(), started.elapsed());
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert("x-request-id", id);
    }
    for (name, value) in &ALWAYS {
        headers.insert(name, value.clone());
    }
    if let Some(clock) = &state.test_clock
        && let Ok(now) = HeaderValue::from_str(&chainbill_app::moment(clock.now()))
    {
        response.headers_mut().insert(HeaderName::from_static("chainbill-test-clock"), now);
    }
    response
}

/// A method as a metric label; unknown methods share one, so that clients cannot grow the set of labels.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

async fn guarded(state: &State, mut request: Request, next: Next, matched: &str) -> Response {
    if let Err(problem) = framing::check(&request) {
        return problem.into_response();
    }
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
    let client = client_address::of(&request, &state.trusted_proxies);
    let passed = match state.gate.pass(request.uri().path(), client.0) {
        Ok(passed) => passed,
        Err(refused) => return *refused,
    };
    request.extensions_mut().insert(client);
    let (method, deadline) = (request.method().clone(), deadline(request.uri().path()));
    let known = IfNoneMatch::of(&method, request.headers());
    let mut response = match tokio::time::timeout(deadline, answered(state, request, next, matched)).await {
        Ok(response) => known.spare(response),
        Err(_) => late(&method).into_response(),
    };
    passed.write(&mut response);
    response
}

/// Checks what every handler relies on: parameters are UTF-8, and no body is sent where none is accepted.
async fn answered(state: &State, request: Request, next: Next, matched: &str) -> Response {
    if let Some(name) = unreadable(matched, request.uri().path()) {
        return Problem::field(name, "is not UTF-8 when it is decoded").into_response();
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads || !state.bodiless.contains(&format!("{} {matched}", request.method())) {
        return next.run(request).await;
    }
    match without_body(request, state).await {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// The pointer of the first path parameter that is not UTF-8 after percent-decoding.
fn unreadable(template: &str, path: &str) -> Option<String> {
    let parameter = |part: &str| Some(format!("/{}", part.strip_prefix('{')?.strip_suffix('}')?));
    template.split('/').zip(path.split('/')).filter(|(_, part)| !is_text(part)).find_map(|(name, _)| parameter(name))
}

fn is_text(part: &str) -> bool {
    if !part.contains('%') {
        return true;
    }
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let [first, after @ ..] = rest {
        let pair = after.first_chunk::<2>().filter(|_| *first == b'%');
        let decoded = pair.and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { &after[2..] } else { after };
    }
    std::str::from_utf8(&bytes).is_ok()
}

/// The client's request id where it is well-formed, else a new one.
fn request_id_of(request: &Request) -> String {
    let given = request.headers().get("x-request-id").and_then(|value| value.to_str().ok());
    let is_well_formed = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    given.filter(is_well_formed).map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned)
}

impl State {
    /// Drops the rate-limit state of idle addresses; to be called periodically.
    pub fn forget_idle(&self) {
        self.gate.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_has_a_deadline_and_health_a_short_one() {
        for path in ["/api/health", "/api/health/sync", "/api/health/mysql", "/api/sync/status", "/readyz"] {
            assert!(deadline(path) < Duration::from_secs(1), "{path}");
        }
        for path in ["/api/invoices", "/api/sync/verify", "/api/healthy"] {
            assert!((10..30).contains(&deadline(path).as_secs()), "{path}");
        }
    }

    #[test]
    fn unknown_methods_share_one_label() {
        assert_eq!(known(&Method::PATCH), "PATCH");
        for invented in ["BREW", "get", "TRACE"] {
            assert_eq!(known(&invented.parse().unwrap()), "other", "{invented}");
        }
    }

    #[test]
    fn a_parameter_that_is_not_utf8_is_named() {
        let template = "/api/sync/{model}/{id}";
        for fine in ["/api/sync/users/1", "/api/sync/%c3%a9/%zz", "/api/sync/users/%"] {
            assert_eq!(unreadable(template, fine), None, "{fine}");
        }
        assert_eq!(unreadable(template, "/api/sync/users/%ff").as_deref(), Some("/id"));
        assert_eq!(unreadable(template, "/api/sync/%c3%28/1").as_deref(), Some("/model"));
    }
}
