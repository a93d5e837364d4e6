use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{id::Id, review::SCORES};

fn id<K>(place: u8) -> Id<K> {
    Id::new(Timestamp::default(), [place; 10])
}

const fn day(number: u32) -> Duration {
    Duration::from_secs(number as u64 * 86_400)
}

fn now() -> Timestamp {
    Timestamp::default() + day(5_000)
}

fn aged(days: u32) -> Timestamp {
    now() - day(days)
}

fn scored(scores: [u8; 4], days: u32) -> Reviewed {
    let [quality, communication, timeliness, professionalism] = scores;
    let scores = Scores { quality, communication, timeliness, professionalism };
    Reviewed { review: id(1), project: id(2), scores, at: aged(days) }
}

fn completed(on_time: Option<bool>, days: u32) -> Completed {
    Completed { project: id(2), on_time, at: aged(days) }
}

fn released(minor: i64, currency: &str, days: u32) -> Released {
    let amount = Money { minor, currency: currency.parse().expect("a currency") };
    Released { invoice: id(3), amount, at: aged(days) }
}

fn lost(days: u32) -> Lost {
    Lost { dispute: id(4), at: aged(days) }
}

#[test]
fn a_user_without_facts_is_neutral() {
    let standing = standing(&Facts::default(), now());
    assert_eq!(standing.score, NEUTRAL_SCORE);
    assert_eq!(standing.parts, Parts { reviews: 5_000, on_time: 5_000, volume: 0, disputes: 10_000 });
    assert_eq!((standing.average_rating_centi, standing.on_time_bp, standing.review_count), (0, 0, 0));
}

#[test]
fn the_example_of_the_document() {
    let facts = Facts {
        reviews: vec![scored([5, 5, 4, 5], 0), scored([4, 4, 3, 4], 365)],
        projects: vec![completed(Some(true), 0), completed(Some(false), 365), completed(None, 10)],
        releases: vec![released(100_000, "EUR", 0), released(90_000, "JPY", 365)],
        disputes: vec![lost(365)],
    };
    let standing = standing(&facts, now());
    // (19 + 15/2 + 36) / 18 = 3.4722, so 61.8 %; (1 + 1) / (1 + 1/2 + 2) = 57.14 %; log2(2.5) / 6 = 22.03 %; 1 / 1.5 = 66.66 %.
    assert_eq!(standing.parts, Parts { reviews: 6_180, on_time: 5_714, volume: 2_203, disputes: 6_666 });
    // 30.90 + 11.428 + 3.3045 + 9.999 = 55.6315.
    assert_eq!(standing.score, 56);
    assert_eq!((standing.average_rating_centi, standing.on_time_bp), (425, 5_000));
    let counts =
        (standing.review_count, standing.completed_projects, standing.released_invoices, standing.disputes_lost);
    assert_eq!(counts, (2, 3, 2, 1));
}

#[test]
fn the_best_and_the_worst_are_within_bounds() {
    let best = Facts {
        reviews: vec![scored([5; 4], 0); 10_000],
        projects: vec![completed(Some(true), 0); 10_000],
        releases: vec![released(1, "EUR", 0); 10_000],
        disputes: Vec::new(),
    };
    assert_eq!(standing(&best, now()).score, 100);
    let worst = Facts {
        reviews: vec![scored([1; 4], 0); 10_000],
        projects: vec![completed(Some(false), 0); 10_000],
        releases: Vec::new(),
        disputes: vec![lost(0); 10_000],
    };
    assert_eq!(standing(&worst, now()).score, 0);
}

#[test]
fn facts_fade_towards_the_neutral_score() {
    let facts = Facts { reviews: vec![scored([1; 4], 0)], disputes: vec![lost(0)], ..Facts::default() };
    let at = |days| standing(&facts, now() + day(days)).score;
    assert!((1..40).all(|month| at(30 * month) >= at(30 * (month - 1))), "what was bad fades");
    assert_eq!(at(100 * 365), NEUTRAL_SCORE);
}

#[test]
fn sums_are_by_currency() {
    let releases = [released(5, "USD", 0), released(7, "EUR", 1), released(11, "USD", 2), released(i64::MAX, "JPY", 0)];
    let sums = volume_by_currency(&releases).into_iter().map(|money| (money.currency.code().to_owned(), money.minor));
    let wanted = [("EUR", 7), ("JPY", i64::MAX), ("USD", 16)].map(|(code, minor)| (code.to_owned(), minor));
    assert_eq!(sums.collect::<Vec<_>>(), wanted);
}

fn facts() -> impl Strategy<Value = Facts> {
    let score = || prop::array::uniform4(*SCORES.start()..=*SCORES.end());
    let age = || 0_u32..4_000;
    (
        prop::collection::vec((score(), age()), 0..12),
        prop::collection::vec((any::<Option<bool>>(), age()), 0..12),
        prop::collection::vec((1_i64..1_000_000, age()), 0..12),
        prop::collection::vec(age(), 0..4),
    )
        .prop_map(|(reviews, projects, releases, disputes)| Facts {
            reviews: reviews.into_iter().map(|(scores, days)| scored(scores, days)).collect(),
            projects: projects.into_iter().map(|(on_time, days)| completed(on_time, days)).collect(),
            releases: releases.into_iter().map(|(minor, days)| released(minor, "EUR", days)).collect(),
            disputes: disputes.into_iter().map(lost).collect(),
        })
}

proptest! {
    #[test]
    fn a_standing_is_within_bounds_and_does_not_depend_on_the_order(facts in facts()) {
        let standing = standing(&facts, now());
        prop_assert!((0..=100).contains(&standing.score));
        for component in Component::ALL {
            prop_assert!((0..=FULL).contains(&standing.parts.of(component)), "{component:?}");
        }
        let mut other = facts;
        other.reviews.reverse();
        other.projects.reverse();
        other.releases.reverse();
        other.disputes.reverse();
        prop_assert_eq!(super::standing(&other, now()), standing);
    }

    #[test]
    fn what_is_better_never_lowers_the_score(facts in facts(), place in 0_usize..12, field in 0_usize..4) {
        let before = standing(&facts, now()).score;
        let mut better = Vec::new();
        if let Some(review) = facts.reviews.get(place) {
            let mut raised = facts.clone();
            let Scores { quality, communication, timeliness, professionalism } = review.scores;
            let mut scores = [quality, communication, timeliness, professionalism];
            scores[field] = (scores[field] + 1).min(*SCORES.end());
            raised.reviews[place].scores = scored(scores, 0).scores;
            better.push(raised);
        }
        if facts.projects.get(place).is_some_and(|project| project.on_time == Some(false)) {
            let mut kept = facts.clone();
            kept.projects[place].on_time = Some(true);
            better.push(kept);
        }
        let mut paid = facts.clone();
        paid.releases.push(released(1, "JPY", 30));
        better.push(paid);
        let mut praised = facts.clone();
        praised.reviews.push(scored([5; 4], 0));
        better.push(praised);
        if !facts.disputes.is_empty() {
            let mut won = facts.clone();
            won.disputes.remove(0);
            better.push(won);
        }
        for facts in better {
            prop_assert!(standing(&facts, now()).score >= before, "{facts:?}");
        }
    }
}
