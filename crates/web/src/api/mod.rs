//! The API: one file per group of endpoints. A handler parses, calls a use case and responds.

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

use crate::{Problem, State, extract::requested_freshness};

type Answer = Result<Response, Problem>;

/// Objects with a version.
trait Versioned: Serialize {
    fn version(&self) -> i64;

    /// What the clock derives and no version counts. It is a part of the entity tag, so that a client with the earlier state is sent
    /// the new one.
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

/// An object, with its version and derived state as the entity tag (RFC 9110, 8.8.3).
fn tagged<T: Versioned>(status: StatusCode, thing: &T) -> Response {
    let mut response = (status, Json(thing)).into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}{}\"", thing.version(), thing.derived())) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// A page. Rows that cannot be read are named in it, and logged with their cause.
fn listed<T: Serialize>(list: &str, page: &Page<T>) -> Response {
    for odd in &page.unreadable {
        tracing::error!("a list of {list} names the row {} as unreadable: {}", odd.id, odd.cause);
    }
    Json(page).into_response()
}

/// The response to a change: the object, and the Sync-Token for reads of the mirror that must reflect it.
async fn done<T: Versioned>(state: &State, status: StatusCode, done: &Done<T>) -> Response {
    let mut response = tagged(status, &done.value);
    write_headers(state, &mut response, done).await;
    response
}

/// A new object, with its location.
async fn created<T: Versioned>(state: &State, path: &str, id: &str, new: &Done<T>) -> Response {
    let mut response = done(state, StatusCode::CREATED, new).await;
    if let Ok(place) = HeaderValue::from_str(&format!("{path}/{id}")) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

async fn write_headers<T>(state: &State, response: &mut Response, done: &Done<T>) {
    // A change without an effect has nothing to wait for.
    if !done.token.is_empty() {
        match state.app.sealed(&done.token).await.map(|token| HeaderValue::from_str(&token)) {
            Ok(Ok(token)) => drop(response.headers_mut().insert("sync-token", token)),
            Ok(Err(error)) => tracing::error!("a token is no header: {error}"),
            // The change is done; the client only cannot wait for the mirror.
            Err(error) => tracing::warn!("a change is answered without its token: {error}"),
        }
    }
    if done.replayed {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
}

/// Waits, where the client requests it, until the mirror holds what a token names; whether it does. A mirror that is known to be
/// unreachable is not waited for.
async fn freshness(state: &State, headers: &HeaderMap, parameter: Option<&str>) -> Result<Option<bool>, Problem> {
    let requested = requested_freshness(headers, parameter);
    state.mirror.reachable()?;
    match requested {
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
