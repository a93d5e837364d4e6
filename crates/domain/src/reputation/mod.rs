//! Reputation: 0 to 100, computed from facts and never incremented. The same facts at the same moment give the same standing on every
//! server: all arithmetic is of integers, and sums do not depend on the order of the facts. `docs/domain.md` states the formula.

mod fixed;

use std::collections::BTreeMap;

use crate::{
    Timestamp,
    id::{DisputeId, InvoiceId, ProjectId, ReviewId},
    money::{Currency, Money},
    review::Scores,
};

use fixed::{ONE, log2, weight};

/// What a user's reputation is computed from. What is older weighs less.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Visible reviews that the user received.
    pub reviews: Vec<Reviewed>,
    /// Completed projects of which the user is a party.
    pub projects: Vec<Completed>,
    /// Invoices of which held money went to their freelancer, of which the user is a party.
    pub releases: Vec<Released>,
    /// Disputes that the user lost.
    pub disputes: Vec<Lost>,
}

/// A visible review.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reviewed {
    /// The review.
    pub review: ReviewId,
    /// Its project.
    pub project: ProjectId,
    /// What it scores.
    pub scores: Scores,
    /// Since when it is visible.
    pub at: Timestamp,
}

/// A completed project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completed {
    /// The project.
    pub project: ProjectId,
    /// Whether its work was submitted on or before its deadline's day; none where it had no deadline.
    pub on_time: Option<bool>,
    /// When it was completed.
    pub at: Timestamp,
}

/// An invoice of which held money went to its freelancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Released {
    /// The invoice.
    pub invoice: InvoiceId,
    /// How much.
    pub amount: Money,
    /// When.
    pub at: Timestamp,
}

/// A dispute that was decided against the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// The dispute.
    pub dispute: DisputeId,
    /// When it was decided.
    pub at: Timestamp,
}

/// A part of the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// The mean of the reviews' scores.
    Reviews,
    /// The share of projects that were done in time.
    OnTime,
    /// How much work was paid.
    Volume,
    /// Disputes that were not lost.
    Disputes,
}

impl Component {
    /// Every component, in the order of answers.
    pub const ALL: [Self; 4] = [Self::Reviews, Self::OnTime, Self::Volume, Self::Disputes];

    /// How many of the 100 points it is worth.
    #[must_use]
    pub const fn weight(self) -> i64 {
        match self {
            Self::Reviews => 50,
            Self::OnTime => 20,
            Self::Volume | Self::Disputes => 15,
        }
    }

    /// Its name in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reviews => "reviews",
            Self::OnTime => "onTime",
            Self::Volume => "volume",
            Self::Disputes => "disputes",
        }
    }
}

/// How full each component is, in ten-thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// See [`Component::Reviews`].
    pub reviews: i64,
    /// See [`Component::OnTime`].
    pub on_time: i64,
    /// See [`Component::Volume`].
    pub volume: i64,
    /// See [`Component::Disputes`].
    pub disputes: i64,
}

impl Parts {
    /// How full a component is.
    #[must_use]
    pub const fn of(self, component: Component) -> i64 {
        match component {
            Component::Reviews => self.reviews,
            Component::OnTime => self.on_time,
            Component::Volume => self.volume,
            Component::Disputes => self.disputes,
        }
    }

    /// The points of a component, in hundredths.
    #[must_use]
    pub const fn points_centi(self, component: Component) -> i64 {
        self.of(component) * component.weight() / 100
    }

    /// The score: all components by their weights, rounded half up.
    #[must_use]
    pub fn score(self) -> i64 {
        let points: i64 = Component::ALL.iter().map(|component| component.weight() * self.of(*component)).sum();
        (points + FULL / 2) / FULL
    }
}

/// A user's standing: the score, and what it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// 0 to 100.
    pub score: i64,
    /// How full each component is.
    pub parts: Parts,
    /// The plain mean of all scores of all reviews in hundredths, 100 to 500; 0 without reviews.
    pub average_rating_centi: i64,
    /// How many reviews.
    pub review_count: i64,
    /// The plain share of projects with a deadline that were done in time, in ten-thousandths; 0 without any.
    pub on_time_bp: i64,
    /// How many completed projects.
    pub completed_projects: i64,
    /// How many invoices with released money.
    pub released_invoices: i64,
    /// How many lost disputes.
    pub disputes_lost: i64,
}

