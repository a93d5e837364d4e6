//! Full-text search, in the copies.

use axum::{
    Json,
    extract::State as Shared,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chainbill_app::{Actor, Page};
use chainbill_domain::{
    Model, Value,
    document::Document,
    models::{PROJECTS, USERS},
    states::{ProjectStatus, Role, UserStatus},
};
use chainbill_mirror::Hit;
use serde::Deserialize;
use serde_json::{Map, Value as Shown};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, freshness, plain::plain, with_freshness};
use crate::{
    Problem, State,
    extract::{Asked, Who},
    problem::ProblemBody,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(users)).routes(routes!(projects))
}

/// What is searched for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wish {
    /// Words, 1 to 200 characters; a hit holds at least one of them.
    q: String,
    /// At most so many, 1 to 100; 20 when absent.
    limit: Option<u32>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// The `Sync-Token` of a write that must be seen; `If-Fresh` says the same.
    fresh_after: Option<String>,
}

/// A search looks no deeper than this.
const DEEPEST: u32 = 10_000;
/// Hits that are read at once.
const STEP: u32 = 100;
/// A page is made from so many readings: where the asker may see little of what is found, it is short or empty and its
/// cursor goes on from there.
const MOST_READINGS: u32 = 4;

impl Wish {
    fn checked(&self) -> Result<(u32, u32), Problem> {
        let limit = self.limit.unwrap_or(20);
        if !(1..=100).contains(&limit) {
            return Err(Problem::field("/limit", format!("is {limit}: 1 to 100 are accepted")));
        }
        if self.q.trim().is_empty() || self.q.chars().count() > 200 || self.q.contains('\0') {
            return Err(Problem::field("/q", "1 to 200 characters are accepted"));
        }
        let skip = self.cursor.as_ref().map_or(Some(0), |cursor| {
            let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
            String::from_utf8(bytes).ok()?.strip_prefix("hit:")?.parse().ok().filter(|skip| *skip <= DEEPEST)
        });
        let refused = || Problem::field("/cursor", "is not a cursor: the nextCursor of a page is accepted");
        Ok((limit, skip.ok_or_else(refused)?))
    }
}

/// People, best first, over name, title, skills, bio and location.
#[utoipa::path(get, path = "/api/search/users", tag = "search", params(Wish), responses(
    (status = 200, body = Page<serde_json::Value>), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody),
    (status = 503, body = ProblemBody)))]
async fn users(
    Shared(state): Shared<State>,
    Who(context): Who,
    headers: HeaderMap,
    Asked(wish): Asked<Wish>,
) -> Answer {
    const SHOWN: &[&str] = &["name", "role", "title", "bio", "location", "hourlyRate", "available", "skills"];
    let actor = context.actor()?;
    let sees = |body: &Document| actor.role == Role::Admin || is(body, "status", UserStatus::Active.word());
    answer(&state, &headers, &wish, &USERS, SHOWN, sees).await
}

/// Projects that are on offer or one's own, best first, over title, skills and description.
#[utoipa::path(get, path = "/api/search/projects", tag = "search", params(Wish), responses(
    (status = 200, body = Page<serde_json::Value>), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody),
    (status = 503, body = ProblemBody)))]
async fn projects(
    Shared(state): Shared<State>,
    Who(context): Who,
    headers: HeaderMap,
    Asked(wish): Asked<Wish>,
) -> Answer {
    const SHOWN: &[&str] =
        &["title", "description", "status", "clientId", "freelancerId", "budget", "deadline", "skills", "createdAt"];
    let actor = context.actor()?;
    answer(&state, &headers, &wish, &PROJECTS, SHOWN, |body| sees_project(actor, body)).await
}

fn sees_project(actor: &Actor, body: &Document) -> bool {
    let me = actor.user_id.to_string();
    actor.role == Role::Admin
        || is(body, "status", ProjectStatus::Open.word())
        || is(body, "clientId", &me)
        || is(body, "freelancerId", &me)
}

fn is(body: &Document, field: &str, text: &str) -> bool {
    matches!(body.get(field), Some(Value::Text(value)) if value == text)
}

