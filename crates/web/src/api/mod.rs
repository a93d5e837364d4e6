//! The API: one file per kind of thing. A handler parses, asks a use case and answers.

pub(crate) mod analytics;
pub(crate) mod auth;
pub(crate) mod files;
pub(crate) mod health;
pub(crate) mod invoices;
pub(crate) mod jobs;
mod plain;
pub(crate) mod projects;
pub(crate) mod search;
pub(crate) mod skills;
pub(crate) mod sync;
pub(crate) mod users;

use axum::{
    Json,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chainbill_app::{Done, InvoiceView, PaymentView, ProjectView, SkillView, UserView};
use serde::Serialize;

use crate::{Problem, State, extract::wanted};

type Answer = Result<Response, Problem>;

/// Things that have a version.
trait Versioned: Serialize {
    fn version(&self) -> i64;
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
}

impl Versioned for PaymentView {
    fn version(&self) -> i64 {
        self.invoice.version
    }
}

/// A thing, with its version as the entity tag (RFC 9110, 8.8.3).
fn tagged<T: Versioned>(status: StatusCode, thing: &T) -> Response {
    let mut response = (status, Json(thing)).into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", thing.version())) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The answer to a change: the thing, and what to show to readers of the copies that must see it.
fn done<T: Versioned>(status: StatusCode, done: &Done<T>) -> Response {
    let mut response = tagged(status, &done.value);
    tell(&mut response, done);
    response
}

/// A new thing, and where it is.
fn created<T: Versioned>(path: &str, id: &str, new: &Done<T>) -> Response {
    let mut response = done(StatusCode::CREATED, new);
    if let Ok(place) = HeaderValue::from_str(&format!("{path}/{id}")) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

fn tell<T>(response: &mut Response, done: &Done<T>) {
    // What changed nothing has nothing to wait for.
    let token = Some(&done.token).filter(|token| !token.is_empty());
    if let Some(Ok(token)) = token.map(|token| HeaderValue::from_str(&token.to_string())) {
        response.headers_mut().insert("sync-token", token);
    }
    if done.replayed {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
}

/// Waits, if the caller asks for it, until the copies hold what a token names; whether they do, if it was asked.
async fn freshness(state: &State, headers: &HeaderMap, parameter: Option<&str>) -> Result<Option<bool>, Problem> {
    match wanted(headers, parameter)? {
        Some(token) => Ok(Some(state.desk.fresh(&token, state.fresh_bound).await?)),
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
