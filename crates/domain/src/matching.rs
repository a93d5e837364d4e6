//! Freelancers for a project, the best first, each with the reasons. Integers only: the same people are in the same order everywhere.

use crate::{
    id::{SkillId, UserId},
    money::Money,
    reputation::NEUTRAL_SCORE,
    skill::UserSkill,
    states::SkillLevel,
};

/// What a project wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its required skills.
    pub skills: Vec<(SkillId, String)>,
    /// What its client wants to spend.
    pub budget: Option<Money>,
}

/// A freelancer who may do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Who.
    pub id: UserId,
    /// The freelancer's skills.
    pub skills: Vec<UserSkill>,
    /// The reputation; none is kept of a user without facts.
    pub score: Option<i64>,
    /// The price of an hour.
    pub rate: Option<Money>,
    /// Whether the freelancer takes work.
    pub available: bool,
}

/// One of the reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// skills, reputation, rate or availability.
    pub name: &'static str,
    /// The points that it is worth when it is full; all together are worth 100.
    pub weight: i64,
    /// How full it is, in ten-thousandths.
    pub full_bp: i64,
    /// In words.
    pub text: String,
}

impl Reason {
    /// Its points in hundredths, rounded down.
    #[must_use]
    pub const fn points_centi(&self) -> i64 {
        self.weight * self.full_bp / 100
    }
}

/// A freelancer with the reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The freelancer.
    pub candidate: Candidate,
    /// The points in hundredths: the sum of those of the reasons, 0 to 10000.
    pub points_centi: i64,
    /// Why.
    pub reasons: [Reason; 4],
}

/// A reason that is full.
const FULL: i64 = 10_000;
/// Of what cannot be compared.
const HALF: i64 = FULL / 2;
/// A budget that pays so many hours is enough.
pub const ENOUGH_HOURS: i64 = 40;

/// The best candidates, at most so many: by points, and by id where these are the same.
#[must_use]
pub fn ranked(wanted: &Wanted, candidates: Vec<Candidate>, limit: usize) -> Vec<Match> {
    let mut matches: Vec<Match> = candidates.into_iter().map(|candidate| matched(wanted, candidate)).collect();
    matches.sort_by(|one, other| {
        other.points_centi.cmp(&one.points_centi).then_with(|| one.candidate.id.cmp(&other.candidate.id))
    });
    matches.truncate(limit);
    matches
}

/// One candidate with the reasons.
#[must_use]
pub fn matched(wanted: &Wanted, candidate: Candidate) -> Match {
    let reasons =
        [skills(wanted, &candidate), reputation(&candidate), rate(wanted, &candidate), availability(&candidate)];
    let points_centi = reasons.iter().map(Reason::points_centi).sum();
    Match { candidate, points_centi, reasons }
}

/// What a level counts: a verified one a tenth more.
const fn level_bp(level: SkillLevel, is_verified: bool) -> i64 {
    let claimed = match level {
        SkillLevel::Beginner => 4_000,
        SkillLevel::Intermediate => 6_000,
        SkillLevel::Advanced => 8_000,
        SkillLevel::Expert => 9_000,
    };
    if is_verified { claimed + 1_000 } else { claimed }
}

fn skills(wanted: &Wanted, candidate: &Candidate) -> Reason {
    let (name, weight) = ("skills", 50);
    if wanted.skills.is_empty() {
        return Reason { name, weight, full_bp: FULL, text: "the project requires no skill".to_owned() };
    }
    let (mut sum, mut covered, mut lacking) = (0, Vec::new(), Vec::new());
    for (id, required) in &wanted.skills {
        match candidate.skills.iter().find(|skill| skill.skill_id == *id) {
            Some(skill) => {
                let is_verified = skill.is_verified();
                sum += level_bp(skill.level, is_verified);
                covered.push(format!("{required} {}{}", skill.level, if is_verified { " (verified)" } else { "" }));
            }
            None => lacking.push(required.as_str()),
        }
    }
    let all = wanted.skills.len();
    let mut text = format!("covers {} of {all} required skills", covered.len());
    for (before, names) in [(": ", covered.join(", ")), ("; lacks ", lacking.join(", "))] {
        if !names.is_empty() {
            text = format!("{text}{before}{names}");
        }
    }
    Reason { name, weight, full_bp: sum / i64::try_from(all).unwrap_or(i64::MAX), text }
}

fn reputation(candidate: &Candidate) -> Reason {
    let score = candidate.score.unwrap_or(NEUTRAL_SCORE).clamp(0, 100);
    let text = match candidate.score {
        Some(score) => format!("reputation {score} of 100"),
        None => format!("no reputation yet: counts as {NEUTRAL_SCORE} of 100"),
    };
    Reason { name: "reputation", weight: 25, full_bp: score * 100, text }
}

