//! Reading requests strictly.

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
};
use chainbill_app::{App, AppError, Context};
use chainbill_domain::freshness::Token;
use serde::de::DeserializeOwned;

use crate::{Problem, State, address::Asker};

tokio::task_local! {
    static REQUEST_ID: String;
}

/// The id of the request that is being answered.
pub(crate) fn request_id() -> String {
    REQUEST_ID.try_with(Clone::clone).unwrap_or_default()
}

/// Runs the answering of a request under its id.
pub(crate) async fn under_request_id<T>(id: String, work: impl Future<Output = T>) -> T {
    REQUEST_ID.scope(id, work).await
}

/// The session's cookie.
pub(crate) const COOKIE: &str = "chainbill_session";

/// Most bytes of a body.
const MOST_BYTES: usize = 1 << 20;

/// A body of strict JSON.
pub(crate) struct Strict<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Strict<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
        let media = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        if media != "application/json" {
            let detail = format!("the content type is {media:?}: application/json is accepted");
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail));
        }
        if request.headers().contains_key(header::CONTENT_ENCODING) {
            let detail = "compressed bodies are not accepted";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail));
        }
        parse(&read(request.into_body()).await?)
    }
}

async fn read(body: Body) -> Result<Bytes, Problem> {
    axum::body::to_bytes(body, MOST_BYTES).await.map_err(|_| {
        let detail = format!("the body is larger than {MOST_BYTES} bytes, or ended early");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<Strict<T>, Problem> {
    let malformed = |detail: String| Problem::new(StatusCode::BAD_REQUEST, "malformed", detail);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer(error.path());
        let inner = error.into_inner();
        if inner.is_data() && !inner.to_string().contains("duplicate field") {
            Problem::field(pointer, inner.to_string())
        } else {
            malformed(format!("the body is not accepted JSON at {pointer:?}: {inner}"))
        }
    })?;
    reader.end().map_err(|error| malformed(format!("something follows the JSON: {error}")))?;
    Ok(Strict(value))
}

/// A path as a JSON pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => String::new(),
        })
        .collect()
}

/// A query string, strictly.
pub(crate) struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|error| Problem::field("/query", error.body_text()))
    }
}

/// Who asks, under which circumstances.
pub(crate) struct Who(pub Context);

impl FromRequestParts<State> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut context = Context {
            actor: None,
            request_id: Some(request_id()),
            idempotency_key: text("idempotency-key"),
            address: parts.extensions.get::<Asker>().map(|asker| asker.0.to_string()),
            user_agent: text("user-agent"),
            speaks_for: None,
        };
        if parts.headers.get("idempotency-key").is_some() && context.idempotency_key.is_none() {
            return Err(Problem::field("/Idempotency-Key", "1 to 200 visible ASCII characters are accepted"));
        }
        if let Some(bearer) = text("authorization") {
            let token = bearer.strip_prefix("Bearer ").ok_or(AppError::Unauthenticated)?;
            context.actor = Some(state.app.authenticate(token.trim()).await?.ok_or(AppError::Unauthenticated)?);
        } else if let Some(token) = cookie(&parts.headers) {
            context.actor = state.app.authenticate(&token).await?;
            if let Some(actor) = context.actor.as_ref().filter(|_| changes(&parts.method)) {
                let csrf = text("x-csrf-token").unwrap_or_default();
                if !App::csrf_matches(actor, &csrf) {
                    let detail = "with a cookie, X-CSRF-Token must hold the csrfToken of the login";
                    return Err(Problem::new(StatusCode::FORBIDDEN, "csrf", detail));
                }
            }
        }
        Ok(Self(context))
    }
}

fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value.to_owned())
}

/// The version in `If-Match`.
pub(crate) struct IfMatch(pub Option<i64>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(tag) = parts.headers.get(header::IF_MATCH) else { return Ok(Self(None)) };
        let text = tag.to_str().unwrap_or("").trim();
        if text == "*" {
            return Ok(Self(None));
        }
        let version = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
        let refused =
            || Problem::field("/If-Match", "is no ETag of ours: the ETag of an answer, such as \"3\", is accepted");
        version.map(|version| Self(Some(version))).ok_or_else(refused)
    }
}

/// The token that a reading of the copies must have reached.
pub(crate) fn wanted(headers: &HeaderMap, parameter: Option<&str>) -> Result<Option<Token>, Problem> {
    let header = headers.get("if-fresh").map(|value| value.to_str().unwrap_or("?"));
    let Some(text) = header.or(parameter) else { return Ok(None) };
    text.parse()
        .map(Some)
        .map_err(|error: chainbill_domain::freshness::NotAToken| Problem::field("/freshAfter", error.to_string()))
}
