//! Proposals: a freelancer's application for a project, or its client's invitation. One side proposes, the other consents, and the
//! contract binds.

use crate::{
    Timestamp,
    event::{EventData, ProjectStep},
    id::{ProjectId, ProposalId, UserId},
    money::Money,
    states::{ProposalKind, ProposalStatus},
    transition::{Created, Occasion, Refusal, Transition},
};

/// A proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Its id.
    pub id: ProposalId,
    /// The version that it was read at; 0 before it is saved.
    pub version: i64,
    /// The project.
    pub project_id: ProjectId,
    /// The version of the project that its author last saw: what the author consents to.
    pub project_version: i64,
    /// The project's client.
    pub client_id: UserId,
    /// Who is to work.
    pub freelancer_id: UserId,
    /// Which side proposes.
    pub kind: ProposalKind,
    /// What it says.
    pub terms: Terms,
    /// Where it stands.
    pub status: ProposalStatus,
    /// Why it was declined.
    pub decline_reason: Option<String>,
    /// When it stopped waiting.
    pub decided_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a proposal says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The text to the other side.
    pub message: String,
    /// The price of the whole work.
    pub amount: Option<Money>,
    /// The price of an hour.
    pub hourly_rate: Option<Money>,
}

/// What can be asked of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Change what it says, and consent to the project as it is now (its author).
    Edit,
    /// Consent (the other side).
    Accept,
    /// Refuse (the other side).
    Decline,
    /// Take it back (its author).
    Withdraw,
}

const fn names(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Edit => ("edited", "edit"),
        Action::Accept => ("accepted", "accept"),
        Action::Decline => ("declined", "decline"),
        Action::Withdraw => ("withdrawn", "withdraw"),
    }
}

/// Why a proposal cannot be accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotAccept {
    /// It does not wait any more.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The project has changed since its author last saw it.
    #[error("the project has changed since: its author saw version {seen}, and it is at version {present}")]
    Outdated {
        /// The version that the author saw.
        seen: i64,
        /// The present one.
        present: i64,
    },
}

impl Proposal {
    /// Proposes.
    pub fn make(new: Self, occasion: Occasion) -> Created<Self> {
        let step = match new.kind {
            ProposalKind::Application => ProjectStep::Applied,
            ProposalKind::Invitation => ProjectStep::Invited,
        };
        let event = occasion.event(new.step(step, new.author()));
        Created { state: new, events: vec![event] }
    }

    /// Who proposes.
    #[must_use]
    pub const fn author(&self) -> UserId {
        match self.kind {
            ProposalKind::Application => self.freelancer_id,
            ProposalKind::Invitation => self.client_id,
        }
    }

    /// Who accepts or declines it.
    #[must_use]
    pub const fn answerer(&self) -> UserId {
        match self.kind {
            ProposalKind::Application => self.client_id,
            ProposalKind::Invitation => self.freelancer_id,
        }
    }

    fn step(&self, step: ProjectStep, actor: UserId) -> EventData {
        let other = if actor == self.client_id { self.freelancer_id } else { self.client_id };
        EventData::Project { step, actor, other: Some(other), project: self.project_id, amount: self.terms.amount }
    }

    /// What the present state allows.
    #[must_use]
    pub fn allowed(&self) -> Vec<Action> {
        match self.status {
            ProposalStatus::Open => vec![Action::Edit, Action::Accept, Action::Decline, Action::Withdraw],
            _ => Vec::new(),
        }
    }

    /// Whether the present state allows an action.
    ///
    /// # Errors
    /// A refusal with what it allows.
    pub fn allows(&self, action: Action) -> Result<(), Refusal> {
        Refusal::unless_allowed("a proposal", self.status.word(), action, self.allowed(), names)
    }

