//! Projects, their parties' reviews, and the resulting reputation.

use std::collections::HashMap;

use chainbill_domain::{
    Timestamp,
    event::Event,
    id::{DisputeId, ProjectId, UserId},
    money::{Currency, Money},
    project::{self as domain, Content, Milestone, MilestoneTerms, ProjectState, RequiredSkill},
    proposal::Proposal,
    reputation::{self, Completed, Facts, Lost, Reviewed},
    review::Scores,
    states::{MilestoneStatus, ProjectStatus},
};
use chainbill_records::{
    Text, Unit,
    entities::{reputations, reviews},
    repo,
};

use super::{
    BATCH, Maker,
    careers::{Career, Work},
    people::{People, Skill},
    prices, proposals,
    words::{BUSINESSES, PRAISE},
};

/// A project for invoices.
pub(super) struct Project {
    pub id: ProjectId,
    pub client: UserId,
    pub freelancer: Option<UserId>,
    pub at: Timestamp,
    /// Agreed parts of its work, which invoices fund.
    pub milestones: Vec<Milestone>,
    completed: Option<Completed>,
}

/// A review, as a fact of its reviewee's reputation.
pub(super) struct Review {
    reviewee: UserId,
    fact: Reviewed,
}

/// What a transaction saves.
#[derive(Default)]
struct Batch {
    projects: Vec<domain::Project>,
    proposals: Vec<Proposal>,
    reviews: Vec<reviews::Model>,
    events: Vec<Event>,
}

pub(super) async fn projects(
    maker: &mut Maker<'_>,
    people: &People,
    skills: &[Skill],
) -> anyhow::Result<(Vec<Project>, Vec<Review>)> {
    let all = maker.plan.projects();
    let (mut made, mut review_facts) = (Vec::with_capacity(all), Vec::new());
    let places: Vec<usize> = (0..all).collect();
    for places in places.chunks(BATCH) {
        let mut batch = Batch::default();
        for &place in places {
            let project = project(maker, people, skills, (place, all));
            proposals::proposals(maker, people, &project, &mut batch.proposals);
            batch.events.extend(maker.of_project(&project));
            if let (Some(at), Some(freelancer)) = (project.completed_at, project.freelancer_id) {
                for (from, of) in [(project.client_id, freelancer), (freelancer, project.client_id)] {
                    let review = opinion(maker, project.id, from, of, at);
                    batch.events.extend(maker.of_review(&review));
                    batch.reviews.push(review);
                }
            }
            made.push(known(&project));
            batch.projects.push(domain::Project::stored(project));
        }
        review_facts.extend(batch.reviews.iter().map(review));
        let count = [("projects", batch.projects.len()), ("reviews", batch.reviews.len())];
        let events = std::mem::take(&mut batch.events);
        let saving = async |unit: &mut Unit| {
            repo::projects::insert_many(unit, &batch.projects).await?;
            repo::proposals::add_many(unit, &batch.proposals).await?;
            unit.insert_many::<reviews::Entity>(batch.reviews).await.map(drop)
        };
        maker.save(&count, events, saving).await?;
    }
    Ok((made, review_facts))
}

fn known(project: &ProjectState) -> Project {
    let completed = project.completed_at.map(|at| {
        let on_time = project.content.deadline.as_ref().map(|day| *day >= day_of(at));
        Completed { project: project.id, on_time, at }
    });
    Project {
        id: project.id,
        client: project.client_id,
        freelancer: project.freelancer_id,
        at: project.created_at,
        milestones: project.milestones.clone(),
        completed,
    }
}

fn day_of(at: Timestamp) -> String {
    at.format("%Y-%m-%d").to_string()
}

