//! Reviews, and reputations with what they come from.

use chainbill_domain::{
    id::{Id, UserId},
    reputation::{Component, Facts, NEUTRAL_SCORE, Parts, Reviewed, Standing, standing, volume_by_currency},
    review::{Review, Scores},
    states::ReviewStatus,
};
use chainbill_records::repo::reputations::Reputation;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Answer, MoneyView, moment};
use crate::validate::written;

/// A review.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReviewView {
    /// Its id.
    pub id: String,
    /// Rises with every change; the ETag.
    pub version: i64,
    /// The completed project; only to its parties and operators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project_id: Option<String>,
    /// Who reviews.
    pub reviewer_id: String,
    /// Who is reviewed.
    pub reviewee_id: String,
    /// HIDDEN or VISIBLE.
    #[schema(value_type = String)]
    pub status: ReviewStatus,
    /// 1 to 5.
    pub quality: u8,
    /// 1 to 5.
    pub communication: u8,
    /// 1 to 5.
    pub timeliness: u8,
    /// 1 to 5.
    pub professionalism: u8,
    /// In words.
    pub comment: Option<String>,
    /// Since when it is visible and frozen.
    pub visible_at: Option<String>,
    /// When it was written.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

impl ReviewView {
    /// A review as it is shown, with its project to those who see that.
    #[must_use]
    pub fn of(review: Review, sees_project: bool) -> Self {
        let Scores { quality, communication, timeliness, professionalism } = review.content.scores;
        Self {
            id: review.id.to_string(),
            version: review.version,
            project_id: sees_project.then(|| review.project_id.to_string()),
            reviewer_id: review.reviewer_id.to_string(),
            reviewee_id: review.reviewee_id.to_string(),
            status: review.status(),
            quality,
            communication,
            timeliness,
            professionalism,
            comment: review.content.comment,
            visible_at: review.visible_at.map(moment),
            created_at: moment(review.created_at),
            updated_at: moment(review.updated_at),
        }
    }
}

/// A user's reputation with what it comes from.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReputationView {
    /// Whose.
    pub user_id: String,
    /// 0 to 100: the sum of the components' points, rounded half up. 50 without facts.
    pub score: i64,
    /// When it was computed; null while there was no fact.
    pub computed_at: Option<String>,
    /// What the score is made of.
    pub components: Vec<ComponentView>,
    /// What the components are computed from, up to `computedAt`.
    pub facts: FactsView,
}

/// A component of the score.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComponentView {
    /// reviews, onTime, volume or disputes.
    pub name: String,
    /// The points that it is worth when it is full; all together are worth 100.
    pub weight: i64,
    /// How full it is: percent with two decimals.
    pub percent: String,
    /// Its points: two decimals, rounded down.
    pub points: String,
    /// How it is computed.
    pub explanation: String,
}

/// The facts behind a reputation. Ids are at most the hundred newest of their kind, and only of what the viewer may see.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FactsView {
    /// Visible reviews.
    pub reviews: ReviewFacts,
    /// Completed projects.
    pub projects: ProjectFacts,
    /// Invoices of which held money was released.
    pub volume: VolumeFacts,
    /// Lost disputes.
    pub disputes: DisputeFacts,
}

/// Facts of reviews.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReviewFacts {
    /// How many.
    pub count: i64,
    /// The plain mean of all their scores, two decimals; null without reviews.
    pub average: Option<String>,
    /// The plain mean of `quality`.
    pub quality: Option<String>,
    /// The plain mean of `communication`.
    pub communication: Option<String>,
    /// The plain mean of `timeliness`.
    pub timeliness: Option<String>,
    /// The plain mean of `professionalism`.
    pub professionalism: Option<String>,
    /// Which.
    pub ids: Vec<String>,
}

/// Facts of projects.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectFacts {
    /// How many were completed.
    pub completed: i64,
    /// How many of them had a deadline.
    pub with_deadline: i64,
    /// How many of these were done on or before it.
    pub on_time: i64,
    /// Which; to the user and operators.
    pub ids: Vec<String>,
}

/// Facts of released money.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VolumeFacts {
    /// How many invoices.
    pub invoices: i64,
    /// How much, by currency.
    pub released: Vec<MoneyView>,
    /// Which; to the user and operators.
    pub ids: Vec<String>,
}

