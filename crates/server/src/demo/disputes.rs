//! Disputes of the demo, with their evidence and votes.

use chainbill_domain::{
    Timestamp,
    clock::whole_millis,
    dispute::{Claim, Deadlines, Dispute, Evidence, Link, Plan, Tally, Vote},
    id::UserId,
    invoice::InvoiceState,
    states::{DisputeResolver, DisputeStatus, VoteChoice},
};

use super::{Maker, people::People, words::DISPUTES};

/// A dispute whose state is that of its invoice. No clock decides it before a party has done something: it has no deadlines.
pub(super) fn dispute(
    maker: &mut Maker<'_>,
    people: &People,
    made: &InvoiceState,
    status: DisputeStatus,
    paid_at: Timestamp,
) -> Dispute {
    // What has ended has ended with the release of the money.
    let end = made.released_at.unwrap_or_else(|| maker.later(paid_at, 20));
    let moment = |quarters: i32| whole_millis(paid_at + (end - paid_at) * quarters / 4);
    let (reason, description) = *maker.dice.one(DISPUTES);
    let was_voted_on = matches!(status, DisputeStatus::Voting | DisputeStatus::Resolved | DisputeStatus::Executed);
    let is_decided = matches!(status, DisputeStatus::Resolved | DisputeStatus::Executed);
    let held = made.money(made.paid_minor - made.refunded_minor);
    let plan = Plan { held, on_for: held.minor, on_against: 0 };
    let votes = if was_voted_on { votes(maker, people, made, moment(2), status) } else { Vec::new() };
    let outcome = is_decided.then(|| Tally::of(&votes).outcome(QUORUM));
    let ends = matches!(status, DisputeStatus::Executed | DisputeStatus::Settled | DisputeStatus::Withdrawn);
    let link = Link::stored("https://example.org/threads/4711".to_owned());
    let evidence = Evidence { by: made.client_id, link, note: "What was agreed".to_owned(), at: moment(1) };
    Dispute {
        id: maker.id(moment(1)),
        version: 0,
        changes: 1,
        invoice_id: made.id,
        parties: made.between(),
        opened_by: made.client_id,
        claim: Claim { reason: reason.to_owned(), description: description.to_owned() },
        plan,
        evidence: vec![evidence],
        answer: was_voted_on.then(|| ("It was delivered as agreed.".to_owned(), moment(1))),
        votes,
        quorum: was_voted_on.then_some(QUORUM),
        status,
        outcome,
        resolved_by: is_decided.then_some(DisputeResolver::Vote),
        resolved_at: is_decided.then(|| moment(3)),
        to_client: match status {
            DisputeStatus::Settled => Some(0),
            _ => outcome.and_then(|outcome| plan.to_client(outcome)),
        },
        decision: None,
        appeal: None,
        offer: None,
        until: Deadlines::default(),
        ended_at: ends.then_some(end),
        created_at: moment(1),
        updated_at: if ends { end } else { moment(3) },
    }
}

/// How many votes decide here.
const QUORUM: i64 = 3;

/// Three votes of people who are no parties. A decision that has been carried out has given the freelancer everything.
fn votes(
    maker: &mut Maker<'_>,
    people: &People,
    made: &InvoiceState,
    at: Timestamp,
    status: DisputeStatus,
) -> Vec<Vote> {
    let first = maker.dice.place(people.all());
    let everybody: Vec<UserId> = people.freelancers().iter().chain(people.clients()).copied().collect();
    let voters = everybody.iter().cycle().skip(first).take(everybody.len());
    let voters = voters.filter(|voter| **voter != made.freelancer_id && **voter != made.client_id).take(3);
    let choice = |maker: &mut Maker<'_>| match status {
        DisputeStatus::Executed => VoteChoice::Against,
        _ => *maker.dice.one(VoteChoice::ALL),
    };
    voters
        .map(|voter| Vote {
            voter: *voter,
            choice: choice(maker),
            comment: maker.dice.chance(30).then(|| "I read both sides.".to_owned()),
            at,
        })
        .collect()
}
