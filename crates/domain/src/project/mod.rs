//! Projects: their state and their transitions. `milestones.rs` holds those of their milestones.

mod milestones;

use std::ops::Deref;

pub use self::milestones::{MOST_MILESTONES, Milestone, MilestoneAction, MilestoneTerms};
use crate::{
    Timestamp,
    event::{EventData, ProjectStep},
    id::{ProjectId, SkillId, UserId},
    money::{Currency, Money},
    states::{MilestoneStatus, ProjectStatus},
    transition::{Created, Occasion, Refusal, Transition},
};

/// Everything that is known of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectState {
    /// Its id.
    pub id: ProjectId,
    /// The version that it was read at; 0 before it is saved.
    pub version: i64,
    /// Who offers it.
    pub client_id: UserId,
    /// Who works on it.
    pub freelancer_id: Option<UserId>,
    /// What it says.
    pub content: Content,
    /// Its milestones, in their order.
    pub milestones: Vec<Milestone>,
    /// The state that it is in.
    pub status: ProjectStatus,
    /// Why its client last sent the whole work back.
    pub return_reason: Option<String>,
    /// When the whole work was last submitted.
    pub submitted_at: Option<Timestamp>,
    /// When it was completed.
    pub completed_at: Option<Timestamp>,
    /// When it was cancelled.
    pub cancelled_at: Option<Timestamp>,
    /// When it was offered.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a project says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its title.
    pub title: String,
    /// Its description.
    pub description: String,
    /// What the client wants to spend.
    pub budget: Option<Money>,
    /// The day until which it is to be done (`YYYY-MM-DD`).
    pub deadline: Option<String>,
    /// Skills that it asks for, in their order.
    pub skills: Vec<RequiredSkill>,
}

/// A skill that a project asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredSkill {
    /// The entry of the catalogue.
    pub skill_id: SkillId,
    /// Its name.
    pub name: String,
}

/// What can be asked of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Change the offer.
    Edit,
    /// Bind a freelancer.
    Start,
    /// Plan a milestone, or propose one.
    Plan,
    /// Submit the whole work.
    Submit,
    /// Send the whole work back.
    Return,
    /// Accept the whole work.
    Complete,
    /// Give it up.
    Cancel,
}

/// The past participle in messages and the name in `allowed`.
pub(crate) const fn names(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Edit => ("edited", "edit"),
        Action::Start => ("started", "start"),
        Action::Plan => ("given a milestone", "milestones"),
        Action::Submit => ("submitted", "submit"),
        Action::Return => ("returned", "return"),
        Action::Complete => ("completed", "complete"),
        Action::Cancel => ("cancelled", "cancel"),
    }
}

/// Why something that was asked of a project is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProjectError {
    /// Its state, or that of a milestone, does not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A milestone is not submitted yet.
    #[error("its milestone {title:?} is {status}: the work of every milestone is submitted before that of the project")]
    Unfinished {
        /// Its title.
        title: String,
        /// Its state.
        status: MilestoneStatus,
    },
    /// Its budget and its milestones would be in several currencies.
    #[error("is {found}: the project is in {expected}")]
    Currency {
        /// The one that was found.
        found: Currency,
        /// The project's.
        expected: Currency,
    },
    /// It would have too many milestones.
    #[error("a project has at most {MOST_MILESTONES} milestones")]
    TooMany,
    /// It has no such milestone.
    #[error("the project has no such milestone")]
    NoMilestone,
}

/// A project. Only its transitions change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project(ProjectState);

impl Deref for Project {
    type Target = ProjectState;

    fn deref(&self) -> &ProjectState {
        &self.0
    }
}

impl ProjectState {
    /// The currency of its budget and its milestones; none where it has neither.
    #[must_use]
    pub fn currency(&self) -> Option<Currency> {
        let planned = self.milestones.first().map(|milestone| milestone.terms.amount.currency);
        self.content.budget.map(|budget| budget.currency).or(planned)
    }

    /// The event of a step that one of its parties takes.
    fn step(&self, step: ProjectStep, actor: UserId, amount: Option<Money>) -> EventData {
        let other = if actor == self.client_id { self.freelancer_id } else { Some(self.client_id) };
        EventData::Project { step, actor, other, project: self.id, amount }
    }
}

impl Project {
    /// A project as the primary keeps it.
    #[must_use]
    pub const fn stored(state: ProjectState) -> Self {
        Self(state)
    }

    /// Its state, for those who keep it.
    #[must_use]
    pub fn into_state(self) -> ProjectState {
        self.0
    }

    /// Offers a project.
    pub fn offer(id: ProjectId, client_id: UserId, content: Content, occasion: Occasion) -> Created<Self> {
        let event = occasion.event(EventData::ProjectCreated { client: client_id, project: id });
        let state = ProjectState {
            id,
            version: 0,
            client_id,
            freelancer_id: None,
            content,
            milestones: Vec::new(),
            status: ProjectStatus::Open,
            return_reason: None,
            submitted_at: None,
            completed_at: None,
            cancelled_at: None,
            created_at: occasion.at,
            updated_at: occasion.at,
        };
        Created { state: Self(state), events: vec![event] }
    }

