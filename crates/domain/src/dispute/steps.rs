//! What parties, voters and operators do to a dispute.

use super::{Action, Appeal, Deadlines, Dispute, Evidence, MOST_LINKS, Offer, Plan, Terms, Vote};
use crate::{
    event::DisputeStep,
    id::{DisputeId, InvoiceId, UserId},
    ledger::Counterparties,
    states::{DisputeOutcome, DisputeResolver, DisputeStatus},
    transition::{Created, Occasion, Refusal, Transition},
};

/// What the opener says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// In a line.
    pub reason: String,
    /// In full.
    pub description: String,
}

/// A dispute that is to be opened.
#[derive(Debug, Clone)]
pub struct NewDispute {
    /// Its id.
    pub id: DisputeId,
    /// The invoice whose money it freezes.
    pub invoice_id: InvoiceId,
    /// The parties of the invoice.
    pub parties: Counterparties,
    /// The party that opens it.
    pub opened_by: UserId,
    /// What the opener says.
    pub claim: Claim,
    /// Who gets what.
    pub plan: Plan,
    /// Links of the opener's, at most [`MOST_LINKS`].
    pub evidence: Vec<Evidence>,
}

/// What an operator decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The operator.
    pub by: UserId,
    /// What of the held money goes to the client, in minor units.
    pub to_client: i64,
    /// Why.
    pub reason: String,
}

impl Dispute {
    /// Opens a dispute: the other party answers.
    pub fn open(new: NewDispute, terms: &Terms, occasion: Occasion) -> Created<Self> {
        let until = Deadlines { answer: Some(occasion.at + terms.answer), ..Deadlines::default() };
        let dispute = Self {
            id: new.id,
            version: 0,
            changes: 1,
            invoice_id: new.invoice_id,
            parties: new.parties,
            opened_by: new.opened_by,
            claim: new.claim,
            plan: new.plan,
            evidence: new.evidence,
            answer: None,
            votes: Vec::new(),
            quorum: None,
            status: DisputeStatus::Open,
            outcome: None,
            resolved_by: None,
            resolved_at: None,
            to_client: None,
            decision: None,
            appeal: None,
            offer: None,
            until,
            ended_at: None,
            created_at: occasion.at,
            updated_at: occasion.at,
        };
        let event = dispute.step(DisputeStep::Opened, new.opened_by, occasion);
        Created { state: dispute, events: vec![event] }
    }

    /// How many more links a party may give.
    #[must_use]
    pub fn links_left(&self, party: UserId) -> usize {
        MOST_LINKS.saturating_sub(self.evidence.iter().filter(|evidence| evidence.by == party).count())
    }

    /// Adds links.
    ///
    /// # Errors
    /// Once the vote is closed.
    pub fn add_evidence(self, evidence: Vec<Evidence>, occasion: Occasion) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::AddEvidence, occasion.at)?;
        let mut next = self.clone();
        next.evidence.extend(evidence);
        Ok(Transition::quiet(self, next))
    }

    /// Answers it, as the other party: the vote begins.
    ///
    /// # Errors
    /// When it was answered, or the time to answer is over.
    pub fn answer(
        self,
        text: String,
        evidence: Vec<Evidence>,
        terms: &Terms,
        occasion: Occasion,
    ) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Answer, occasion.at)?;
        let mut next = self.clone();
        next.evidence.extend(evidence);
        next.answer = Some((text, occasion.at));
        next.status = DisputeStatus::Voting;
        next.quorum = Some(terms.quorum);
        next.until.vote = Some(occasion.at + terms.voting);
        let actor = self.other();
        Ok(self.moved(next, DisputeStep::Answered, actor, occasion))
    }

    /// Takes a vote. Whether the voter may vote is asked of [`Self::admit`]. Nothing is reported: a vote is not counted in public
    /// before the vote is closed.
    ///
    /// # Errors
    /// When it is not voted on, or the vote is over.
    pub fn vote(self, vote: Vote, occasion: Occasion) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Vote, occasion.at)?;
        let mut next = self.clone();
        next.votes.push(vote);
        Ok(Transition::quiet(self, next))
    }

    /// Decides it, as an operator: where the vote decided nothing, or on an appeal.
    ///
    /// # Errors
    /// When no operator is to decide.
    pub fn decide(self, decision: Decision, terms: &Terms, occasion: Occasion) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Decide, occasion.at)?;
        let Decision { by, to_client, reason } = decision;
        let next = Self {
            outcome: Some(self.plan.outcome_of(to_client)),
            resolved_by: Some(DisputeResolver::Operator),
            resolved_at: Some(occasion.at),
            to_client: Some(to_client),
            decision: Some((by, reason)),
            ..self.clone()
        };
        let next = match next.appeal.clone() {
            Some(appeal) => Self { appeal: Some(Appeal { decided_at: Some(occasion.at), ..appeal }), ..next },
            None => next.appealable(occasion.at, terms),
        };
        let actor = self.opened_by;
        Ok(self.moved(next, DisputeStep::Resolved, actor, occasion))
    }

    /// What an operator's word for an outcome gives to the client, where it has a plan.
    #[must_use]
    pub const fn planned(&self, outcome: DisputeOutcome) -> Option<i64> {
        self.plan.to_client(outcome)
    }

    /// Appeals to an operator, once.
    ///
    /// # Errors
    /// When it is not decided, was appealed already, or the time to appeal is over.
    pub fn appeal(
        self,
        by: UserId,
        reason: String,
        terms: &Terms,
        occasion: Occasion,
    ) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Appeal, occasion.at)?;
        let appeal = Appeal { by, reason, at: occasion.at, decided_at: None };
        let next = Self { appeal: Some(appeal), ..self.clone() }.left_to_operators(occasion.at, terms);
        Ok(self.moved(next, DisputeStep::Appealed, by, occasion))
    }

    /// Takes it back, as its opener: the money is held as before.
    ///
    /// # Errors
    /// Once it is decided.
    pub fn withdraw(self, occasion: Occasion) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Withdraw, occasion.at)?;
        let next = Self { status: DisputeStatus::Withdrawn, ended_at: Some(occasion.at), ..self.clone() };
        let actor = self.opened_by;
        Ok(self.moved(next, DisputeStep::Withdrawn, actor, occasion))
    }

    /// Offers a split to the other party; it takes the place of an earlier offer of either.
    ///
    /// # Errors
    /// Once the money has moved, or is to move.
    pub fn offer(self, by: UserId, to_client: i64, occasion: Occasion) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Offer, occasion.at)?;
        let next = Self { offer: Some(Offer { by, to_client, at: occasion.at }), ..self.clone() };
        Ok(Transition::quiet(self, next))
    }

    /// Accepts the split that the other party offers: the money moves as agreed.
    ///
    /// # Errors
    /// When there is none, or the money has moved, or is to move.
    pub fn accept(self, by: UserId, occasion: Occasion) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Accept, occasion.at)?;
        let next = Self {
            status: DisputeStatus::Settled,
            to_client: self.offer.map(|offer| offer.to_client),
            ended_at: Some(occasion.at),
            ..self.clone()
        };
        Ok(self.moved(next, DisputeStep::Settled, by, occasion))
    }
}