async fn answer(
    state: &State,
    headers: &HeaderMap,
    wish: &Wish,
    model: &'static Model,
    shown: &[&str],
    sees: impl Fn(&Document) -> bool,
) -> Answer {
    let (limit, skip) = wish.checked()?;
    let fresh = freshness(state, headers, wish.fresh_after.as_deref()).await?;
    let read = |skip| state.copies.search(model, &wish.q, skip, STEP);
    let (hits, next) = walk(limit as usize, skip, read, |hit| sees(&hit.body)).await?;
    let page = Page {
        data: hits.iter().map(|hit| view(hit, shown)).collect(),
        has_more: next.is_some(),
        next_cursor: next.map(|next| URL_SAFE_NO_PAD.encode(format!("hit:{next}"))),
        unreadable: Vec::new(),
    };
    Ok(with_freshness((StatusCode::OK, Json(page)).into_response(), fresh))
}

/// Walks the hits until a page of those that the asker may see is full, or enough was read; the page, and where the next one
/// begins.
async fn walk<E, F: Future<Output = Result<Vec<Hit>, E>>>(
    limit: usize,
    mut skip: u32,
    read: impl Fn(u32) -> F,
    sees: impl Fn(&Hit) -> bool,
) -> Result<(Vec<Hit>, Option<u32>), E> {
    let mut page = Vec::new();
    for _ in 0..MOST_READINGS {
        if skip >= DEEPEST {
            return Ok((page, None));
        }
        let hits = read(skip).await?;
        let last = hits.len() < STEP as usize;
        for hit in hits {
            if sees(&hit) {
                if page.len() == limit {
                    return Ok((page, Some(skip)));
                }
                page.push(hit);
            }
            skip += 1;
        }
        if last {
            return Ok((page, None));
        }
    }
    Ok((page, Some(skip).filter(|skip| *skip < DEEPEST)))
}

fn view(hit: &Hit, shown: &[&str]) -> Shown {
    let mut all = plain(&hit.body);
    let mut view = Map::new();
    view.insert("id".to_owned(), hit.id.clone().into());
    view.insert("score".to_owned(), hit.score.into());
    for name in shown {
        view.insert((*name).to_owned(), all.remove(*name).unwrap_or(Shown::Null));
    }
    Shown::Object(view)
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, convert::Infallible};

    use super::*;

    /// Walks all pages over so many hits; the numbers of those seen, and the readings of the page that needed most.
    async fn seen(count: u32, limit: usize, sees: impl Fn(u32) -> bool + Copy) -> (Vec<u32>, u32) {
        let number = |hit: &Hit| hit.id.parse().unwrap_or(u32::MAX);
        let (mut all, mut most, mut next) = (Vec::new(), 0, Some(0));
        while let Some(skip) = next {
            let readings = Cell::new(0);
            let read = |skip: u32| {
                readings.set(readings.get() + 1);
                let hits = (skip..count.min(skip + STEP)).map(|place| Hit {
                    id: place.to_string(),
                    score: 1.0,
                    body: Document::default(),
                });
                std::future::ready(Ok::<_, Infallible>(hits.collect()))
            };
            let walked = walk(limit, skip, read, |hit| sees(number(hit))).await;
            let (hits, after) = walked.unwrap_or_else(|never| match never {});
            assert!(hits.len() <= limit);
            all.extend(hits.iter().map(number));
            most = most.max(readings.get());
            next = after;
        }
        (all, most)
    }

    #[tokio::test]
    async fn pages_neither_skip_nor_repeat_and_read_little() {
        for (count, limit) in [(0, 20), (1, 1), (100, 20), (250, 100), (1000, 7)] {
            let (all, most) = seen(count, limit, |place| place % 3 == 0).await;
            assert_eq!(all, (0..count).filter(|place| place % 3 == 0).collect::<Vec<_>>(), "{count} {limit}");
            assert!(most <= MOST_READINGS);
        }
    }

    #[tokio::test]
    async fn what_nobody_may_see_is_walked_a_few_readings_a_page() {
        let (all, most) = seen(DEEPEST * 2, 20, |place| place == 9_000).await;
        assert_eq!((all, most), (vec![9_000], MOST_READINGS));
    }
}
