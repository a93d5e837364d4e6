//! Full-text search, in the copies.

use axum::{
    Json,
    extract::State as Shared,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chainbill_app::Page;
use chainbill_domain::{
    Digest, Model,
    id::Id,
    models::{PROJECTS, USERS},
    visibility::{ProjectRule, Visible},
    words,
};
use chainbill_mirror::{Hit, Place, Question};
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

/// What stands before the score and the id of a cursor.
const CURSOR: &str = "hit";

impl Wish {
    /// How many hits at most, and behind which one.
    fn checked(&self, model: &Model) -> Result<(u32, Option<Place>), Problem> {
        let limit = self.limit.unwrap_or(20);
        if !(1..=100).contains(&limit) {
            return Err(Problem::field("/limit", format!("is {limit}: 1 to 100 are accepted")));
        }
        if self.q.trim().is_empty() || self.q.chars().count() > 200 || self.q.contains('\0') {
            return Err(Problem::field("/q", "1 to 200 characters are accepted"));
        }
        let refused =
            || Problem::field("/cursor", "is not a cursor: the nextCursor of a page of this search is accepted");
        let after = self.cursor.as_ref().map(|cursor| self.place(model, cursor).ok_or_else(refused));
        Ok((limit, after.transpose()?))
    }

    /// The cursor after a hit. It tells what the hit tells, and of which search it is.
    fn cursor(&self, model: &Model, last: &Hit) -> String {
        URL_SAFE_NO_PAD.encode(format!("{CURSOR}:{}:{}:{}", self.mark(model), last.score, last.id))
    }

    fn place(&self, model: &Model, cursor: &str) -> Option<Place> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let rest = text.strip_prefix(CURSOR)?.strip_prefix(':')?.strip_prefix(&self.mark(model))?;
        let (score, id) = rest.strip_prefix(':')?.split_once(':')?;
        let id: Id<()> = id.parse().ok()?;
        Some(Place { score: score.parse().ok()?, id: id.to_string() })
    }

    /// The same for all searches of the same words.
    fn mark(&self, model: &Model) -> String {
        let asked = words::asked(&self.q);
        let mut mark = Digest::of(format!("{} {asked:?}", model.name).as_bytes()).to_hex();
        mark.truncate(12);
        mark
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
    let among = among(context.actor()?.viewer().users(), |status| ("status", status.word().to_owned()));
    answer(&state, &headers, &wish, &USERS, SHOWN, &among).await
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
    let among = among(context.actor()?.viewer().projects(), |rule| match rule {
        ProjectRule::Status(status) => ("status", status.word().to_owned()),
        ProjectRule::Client(user) => ("clientId", user.to_string()),
        ProjectRule::Freelancer(user) => ("freelancerId", user.to_string()),
    });
    answer(&state, &headers, &wish, &PROJECTS, SHOWN, &among).await
}

/// What the viewer sees, as values of fields of which a hit has one; none where every hit is seen.
fn among<R>(visible: Visible<R>, field: fn(R) -> (&'static str, String)) -> Vec<(&'static str, String)> {
    match visible {
        Visible::All => Vec::new(),
        Visible::AnyOf(rules) => rules.into_iter().map(field).collect(),
    }
}

/// Answers with a page of what the asker may see: what else there is has no part in it, neither in its length nor in its
/// cursor.
async fn answer(
    state: &State,
    headers: &HeaderMap,
    wish: &Wish,
    model: &'static Model,
    shown: &[&str],
    among: &[(&'static str, String)],
) -> Answer {
    let (limit, after) = wish.checked(model)?;
    let fresh = freshness(state, headers, wish.fresh_after.as_deref()).await?;
    let question = Question { words: &wish.q, among, after: after.as_ref(), limit: limit + 1 };
    let mut hits = state.copies.search(model, question).await?;
    let has_more = hits.len() > limit as usize;
    hits.truncate(limit as usize);
    let next = hits.last().filter(|_| has_more).map(|last| wish.cursor(model, last));
    let data = hits.iter().map(|hit| view(hit, shown)).collect();
    let page = Page { data, has_more, next_cursor: next, unreadable: Vec::new() };
    Ok(with_freshness((StatusCode::OK, Json(page)).into_response(), fresh))
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
    use super::*;

    fn wish(q: &str, cursor: Option<String>) -> Wish {
        Wish { q: q.to_owned(), limit: None, cursor, fresh_after: None }
    }

    #[test]
    fn a_cursor_is_of_its_search_and_tells_what_its_hit_tells() {
        let id = "0193e0a0-0000-7000-8000-000000000000";
        let hit = Hit { id: id.to_owned(), score: 2018, body: chainbill_domain::Document::default() };
        let cursor = wish("Rust zoë ", None).cursor(&USERS, &hit);
        let same = wish("ＲＵＳＴ zoe ", Some(cursor.clone())).checked(&USERS);
        assert_eq!(same.ok().and_then(|(_, after)| after), Some(Place { score: 2018, id: id.to_owned() }));
        for (q, model, cursor) in [
            ("rust", &USERS, cursor.clone()),
            ("Rust zoë ", &PROJECTS, cursor.clone()),
            ("Rust zoë ", &USERS, URL_SAFE_NO_PAD.encode("hit:4")),
            ("Rust zoë ", &USERS, format!("{cursor}AA")),
            ("Rust zoë ", &USERS, String::new()),
        ] {
            let Err(problem) = wish(q, Some(cursor)).checked(model) else { panic!("{q} of {} was taken", model.name) };
            assert_eq!(problem.refused_fields()[0].0, "/cursor");
        }
    }
}
