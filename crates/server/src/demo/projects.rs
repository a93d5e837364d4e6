//! Projects, their parties' reviews, and the resulting reputation.

use std::collections::HashMap;

use chainbill_domain::{
    Timestamp,
    id::{ProjectId, UserId},
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
    pub on_time: Option<bool>,
}

/// A review's ratings, 1 to 5.
pub(super) struct Review {
    reviewee: UserId,
    sum: i64,
}

pub(super) async fn projects(
    maker: &mut Maker<'_>,
    people: &People,
    skills: &[Skill],
) -> anyhow::Result<(Vec<Project>, Vec<Review>)> {
    let all = maker.plan.projects();
    let (mut made, mut review_sums) = (Vec::with_capacity(all), Vec::new());
    let places: Vec<usize> = (0..all).collect();
    for batch in places.chunks(BATCH) {
        let (mut rows, mut children, mut opinions, mut events) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for &place in batch {
            let row = project(maker, people, place, all);
            events.extend(maker.of_project(&row));
            children.extend(asked(maker, row.id.0, skills));
            let on_time = row
                .completed_at
                .map(|at| row.deadline.as_ref().is_none_or(|day| *day >= at.format("%Y-%m-%d").to_string()));
            if let (Some(at), Some(Text(freelancer))) = (row.completed_at, row.freelancer_id) {
                let parties = [(row.client_id.0, freelancer), (freelancer, row.client_id.0)];
                opinions.extend(parties.map(|(from, of)| opinion(maker, row.id.0, from, of, at)));
            }
            made.push(Project {
                id: row.id.0,
                client: row.client_id.0,
                freelancer: row.freelancer_id.map(|id| id.0),
                at: row.created_at,
                on_time,
            });
            rows.push(row);
        }
        review_sums.extend(opinions.iter().map(|row| Review {
            reviewee: row.reviewee_id.0,
            sum: row.quality + row.communication + row.timeliness + row.professionalism,
        }));
        let count = [("projects", rows.len()), ("reviews", opinions.len())];
        let saving = async |unit: &mut Unit| {
            unit.insert_many_with::<project_skills::Entity>(rows, children).await?;
            unit.insert_many::<reviews::Entity>(opinions).await.map(drop)
        };
        maker.save(&count, events, saving).await?;
    }
    Ok((made, review_sums))
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
        created_at: at,
        updated_at: at,
    }
}

#[derive(Default, Clone, Copy)]
struct Facts {
    reviews: i64,
    marks: i64,
    completed: i64,
    on_time: i64,
}

/// A freelancer's reputation: 60 % ratings, 25 % on-time share, 15 % experience, minus 5 per lost dispute.
pub(super) async fn reputations(
    maker: &mut Maker<'_>,
    people: &People,
    projects: &[Project],
    reviews: &[Review],
    lost: &HashMap<UserId, i64>,
) -> anyhow::Result<()> {
    let mut facts: HashMap<UserId, Facts> = HashMap::new();
    for review in reviews {
        let known = facts.entry(review.reviewee).or_default();
        known.reviews += 1;
        known.marks += review.sum;
    }
    for (freelancer, on_time) in projects.iter().filter_map(|project| Some((project.freelancer?, project.on_time?))) {
        let known = facts.entry(freelancer).or_default();
        known.completed += 1;
        known.on_time += i64::from(on_time);
    }
    let all = people.freelancers().len();
    for (page, batch) in people.freelancers().chunks(BATCH).enumerate() {
        let mut rows = Vec::new();
        for (place, user) in batch.iter().enumerate() {
            let at = maker.moment(page * BATCH + place, all);
            let known = facts.get(user).copied().unwrap_or_default();
            let lost = lost.get(user).copied().unwrap_or(0);
            let average = if known.reviews == 0 { 0 } else { known.marks * 25 / known.reviews };
            let on_time = if known.completed == 0 { 0 } else { known.on_time * 10_000 / known.completed };
            let score = average * 60 / 500 + on_time * 25 / 10_000 + known.completed.min(15) - 5 * lost;
            rows.push(reputations::Model {
                id: Text(maker.id(at)),
                version: 0,
                user_id: Text(*user),
                score: score.clamp(0, 100),
                average_rating_centi: average,
                review_count: known.reviews,
                on_time_bp: on_time,
                completed_projects: known.completed,
                disputes_lost: lost,
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
