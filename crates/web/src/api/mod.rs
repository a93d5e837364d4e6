//! The API: one file per kind of thing. A handler parses, asks a use case and answers.

pub(crate) mod analytics;
pub(crate) mod auth;
mod documents;
pub(crate) mod files;
pub(crate) mod health;
pub(crate) mod invoices;
pub(crate) mod jobs;
pub(crate) mod logs;
pub(crate) mod projects;
pub(crate) mod search;
pub(crate) mod skills;
pub(crate) mod sync;
pub(crate) mod test_clock;
pub(crate) mod users;

use axum::{
    Json,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chainbill_app::{Done, InvoiceView, Page, PaymentView, ProjectView, SkillView, UserView};
use serde::Serialize;

use crate::{Problem, State, extract::wanted};

type Answer = Result<Response, Problem>;

/// Things that have a version.
trait Versioned: Serialize {
    fn version(&self) -> i64;

    /// What of the answer the clock says, and no version: it is a part of the entity tag, so that who has the thing as it was
    /// before gets it anew.
    fn derived(&self) -> &'static str {
        ""
    }
}

impl Versioned for UserView {
    fn version(&self) -> i64 {
        self.version
    }
}

impl Versioned for SkillView {
    fn version(&self) -> i64 {
        self.version
    }
}

impl Versioned for ProjectView {
    fn version(&self) -> i64 {
        self.version
    }
}

impl Versioned for InvoiceView {
    fn version(&self) -> i64 {
        self.version
    }

    fn derived(&self) -> &'static str {
        if self.overdue { "-overdue" } else { "" }
    }
}

impl Versioned for PaymentView {
    fn version(&self) -> i64 {
        self.invoice.version
    }

    fn derived(&self) -> &'static str {
        self.invoice.derived()
    }
}

/// A thing, with its version and what is derived as the entity tag (RFC 9110, 8.8.3).
fn tagged<T: Versioned>(status: StatusCode, thing: &T) -> Response {
    let mut response = (status, Json(thing)).into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}{}\"", thing.version(), thing.derived())) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// A page. What of it cannot be read is named in the answer, and written down with its cause.
fn listed<T: Serialize>(list: &str, page: &Page<T>) -> Response {
    for odd in &page.unreadable {
        tracing::error!("a list of {list} names the row {} as unreadable: {}", odd.id, odd.cause);
    }
    Json(page).into_response()
}

/// The answer to a change: the thing, and what to show to readers of the copies that must see it.
async fn done<T: Versioned>(state: &State, status: StatusCode, done: &Done<T>) -> Response {
    let mut response = tagged(status, &done.value);
    tell(state, &mut response, done).await;
    response
}

/// A new thing, and where it is.
async fn created<T: Versioned>(state: &State, path: &str, id: &str, new: &Done<T>) -> Response {
    let mut response = done(state, StatusCode::CREATED, new).await;
    if let Ok(place) = HeaderValue::from_str(&format!("{path}/{id}")) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

async fn tell<T>(state: &State, response: &mut Response, done: &Done<T>) {
    // What changed nothing has nothing to wait for.
    if !done.token.is_empty() {
        match state.app.sealed(&done.token).await.map(|token| HeaderValue::from_str(&token)) {
            Ok(Ok(token)) => drop(response.headers_mut().insert("sync-token", token)),
            Ok(Err(error)) => tracing::error!("a token is no header: {error}"),
            // The change is done; who asked can only not wait for its copy.
            Err(error) => tracing::warn!("a change is answered without its token: {error}"),
        }
    }
    if done.replayed {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
}

/// Waits, if the caller asks for it, until the copies hold what a token names; whether they do, if it was asked. For copies that
/// are known to be away nobody waits.
async fn freshness(state: &State, headers: &HeaderMap, parameter: Option<&str>) -> Result<Option<bool>, Problem> {
    let wanted = wanted(headers, parameter);
    state.mirror.reachable()?;
    match wanted {
        Some(text) => {
            let token = state.app.unsealed(text).await?;
            Ok(Some(state.sync.fresh(&token, state.fresh_bound).await?))
        }
        None => Ok(None),
    }
}

fn with_freshness(mut response: Response, fresh: Option<bool>) -> Response {
    if let Some(fresh) = fresh {
        let text = if fresh { "reached" } else { "older" };
        response.headers_mut().insert("sync-fresh", HeaderValue::from_static(text));
    }
    response
}
