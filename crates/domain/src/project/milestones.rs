//! Milestones: parts of a project's work with an amount and a deadline. While the project is on offer its client plans them; once
//! it is in progress, one party proposes them and the other consents.

use super::{Action, Project, ProjectError, ProjectState};
use crate::{
    Timestamp,
    event::ProjectStep,
    id::{MilestoneId, UserId},
    money::Money,
    states::{MilestoneStatus, ProjectStatus},
    transition::{Occasion, Refusal, Transition},
};

/// Most milestones of a project.
pub const MOST_MILESTONES: usize = 50;

/// A milestone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Milestone {
    /// Its id.
    pub id: MilestoneId,
    /// What is agreed, or proposed.
    pub terms: MilestoneTerms,
    /// The state that it is in.
    pub status: MilestoneStatus,
    /// Who proposes it, while the other party has not consented.
    pub proposed_by: Option<UserId>,
    /// The planned milestone whose place it takes once the other party consents.
    pub replaces: Option<MilestoneId>,
    /// Why its work was last sent back.
    pub return_reason: Option<String>,
    /// When its work was last submitted.
    pub submitted_at: Option<Timestamp>,
    /// When its work was accepted.
    pub accepted_at: Option<Timestamp>,
}

/// What the parties agree on of a milestone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MilestoneTerms {
    /// Its title.
    pub title: String,
    /// What is to be done.
    pub description: Option<String>,
    /// What it costs without tax, in the project's currency.
    pub amount: Money,
    /// The day until which it is to be done (`YYYY-MM-DD`).
    pub deadline: Option<String>,
}

/// What can be asked of a milestone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MilestoneAction {
    /// Change its terms.
    Edit,
    /// Remove it: take a proposal back, or decline it.
    Delete,
    /// Submit its work.
    Submit,
    /// Consent to it, or accept its work.
    Accept,
    /// Send its work back.
    Return,
}

const fn names(action: MilestoneAction) -> (&'static str, &'static str) {
    match action {
        MilestoneAction::Edit => ("edited", "edit"),
        MilestoneAction::Delete => ("deleted", "delete"),
        MilestoneAction::Submit => ("submitted", "submit"),
        MilestoneAction::Accept => ("accepted", "accept"),
        MilestoneAction::Return => ("returned", "return"),
    }
}

impl ProjectState {
    /// A milestone of it.
    #[must_use]
    pub fn milestone(&self, id: MilestoneId) -> Option<&Milestone> {
        self.milestones.iter().find(|milestone| milestone.id == id)
    }

    /// What is allowed of a milestone.
    #[must_use]
    pub fn allowed_of(&self, milestone: &Milestone) -> Vec<MilestoneAction> {
        use MilestoneAction as Do;
        match (self.status, milestone.status) {
            (ProjectStatus::Open, _) => vec![Do::Edit, Do::Delete],
            (ProjectStatus::InProgress, MilestoneStatus::Proposed) => vec![Do::Edit, Do::Accept, Do::Delete],
            (ProjectStatus::InProgress, MilestoneStatus::Planned) => vec![Do::Submit],
            (ProjectStatus::InProgress, MilestoneStatus::Submitted) => vec![Do::Accept, Do::Return],
            (ProjectStatus::Submitted, MilestoneStatus::Submitted) => vec![Do::Accept],
            _ => Vec::new(),
        }
    }

    fn fits(&self, terms: &MilestoneTerms, except: Option<MilestoneId>) -> Result<(), ProjectError> {
        let mut others = self.milestones.iter().filter(|it| Some(it.id) != except);
        let planned = others.next().map(|milestone| milestone.terms.amount.currency);
        match self.content.budget.map(|budget| budget.currency).or(planned) {
            Some(expected) if expected != terms.amount.currency => {
                Err(ProjectError::Currency { found: terms.amount.currency, expected })
            }
            _ => Ok(()),
        }
    }
}

impl Project {
    /// Adds a milestone: planned while the project is on offer, proposed to the other party once it is in progress.
    ///
    /// # Errors
    /// When the state does not allow it, the currency is another, or what it shall replace is not planned.
    pub fn plan(
        self,
        id: MilestoneId,
        terms: MilestoneTerms,
        by: UserId,
        replaces: Option<MilestoneId>,
    ) -> Result<Transition<Self>, ProjectError> {
        self.allows(Action::Plan)?;
        self.fits(&terms, None)?;
        if self.milestones.len() >= MOST_MILESTONES {
            return Err(ProjectError::TooMany);
        }
        let is_proposal = self.status == ProjectStatus::InProgress;
        if let Some(replaced) = replaces {
            let replaced = self.milestone(replaced).ok_or(ProjectError::NoMilestone)?;
            if !is_proposal || replaced.status != MilestoneStatus::Planned {
                let allowed = self.allowed_of(replaced).into_iter().map(|action| names(action).1).collect();
                let current = replaced.status.word();
                return Err(Refusal { subject: "a milestone", current, action: "replaced", allowed }.into());
            }
        }
        let mut next = self.0.clone();
        next.milestones.push(Milestone {
            id,
            terms,
            status: if is_proposal { MilestoneStatus::Proposed } else { MilestoneStatus::Planned },
            proposed_by: is_proposal.then_some(by),
            replaces,
            return_reason: None,
            submitted_at: None,
            accepted_at: None,
        });
        Ok(Transition::quiet(self, Self(next)))
    }