    /// What the present state allows.
    #[must_use]
    pub fn allowed(&self) -> Vec<Action> {
        match self.status {
            ProjectStatus::Open => vec![Action::Edit, Action::Plan, Action::Start, Action::Cancel],
            ProjectStatus::InProgress => vec![Action::Plan, Action::Submit, Action::Cancel],
            ProjectStatus::Submitted => vec![Action::Return, Action::Complete, Action::Cancel],
            ProjectStatus::Completed | ProjectStatus::Cancelled => Vec::new(),
        }
    }

    /// Whether the present state allows an action.
    ///
    /// # Errors
    /// A refusal with what it allows.
    pub fn allows(&self, action: Action) -> Result<(), Refusal> {
        Refusal::unless_allowed("a project", self.status.word(), action, self.allowed(), names)
    }

    /// Gives an offer another content.
    ///
    /// # Errors
    /// When it is not on offer any more, or the budget is in another currency than the milestones.
    pub fn edit(self, content: Content) -> Result<Transition<Self>, ProjectError> {
        self.allows(Action::Edit)?;
        let planned = self.milestones.first().map(|milestone| milestone.terms.amount.currency);
        if let (Some(budget), Some(expected)) = (content.budget, planned)
            && budget.currency != expected
        {
            return Err(ProjectError::Currency { found: budget.currency, expected });
        }
        let next = Self(ProjectState { content, ..self.0.clone() });
        Ok(Transition::quiet(self, next))
    }

    /// Binds a freelancer, after both sides consented; `actor` is the one who consented last, and `amount` what was agreed.
    ///
    /// # Errors
    /// When it is not on offer any more.
    pub fn start(
        self,
        freelancer: UserId,
        actor: UserId,
        amount: Option<Money>,
        occasion: Occasion,
    ) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Start)?;
        let state = self.0.clone();
        let next = ProjectState { freelancer_id: Some(freelancer), status: ProjectStatus::InProgress, ..state };
        Ok(self.stepped(next, ProjectStep::Started, actor, amount, occasion))
    }

    /// Submits the whole work, in the freelancer's name.
    ///
    /// # Errors
    /// When it is not in progress, or the work of a milestone is not submitted.
    pub fn submit(self, occasion: Occasion) -> Result<Transition<Self>, ProjectError> {
        self.allows(Action::Submit)?;
        let unfinished = |it: &&Milestone| matches!(it.status, MilestoneStatus::Planned | MilestoneStatus::Proposed);
        if let Some(milestone) = self.milestones.iter().find(unfinished) {
            let title = milestone.terms.title.clone();
            return Err(ProjectError::Unfinished { title, status: milestone.status });
        }
        let submitted_at = Some(occasion.at);
        let next = ProjectState { status: ProjectStatus::Submitted, submitted_at, ..self.0.clone() };
        let actor = self.freelancer_id.unwrap_or(self.client_id);
        Ok(self.stepped(next, ProjectStep::Submitted, actor, None, occasion))
    }

    /// Sends the whole work back, in the client's name.
    ///
    /// # Errors
    /// When it is not submitted.
    pub fn return_work(self, reason: String, occasion: Occasion) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Return)?;
        let return_reason = Some(reason);
        let next = ProjectState { status: ProjectStatus::InProgress, return_reason, ..self.0.clone() };
        let actor = self.client_id;
        Ok(self.stepped(next, ProjectStep::Returned, actor, None, occasion))
    }

    /// Accepts the whole work, and with it that of its submitted milestones, in the client's name.
    ///
    /// # Errors
    /// When it is not submitted.
    pub fn complete(self, occasion: Occasion) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Complete)?;
        let completed_at = Some(occasion.at);
        let mut next = ProjectState { status: ProjectStatus::Completed, completed_at, ..self.0.clone() };
        for milestone in next.milestones.iter_mut().filter(|it| it.status == MilestoneStatus::Submitted) {
            milestone.status = MilestoneStatus::Accepted;
            milestone.accepted_at = completed_at;
        }
        let actor = self.client_id;
        Ok(self.stepped(next, ProjectStep::Completed, actor, None, occasion))
    }

    /// Gives it up.
    ///
    /// # Errors
    /// When it is over.
    pub fn cancel(self, actor: UserId, occasion: Occasion) -> Result<Transition<Self>, Refusal> {
        self.allows(Action::Cancel)?;
        let cancelled_at = Some(occasion.at);
        let next = ProjectState { status: ProjectStatus::Cancelled, cancelled_at, ..self.0.clone() };
        Ok(self.stepped(next, ProjectStep::Cancelled, actor, None, occasion))
    }

    fn stepped(
        self,
        next: ProjectState,
        step: ProjectStep,
        actor: UserId,
        amount: Option<Money>,
        occasion: Occasion,
    ) -> Transition<Self> {
        let event = occasion.event(next.step(step, actor, amount));
        Transition::quiet(self, Self(next)).reporting(event)
    }
}

#[cfg(test)]
mod tests;
