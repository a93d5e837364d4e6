//! Freelancers for a project, looked up in the mirror and ranked with the reasons.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Path, State as Shared},
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};
use chainbill_domain::{
    Document,
    id::UserId,
    matching::{Candidate, Match, Reason, Wanted, ranked},
    models::{REPUTATIONS, USERS},
    money::Money,
    skill::UserSkill,
    states::{Role, UserStatus},
};
use chainbill_mirror::{Selection, Stored};
use serde::{Deserialize, Serialize};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Answer,
    documents::{StoredMoney, fields, flag, integer, items, money, text},
    freshness, with_freshness,
};
use crate::{
    Problem, State,
    extract::{Principal, StrictQuery},
    problem::ProblemBody,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(of_project))
}

/// Candidates that are looked at; of more, those with the newest accounts.
const MOST_CANDIDATES: u32 = 5_000;
/// Ids in one query.
const AT_ONCE: usize = 1_000;

/// How many matches.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct MatchParameters {
    /// At most so many, 1 to 100; 20 when absent.
    limit: Option<u32>,
    /// The `Sync-Token` of a write that the response must reflect; same as `If-Fresh`.
    fresh_after: Option<String>,
}

/// The best freelancers for a project.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct Matches {
    /// The best first: by points, then by id.
    data: Vec<MatchView>,
    /// How many freelancers were compared: those with at least one required skill.
    compared: u32,
    /// Whether there were more than can be compared: then some may be missing.
    truncated: bool,
}

/// A freelancer with the reasons.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct MatchView {
    /// The freelancer.
    user_id: String,
    /// The freelancer's name.
    name: Option<String>,
    /// One line on what the freelancer does.
    title: Option<String>,
    /// The points: 0 to 100 with two decimals, the sum of those of the reasons.
    points: String,
    /// The reputation; null without facts, which counts as 50.
    score: Option<i64>,
    /// Price of an hour.
    hourly_rate: Option<StoredMoney>,
    /// Whether the freelancer takes work.
    available: bool,
    /// The freelancer's skills that the project requires.
    skills: Vec<MatchedSkill>,
    /// Why: skills, reputation, rate, availability.
    reasons: Vec<ReasonView>,
}

/// A required skill that a freelancer has.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct MatchedSkill {
    /// The skill in the catalogue.
    skill_id: String,
    /// Its name.
    name: String,
    /// BEGINNER, INTERMEDIATE, ADVANCED or EXPERT.
    level: String,
    /// Whether an operator has verified this level, or a higher one.
    verified: bool,
}

/// One of the reasons.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct ReasonView {
    /// skills, reputation, rate or availability.
    name: String,
    /// The points that it is worth when it is full; all together are worth 100.
    weight: i64,
    /// Its points, with two decimals.
    points: String,
    /// In words.
    explanation: String,
}

/// Freelancers for a project, the best first, with the reasons. For its client and operators. People who are suspended or operators
/// are not among them. The freelancers are those that the mirror holds.
#[utoipa::path(get, path = "/api/projects/{id}/matches", tag = "search",
    params(("id" = String, Path), MatchParameters), responses((status = 200, body = Matches),
    (status = 401, body = ProblemBody), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 422, body = ProblemBody), (status = 503, body = ProblemBody)))]
async fn of_project(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    headers: HeaderMap,
    StrictQuery(query): StrictQuery<MatchParameters>,
) -> Answer {
    let limit = query.limit.unwrap_or(20);
    if !(1..=100).contains(&limit) {
        return Err(Problem::field("/limit", format!("is {limit}: 1 to 100 are accepted")));
    }
    let project = state.app.matched_project(&context, &id).await?;
    let fresh = freshness(&state, &headers, query.fresh_after.as_deref()).await?;
    let mut people = people(&state, &project.wanted).await?;
    people.retain(|id, _| *id != project.client_id);
    let truncated = people.len() >= MOST_CANDIDATES as usize;
    let compared = u32::try_from(people.len()).unwrap_or(u32::MAX);
    let scores = scores(&state, &people).await?;
    let candidates = people.iter().map(|(id, person)| candidate(*id, &person.body, &scores)).collect();
    let best = ranked(&project.wanted, candidates, limit as usize);
    let data = best.iter().map(|best| view(&project.wanted, best, &people)).collect();
    let response = (StatusCode::OK, Json(Matches { data, compared, truncated })).into_response();
    Ok(with_freshness(response, fresh))
}

