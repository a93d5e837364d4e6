//! Reviews: what the two parties of a completed project say of each other, once per direction. A review is hidden until both are there
//! or the window closes, so that neither is written in answer to the other; then both are visible and frozen.

use std::time::Duration;

use crate::{
    Timestamp,
    event::EventData,
    id::{ProjectId, ReviewId, UserId},
    project::{Project, names},
    states::{ProjectStatus, ReviewStatus},
    transition::{Created, Occasion, Refusal, Transition},
    visibility::Viewer,
};

/// A review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Its id.
    pub id: ReviewId,
    /// The version that it was read at; 0 before it is saved.
    pub version: i64,
    /// The completed project.
    pub project_id: ProjectId,
    /// Who reviews.
    pub reviewer_id: UserId,
    /// Who is reviewed.
    pub reviewee_id: UserId,
    /// What it says.
    pub content: Content,
    /// Since when it is visible and frozen; hidden when absent.
    pub visible_at: Option<Timestamp>,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a review says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The four scores.
    pub scores: Scores,
    /// In words.
    pub comment: Option<String>,
}

/// Scores from 1 to 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scores {
    /// Of the work, or of the assignment.
    pub quality: u8,
    /// Of the communication.
    pub communication: u8,
    /// Of keeping to dates.
    pub timeliness: u8,
    /// Of the conduct.
    pub professionalism: u8,
}

/// The lowest and the highest score.
pub const SCORES: std::ops::RangeInclusive<u8> = 1..=5;

impl Scores {
    /// The sum of the four, 4 to 20.
    #[must_use]
    pub const fn sum(self) -> u8 {
        self.quality + self.communication + self.timeliness + self.professionalism
    }
}

/// Why a review cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotReview {
    /// The project is not completed.
    #[error(transparent)]
    NotCompleted(#[from] Refusal),
    /// The party has written one: this.
    #[error("the project is reviewed already: {0} is the review")]
    Given(ReviewId),
    /// The window is closed.
    #[error("reviews of the project are closed since {0}")]
    Closed(Timestamp),
}

/// The reviews of a completed project: at most one by each of its parties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    project_id: ProjectId,
    client_id: UserId,
    freelancer_id: UserId,
    closes_at: Timestamp,
    reviews: Vec<Review>,
}

/// A new review, and what it makes visible.
#[derive(Debug)]
#[must_use = "nothing exists before it is saved"]
pub struct Given {
    /// The new review.
    pub new: Created<Review>,
    /// The other party's, where both become visible now.
    pub other: Option<Transition<Review>>,
}

/// The moment at which a project's reviews close: so long after its completion.
#[must_use]
pub fn closing(completed_at: Timestamp, hidden_for: Duration) -> Timestamp {
    completed_at + hidden_for
}

impl Exchange {
    /// The reviews of a project, with those that are written. Hidden ones stay so for `hidden_for` after its completion.
    ///
    /// # Errors
    /// When the project is not completed.
    pub fn of(project: &Project, reviews: Vec<Review>, hidden_for: Duration) -> Result<Self, CannotReview> {
        let completed = project.completed_at.filter(|_| project.status == ProjectStatus::Completed);
        let Some((freelancer_id, completed_at)) = project.freelancer_id.zip(completed) else {
            let allowed = project.allowed().into_iter().map(|action| names(action).1).collect();
            let (subject, current) = ("a project", project.status.word());
            return Err(Refusal { subject, current, action: "reviewed", allowed }.into());
        };
        let closes_at = closing(completed_at, hidden_for);
        Ok(Self { project_id: project.id, client_id: project.client_id, freelancer_id, closes_at, reviews })
    }

    /// When it closes: from then on nothing is written or changed, and what is hidden becomes visible.
    #[must_use]
    pub const fn closes_at(&self) -> Timestamp {
        self.closes_at
    }

