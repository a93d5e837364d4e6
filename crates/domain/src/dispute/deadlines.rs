//! What a clock does to a dispute.

use chrono::TimeDelta;

use super::{Appeal, Deadlines, Dispute, Tally, VoterTerms};
use crate::{
    Timestamp,
    event::DisputeStep,
    states::{DisputeOutcome, DisputeResolver, DisputeStatus},
    transition::{Occasion, Transition},
};

/// How long the steps of disputes take, and who votes. A change of them moves no deadline that is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// For the other party's answer.
    pub answer: TimeDelta,
    /// For the vote.
    pub voting: TimeDelta,
    /// For an operator's decision.
    pub decision: TimeDelta,
    /// For an appeal.
    pub appeal: TimeDelta,
    /// How many votes decide, 1 or more.
    pub quorum: i64,
    /// Who votes.
    pub voters: VoterTerms,
}

impl Default for Terms {
    fn default() -> Self {
        let days = TimeDelta::days;
        let voters = VoterTerms { reputation: 50, account: days(30) };
        Self { answer: days(5), voting: days(7), decision: days(7), appeal: days(3), quorum: 3, voters }
    }
}

/// What ends at a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    /// The time to answer.
    Answer,
    /// The vote.
    Vote,
    /// An operator's time to decide.
    Decision,
    /// The time to appeal, or the wait for the decision on an appeal: the money is to move.
    Execution,
}

/// What a deadline came to.
#[derive(Debug, Clone)]
#[must_use = "nothing has changed before it is saved"]
pub enum Passed {
    /// Another state; no money moves.
    Step(Transition<Dispute>),
    /// The money is to move as decided, and the dispute with it.
    Execution(Transition<Dispute>),
}

impl Dispute {
    /// What ends next, and when. None once it has ended.
    #[must_use]
    pub fn deadline(&self) -> Option<(Deadline, Timestamp)> {
        let Deadlines { answer, vote, decision, appeal } = self.until;
        let (deadline, at) = match self.status {
            DisputeStatus::Open => (Deadline::Answer, answer),
            DisputeStatus::Voting => (Deadline::Vote, vote),
            DisputeStatus::Resolved if self.awaits_decision() => (Deadline::Decision, decision),
            DisputeStatus::Resolved => {
                let decided = self.appeal.as_ref().map(|appeal| appeal.decided_at);
                (Deadline::Execution, decided.unwrap_or(appeal))
            }
            DisputeStatus::Executed | DisputeStatus::Withdrawn | DisputeStatus::Settled => return None,
        };
        at.map(|at| (deadline, at))
    }

    /// What the deadline does that has come, if one has. It happens at the moment of the deadline, so that the next one counts from
    /// there; only the money moves now.
    #[must_use]
    pub fn pass_deadline(self, terms: &Terms, occasion: Occasion) -> Option<Passed> {
        let (deadline, at) = self.deadline().filter(|(_, at)| *at <= occasion.at)?;
        let next = match deadline {
            Deadline::Answer => self.resolved((DisputeOutcome::For, DisputeResolver::NoAnswer), at, terms),
            Deadline::Vote => {
                let outcome = Tally::of(&self.votes).outcome(self.quorum.unwrap_or(terms.quorum));
                self.resolved((outcome, DisputeResolver::Vote), at, terms)
            }
            Deadline::Decision => match self.appeal.clone() {
                // The first decision stands.
                Some(appeal) => {
                    let next = Self { appeal: Some(Appeal { decided_at: Some(at), ..appeal }), ..self.clone() };
                    return Some(Passed::Step(Transition::quiet(self, next)));
                }
                None => {
                    let by = (DisputeOutcome::Split, DisputeResolver::Deadline);
                    let next = self.resolved(by, at, terms);
                    Self { to_client: Some(self.plan.half()), until: self.until, ..next }.appealable(at, terms)
                }
            },
            Deadline::Execution => {
                let next = Self { status: DisputeStatus::Executed, ended_at: Some(occasion.at), ..self.clone() };
                let actor = self.opened_by;
                return Some(Passed::Execution(self.moved(next, DisputeStep::Executed, actor, occasion)));
            }
        };
        let actor = self.opened_by;
        Some(Passed::Step(self.moved(next, DisputeStep::Resolved, actor, occasion)))
    }

    /// The state after it was decided at a moment, by its plan where the outcome has one. An outcome without one is left to an operator.
    pub(super) fn resolved(
        &self,
        (outcome, by): (DisputeOutcome, DisputeResolver),
        at: Timestamp,
        terms: &Terms,
    ) -> Self {
        let next = Self {
            status: DisputeStatus::Resolved,
            outcome: Some(outcome),
            resolved_by: Some(by),
            resolved_at: Some(at),
            to_client: self.plan.to_client(outcome),
            ..self.clone()
        };
        if next.to_client.is_some() { next.appealable(at, terms) } else { next.left_to_operators(at, terms) }
    }

    pub(super) fn appealable(mut self, at: Timestamp, terms: &Terms) -> Self {
        self.until.appeal = Some(at + terms.appeal);
        self
    }

    pub(super) fn left_to_operators(mut self, at: Timestamp, terms: &Terms) -> Self {
        self.until.decision = Some(at + terms.decision);
        self
    }
}
