//! Applications and invitations: who was hired, who was not, and who still waits.

use chainbill_domain::{
    Timestamp,
    id::UserId,
    money::Money,
    project::ProjectState,
    proposal::{Proposal, Terms},
    states::{ProjectStatus, ProposalKind, ProposalStatus},
};

use super::{Maker, people::People, prices};

const LETTERS: &[&str] = &[
    "I have done this before and can start on Monday.",
    "Your description is clear. Two questions would help me to name a day.",
    "I would begin with the smallest part, so that you see early whether we fit.",
    "This is what I do most of the time; samples are in my profile.",
    "Happy to help. I answer within a day, and say early when something is late.",
];

/// The proposals of a project: one that was accepted where it is taken, and some that were not.
pub(super) fn proposals(maker: &mut Maker<'_>, people: &People, project: &ProjectState, all: &mut Vec<Proposal>) {
    let is_open = project.status == ProjectStatus::Open;
    let others = maker.dice.below(4);
    let started = maker.later(project.created_at, 5);
    let mut asked: Vec<UserId> = project.freelancer_id.into_iter().collect();
    if let Some(freelancer) = project.freelancer_id {
        all.push(proposal(maker, project, freelancer, (ProposalStatus::Accepted, Some(started))));
    }
    for _ in 0..others {
        let freelancer = *maker.dice.one(people.freelancers());
        if asked.contains(&freelancer) {
            continue;
        }
        asked.push(freelancer);
        let decided = match maker.dice.below(3) {
            _ if is_open => (ProposalStatus::Open, None),
            0 => (ProposalStatus::Declined, Some(started)),
            _ => (ProposalStatus::Closed, Some(started)),
        };
        all.push(proposal(maker, project, freelancer, decided));
    }
}

fn proposal(
    maker: &mut Maker<'_>,
    project: &ProjectState,
    freelancer: UserId,
    (status, decided_at): (ProposalStatus, Option<Timestamp>),
) -> Proposal {
    let before = decided_at.unwrap_or(maker.plan.end);
    let at = maker.later(project.created_at, 3).min(before);
    let kind = if maker.dice.chance(20) { ProposalKind::Invitation } else { ProposalKind::Application };
    let amount = project.content.budget.filter(|_| kind == ProposalKind::Application);
    let amount = amount.map(|Money { minor, currency }| Money {
        minor: (minor * maker.dice.between(85, 115) / 100).max(prices::price(1, currency)),
        currency,
    });
    Proposal {
        id: maker.id(at),
        version: 0,
        project_id: project.id,
        project_version: 1,
        client_id: project.client_id,
        freelancer_id: freelancer,
        kind,
        terms: Terms { message: (*maker.dice.one(LETTERS)).to_owned(), amount, hourly_rate: None },
        status,
        decline_reason: (status == ProposalStatus::Declined)
            .then(|| "We chose a freelancer in our time zone.".to_owned()),
        decided_at,
        created_at: at,
        updated_at: before.max(at),
    }
}