type People = HashMap<UserId, Stored>;

/// Freelancers who have a required skill; all where none is required.
async fn people(state: &State, wanted: &Wanted) -> Result<People, Problem> {
    let freelancer = ("role", Role::Freelancer.word());
    let active = ("status", UserStatus::Active.word());
    let skills: Vec<String> = wanted.skills.iter().map(|(id, _)| id.to_string()).collect();
    let selection = if skills.is_empty() {
        Selection { path: "role", any_of: &[freelancer.1.to_owned()], with: &[active], limit: MOST_CANDIDATES }
    } else {
        Selection { path: "skills.skillId", any_of: &skills, with: &[freelancer, active], limit: MOST_CANDIDATES }
    };
    let found = state.mirror.select(&USERS, selection).await?;
    Ok(found.into_iter().filter_map(|person| Some((person.stamp.id.parse().ok()?, person))).collect())
}

async fn scores(state: &State, people: &People) -> Result<HashMap<UserId, i64>, Problem> {
    let ids: Vec<String> = people.keys().map(ToString::to_string).collect();
    let mut scores = HashMap::with_capacity(ids.len());
    for any_of in ids.chunks(AT_ONCE) {
        let limit = u32::try_from(any_of.len()).unwrap_or(u32::MAX);
        let selection = Selection { path: "userId", any_of, with: &[], limit };
        for reputation in state.mirror.select(&REPUTATIONS, selection).await? {
            let of = text(&reputation.body, "userId").and_then(|id| id.parse().ok());
            scores.extend(of.zip(integer(&reputation.body, "score")));
        }
    }
    Ok(scores)
}

fn candidate(id: UserId, body: &Document, scores: &HashMap<UserId, i64>) -> Candidate {
    let skill = |skill: &Document| {
        Some(UserSkill {
            skill_id: text(skill, "skillId")?.parse().ok()?,
            name: text(skill, "name")?,
            level: text(skill, "level")?.parse().ok()?,
            years: integer(skill, "years").unwrap_or(0),
            verified_level: text(skill, "verifiedLevel").and_then(|level| level.parse().ok()),
        })
    };
    Candidate {
        id,
        skills: items(body, "skills").filter_map(skill).collect(),
        score: scores.get(&id).copied(),
        rate: rate(body),
        available: flag(body, "available").unwrap_or(false),
    }
}

fn rate(body: &Document) -> Option<Money> {
    let stored = fields(body, "hourlyRate")?;
    Some(Money { minor: integer(stored, "minor")?, currency: text(stored, "currency")?.parse().ok()? })
}

fn view(wanted: &Wanted, best: &Match, people: &People) -> MatchView {
    let Match { candidate, points_centi, reasons } = best;
    let person = people.get(&candidate.id).map(|person| &person.body);
    let is_required = |skill: &&UserSkill| wanted.skills.iter().any(|(id, _)| *id == skill.skill_id);
    let reason = |reason: &Reason| ReasonView {
        name: reason.name.to_owned(),
        weight: reason.weight,
        points: hundredths(reason.points_centi()),
        explanation: reason.text.clone(),
    };
    MatchView {
        user_id: candidate.id.to_string(),
        name: person.and_then(|body| text(body, "name")),
        title: person.and_then(|body| text(body, "title")),
        points: hundredths(*points_centi),
        score: candidate.score,
        hourly_rate: person.and_then(|body| money(body, "hourlyRate")),
        available: candidate.available,
        skills: candidate.skills.iter().filter(is_required).map(matched).collect(),
        reasons: reasons.iter().map(reason).collect(),
    }
}

fn matched(skill: &UserSkill) -> MatchedSkill {
    MatchedSkill {
        skill_id: skill.skill_id.to_string(),
        name: skill.name.clone(),
        level: skill.level.to_string(),
        verified: skill.is_verified(),
    }
}

fn hundredths(number: i64) -> String {
    format!("{}.{:02}", number / 100, number % 100)
}