    /// The other party; none of a user who is no party.
    #[must_use]
    pub fn counterpart(&self, party: UserId) -> Option<UserId> {
        match party {
            it if it == self.client_id => Some(self.freelancer_id),
            it if it == self.freelancer_id => Some(self.client_id),
            _ => None,
        }
    }

    /// Whether nothing can be written any more. A visible review closes it too: the other party has read it.
    #[must_use]
    pub fn is_closed(&self, now: Timestamp) -> bool {
        now >= self.closes_at || self.reviews.iter().any(|review| review.visible_at.is_some())
    }

    /// Writes the review by a party. The second one makes both visible.
    ///
    /// # Errors
    /// When the party has written one, or it is closed.
    pub fn give(
        &self,
        id: ReviewId,
        (reviewer_id, reviewee_id): (UserId, UserId),
        content: Content,
        mut occasion: impl FnMut() -> Occasion,
    ) -> Result<Given, CannotReview> {
        let now = occasion();
        if let Some(own) = self.reviews.iter().find(|review| review.reviewer_id == reviewer_id) {
            return Err(CannotReview::Given(own.id));
        }
        if self.is_closed(now.at) {
            return Err(CannotReview::Closed(self.closes_at.min(now.at)));
        }
        let new = Review {
            id,
            version: 0,
            project_id: self.project_id,
            reviewer_id,
            reviewee_id,
            content,
            visible_at: None,
            created_at: now.at,
            updated_at: now.at,
        };
        let other = self.reviews.first().cloned().and_then(|other| other.publish(occasion()));
        let events = other.iter().map(|_| now.event(new.event())).collect();
        let visible_at = other.as_ref().map(|_| now.at);
        Ok(Given { new: Created { state: Review { visible_at, ..new }, events }, other })
    }

    /// Changes a review of it that is still hidden.
    ///
    /// # Errors
    /// When it is visible, or about to be.
    pub fn edit(&self, review: Review, content: Content, now: Timestamp) -> Result<Transition<Review>, Refusal> {
        if review.visible_at.is_some() || self.is_closed(now) {
            let (subject, current) = ("a review", ReviewStatus::Visible.word());
            return Err(Refusal { subject, current, action: "edited", allowed: Vec::new() });
        }
        let next = Review { content, ..review.clone() };
        Ok(Transition::quiet(review, next))
    }
}

impl Review {
    /// Whether it is hidden.
    #[must_use]
    pub const fn status(&self) -> ReviewStatus {
        if self.visible_at.is_some() { ReviewStatus::Visible } else { ReviewStatus::Hidden }
    }

    /// Whether a viewer sees it: everyone once it is visible, before that its author and operators.
    #[must_use]
    pub fn is_seen_by(&self, viewer: &Viewer) -> bool {
        self.visible_at.is_some() || viewer.sees_private(self.reviewer_id)
    }

    /// Makes it visible, for ever; none where it is.
    #[must_use]
    pub fn publish(self, occasion: Occasion) -> Option<Transition<Self>> {
        if self.visible_at.is_some() {
            return None;
        }
        let event = occasion.event(self.event());
        let next = Self { visible_at: Some(occasion.at), ..self.clone() };
        Some(Transition::quiet(self, next).reporting(event))
    }

