//! The built-in pages, the description of the API, and the endpoints of orchestrators and monitors.

use std::{fmt::Write as _, time::Duration};

use axum::{
    Json, Router,
    extract::State as Shared,
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use chainbill_domain::Digest;
use serde_json::Value;

use crate::{Problem, State, api, extract::tokens};

pub(crate) fn routes() -> Router<State> {
    Router::new()
        .route("/", get(landing))
        .route("/docs", get(docs))
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics_here))
        .route("/api/openapi.json", get(openapi))
}

/// Routes of the separate metrics listener.
pub(crate) fn metrics_routes() -> Router<State> {
    Router::new().route("/metrics", get(metrics))
}

/// Readiness: the primary accepts writes. The mirror is not checked, because requests do not depend on it. Concurrent probes share
/// one read.
async fn ready(Shared(state): Shared<State>) -> Response {
    if api::health::accepts_writes(&state).await {
        return "ok\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, "the primary database does not accept writes\n").into_response()
}

/// Metrics, where they have no listener of their own.
async fn metrics_here(state: Shared<State>, headers: HeaderMap) -> Response {
    if state.metrics_apart {
        let detail = "metrics are served at METRICS_BIND_ADDRESS";
        return Problem::new(StatusCode::NOT_FOUND, "not-found", detail).into_response();
    }
    metrics(state, headers).await
}

/// The largest age of counts: they cost most.
const COUNTS_AGE: Duration = Duration::from_secs(2);

/// Metrics in the Prometheus text format. `docs/operations.md` lists their names.
async fn metrics(Shared(state): Shared<State>, headers: HeaderMap) -> Response {
    if !may_see_metrics(&state, &headers) {
        let detail = "METRICS_TOKEN is needed: Authorization: Bearer <token>";
        return Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail).into_response();
    }
    let Some(handle) = &state.metrics else {
        return Problem::new(StatusCode::NOT_FOUND, "not-found", "metrics are turned off").into_response();
    };
    let counted = async {
        futures::join!(state.sync.gauges(), api::jobs::publish(&state.app));
    };
    state.gauges.get(COUNTS_AGE, counted).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], handle.render()).into_response()
}

/// Tokens are compared by their digests, so that the time does not depend on a common prefix.
fn may_see_metrics(state: &State, headers: &HeaderMap) -> bool {
    let Some(wanted) = &state.metrics_token else { return true };
    let digest = |text: &str| Digest::of(text.as_bytes());
    tokens(headers).iter().any(|given| digest(given) == digest(wanted.reveal()))
}