/// A project of a freelancer's trade. The older it is, the likelier it is over.
fn project(maker: &mut Maker<'_>, people: &People, skills: &[Skill], (place, all): (usize, usize)) -> ProjectState {
    let at = maker.moment(place, all);
    let id = maker.id(at);
    let is_old = place * 4 < all * 3;
    let status = match (maker.dice.below(10), is_old) {
        (0..=6, true) => ProjectStatus::Completed,
        (7, true) => ProjectStatus::Submitted,
        (8, true) | (3..=6, false) => ProjectStatus::InProgress,
        (0..=2, false) => ProjectStatus::Open,
        (7, false) => ProjectStatus::Submitted,
        _ => ProjectStatus::Cancelled,
    };
    let (client, freelancer) = (*maker.dice.one(people.clients()), *maker.dice.one(people.freelancers()));
    let career = people.career(freelancer);
    let (work, business) = (maker.dice.one(career.works), *maker.dice.one(BUSINESSES));
    let currency = prices::currency(maker.dice.one::<&str>(&["USD", "USD", "EUR", "EUR", "GBP", "JPY", "CAD", "INR"]));
    let started = maker.later(at, 10);
    let due = maker.later(started, 60);
    let ended = maker.later(started, 70);
    let ended_as = |is: &[ProjectStatus]| is.contains(&status).then_some(ended);
    let milestones = milestones(maker, career, work, currency, (status, started, ended));
    let budget = milestones.iter().map(|milestone| milestone.terms.amount.minor).sum();
    let taken = !matches!(status, ProjectStatus::Open | ProjectStatus::Cancelled);
    let asked = career.skills.iter().filter_map(|name| skills.iter().find(|(_, known)| known == name));
    let asked = asked.take(usize::try_from(maker.dice.between(1, 3)).unwrap_or(1));
    ProjectState {
        id,
        version: 0,
        client_id: client,
        freelancer_id: taken.then_some(freelancer),
        content: Content {
            title: format!("{} for {business}", work.title),
            description: work.description.to_owned(),
            budget: maker.dice.chance(80).then_some(Money { minor: budget, currency }),
            deadline: maker.dice.chance(70).then(|| day_of(due)),
            skills: asked.map(|(id, name)| RequiredSkill { skill_id: *id, name: (*name).to_owned() }).collect(),
        },
        milestones,
        status,
        return_reason: None,
        submitted_at: ended_as(&[ProjectStatus::Submitted, ProjectStatus::Completed]),
        completed_at: ended_as(&[ProjectStatus::Completed]),
        cancelled_at: ended_as(&[ProjectStatus::Cancelled]),
        created_at: at,
        updated_at: if status == ProjectStatus::Open { at } else { ended },
    }
}

/// The parts of a work as milestones, in the states that its project allows.
fn milestones(
    maker: &mut Maker<'_>,
    career: &Career,
    work: &Work,
    currency: Currency,
    (status, started, ended): (ProjectStatus, Timestamp, Timestamp),
) -> Vec<Milestone> {
    let rate = maker.dice.between(career.rate.0, career.rate.1);
    let parts = i32::try_from(work.parts.len()).unwrap_or(1);
    let done = maker.dice.place(work.parts.len());
    let place_of = |place: usize| started + (ended - started) * (i32::try_from(place).unwrap_or(0) + 1) / parts;
    work.parts
        .iter()
        .enumerate()
        .map(|(place, (title, hours))| {
            let at = chainbill_domain::clock::whole_millis(place_of(place));
            let state = match status {
                ProjectStatus::Completed => MilestoneStatus::Accepted,
                ProjectStatus::Submitted | ProjectStatus::InProgress if place < done => MilestoneStatus::Accepted,
                ProjectStatus::Submitted => MilestoneStatus::Submitted,
                ProjectStatus::InProgress if place == done => MilestoneStatus::Submitted,
                _ => MilestoneStatus::Planned,
            };
            let minor = prices::price(maker.dice.between(hours.0, hours.1) * rate, currency);
            Milestone {
                id: maker.id(started),
                terms: MilestoneTerms {
                    title: (*title).to_owned(),
                    description: None,
                    amount: Money { minor, currency },
                    deadline: Some(day_of(at)),
                },
                status: state,
                proposed_by: None,
                replaces: None,
                return_reason: None,
                submitted_at: (state != MilestoneStatus::Planned).then_some(at),
                accepted_at: (state == MilestoneStatus::Accepted).then_some(at),
            }
        })
        .collect()
}

