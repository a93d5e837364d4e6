//! Extractors that read requests strictly.

use axum::{
    body::{Body, HttpBody as _},
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
};
use chainbill_app::{App, AppError, Context, Reader};
use serde::de::DeserializeOwned;

use crate::{
    Problem, State, body,
    client_address::ClientAddress,
    objects::Objects,
    serde_errors::{escaped, pointer, refused},
};

pub(crate) use crate::query::StrictQuery;

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

/// A body of strict JSON. Where no field is required, an absent body stands for an empty object.
pub(crate) struct StrictJson<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for StrictJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let untyped = !request.headers().contains_key(header::CONTENT_TYPE);
        if untyped
            && request.body().is_end_stream()
            && let Ok(nothing) = parse(b"{}")
        {
            return Ok(nothing);
        }
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
        let (parts, body) = request.into_parts();
        parse(&body::read(&parts.headers, body).await?)
    }
}

/// Refuses a body where none is accepted: fields without an effect are a mistake of the client. A missing login is reported
/// first.
pub(crate) async fn without_body(request: Request, state: &State) -> Result<Request, Problem> {
    if request.body().is_end_stream() {
        return Ok(request);
    }
    let (mut parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body).await?;
    let fields = match serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&bytes) {
        Ok(fields) => fields.keys().map(|name| format!("/{}", escaped(name))).collect(),
        Err(_) if bytes.trim_ascii().is_empty() => Vec::new(),
        Err(_) => vec![String::new()],
    };
    if fields.is_empty() {
        return Ok(Request::from_parts(parts, Body::empty()));
    }
    Principal::from_request_parts(&mut parts, state).await?.0.actor()?;
    Err(Problem::fields(fields.into_iter().map(|pointer| (pointer, "is not accepted: no body is taken here"))))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<StrictJson<T>, Problem> {
    let malformed = |detail: String| Problem::new(StatusCode::BAD_REQUEST, "malformed", detail);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(Objects(&mut reader)).map_err(|error| {
        let pointer = pointer(error.path());
        let inner = error.into_inner();
        if inner.is_data() && !inner.to_string().contains("duplicate field") {
            refused(&pointer, &inner.to_string())
        } else {
            malformed(format!("the body is not accepted JSON at {pointer:?}: {inner}"))
        }
    })?;
    reader.end().map_err(|error| malformed(format!("something follows the JSON: {error}")))?;
    Ok(StrictJson(value))
}

/// The authenticated principal, if there is one, in the context of its request.
pub(crate) struct Principal(pub Context);

impl FromRequestParts<State> for Principal {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut context = Context {
            actor: None,
            request_id: Some(request_id()),
            idempotency_key: idempotency_key(&parts.headers)?,
            expected: None,
            address: parts.extensions.get::<ClientAddress>().map(|asker| asker.0.to_string()),
            user_agent: text("user-agent"),
            speaks_for: None,
            dry_run: false,
        };
        if let Some(bearer) = text("authorization") {
            let token = of_scheme(&bearer, "bearer").ok_or(AppError::Unauthenticated)?;
            context.actor = Some(state.app.authenticate(token).await?.ok_or(AppError::Unauthenticated)?);
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

/// The login of a request that only reads, checked by the statement that reads.
pub(crate) struct Reading(pub Reader);

impl<S: Send + Sync> FromRequestParts<S> for Reading {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        idempotency_key(&parts.headers)?;
        let bearer = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let reader = match bearer {
            Some(bearer) => Reader::of(of_scheme(bearer, "bearer").ok_or(AppError::Unauthenticated)?)?,
            None => Reader::of(&cookie(&parts.headers).ok_or(AppError::Unauthenticated)?)?,
        };
        Ok(Self(reader))
    }
}

/// The context of a request that needs no principal: a login or a registration may carry the session of an earlier login, which
/// is ignored.
pub(crate) struct Unauthenticated(pub Context);

impl FromRequestParts<State> for Unauthenticated {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        parts.headers.remove(header::AUTHORIZATION);
        parts.headers.remove(header::COOKIE);
        Ok(Self(Principal::from_request_parts(parts, state).await?.0))
    }
}

/// The session tokens that a request carries, valid or not.
pub(crate) fn tokens(headers: &HeaderMap) -> Vec<String> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| of_scheme(value.to_str().ok()?, "bearer"));
    bearer.map(str::to_owned).into_iter().chain(cookie(headers)).filter(|token| !token.is_empty()).collect()
}

/// The credentials, when they are of this scheme, whose letters may be small or large (RFC 9110, 11.1).
fn of_scheme<'a>(credentials: &'a str, scheme: &str) -> Option<&'a str> {
    let (given, token) = credentials.split_once(' ')?;
    given.eq_ignore_ascii_case(scheme).then(|| token.trim())
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

/// The Sync-Token that a read of the mirror must reflect, as it was sent; a blank one counts as absent.
pub(crate) fn requested_freshness<'a>(headers: &'a HeaderMap, parameter: Option<&'a str>) -> Option<&'a str> {
    let header = headers.get("if-fresh").map(|value| value.to_str().unwrap_or("?"));
    header.or(parameter).map(str::trim).filter(|text| !text.is_empty())
}

/// The client's idempotency key. A blank one counts as absent, and one that is sent twice must be the same.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let refused = |detail: &str| Problem::field("/Idempotency-Key", detail);
    let mut keys = headers.get_all("idempotency-key").iter();
    let Some(first) = keys.next() else { return Ok(None) };
    if keys.any(|other| other != first) {
        return Err(refused("is given more than once, and not alike"));
    }
    let key = first.to_str().map_err(|_| refused("1 to 200 visible ASCII characters are accepted"))?.trim();
    Ok(Some(key.to_owned()).filter(|key| !key.is_empty()))
}