fn rate(wanted: &Wanted, candidate: &Candidate) -> Reason {
    let (full_bp, text) = match (wanted.budget, candidate.rate) {
        (None, _) => (HALF, "the project has no budget: counts half".to_owned()),
        (_, None) => (HALF, "no rate is given: counts half".to_owned()),
        (Some(budget), Some(rate)) if budget.currency != rate.currency => {
            (HALF, format!("the rate is in {}, the budget in {}: counts half", rate.currency, budget.currency))
        }
        (Some(budget), Some(rate)) => {
            let (budget, rate) = (i128::from(budget.minor.max(0)), i128::from(rate.minor.max(0)));
            let hours = if rate == 0 { i128::from(ENOUGH_HOURS) } else { budget / rate };
            let full = if rate == 0 { FULL } else { share(budget, rate * i128::from(ENOUGH_HOURS)) };
            (full, format!("the budget pays {hours} hours; {ENOUGH_HOURS} are enough"))
        }
    };
    Reason { name: "rate", weight: 15, full_bp, text }
}

/// A quotient in ten-thousandths, at most full.
fn share(of: i128, all: i128) -> i64 {
    i64::try_from(of.saturating_mul(i128::from(FULL)) / all).unwrap_or(FULL).min(FULL)
}

fn availability(candidate: &Candidate) -> Reason {
    let (full_bp, text) = if candidate.available { (FULL, "takes work") } else { (0, "takes no work at the moment") };
    Reason { name: "availability", weight: 10, full_bp, text: text.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Timestamp, id::Id};

    fn id<K>(place: u8) -> Id<K> {
        Id::new(Timestamp::default(), [place; 10])
    }

    fn euros(minor: i64) -> Money {
        Money { minor, currency: "EUR".parse().expect("a currency") }
    }

    fn wanted() -> Wanted {
        let skills = vec![(id(1), "Rust".to_owned()), (id(2), "Web3".to_owned())];
        Wanted { skills, budget: Some(euros(400_000)) }
    }

    fn skill(place: u8, level: SkillLevel, verified_level: Option<SkillLevel>) -> UserSkill {
        UserSkill { skill_id: id(place), name: format!("skill {place}"), level, years: 1, verified_level }
    }

    fn candidate(place: u8) -> Candidate {
        Candidate { id: id(place), skills: Vec::new(), score: None, rate: None, available: true }
    }

    #[test]
    fn the_example_of_the_document() {
        let skills = vec![skill(1, SkillLevel::Expert, Some(SkillLevel::Expert)), skill(3, SkillLevel::Expert, None)];
        let match_ =
            matched(&wanted(), Candidate { skills, score: Some(59), rate: Some(euros(12_000)), ..candidate(9) });
        let points = match_.reasons.iter().map(|reason| (reason.name, reason.points_centi())).collect::<Vec<_>>();
        assert_eq!(points, [("skills", 2_500), ("reputation", 1_475), ("rate", 1_249), ("availability", 1_000)]);
        assert_eq!(match_.points_centi, 6_224);
        assert_eq!(match_.reasons[0].text, "covers 1 of 2 required skills: Rust EXPERT (verified); lacks Web3");
        assert_eq!(match_.reasons[2].text, "the budget pays 33 hours; 40 are enough");
    }

    #[test]
    fn what_cannot_be_compared_counts_half() {
        let dollars = Money { minor: 1, currency: "USD".parse().expect("a currency") };
        for (budget, rate) in [(None, Some(dollars)), (Some(euros(1)), None), (Some(euros(1)), Some(dollars))] {
            let wanted = Wanted { budget, ..wanted() };
            assert_eq!(matched(&wanted, Candidate { rate, ..candidate(9) }).reasons[2].full_bp, HALF);
        }
        let free = matched(&wanted(), Candidate { rate: Some(euros(0)), ..candidate(9) });
        assert_eq!(free.reasons[2].full_bp, FULL);
    }

    proptest! {
        #[test]
        fn better_candidates_are_never_later_and_the_order_is_total(
            level in prop::sample::select(SkillLevel::ALL), score in 0_i64..100, rate in 1_i64..100_000,
        ) {
            let base = Candidate { skills: vec![skill(1, level, None)], score: Some(score), rate: Some(euros(rate)),
                available: false, ..candidate(1) };
            let points = |candidate: &Candidate| matched(&wanted(), candidate.clone()).points_centi;
            let better = [
                Candidate { available: true, ..base.clone() },
                Candidate { score: Some(score + 1), ..base.clone() },
                Candidate { rate: Some(euros(rate - 1)), ..base.clone() },
                Candidate { skills: vec![skill(1, level, Some(level))], ..base.clone() },
                Candidate { skills: vec![skill(1, level, None), skill(2, level, None)], ..base.clone() },
            ];
            for candidate in &better {
                prop_assert!(points(candidate) >= points(&base));
            }
            let mut all: Vec<Candidate> = better.into_iter().zip(2..).map(|(it, place)| Candidate { id: id(place), ..it }).collect();
            all.push(base);
            let mut turned = all.clone();
            turned.reverse();
            let ranked_all = ranked(&wanted(), all.clone(), 100);
            prop_assert_eq!(&ranked_all, &ranked(&wanted(), turned, 100));
            prop_assert_eq!(&ranked(&wanted(), all, 3)[..], &ranked_all[..3]);
            prop_assert!(ranked_all.iter().all(|it| (0..=10_000).contains(&it.points_centi)));
        }
    }
}