    /// What is reported when it becomes visible. Before that nobody is to learn that it exists, and the scores are nobody's event.
    fn event(&self) -> EventData {
        EventData::ReviewGiven { reviewer: self.reviewer_id, reviewee: self.reviewee_id, project: self.project_id }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{id::Id, project::ProjectState, states::Role};

    const DAY: Duration = Duration::from_secs(86_400);
    const HIDDEN: Duration = Duration::from_secs(14 * 86_400);

    fn id<K>(place: u8) -> Id<K> {
        Id::new(Timestamp::default(), [place; 10])
    }

    fn project(status: ProjectStatus) -> Project {
        let content = crate::project::Content {
            title: "Work".to_owned(),
            description: "Of some kind".to_owned(),
            budget: None,
            deadline: None,
            skills: Vec::new(),
        };
        let occasion = Occasion { at: Timestamp::default(), event_id: id(9) };
        let offered: ProjectState = Project::offer(id(1), id(2), content, occasion).state.into_state();
        let completed_at = (status == ProjectStatus::Completed).then(Timestamp::default);
        Project::stored(ProjectState { freelancer_id: Some(id(3)), status, completed_at, ..offered })
    }

    fn content(score: u8) -> Content {
        let scores = Scores { quality: score, communication: score, timeliness: score, professionalism: score };
        Content { scores, comment: None }
    }

    fn at(time: Duration) -> impl FnMut() -> Occasion {
        move || Occasion { at: Timestamp::default() + time, event_id: id(8) }
    }

    fn exchange(reviews: Vec<Review>) -> Exchange {
        Exchange::of(&project(ProjectStatus::Completed), reviews, HIDDEN).expect("it is completed")
    }

    fn give(reviews: &[Review], by: u8, time: Duration) -> Result<Given, CannotReview> {
        let exchange = exchange(reviews.to_vec());
        let other = exchange.counterpart(id(by)).expect("a party");
        exchange.give(id(10 + by), (id(by), other), content(4), at(time))
    }

    #[test]
    fn the_second_review_makes_both_visible_and_each_is_reported_once() {
        let first = give(&[], 2, DAY).expect("the first");
        assert!(first.new.state.visible_at.is_none() && first.new.events.is_empty() && first.other.is_none());
        let second = give(std::slice::from_ref(&first.new.state), 3, 2 * DAY).expect("the second");
        let other = second.other.expect("the first becomes visible");
        assert_eq!(second.new.state.visible_at, other.next.visible_at);
        assert_eq!((second.new.events.len(), other.events.len()), (1, 1));
        assert!(other.next.publish(at(3 * DAY)()).is_none(), "once");
    }

    #[test]
    fn each_party_reviews_once_and_only_a_completed_project() {
        let first = give(&[], 2, DAY).expect("the first").new.state;
        assert_eq!(give(std::slice::from_ref(&first), 2, DAY).expect_err("once"), CannotReview::Given(first.id));
        for status in ProjectStatus::ALL.iter().copied().filter(|status| *status != ProjectStatus::Completed) {
            let refused = Exchange::of(&project(status), Vec::new(), HIDDEN).expect_err("it is not completed");
            assert!(matches!(refused, CannotReview::NotCompleted(refusal) if refusal.current == status.word()));
        }
        assert_eq!(exchange(Vec::new()).counterpart(id(4)), None);
    }

    proptest! {
        #[test]
        fn it_is_hidden_and_editable_or_visible_and_frozen(edited_day in 0_u32..30, answered in any::<bool>()) {
            let mut review = give(&[], 2, DAY).expect("the first").new.state;
            let mut all = vec![review.clone()];
            if answered {
                let second = give(&all, 3, 2 * DAY).expect("the second");
                review = second.other.expect("both").next;
                all = vec![review.clone(), second.new.state];
            }
            let now = Timestamp::default() + edited_day * DAY;
            let exchange = exchange(all.clone());
            let is_open = !answered && edited_day < 14;
            let edited = exchange.edit(review.clone(), content(1), now);
            prop_assert_eq!(edited.is_ok(), is_open);
            prop_assert_eq!(exchange.is_closed(now), !is_open);
            if !answered {
                prop_assert_eq!(give(&all, 3, edited_day * DAY).is_ok(), is_open);
            }
            let reads = |user, role| review.is_seen_by(&Viewer { user_id: id(user), role });
            prop_assert!(reads(2, Role::Client) && reads(7, Role::Admin));
            prop_assert_eq!(reads(3, Role::Freelancer), answered);
            prop_assert_eq!(reads(6, Role::Client), answered);
        }
    }
}