/// A full component, in ten-thousandths.
const FULL: i64 = 10_000;
/// The score of a user without facts.
pub const NEUTRAL_SCORE: i64 = 50;
/// Days after which a fact weighs half.
pub const HALF_LIFE_DAYS: u32 = 365;
/// Reviews with the neutral score that every user begins with.
pub const PRIOR_REVIEWS: u32 = 3;
/// The neutral score of a review.
pub const PRIOR_SCORE: u32 = 3;
/// Projects that every user begins with, half of them done in time.
pub const PRIOR_PROJECTS: u32 = 2;
/// 2 to the power of this, less one, are the invoices that fill the volume.
pub const FULL_VOLUME_LOG2: u32 = 6;

/// The standing of these facts at a moment.
#[must_use]
pub fn standing(facts: &Facts, now: Timestamp) -> Standing {
    let parts = Parts {
        reviews: reviews(&facts.reviews, now),
        on_time: on_time(&facts.projects, now),
        volume: volume(&facts.releases, now),
        disputes: disputes(&facts.disputes, now),
    };
    let sum: i64 = facts.reviews.iter().map(|fact| i64::from(fact.scores.sum())).sum();
    let dated = facts.projects.iter().filter(|fact| fact.on_time.is_some()).count();
    let in_time = facts.projects.iter().filter(|fact| fact.on_time == Some(true)).count();
    let review_count = count(facts.reviews.len());
    Standing {
        score: parts.score(),
        parts,
        average_rating_centi: share(u128::from(sum.unsigned_abs()) * 25, facts.reviews.len() as u128),
        review_count,
        on_time_bp: share(in_time as u128 * FULL as u128, dated as u128),
        completed_projects: count(facts.projects.len()),
        released_invoices: count(facts.releases.len()),
        disputes_lost: count(facts.disputes.len()),
    }
}

/// What was released by currency: sums of different currencies are never added.
#[must_use]
pub fn volume_by_currency(releases: &[Released]) -> Vec<Money> {
    let mut sums: BTreeMap<String, (Currency, i64)> = BTreeMap::new();
    for Money { minor, currency } in releases.iter().map(|fact| fact.amount) {
        let sum = &mut sums.entry(currency.to_string()).or_insert((currency, 0)).1;
        *sum = sum.saturating_add(minor);
    }
    sums.into_values().map(|(currency, minor)| Money { minor, currency }).collect()
}

/// Σ weights × values.
fn weighed<T>(facts: &[T], now: Timestamp, at: fn(&T) -> Timestamp, value: fn(&T) -> u128) -> u128 {
    facts.iter().map(|fact| weight(at(fact), now) * value(fact)).sum()
}

/// The Bayesian mean of the scores, from 1 → 0 to 5 → full.
fn reviews(facts: &[Reviewed], now: Timestamp) -> i64 {
    let prior = u128::from(PRIOR_REVIEWS) * ONE;
    let scores = weighed(facts, now, |fact| fact.at, |fact| u128::from(fact.scores.sum()));
    let scores = scores + 4 * prior * u128::from(PRIOR_SCORE);
    let times = 4 * (weighed(facts, now, |fact| fact.at, |_| 1) + prior);
    share((scores - times) * FULL as u128, 4 * times)
}

/// The Bayesian share of projects with a deadline that were done in time.
fn on_time(facts: &[Completed], now: Timestamp) -> i64 {
    let prior = u128::from(PRIOR_PROJECTS) * ONE;
    let in_time = weighed(facts, now, |fact| fact.at, |fact| u128::from(fact.on_time == Some(true))) + prior / 2;
    let dated = weighed(facts, now, |fact| fact.at, |fact| u128::from(fact.on_time.is_some())) + prior;
    share(in_time * FULL as u128, dated)
}

/// The logarithm of the number of invoices.
fn volume(facts: &[Released], now: Timestamp) -> i64 {
    let invoices = weighed(facts, now, |fact| fact.at, |_| 1);
    share(log2(ONE + invoices) * FULL as u128, u128::from(FULL_VOLUME_LOG2) * ONE).min(FULL)
}

/// Full without a lost dispute, a half with one, a third with two.
fn disputes(facts: &[Lost], now: Timestamp) -> i64 {
    share(ONE * FULL as u128, ONE + weighed(facts, now, |fact| fact.at, |_| 1))
}

/// A quotient, rounded down; 0 of nothing.
fn share(of: u128, all: u128) -> i64 {
    of.checked_div(all).map_or(0, |share| i64::try_from(share).unwrap_or(i64::MAX))
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
