//! Projects: their state and their transitions.

use std::ops::Deref;

use crate::{
    Timestamp,
    event::EventData,
    id::{ProjectId, SkillId, UserId},
    money::Money,
    states::ProjectStatus,
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
    /// The state that it is in.
    pub status: ProjectStatus,
    /// When it was completed.
    pub completed_at: Option<Timestamp>,
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
    /// Give the work to a freelancer.
    Start,
    /// Say that the work is done.
    Complete,
    /// Give it up.
    Cancel,
}

/// The past participle in messages and the name in `allowed`.
const fn names(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Edit => ("edited", "edit"),
        Action::Start => ("started", "start"),
        Action::Complete => ("completed", "complete"),
        Action::Cancel => ("cancelled", "cancel"),
    }
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
            status: ProjectStatus::Open,
            completed_at: None,
            created_at: occasion.at,
            updated_at: occasion.at,
        };
        Created { state: Self(state), events: vec![event] }
    }

    /// What the present state allows.
    #[must_use]
    pub fn allowed(&self) -> Vec<Action> {
        match self.status {
            ProjectStatus::Open => vec![Action::Edit, Action::Start, Action::Cancel],
            ProjectStatus::InProgress => vec![Action::Complete, Action::Cancel],
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

    fn change(self, action: Action, change: impl FnOnce(&mut ProjectState)) -> Result<Transition<Self>, Refusal> {
        self.allows(action)?;
        let mut next = self.0.clone();
        change(&mut next);
        Ok(Transition::quiet(self, Self(next)))
    }

    /// Gives an offer another content.
    ///
    /// # Errors
    /// When it is not on offer any more.
    pub fn edit(self, content: Content) -> Result<Transition<Self>, Refusal> {
        self.change(Action::Edit, |next| next.content = content)
    }

    /// Gives the work to a freelancer.
    ///
    /// # Errors
    /// When it is not on offer any more.
    pub fn start(self, freelancer: UserId) -> Result<Transition<Self>, Refusal> {
        self.change(Action::Start, |next| {
            next.freelancer_id = Some(freelancer);
            next.status = ProjectStatus::InProgress;
        })
    }

    /// The work is done.
    ///
    /// # Errors
    /// When it is not being worked on.
    pub fn complete(self, at: Timestamp) -> Result<Transition<Self>, Refusal> {
        self.change(Action::Complete, |next| {
            next.status = ProjectStatus::Completed;
            next.completed_at = Some(at);
        })
    }

    /// Gives it up.
    ///
    /// # Errors
    /// When it is over.
    pub fn cancel(self) -> Result<Transition<Self>, Refusal> {
        self.change(Action::Cancel, |next| next.status = ProjectStatus::Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id<K>(place: u8) -> crate::id::Id<K> {
        crate::id::Id::new(Timestamp::default(), [place; 10])
    }

    fn offer() -> Project {
        let content = Content {
            title: "Work".to_owned(),
            description: "Of some kind".to_owned(),
            budget: None,
            deadline: None,
            skills: Vec::new(),
        };
        Project::offer(id(1), id(2), content, Occasion { at: Timestamp::default(), event_id: id(3) }).state
    }

    fn act(project: Project, action: Action) -> Result<Transition<Project>, Refusal> {
        let at = Timestamp::default();
        match action {
            Action::Edit => {
                let content = Content { title: "Other".to_owned(), ..project.content.clone() };
                project.edit(content)
            }
            Action::Start => project.start(id(9)),
            Action::Complete => project.complete(at),
            Action::Cancel => project.cancel(),
        }
    }

    const ACTIONS: [Action; 4] = [Action::Edit, Action::Start, Action::Complete, Action::Cancel];

    #[test]
    fn a_refusal_says_what_is_allowed() {
        let started = act(offer(), Action::Start).expect("it is on offer").next;
        let refusal = act(started, Action::Edit).expect_err("it is taken");
        assert_eq!(refusal.to_string(), "a project that is IN_PROGRESS cannot be edited");
        assert_eq!((refusal.current, refusal.allowed), ("IN_PROGRESS", vec!["complete", "cancel"]));
    }

    proptest! {
        #[test]
        fn whatever_is_asked_in_whatever_order_states_agree(asked in prop::collection::vec(0_usize..4, 0..12)) {
            let mut project = offer();
            for place in asked {
                let (before, action) = (project.clone(), ACTIONS[place]);
                let allowed = before.allowed().contains(&action);
                match act(project, action) {
                    Ok(change) => {
                        prop_assert!(allowed);
                        prop_assert!(change.before == before && change.transfers.is_empty());
                        project = change.next;
                    }
                    Err(refusal) => {
                        prop_assert!(!allowed);
                        prop_assert_eq!(refusal.current, before.status.word());
                        project = before;
                    }
                }
                let taken = matches!(project.status, ProjectStatus::InProgress | ProjectStatus::Completed);
                prop_assert!(!taken || project.freelancer_id.is_some());
                prop_assert_eq!(project.completed_at.is_some(), project.status == ProjectStatus::Completed);
            }
        }
    }
}