    /// Says something else, about the project as it is at a version; its author consents to that.
    ///
    /// # Errors
    /// When it does not wait any more.
    pub fn edit(self, terms: Terms, project_version: i64) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Edit)?;
        let next = Self { terms, project_version, ..self.clone() };
        Ok(Transition::quiet(self, next))
    }

    /// Consents, in the other side's name. The event is the project's.
    ///
    /// # Errors
    /// When it does not wait any more, or its author has not seen the project as it is.
    pub fn accept(self, project_version: i64, at: Timestamp) -> Result<Transition<Self>, CannotAccept> {
        self.allows(Action::Accept)?;
        if self.project_version != project_version {
            return Err(CannotAccept::Outdated { seen: self.project_version, present: project_version });
        }
        let next = Self { status: ProposalStatus::Accepted, decided_at: Some(at), ..self.clone() };
        Ok(Transition::quiet(self, next))
    }

    /// Refuses, in the other side's name.
    ///
    /// # Errors
    /// When it does not wait any more.
    pub fn decline(self, reason: String, occasion: Occasion) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Decline)?;
        let event = occasion.event(self.step(ProjectStep::Declined, self.answerer()));
        let (decline_reason, decided_at) = (Some(reason), Some(occasion.at));
        let next = Self { status: ProposalStatus::Declined, decline_reason, decided_at, ..self.clone() };
        Ok(Transition::quiet(self, next).reporting(event))
    }

    /// Takes it back, in its author's name.
    ///
    /// # Errors
    /// When it does not wait any more.
    pub fn withdraw(self, occasion: Occasion) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Withdraw)?;
        let event = occasion.event(self.step(ProjectStep::Declined, self.author()));
        let next = Self { status: ProposalStatus::Withdrawn, decided_at: Some(occasion.at), ..self.clone() };
        Ok(Transition::quiet(self, next).reporting(event))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::Id;

    fn id<K>(place: u8) -> Id<K> {
        Id::new(Timestamp::default(), [place; 10])
    }

    fn proposal(kind: ProposalKind) -> Proposal {
        let new = Proposal {
            id: id(1),
            version: 0,
            project_id: id(2),
            project_version: 4,
            client_id: id(3),
            freelancer_id: id(4),
            kind,
            terms: Terms { message: "Ready".to_owned(), amount: None, hourly_rate: None },
            status: ProposalStatus::Open,
            decline_reason: None,
            decided_at: None,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        };
        let Created { state, events } = Proposal::make(new, occasion());
        assert!(matches!(events[0].data, EventData::Project { actor, .. } if actor == state.author()));
        state
    }

    fn occasion() -> Occasion {
        Occasion { at: Timestamp::default(), event_id: id(9) }
    }

    #[test]
    fn one_side_proposes_and_the_other_answers() {
        for &kind in ProposalKind::ALL {
            let proposal = proposal(kind);
            let mut sides = [proposal.author(), proposal.answerer()];
            sides.sort_unstable();
            assert_eq!(sides, [id(3), id(4)]);
        }
    }

    #[test]
    fn what_its_author_has_not_seen_is_not_accepted() {
        let application = proposal(ProposalKind::Application);
        let outdated = application.clone().accept(5, Timestamp::default()).expect_err("the project has changed");
        assert_eq!(outdated, CannotAccept::Outdated { seen: 4, present: 5 });
        let renewed = application.clone().edit(application.terms.clone(), 5).expect("it is open").next;
        let accepted = renewed.accept(5, Timestamp::default()).expect("its author saw it").next;
        assert_eq!(accepted.status, ProposalStatus::Accepted);
    }

    proptest! {
        #[test]
        fn it_is_decided_once(asked in prop::collection::vec(0_usize..4, 0..8)) {
            let mut proposal = proposal(ProposalKind::Invitation);
            for place in asked {
                let (before, was_open) = (proposal.clone(), proposal.status == ProposalStatus::Open);
                let next = match place {
                    0 => proposal.edit(before.terms.clone(), 4).map(|change| change.next).ok(),
                    1 => proposal.accept(4, Timestamp::default()).map(|change| change.next).ok(),
                    2 => proposal.decline("No".to_owned(), occasion()).map(|change| change.next).ok(),
                    _ => proposal.withdraw(occasion()).map(|change| change.next).ok(),
                };
                prop_assert_eq!(next.is_some(), was_open);
                proposal = next.unwrap_or(before);
                prop_assert_eq!(proposal.decided_at.is_some(), proposal.status != ProposalStatus::Open);
            }
        }
    }
}
