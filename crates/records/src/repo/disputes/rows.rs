//! Disputes as rows.

use chainbill_domain::{
    dispute::{Appeal, Claim, Deadlines, Dispute, Evidence, Link, Offer, Plan, Vote},
    ledger::Counterparties,
    money::Money,
};

use crate::{
    Text,
    entities::{dispute_evidence, dispute_votes, disputes::Model},
};

pub(super) fn row(dispute: &Dispute) -> Model {
    let appeal = dispute.appeal.as_ref();
    Model {
        id: Text(dispute.id),
        version: dispute.version,
        invoice_id: Text(dispute.invoice_id),
        client_id: Text(dispute.parties.client),
        freelancer_id: Text(dispute.parties.freelancer),
        opened_by: Text(dispute.opened_by),
        reason: dispute.claim.reason.clone(),
        description: dispute.claim.description.clone(),
        held_minor: dispute.plan.held.minor,
        currency: Text(dispute.plan.held.currency),
        for_client_minor: dispute.plan.on_for,
        against_client_minor: dispute.plan.on_against,
        status: Text(dispute.status),
        answer: dispute.answer.as_ref().map(|(text, _)| text.clone()),
        answered_at: dispute.answer.as_ref().map(|(_, at)| *at),
        quorum: dispute.quorum,
        outcome: dispute.outcome.map(Text),
        resolved_by: dispute.resolved_by.map(Text),
        resolved_at: dispute.resolved_at,
        to_client_minor: dispute.to_client,
        decided_by: dispute.decision.as_ref().map(|(by, _)| Text(*by)),
        decision_reason: dispute.decision.as_ref().map(|(_, reason)| reason.clone()),
        appealed_by: appeal.map(|appeal| Text(appeal.by)),
        appeal_reason: appeal.map(|appeal| appeal.reason.clone()),
        appealed_at: appeal.map(|appeal| appeal.at),
        appeal_decided_at: appeal.and_then(|appeal| appeal.decided_at),
        offered_by: dispute.offer.map(|offer| Text(offer.by)),
        offered_minor: dispute.offer.map(|offer| offer.to_client),
        offered_at: dispute.offer.map(|offer| offer.at),
        answer_until: dispute.until.answer,
        vote_until: dispute.until.vote,
        decision_until: dispute.until.decision,
        appeal_until: dispute.until.appeal,
        ended_at: dispute.ended_at,
        changes: dispute.changes,
        active_invoice_id: dispute.status.is_active().then_some(Text(dispute.invoice_id)),
        created_at: dispute.created_at,
        updated_at: dispute.updated_at,
    }
}

/// The rows of its evidence from a place on.
pub(super) fn evidence_rows(dispute: &Dispute, from: usize) -> Vec<dispute_evidence::Model> {
    let row = |(position, evidence): (i64, &Evidence)| dispute_evidence::Model {
        dispute_id: Text(dispute.id),
        position,
        given_by: Text(evidence.by),
        url: evidence.link.as_str().to_owned(),
        note: evidence.note.clone(),
        created_at: evidence.at,
    };
    (0..).zip(&dispute.evidence).skip(from).map(row).collect()
}

/// The rows of its votes from a place on.
pub(super) fn vote_rows(dispute: &Dispute, from: usize) -> Vec<dispute_votes::Model> {
    let row = |(position, vote): (i64, &Vote)| dispute_votes::Model {
        dispute_id: Text(dispute.id),
        position,
        voter_id: Text(vote.voter),
        choice: Text(vote.choice),
        comment: vote.comment.clone(),
        created_at: vote.at,
    };
    (0..).zip(&dispute.votes).skip(from).map(row).collect()
}

pub(super) fn dispute(row: Model, evidence: Vec<dispute_evidence::Model>, votes: Vec<dispute_votes::Model>) -> Dispute {
    let appeal = row.appealed_by.zip(row.appealed_at).map(|(Text(by), at)| Appeal {
        by,
        reason: row.appeal_reason.unwrap_or_default(),
        at,
        decided_at: row.appeal_decided_at,
    });
    let offer = row.offered_by.zip(row.offered_minor).zip(row.offered_at);
    Dispute {
        id: row.id.0,
        version: row.version,
        changes: row.changes,
        invoice_id: row.invoice_id.0,
        parties: Counterparties { freelancer: row.freelancer_id.0, client: row.client_id.0 },
        opened_by: row.opened_by.0,
        claim: Claim { reason: row.reason, description: row.description },
        plan: Plan {
            held: Money { minor: row.held_minor, currency: row.currency.0 },
            on_for: row.for_client_minor,
            on_against: row.against_client_minor,
        },
        evidence: evidence.into_iter().map(link).collect(),
        answer: row.answer.zip(row.answered_at),
        votes: votes.into_iter().map(vote).collect(),
        quorum: row.quorum,
        status: row.status.0,
        outcome: row.outcome.map(|outcome| outcome.0),
        resolved_by: row.resolved_by.map(|by| by.0),
        resolved_at: row.resolved_at,
        to_client: row.to_client_minor,
        decision: row.decided_by.map(|by| by.0).zip(row.decision_reason),
        appeal,
        offer: offer.map(|((Text(by), to_client), at)| Offer { by, to_client, at }),
        until: Deadlines {
            answer: row.answer_until,
            vote: row.vote_until,
            decision: row.decision_until,
            appeal: row.appeal_until,
        },
        ended_at: row.ended_at,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

fn link(row: dispute_evidence::Model) -> Evidence {
    Evidence { by: row.given_by.0, link: Link::stored(row.url), note: row.note, at: row.created_at }
}

fn vote(row: dispute_votes::Model) -> Vote {
    Vote { voter: row.voter_id.0, choice: row.choice.0, comment: row.comment, at: row.created_at }
}