    /// Whether a milestone's state allows an action.
    ///
    /// # Errors
    /// A refusal with what it allows, or that there is no such milestone.
    pub fn allows_of(&self, id: MilestoneId, action: MilestoneAction) -> Result<&Milestone, ProjectError> {
        let milestone = self.milestone(id).ok_or(ProjectError::NoMilestone)?;
        let allowed = self.allowed_of(milestone);
        if allowed.is_empty() && !self.allowed().contains(&Action::Plan) {
            self.allows(Action::Plan)?;
        }
        Refusal::unless_allowed("a milestone", milestone.status.word(), action, allowed, names)?;
        Ok(milestone)
    }

    /// Changes what is planned or proposed.
    ///
    /// # Errors
    /// As [`Self::plan`].
    pub fn edit_milestone(self, id: MilestoneId, terms: MilestoneTerms) -> Result<Transition<Self>, ProjectError> {
        self.allows_of(id, MilestoneAction::Edit)?;
        self.fits(&terms, Some(id))?;
        Ok(self.with_milestone(id, |milestone| milestone.terms = terms))
    }

    /// Removes what is planned or proposed.
    ///
    /// # Errors
    /// When the other party consented to it.
    pub fn remove_milestone(self, id: MilestoneId) -> Result<Transition<Self>, ProjectError> {
        self.allows_of(id, MilestoneAction::Delete)?;
        let mut next = self.0.clone();
        next.milestones.retain(|milestone| milestone.id != id);
        Ok(Transition::quiet(self, Self(next)))
    }

    /// Submits the work of a milestone, in the freelancer's name.
    ///
    /// # Errors
    /// When it is not planned.
    pub fn submit_milestone(self, id: MilestoneId, occasion: Occasion) -> Result<Transition<Self>, ProjectError> {
        let amount = self.allows_of(id, MilestoneAction::Submit)?.terms.amount;
        let actor = self.freelancer_id.unwrap_or(self.client_id);
        let event = occasion.event(self.step(ProjectStep::MilestoneSubmitted, actor, Some(amount)));
        let change = self.with_milestone(id, |milestone| {
            milestone.status = MilestoneStatus::Submitted;
            milestone.submitted_at = Some(occasion.at);
        });
        Ok(change.reporting(event))
    }

    /// Consents to a proposed milestone, which then takes the place of the one that it replaces; or accepts the work of a submitted
    /// one, in the client's name.
    ///
    /// # Errors
    /// When there is nothing to accept, or what it replaces is not planned any more.
    pub fn accept_milestone(self, id: MilestoneId, occasion: Occasion) -> Result<Transition<Self>, ProjectError> {
        let milestone = self.allows_of(id, MilestoneAction::Accept)?;
        if milestone.status == MilestoneStatus::Submitted {
            let amount = Some(milestone.terms.amount);
            let event = occasion.event(self.step(ProjectStep::MilestoneAccepted, self.client_id, amount));
            let change = self.with_milestone(id, |milestone| {
                milestone.status = MilestoneStatus::Accepted;
                milestone.accepted_at = Some(occasion.at);
            });
            return Ok(change.reporting(event));
        }
        let mut agreed = Milestone { status: MilestoneStatus::Planned, proposed_by: None, ..milestone.clone() };
        let replaces = agreed.replaces.take();
        let mut next = self.0.clone();
        next.milestones.retain(|milestone| milestone.id != id);
        match replaces {
            None => next.milestones.push(agreed),
            Some(replaced) => {
                let place = next.milestones.iter().position(|it| it.id == replaced).ok_or(ProjectError::NoMilestone)?;
                let current = next.milestones[place].status;
                if current != MilestoneStatus::Planned {
                    let (subject, allowed) = ("a milestone", Vec::new());
                    return Err(Refusal { subject, current: current.word(), action: "replaced", allowed }.into());
                }
                next.milestones[place] = agreed;
            }
        }
        Ok(Transition::quiet(self, Self(next)))
    }

    /// Sends the work of a milestone back, in the client's name.
    ///
    /// # Errors
    /// When it is not submitted.
    pub fn return_milestone(
        self,
        id: MilestoneId,
        reason: String,
        occasion: Occasion,
    ) -> Result<Transition<Self>, ProjectError> {
        let amount = self.allows_of(id, MilestoneAction::Return)?.terms.amount;
        let event = occasion.event(self.step(ProjectStep::MilestoneReturned, self.client_id, Some(amount)));
        let change = self.with_milestone(id, |milestone| {
            milestone.status = MilestoneStatus::Planned;
            milestone.return_reason = Some(reason);
        });
        Ok(change.reporting(event))
    }

    fn with_milestone(self, id: MilestoneId, change: impl FnOnce(&mut Milestone)) -> Transition<Self> {
        let mut next = self.0.clone();
        if let Some(milestone) = next.milestones.iter_mut().find(|milestone| milestone.id == id) {
            change(milestone);
        }
        Transition::quiet(self, Self(next))
    }
}