fn opinion(maker: &mut Maker<'_>, project: ProjectId, from: UserId, of: UserId, done: Timestamp) -> reviews::Model {
    let at = maker.later(done, 10);
    let dice = &mut maker.dice;
    let mut mark = || (dice.between(2, 5) + dice.between(3, 5)) / 2;
    let (quality, communication, timeliness, professionalism) = (mark(), mark(), mark(), mark());
    reviews::Model {
        id: Text(maker.id(at)),
        version: 0,
        project_id: Text(project),
        reviewer_id: Text(from),
        reviewee_id: Text(of),
        quality,
        communication,
        timeliness,
        professionalism,
        comment: maker.dice.chance(70).then(|| (*maker.dice.one(PRAISE)).to_owned()),
        visible_at: Some(at),
        created_at: at,
        updated_at: at,
    }
}

fn review(row: &reviews::Model) -> Review {
    let score = |score: i64| u8::try_from(score).unwrap_or(1);
    let scores = Scores {
        quality: score(row.quality),
        communication: score(row.communication),
        timeliness: score(row.timeliness),
        professionalism: score(row.professionalism),
    };
    let (review, project, at) = (row.id.0, row.project_id.0, row.created_at);
    Review { reviewee: row.reviewee_id.0, fact: Reviewed { review, project, scores, at } }
}

/// Freelancers' reputations of what is made so far. The server's daily job computes them again, with all facts.
pub(super) async fn reputations(
    maker: &mut Maker<'_>,
    people: &People,
    projects: &[Project],
    reviews: &[Review],
    lost: &HashMap<UserId, i64>,
) -> anyhow::Result<()> {
    let mut facts: HashMap<UserId, Facts> = HashMap::new();
    for review in reviews {
        facts.entry(review.reviewee).or_default().reviews.push(review.fact);
    }
    for (freelancer, completed) in projects.iter().filter_map(|project| Some((project.freelancer?, project.completed?)))
    {
        facts.entry(freelancer).or_default().projects.push(completed);
    }
    let all = people.freelancers().len();
    for (page, batch) in people.freelancers().chunks(BATCH).enumerate() {
        let mut rows = Vec::new();
        for (place, user) in batch.iter().enumerate() {
            let at = maker.moment(page * BATCH + place, all);
            let mut known = facts.remove(user).unwrap_or_default();
            let lost = lost.get(user).copied().unwrap_or(0);
            known.disputes.extend((0..lost).map(|_| Lost { dispute: DisputeId::new(at, [0; 10]), at }));
            let standing = reputation::standing(&known, at);
            rows.push(reputations::Model {
                id: Text(maker.id(at)),
                version: 0,
                user_id: Text(*user),
                score: standing.score,
                average_rating_centi: standing.average_rating_centi,
                review_count: standing.review_count,
                on_time_bp: standing.on_time_bp,
                completed_projects: standing.completed_projects,
                disputes_lost: standing.disputes_lost,
                released_invoices: standing.released_invoices,
                reviews_part_bp: standing.parts.reviews,
                on_time_part_bp: standing.parts.on_time,
                volume_part_bp: standing.parts.volume,
                disputes_part_bp: standing.parts.disputes,
                created_at: at,
                updated_at: at,
            });
        }
        let count = [("reputations", rows.len())];
        let saving = async |unit: &mut Unit| unit.insert_many::<reputations::Entity>(rows).await.map(drop);
        maker.save(&count, Vec::new(), saving).await?;
    }
    Ok(())
}
