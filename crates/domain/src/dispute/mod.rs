//! Disputes over held money: opened by a party, answered by the other, voted on by people who are neither, decided, open to one appeal,
//! and carried out.
//!
//! [`Dispute`] is the aggregate. Its deadlines are moments that are kept in it when they are set. What a deadline does happens at that
//! moment, however late the machine gets to it ([`Dispute::pass_deadline`]): a clock that jumps over several of them leads through all,
//! in their order. A party or a voter who comes after a deadline is refused.

mod deadlines;
mod evidence;
mod plan;
mod steps;
mod voters;

pub use self::{
    deadlines::{Deadline, Passed, Terms},
    evidence::{BadLink, Evidence, Link, MOST_LINKS},
    plan::{BadPlan, Plan},
    steps::{Claim, Decision, NewDispute},
    voters::{Candidate, Ineligible, Tally, Vote, VoterTerms},
};
use crate::{
    Timestamp,
    event::{DisputeStep, Event, EventData},
    id::{DisputeId, InvoiceId, UserId},
    ledger::Counterparties,
    money::Money,
    states::{DisputeOutcome, DisputeResolver, DisputeStatus},
    transition::{Occasion, Refusal, Transition},
};

/// A dispute over the held money of an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// Its id.
    pub id: DisputeId,
    /// The version that it was read at; 0 before it is saved.
    pub version: i64,
    /// How many changes it has had, from 1 on. Votes are not among them: their number is hidden while the vote is open, and a party's
    /// change does not race with them. It is the version that is shown.
    pub changes: i64,
    /// The invoice whose money it froze.
    pub invoice_id: InvoiceId,
    /// The parties of the invoice.
    pub parties: Counterparties,
    /// The party that opened it.
    pub opened_by: UserId,
    /// What the opener says.
    pub claim: Claim,
    /// Who gets what of the held money.
    pub plan: Plan,
    /// Links that the parties gave, in their order.
    pub evidence: Vec<Evidence>,
    /// What the other party answered, and when.
    pub answer: Option<(String, Timestamp)>,
    /// The votes in their order. Nobody is shown them before the vote is closed.
    pub votes: Vec<Vote>,
    /// How many votes decide, from the answer on.
    pub quorum: Option<i64>,
    /// The state that it is in.
    pub status: DisputeStatus,
    /// How it was decided; undecided while an operator is to decide ([`Dispute::to_client`]).
    pub outcome: Option<DisputeOutcome>,
    /// By whom.
    pub resolved_by: Option<DisputeResolver>,
    /// When it was decided, or left to an operator.
    pub resolved_at: Option<Timestamp>,
    /// What of the held money goes to the client, in minor units; the rest goes to the freelancer. None while it is undecided.
    pub to_client: Option<i64>,
    /// The operator who decided, and why.
    pub decision: Option<(UserId, String)>,
    /// The appeal, if there was one.
    pub appeal: Option<Appeal>,
    /// The split that a party offers.
    pub offer: Option<Offer>,
    /// The deadlines as they were set.
    pub until: Deadlines,
    /// When it ended: executed, withdrawn or settled.
    pub ended_at: Option<Timestamp>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it last changed; a vote changes it too.
    pub updated_at: Timestamp,
}

/// An appeal to an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appeal {
    /// The party that appealed.
    pub by: UserId,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// When an operator decided again, or the first decision came to stand.
    pub decided_at: Option<Timestamp>,
}

/// A split of the held money that a party offers to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// The party that offers it.
    pub by: UserId,
    /// What goes to the client, in minor units.
    pub to_client: i64,
    /// When.
    pub at: Timestamp,
}

/// The deadlines of one dispute, each from the moment on when it is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deadlines {
    /// Until when the other party answers.
    pub answer: Option<Timestamp>,
    /// Until when it is voted on.
    pub vote: Option<Timestamp>,
    /// Until when an operator decides.
    pub decision: Option<Timestamp>,
    /// Until when a party may appeal.
    pub appeal: Option<Timestamp>,
}

/// What can be asked of a dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Add links.
    AddEvidence,
    /// Answer it, as the other party.
    Answer,
    /// Vote on it.
    Vote,
    /// Decide it, as an operator.
    Decide,
    /// Appeal to an operator.
    Appeal,
    /// Take it back, as its opener.
    Withdraw,
    /// Offer a split.
    Offer,
    /// Accept the split that the other party offers.
    Accept,
}

