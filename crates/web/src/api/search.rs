//! Full-text search, in the mirror.

use axum::{
    Json,
    extract::State as Shared,
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chainbill_app::Page;
use chainbill_domain::{
    Digest, Document, Model,
    id::Id,
    models::{INVOICES, PROJECTS, USERS},
    states::{InvoiceStatus, Role, SkillLevel},
    visibility::{InvoiceParty, ProjectRule, Visible},
    words,
};
use chainbill_mirror::{Hit, SearchPosition, SearchQuery};
use serde::{Deserialize, Serialize};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Answer,
    documents::{StoredMoney, flag, integer, items, moment_of, money, text},
    freshness, with_freshness,
};
use crate::{
    Problem, State,
    extract::{Principal, StrictQuery},
    problem::ProblemBody,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(users)).routes(routes!(projects)).routes(routes!(invoices))
}

/// A search query.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SearchParameters {
    /// Words, 1 to 200 characters; a hit holds at least one of them.
    q: String,
    /// At most so many, 1 to 100; 20 when absent.
    limit: Option<u32>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// The `Sync-Token` of a write that the response must reflect; same as `If-Fresh`.
    fresh_after: Option<String>,
}

/// The prefix of a cursor, before the score and the id.
const CURSOR: &str = "hit";

impl SearchParameters {
    /// The largest number of hits, and the hit that the page follows.
    fn checked(&self, model: &Model) -> Result<(u32, Option<SearchPosition>), Problem> {
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

    /// The cursor after a hit. It holds nothing but the hit's score and id and a mark of the search.
    fn cursor(&self, model: &Model, last: &Hit) -> String {
        URL_SAFE_NO_PAD.encode(format!("{CURSOR}:{}:{}:{}", self.mark(model), last.score, last.id))
    }

    fn place(&self, model: &Model, cursor: &str) -> Option<SearchPosition> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let rest = text.strip_prefix(CURSOR)?.strip_prefix(':')?.strip_prefix(&self.mark(model))?;
        let (score, id) = rest.strip_prefix(':')?.split_once(':')?;
        let id: Id<()> = id.parse().ok()?;
        Some(SearchPosition { score: score.parse().ok()?, id: id.to_string() })
    }

    /// The same for all searches of the same words.
    fn mark(&self, model: &Model) -> String {
        let asked = words::asked(&self.q);
        let mut mark = Digest::of(format!("{} {asked:?}", model.name).as_bytes()).to_hex();
        mark.truncate(12);
        mark
    }
}

/// A person that was found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct UserHit {
    /// The person's id.
    id: String,
    /// How well it matches; only comparable within one search.
    score: u32,
    /// The person's name.
    name: Option<String>,
    /// CLIENT, FREELANCER or ADMIN.
    role: Option<String>,
    /// The person's headline.
    title: Option<String>,
    /// The person's description.
    bio: Option<String>,
    /// Where the person works.
    location: Option<String>,
    /// Price of an hour.
    hourly_rate: Option<StoredMoney>,
    /// Whether the person takes work.
    available: Option<bool>,
    /// The person's skills.
    skills: Vec<UserHitSkill>,
}

/// A skill of a person that was found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct UserHitSkill {
    /// The skill in the catalogue.
    skill_id: Option<String>,
    /// Its name.
    name: Option<String>,
    /// BEGINNER, INTERMEDIATE, ADVANCED or EXPERT.
    level: Option<String>,
    /// Years of practice.
    years: Option<i64>,
    /// Whether an operator has verified this level, or a higher one.
    verified: bool,
}

impl From<&Hit> for UserHit {
    fn from(hit: &Hit) -> Self {
        let body = &hit.body;
        let level = |skill: &Document, field| text(skill, field)?.parse::<SkillLevel>().ok();
        let skill = |skill: &Document| UserHitSkill {
            skill_id: text(skill, "skillId"),
            name: text(skill, "name"),
            level: text(skill, "level"),
            years: integer(skill, "years"),
            verified: level(skill, "verifiedLevel").zip(level(skill, "level")).is_some_and(|(is, claims)| is >= claims),
        };
        Self {
            id: hit.id.clone(),
            score: hit.score,
            name: text(body, "name"),
            role: text(body, "role"),
            title: text(body, "title"),
            bio: text(body, "bio"),
            location: text(body, "location"),
            hourly_rate: money(body, "hourlyRate"),
            available: flag(body, "available"),
            skills: items(body, "skills").map(skill).collect(),
        }
    }
}