async fn openapi(Shared(state): Shared<State>) -> Response {
    Json(&state.description).into_response()
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2733;\
    background:#fff}h1{margin-bottom:.2rem}a{color:#0b5cad}code,.m{font-family:ui-monospace,monospace;font-size:.92em}\
    .m{display:inline-block;min-width:4.2rem;font-weight:600}section{border-top:1px solid #d5dde5;padding:.4rem 0}\
    details{margin:.4rem 0 .4rem 1rem}summary{cursor:pointer}td,th{text-align:left;padding:.15rem .8rem .15rem 0;\
    vertical-align:top}.banner{background:#8a1f11;color:#fff;padding:.4rem .8rem;font-weight:600}.note{color:#51606f}@media(prefers-color-scheme:dark){body{background:#12181f;color:#dbe4ec}\
    a{color:#7cb8f2}section{border-color:#2c3945}.note{color:#9aa9b8}}";

fn page(state: &State, title: &str, body: &str) -> Html<String> {
    let banner = state.test_clock.as_ref().map(|clock| {
        let now = chainbill_app::moment(clock.now());
        format!("<p class=\"banner\">TEST MODE: the clock is at {now} and can be advanced</p>")
    });
    let banner = banner.unwrap_or_default();
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>{title}</title><style>{STYLE}</style></head>\
         <body>{banner}{body}</body></html>"
    ))
}

async fn landing(Shared(state): Shared<State>) -> Html<String> {
    page(
        &state,
        "ChainBill",
        "<h1>ChainBill</h1><p>Freelancers invoice clients and are paid through escrow. MySQL is the source of truth, \
         MongoDB a mirror that can be proven equal.</p><ul>\
         <li><a href=\"/docs\">The API, for people</a> and <a href=\"/api/openapi.json\">as OpenAPI</a></li>\
         <li><a href=\"/api/health/sync\">Health of both databases and of the synchronisation</a></li>\
         <li><a href=\"/metrics\">Metrics</a></li></ul>",
    )
}

async fn docs(Shared(state): Shared<State>) -> Response {
    page(&state, "ChainBill API", &describe(&state.description)).into_response()
}

fn describe(description: &Value) -> String {
    let mut body = format!(
        "<h1>ChainBill API</h1><p>{}</p><p class=\"note\">Log in with <code>POST /api/auth/login</code> and send the token as \
         <code>Authorization: Bearer …</code>. Writes take an <code>Idempotency-Key</code> and return a \
         <code>Sync-Token</code>; search, analytics and lists of files take it as <code>If-Fresh</code>. Lists take \
         <code>limit</code> and <code>cursor</code>. For programs: <a href=\"/api/openapi.json\">openapi.json</a>.</p>",
        escaped(description["info"]["description"].as_str().unwrap_or(""))
    );
    let empty = serde_json::Map::new();
    for (path, methods) in description["paths"].as_object().unwrap_or(&empty) {
        for (method, operation) in methods.as_object().unwrap_or(&empty) {
            one(&mut body, description, path, method, operation);
        }
    }
    body
}

fn one(body: &mut String, description: &Value, path: &str, method: &str, operation: &Value) {
    let summary = operation["summary"].as_str().or(operation["description"].as_str()).unwrap_or("");
    // Writing into a String cannot fail.
    let _ = write!(
        body,
        "<section><span class=\"m\">{}</span> <code>{}</code><br>{}",
        method.to_uppercase(),
        escaped(path),
        escaped(summary)
    );
    let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    let fields = fields(description, &operation["requestBody"]["content"]["application/json"]["schema"]);
    if !parameters.is_empty() || !fields.is_empty() {
        body.push_str("<details><summary>Parameters</summary><table>");
        for parameter in parameters {
            let place = parameter["in"].as_str().unwrap_or("");
            let text = parameter["description"].as_str().unwrap_or("");
            let shape = described(&parameter["schema"]);
            row(body, parameter["name"].as_str().unwrap_or(""), place, format!("{text} {shape}").trim());
        }
        for (name, needed, text) in fields {
            row(body, &name, if needed { "body, required" } else { "body" }, &text);
        }
        body.push_str("</table></details>");
    }
    let codes: Vec<String> =
        operation["responses"].as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default();
    let _ = write!(body, "<div class=\"note\">Responses {}</div></section>", escaped(&codes.join(", ")));
}

fn row(body: &mut String, name: &str, place: &str, text: &str) {
    let _ = write!(
        body,
        "<tr><td><code>{}</code></td><td class=\"note\">{}</td><td>{}</td></tr>",
        escaped(name),
        escaped(place),
        escaped(text)
    );
}

/// The schema that another names, in itself or among what it may be.
fn resolved<'a>(description: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(pointer) = schema["$ref"].as_str().and_then(|path| path.strip_prefix('#')) {
        return description.pointer(pointer).unwrap_or(schema);
    }
    let choices = schema["oneOf"].as_array().into_iter().flatten();
    let named =
        choices.filter(|choice| choice.get("$ref").is_some()).map(|choice| resolved(description, choice)).next();
    named.unwrap_or(schema)
}

/// The fields of a body: name, whether it is needed, what it is. Those of money and lines stand below them, as
/// `lines[].unitPrice.amount`.
fn fields(description: &Value, schema: &Value) -> Vec<(String, bool, String)> {
    let schema = resolved(description, schema);
    let is_needed = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|field| field == name));
    let mut found = Vec::new();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        found.push((name.clone(), is_needed(name), described(field)));
        let (within, inner) = match field.get("items") {
            Some(items) => (format!("{name}[]."), items),
            None => (format!("{name}."), field),
        };
        let inner = fields(description, inner).into_iter();
        found.extend(inner.map(|(name, needed, text)| (format!("{within}{name}"), needed, text)));
    }
    found
}

/// The description of a field with its constraints.
fn described(field: &Value) -> String {
    let mut text = field["description"].as_str().unwrap_or("").to_owned();
    if let Some(words) = field["enum"].as_array() {
        let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
        let _ = write!(text, " One of {}.", words.join(", "));
    }
    if let Some(most) = field["maxLength"].as_u64() {
        let _ = write!(text, " At most {most} characters.");
    }
    if let Some(example) = field["example"].as_str() {
        let _ = write!(text, " As {example}.");
    }
    text.trim().to_owned()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_every_path_and_the_fields_of_its_body() {
        let description = crate::openapi();
        let body = describe(&description);
        let paths = description["paths"].as_object().into_iter().flatten();
        let missing: Vec<&String> = paths.map(|(path, _)| path).filter(|path| !body.contains(path.as_str())).collect();
        assert_eq!(missing, Vec::<&String>::new());
        for field in
            ["externalRef", "lines[].description", "lines[].unitPrice.amount", "budget.currency", "discount.amount"]
        {
            assert!(body.contains(&format!("<code>{field}</code>")), "{field}");
        }
        assert!(body.contains("BANK_TRANSFER, CARD"), "words are named");
    }
}