/// The past participle in messages and the name in `allowed`.
const fn names(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::AddEvidence => ("given more evidence", "evidence"),
        Action::Answer => ("answered", "answer"),
        Action::Vote => ("voted on", "votes"),
        Action::Decide => ("decided", "decide"),
        Action::Appeal => ("appealed", "appeal"),
        Action::Withdraw => ("withdrawn", "withdraw"),
        Action::Offer => ("settled by an offer", "settlement"),
        Action::Accept => ("settled", "settlement/accept"),
    }
}

impl Dispute {
    /// What is allowed at a moment. Nothing is from the end of a deadline on, until what it does is done.
    #[must_use]
    pub fn allowed(&self, now: Timestamp) -> Vec<Action> {
        if self.deadline().is_some_and(|(_, at)| at <= now) {
            return Vec::new();
        }
        let mut allowed = match self.status {
            DisputeStatus::Open => vec![Action::AddEvidence, Action::Answer, Action::Withdraw],
            DisputeStatus::Voting => vec![Action::AddEvidence, Action::Vote, Action::Withdraw],
            DisputeStatus::Resolved if self.awaits_decision() => vec![Action::Decide],
            DisputeStatus::Resolved => vec![Action::Appeal],
            DisputeStatus::Executed | DisputeStatus::Withdrawn | DisputeStatus::Settled => return Vec::new(),
        };
        allowed.push(Action::Offer);
        if self.offer.is_some() {
            allowed.push(Action::Accept);
        }
        allowed
    }

    /// Whether an action is allowed at a moment.
    ///
    /// # Errors
    /// A refusal with what is allowed.
    pub fn allows(&self, action: Action, now: Timestamp) -> Result<(), Refusal> {
        Refusal::unless_allowed("a dispute", self.status.word(), action, self.allowed(now), names)
    }

    /// Whether an operator is to decide: the vote decided nothing, or a party has appealed.
    #[must_use]
    pub fn awaits_decision(&self) -> bool {
        let is_open = self.appeal.as_ref().is_some_and(|appeal| appeal.decided_at.is_none());
        self.status == DisputeStatus::Resolved && (self.to_client.is_none() || is_open)
    }

    /// Whether votes and their tally may be shown: the vote was closed.
    #[must_use]
    pub fn is_tallied(&self) -> bool {
        !matches!(self.status, DisputeStatus::Open | DisputeStatus::Voting)
    }

    /// The party that did not open it.
    #[must_use]
    pub fn other(&self) -> UserId {
        if self.opened_by == self.parties.client { self.parties.freelancer } else { self.parties.client }
    }

    /// Whether a user is a party.
    #[must_use]
    pub fn has_party(&self, user: UserId) -> bool {
        user == self.parties.client || user == self.parties.freelancer
    }

    /// The vote of a user.
    #[must_use]
    pub fn vote_of(&self, user: UserId) -> Option<&Vote> {
        self.votes.iter().find(|vote| vote.voter == user)
    }

    /// The moment of the last change that is not a vote.
    #[must_use]
    pub fn shown_change(&self) -> Timestamp {
        let moments = [
            self.answer.as_ref().map(|answer| answer.1),
            self.evidence.last().map(|evidence| evidence.at),
            self.offer.map(|offer| offer.at),
        ];
        let last = moments.into_iter().flatten().fold(self.created_at, Ord::max);
        if self.status == DisputeStatus::Voting { last } else { self.updated_at }
    }

    /// An amount in the currency of the held money.
    #[must_use]
    pub const fn money(&self, minor: i64) -> Money {
        Money { minor, currency: self.plan.held.currency }
    }

    fn step(&self, step: DisputeStep, actor: UserId, occasion: Occasion) -> Event {
        let other = if actor == self.opened_by { self.other() } else { self.opened_by };
        let (dispute, invoice, amount) = (self.id, self.invoice_id, self.plan.held);
        occasion.event(EventData::Dispute { step, actor, other, dispute, invoice, amount })
    }

    /// The change to another state, which a step reports.
    fn moved(self, next: Self, step: DisputeStep, actor: UserId, occasion: Occasion) -> Transition<Self> {
        let event = self.step(step, actor, occasion);
        Transition::quiet(self, next).reporting(event)
    }
}

#[cfg(test)]
mod tests;
