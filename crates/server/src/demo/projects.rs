//! Projects, their parties' reviews, and the resulting reputation.

use std::collections::HashMap;

use chainbill_domain::{
    Timestamp,
    id::{DisputeId, ProjectId, UserId},
    reputation::{self, Completed, Facts, Lost, Reviewed},
    review::Scores,
    states::ProjectStatus,
};
use chainbill_records::{
    Text, Unit,
    entities::{project_skills, projects, reputations, reviews},
};

use super::{
    BATCH, Maker,
    people::{People, Skill},
    prices,
    words::{BUSINESSES, PRAISE, THINGS, VERBS},
};

/// A project for invoices.
pub(super) struct Project {
    pub id: ProjectId,
    pub client: UserId,
    pub freelancer: Option<UserId>,
    pub at: Timestamp,
    completed: Option<Completed>,
}

/// A review, as a fact of its reviewee's reputation.
pub(super) struct Review {
    reviewee: UserId,
    fact: Reviewed,
}

pub(super) async fn projects(
    maker: &mut Maker<'_>,
    people: &People,
    skills: &[Skill],
) -> anyhow::Result<(Vec<Project>, Vec<Review>)> {
    let all = maker.plan.projects();
    let (mut made, mut review_facts) = (Vec::with_capacity(all), Vec::new());
    let places: Vec<usize> = (0..all).collect();
    for batch in places.chunks(BATCH) {
        let (mut rows, mut children, mut opinions, mut events) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for &place in batch {
            let row = project(maker, people, place, all);
            events.extend(maker.of_project(&row));
            children.extend(asked(maker, row.id.0, skills));
            let completed = row.completed_at.map(|at| {
                let on_time = row.deadline.as_ref().map(|day| *day >= at.format("%Y-%m-%d").to_string());
                Completed { project: row.id.0, on_time, at }
            });
            if let (Some(at), Some(Text(freelancer))) = (row.completed_at, row.freelancer_id) {
                let parties = [(row.client_id.0, freelancer), (freelancer, row.client_id.0)];
                opinions.extend(parties.map(|(from, of)| opinion(maker, row.id.0, from, of, at)));
            }
            made.push(Project {
                id: row.id.0,
                client: row.client_id.0,
                freelancer: row.freelancer_id.map(|id| id.0),
                at: row.created_at,
                completed,
            });
            rows.push(row);
        }
        review_facts.extend(opinions.iter().map(review));
        let count = [("projects", rows.len()), ("reviews", opinions.len())];
        let saving = async |unit: &mut Unit| {
            unit.insert_many_with::<project_skills::Entity>(rows, children).await?;
            unit.insert_many::<reviews::Entity>(opinions).await.map(drop)
        };
        maker.save(&count, events, saving).await?;
    }
    Ok((made, review_facts))
}

fn project(maker: &mut Maker<'_>, people: &People, place: usize, all: usize) -> projects::Model {
    let at = maker.moment(place, all);
    let id = maker.id(at);
    let dice = &mut maker.dice;
    let status = match dice.below(10) {
        0..=1 => ProjectStatus::Open,
        2..=3 => ProjectStatus::InProgress,
        4 => ProjectStatus::Submitted,
        5..=8 => ProjectStatus::Completed,
        _ => ProjectStatus::Cancelled,
    };
    let taken = !matches!(status, ProjectStatus::Open | ProjectStatus::Cancelled);
    let (verb, thing, business) = (dice.one(VERBS), dice.one(THINGS), dice.one(BUSINESSES));
    let currency = prices::currency(dice.one::<&str>(&["USD", "USD", "EUR", "EUR", "GBP", "JPY"]));
    let budget = dice.chance(80).then(|| prices::price(dice.between(5, 250) * 100, currency));
    let (client, freelancer) = (*dice.one(people.clients()), *dice.one(people.freelancers()));
    let description =
        format!("{verb} a {thing} for {business}. We need it to be dependable, documented and easy to hand over.");
    let due = maker.later(at, 60);
    let deadline = maker.dice.chance(60).then(|| due.format("%Y-%m-%d").to_string());
    let ended = (status != ProjectStatus::Open && status != ProjectStatus::InProgress).then(|| maker.later(at, 70));
    let ended_as = |is: ProjectStatus| ended.filter(|_| status == is);
    let completed_at = ended_as(ProjectStatus::Completed);
    projects::Model {
        id: Text(id),
        version: 0,
        client_id: Text(client),
        freelancer_id: taken.then_some(Text(freelancer)),
        title: format!("{verb} a {thing}"),
        description,
        status: Text(status),
        budget_minor: budget,
        budget_currency: budget.map(|_| Text(currency)),
        deadline,
        return_reason: None,
        submitted_at: ended_as(ProjectStatus::Submitted).or(completed_at),
        completed_at,
        cancelled_at: ended_as(ProjectStatus::Cancelled),
        created_at: at,
        updated_at: ended.unwrap_or(at),
    }
}

fn asked(maker: &mut Maker<'_>, project: ProjectId, skills: &[Skill]) -> Vec<project_skills::Model> {
    let first = maker.dice.place(skills.len());
    (0..maker.dice.between(1, 4))
        .map(|position| {
            let (id, name) = skills[(first + usize::try_from(position).unwrap_or(0) * 5) % skills.len()];
            project_skills::Model { project_id: Text(project), position, skill_id: Text(id), name: name.to_owned() }
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
