//! What aggregates answer when something is asked of them.
//!
//! The whole state of an aggregate is one value. A transition consumes it and returns the next state with the transfers and
//! the events that belong to it, or a [`Refusal`] that names what the present state allows. Nothing has happened before the
//! answer is saved.

use crate::{
    Timestamp,
    event::{Event, EventData},
    id::EventId,
    ledger::Transfer,
};

/// When something happens, and the id of the event that reports it.
#[derive(Debug, Clone, Copy)]
pub struct Occasion {
    /// The moment.
    pub at: Timestamp,
    /// The id of the event, if there is one.
    pub event_id: EventId,
}

impl Occasion {
    /// The event of this moment.
    #[must_use]
    pub const fn event(self, data: EventData) -> Event {
        Event { id: self.event_id, at: self.at, data }
    }
}

/// A new aggregate.
#[derive(Debug, Clone)]
#[must_use = "nothing exists before it is saved"]
pub struct Created<S> {
    /// Its first state.
    pub state: S,
    /// What is reported.
    pub events: Vec<Event>,
}

/// A change of an aggregate.
#[derive(Debug, Clone)]
#[must_use = "nothing has changed before it is saved"]
pub struct Transition<S> {
    /// The state that was consumed.
    pub before: S,
    /// The state from now on.
    pub next: S,
    /// Money that moves with it.
    pub transfers: Vec<Transfer>,
    /// What is reported.
    pub events: Vec<Event>,
}

impl<S> Transition<S> {
    /// A change that moves no money and reports nothing.
    pub(crate) const fn quiet(before: S, next: S) -> Self {
        Self { before, next, transfers: Vec::new(), events: Vec::new() }
    }

    /// The same change, which reports an event.
    pub(crate) fn reporting(mut self, event: Event) -> Self {
        self.events.push(event);
        self
    }
}

impl<S> Transition<S> {
    /// The same change, reckoned from an earlier state that led to this one without being saved.
    pub fn since(self, before: S) -> Self {
        Self { before, ..self }
    }
}

impl<S: PartialEq> Transition<S> {
    /// Whether the next state is the same as the one before.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.before == self.next
    }
}

/// The end of an aggregate that leaves nothing behind.
#[derive(Debug, Clone)]
#[must_use = "nothing is removed before it is saved"]
pub struct Deleted<S> {
    /// The state that was consumed.
    pub before: S,
}

/// The present state does not allow it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{subject} that is {current} cannot be {action}")]
pub struct Refusal {
    /// What it is, with its article.
    pub subject: &'static str,
    /// The state that it is in.
    pub current: &'static str,
    /// The past participle of what was asked.
    pub action: &'static str,
    /// What its state allows.
    pub allowed: Vec<&'static str>,
}

impl Refusal {
    /// Refuses an action that is not among those that the state allows.
    pub(crate) fn unless_allowed<A: Copy + PartialEq>(
        subject: &'static str,
        current: &'static str,
        action: A,
        allowed: Vec<A>,
        names: fn(A) -> (&'static str, &'static str),
    ) -> Result<(), Self> {
        if allowed.contains(&action) {
            return Ok(());
        }
        let allowed = allowed.into_iter().map(|action| names(action).1).collect();
        Err(Self { subject, current, action: names(action).0, allowed })
    }
}