/// A project that was found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct ProjectHit {
    /// The project's id.
    id: String,
    /// How well it matches; only comparable within one search.
    score: u32,
    /// Its title.
    title: Option<String>,
    /// What is to be done.
    description: Option<String>,
    /// Its state.
    status: Option<String>,
    /// Its client.
    client_id: Option<String>,
    /// Its freelancer, once there is one.
    freelancer_id: Option<String>,
    /// Its budget.
    budget: Option<StoredMoney>,
    /// Its deadline: a day.
    deadline: Option<String>,
    /// The skills that it needs.
    skills: Vec<ProjectHitSkill>,
    /// When it was created.
    created_at: Option<String>,
}

/// A skill of a project that was found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct ProjectHitSkill {
    /// The skill in the catalogue.
    skill_id: Option<String>,
    /// Its name.
    name: Option<String>,
}

impl From<&Hit> for ProjectHit {
    fn from(hit: &Hit) -> Self {
        let body = &hit.body;
        let skill = |skill: &Document| ProjectHitSkill { skill_id: text(skill, "skillId"), name: text(skill, "name") };
        Self {
            id: hit.id.clone(),
            score: hit.score,
            title: text(body, "title"),
            description: text(body, "description"),
            status: text(body, "status"),
            client_id: text(body, "clientId"),
            freelancer_id: text(body, "freelancerId"),
            budget: money(body, "budget"),
            deadline: text(body, "deadline"),
            skills: items(body, "skills").map(skill).collect(),
            created_at: moment_of(body, "createdAt"),
        }
    }
}

/// An invoice that was found.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct InvoiceHit {
    /// The invoice's id.
    id: String,
    /// How well it matches; only comparable within one search.
    score: u32,
    /// Its number, from sending on.
    number: Option<String>,
    /// Its title.
    title: Option<String>,
    /// Its state.
    status: Option<String>,
    /// How much of it is paid.
    payment_status: Option<String>,
    /// Its issuer.
    freelancer_id: Option<String>,
    /// The issuer's name.
    freelancer_name: Option<String>,
    /// Its client.
    client_id: Option<String>,
    /// The client's name.
    client_name: Option<String>,
    /// What it comes to.
    total: Option<StoredMoney>,
    /// Until when it is to be paid.
    due_date: Option<String>,
    /// When it was sent.
    sent_at: Option<String>,
    /// When it was made.
    created_at: Option<String>,
}

impl From<&Hit> for InvoiceHit {
    fn from(hit: &Hit) -> Self {
        let body = &hit.body;
        Self {
            id: hit.id.clone(),
            score: hit.score,
            number: text(body, "number"),
            title: text(body, "title"),
            status: text(body, "status"),
            payment_status: text(body, "paymentStatus"),
            freelancer_id: text(body, "freelancerId"),
            freelancer_name: text(body, "freelancerName"),
            client_id: text(body, "clientId"),
            client_name: text(body, "clientName"),
            total: money(body, "total"),
            due_date: text(body, "dueDate"),
            sent_at: moment_of(body, "sentAt"),
            created_at: moment_of(body, "createdAt"),
        }
    }
}

/// Clients and freelancers, best match first, by name, title, skills, bio and location.
#[utoipa::path(get, path = "/api/search/users", tag = "search", params(SearchParameters), responses(
    (status = 200, body = Page<UserHit>), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody),
    (status = 503, body = ProblemBody)))]
async fn users(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    headers: HeaderMap,
    StrictQuery(query): StrictQuery<SearchParameters>,
) -> Answer {
    let among = among(context.actor()?.viewer().users(), |status| ("status", status.word().to_owned()));
    let except = vec![("role", Role::Admin.word().to_owned())];
    answer::<UserHit>(&state, &headers, &query, &USERS, &Seen { among, except }).await
}

/// Open projects and one's own, best match first, by title, skills and description.
#[utoipa::path(get, path = "/api/search/projects", tag = "search", params(SearchParameters), responses(
    (status = 200, body = Page<ProjectHit>), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody),
    (status = 503, body = ProblemBody)))]
async fn projects(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    headers: HeaderMap,
    StrictQuery(query): StrictQuery<SearchParameters>,
) -> Answer {
    let among = among(context.actor()?.viewer().projects(), |rule| match rule {
        ProjectRule::Status(status) => ("status", status.word().to_owned()),
        ProjectRule::Client(user) => ("clientId", user.to_string()),
        ProjectRule::Freelancer(user) => ("freelancerId", user.to_string()),
    });
    answer::<ProjectHit>(&state, &headers, &query, &PROJECTS, &Seen { among, except: Vec::new() }).await
}