/// Facts of disputes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DisputeFacts {
    /// How many were lost.
    pub lost: i64,
    /// Which; to the user and operators.
    pub ids: Vec<String>,
}

/// Most ids of one kind.
const MOST_IDS: usize = 100;

impl ReputationView {
    /// A reputation as it is shown; `private` to its user and to operators.
    #[must_use]
    pub fn of(user: UserId, kept: Option<&Reputation>, facts: &Facts, private: bool) -> Self {
        let neutral = || standing(&Facts::default(), chainbill_domain::Timestamp::UNIX_EPOCH);
        let known = kept.map_or_else(neutral, |kept| kept.standing);
        debug_assert!(kept.is_some() || known.score == NEUTRAL_SCORE);
        Self {
            user_id: user.to_string(),
            score: known.score,
            computed_at: kept.map(|kept| moment(kept.computed_at)),
            components: Component::ALL.iter().map(|component| ComponentView::of(*component, &known.parts)).collect(),
            facts: FactsView::of(facts, &known, private),
        }
    }
}

impl ComponentView {
    fn of(component: Component, parts: &Parts) -> Self {
        let explanation = match component {
            Component::Reviews => {
                "mean of the scores of all visible reviews and of three reviews with 3, from 1 (0 %) to 5 (100 %)"
            }
            Component::OnTime => {
                "share of completed projects with a deadline that were done in time, and of two of which one was"
            }
            Component::Volume => {
                "logarithm of the number of invoices with released money: 100 % with 63, in whatever currency"
            }
            Component::Disputes => "100 % without a lost dispute, 50 % with one, 33 % with two",
        };
        Self {
            name: component.name().to_owned(),
            weight: component.weight(),
            percent: written(parts.of(component), 2, 2),
            points: written(parts.points_centi(component), 2, 2),
            explanation: format!("{explanation}; a fact weighs half after 365 days"),
        }
    }
}

impl FactsView {
    fn of(facts: &Facts, known: &Standing, private: bool) -> Self {
        let dated = facts.projects.iter().filter(|fact| fact.on_time.is_some());
        let in_time = facts.projects.iter().filter(|fact| fact.on_time == Some(true));
        Self {
            reviews: ReviewFacts::of(&facts.reviews, known),
            projects: ProjectFacts {
                completed: known.completed_projects,
                with_deadline: count(dated.count()),
                on_time: count(in_time.count()),
                ids: ids(facts.projects.iter().map(|fact| fact.project), private),
            },
            volume: VolumeFacts {
                invoices: known.released_invoices,
                released: volume_by_currency(&facts.releases).into_iter().map(MoneyView::from).collect(),
                ids: ids(facts.releases.iter().map(|fact| fact.invoice), private),
            },
            disputes: DisputeFacts {
                lost: known.disputes_lost,
                ids: ids(facts.disputes.iter().map(|fact| fact.dispute), private),
            },
        }
    }
}

impl ReviewFacts {
    fn of(facts: &[Reviewed], known: &Standing) -> Self {
        let mean = |score: fn(&Scores) -> u8| {
            let sum: i64 = facts.iter().map(|fact| i64::from(score(&fact.scores))).sum();
            (!facts.is_empty()).then(|| written(sum * 100 / count(facts.len()), 2, 2))
        };
        Self {
            count: known.review_count,
            average: (known.review_count > 0).then(|| written(known.average_rating_centi, 2, 2)),
            quality: mean(|scores| scores.quality),
            communication: mean(|scores| scores.communication),
            timeliness: mean(|scores| scores.timeliness),
            professionalism: mean(|scores| scores.professionalism),
            ids: ids(facts.iter().map(|fact| fact.review), true),
        }
    }
}

/// The newest ids first: they begin with their time.
fn ids<K>(all: impl Iterator<Item = Id<K>>, shown: bool) -> Vec<String> {
    let mut ids: Vec<String> = all.filter(|_| shown).map(|id| id.to_string()).collect();
    ids.sort_unstable_by(|one, other| other.cmp(one));
    ids.truncate(MOST_IDS);
    ids
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Answer for ReputationView {
    fn tag(&self) -> Option<String> {
        None
    }
}
