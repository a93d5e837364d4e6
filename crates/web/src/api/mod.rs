//! The API: one file per group of endpoints. A handler parses, calls a use case and responds.

pub(crate) mod analytics;
pub(crate) mod auth;
pub(crate) mod checkouts;
pub(crate) mod credits;
pub(crate) mod disputes;
mod documents;
pub(crate) mod escrow;
pub(crate) mod files;
pub(crate) mod health;
pub(crate) mod invoices;
pub(crate) mod jobs;
pub(crate) mod ledger;
pub(crate) mod logs;
pub(crate) mod matches;
pub(crate) mod milestones;
pub(crate) mod mints;
pub(crate) mod payments;
pub(crate) mod payouts;
pub(crate) mod projects;
pub(crate) mod proposals;
pub(crate) mod quotes;
pub(crate) mod recurrences;
pub(crate) mod reviews;
pub(crate) mod search;
pub(crate) mod series;
pub(crate) mod skills;
pub(crate) mod sync;
pub(crate) mod test_clock;
pub(crate) mod users;

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chainbill_app::{Answer as AppAnswer, Answered, Done, Page, Stored};
use serde::{Deserialize, Serialize};

use crate::{Problem, State, extract::requested_freshness};

type Answer = Result<Response, Problem>;

/// Whether an action on money is only to show what it would do.
#[derive(Debug, Clone, Copy, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(crate) struct DryRun {
    /// With `true` the response shows the postings and states that the action would lead to, and nothing is done. No
    /// `Idempotency-Key` is needed.
    pub dry_run: bool,
}

/// A response with its entity tag (RFC 9110, 8.8.3).
fn tagged<T: AppAnswer>(status: StatusCode, thing: &T) -> Response {
    with_tag(json(status, thing), thing.tag().as_deref())
}

fn with_tag(mut response: Response, tag: Option<&str>) -> Response {
    if let Some(Ok(tag)) = tag.map(|tag| HeaderValue::from_str(&format!("\"{tag}\""))) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// A page. Rows that cannot be read are named in it, and logged with their cause.
fn listed<T: Serialize>(list: &str, page: &Page<T>) -> Response {
    for odd in &page.unreadable {
        tracing::error!("a list of {list} names the row {} as unreadable: {}", odd.id, odd.cause);
    }
    json(StatusCode::OK, page)
}

/// JSON, written into one buffer that seldom has to grow.
fn json<T: Serialize>(status: StatusCode, thing: &T) -> Response {
    const USUAL_BYTES: usize = 4096;
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    match serde_json::to_writer(&mut bytes, thing) {
        Ok(()) => (status, [(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
        Err(error) => {
            tracing::error!("an answer cannot be written as JSON: {error}");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something went wrong here").into_response()
        }
    }
}

/// The response to a command: the object, and the Sync-Token for reads of the mirror that must reflect it. A replay is the stored
/// answer of the first request with the same key.
async fn done<T: AppAnswer>(state: &State, done: &Done<T>) -> Response {
    let status = StatusCode::from_u16(done.status).unwrap_or(StatusCode::OK);
    let mut response = match &done.answer {
        Answered::New(thing) => tagged(status, thing),
        Answered::Replayed(Stored { body, tag }) => {
            let json = [(header::CONTENT_TYPE, "application/json")];
            with_tag((status, json, body.clone()).into_response(), tag.as_deref())
        }
    };
    write_headers(state, &mut response, done).await;
    response
}

/// A new object, with its location.
async fn created<T: AppAnswer>(state: &State, path: &str, id: impl Fn(&T) -> &str, new: &Done<T>) -> Response {
    let mut response = done(state, new).await;
    let id = match &new.answer {
        Answered::New(thing) => Some(id(thing).to_owned()),
        Answered::Replayed(stored) => serde_json::from_str::<Known>(&stored.body).ok().map(|known| known.id),
    };
    if let Some(Ok(place)) = id.map(|id| HeaderValue::from_str(&format!("{path}/{id}"))) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

/// What the answer for one object has in every release.
#[derive(Deserialize)]
struct Known {
    id: String,
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
    if done.is_replayed() {
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