/// Your invoices, best match first, by number, title, names of the parties, lines and notes; all for operators. A client finds an
/// invoice once it is sent.
#[utoipa::path(get, path = "/api/search/invoices", tag = "search", params(SearchParameters), responses(
    (status = 200, body = Page<InvoiceHit>), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody),
    (status = 503, body = ProblemBody)))]
async fn invoices(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    headers: HeaderMap,
    StrictQuery(query): StrictQuery<SearchParameters>,
) -> Answer {
    let visible = context.actor()?.viewer().invoices();
    // A state that one of the rules hides is found by none of them: a role is one party only.
    let hidden = |status: &&InvoiceStatus| match &visible {
        Visible::All => false,
        Visible::AnyOf(rules) => rules.iter().any(|rule| !rule.shows(**status)),
    };
    let except = InvoiceStatus::ALL.iter().filter(hidden).map(|status| ("status", status.word().to_owned())).collect();
    let among = among(visible, |rule| match rule.party {
        InvoiceParty::Freelancer => ("freelancerId", rule.user_id.to_string()),
        InvoiceParty::Client => ("clientId", rule.user_id.to_string()),
    });
    answer::<InvoiceHit>(&state, &headers, &query, &INVOICES, &Seen { among, except }).await
}

/// What the viewer sees, as values of fields.
struct Seen {
    /// A hit has one of these; none where every hit is seen.
    among: Vec<(&'static str, String)>,
    /// A hit has none of these.
    except: Vec<(&'static str, String)>,
}

/// What the viewer sees, as values of fields of which a hit has one; none where every hit is seen.
fn among<R>(visible: Visible<R>, field: fn(R) -> (&'static str, String)) -> Vec<(&'static str, String)> {
    match visible {
        Visible::All => Vec::new(),
        Visible::AnyOf(rules) => rules.into_iter().map(field).collect(),
    }
}

/// A page of what the actor may see. Other documents influence neither its length nor its cursor.
async fn answer<H: for<'h> From<&'h Hit> + Serialize>(
    state: &State,
    headers: &HeaderMap,
    query: &SearchParameters,
    model: &'static Model,
    seen: &Seen,
) -> Answer {
    let (limit, after) = query.checked(model)?;
    let fresh = freshness(state, headers, query.fresh_after.as_deref()).await?;
    let question = SearchQuery {
        words: &query.q,
        among: &seen.among,
        except: &seen.except,
        after: after.as_ref(),
        limit: limit + 1,
    };
    let mut hits = state.mirror.search(model, question).await?;
    let has_more = hits.len() > limit as usize;
    hits.truncate(limit as usize);
    let next = hits.last().filter(|_| has_more).map(|last| query.cursor(model, last));
    let data = hits.iter().map(H::from).collect();
    let page = Page { data, has_more, next_cursor: next, unreadable: Vec::new() };
    Ok(with_freshness((StatusCode::OK, Json(page)).into_response(), fresh))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(q: &str, cursor: Option<String>) -> SearchParameters {
        SearchParameters { q: q.to_owned(), limit: None, cursor, fresh_after: None }
    }

    #[test]
    fn a_cursor_is_of_its_search_and_tells_what_its_hit_tells() {
        let id = "0193e0a0-0000-7000-8000-000000000000";
        let hit = Hit { id: id.to_owned(), score: 2018, body: chainbill_domain::Document::default() };
        let cursor = query("Rust zoë ", None).cursor(&USERS, &hit);
        let same = query("ＲＵＳＴ zoe ", Some(cursor.clone())).checked(&USERS);
        assert_eq!(same.ok().and_then(|(_, after)| after), Some(SearchPosition { score: 2018, id: id.to_owned() }));
        for (q, model, cursor) in [
            ("rust", &USERS, cursor.clone()),
            ("Rust zoë ", &PROJECTS, cursor.clone()),
            ("Rust zoë ", &USERS, URL_SAFE_NO_PAD.encode("hit:4")),
            ("Rust zoë ", &USERS, format!("{cursor}AA")),
            ("Rust zoë ", &USERS, String::new()),
        ] {
            let Err(problem) = query(q, Some(cursor)).checked(model) else { panic!("{q} of {} was taken", model.name) };
            assert_eq!(problem.refused_fields()[0].0, "/cursor");
        }
    }
}
