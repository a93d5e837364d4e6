//! Reviews: between the parties of a completed project, hidden until both are there or the window closes.

use chainbill_domain::{
    id::{ProjectId, ReviewId, UserId},
    project::Project,
    review::{CannotReview, Content, Exchange, Given, Review, SCORES, Scores},
    states::Role,
    text,
    transition::Transition,
};
use chainbill_records::{
    jobs::NewJob,
    repo::{projects, reviews, users},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    App, AppError, Context, Done, Page, PageRequest, ReviewView,
    command::{Command, Outcome},
    context::{Expected, expect_version},
    jobs::REVIEW_WINDOW,
    validate::{Check, given, present},
};

/// A new review.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewReview {
    /// 1 to 5.
    pub quality: i64,
    /// 1 to 5.
    pub communication: i64,
    /// 1 to 5.
    pub timeliness: i64,
    /// 1 to 5.
    pub professionalism: i64,
    /// In words, at most 5000 characters.
    pub comment: Option<String>,
}

/// What changes in a review that is still hidden; what is absent stays, a null comment is emptied.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PatchReview {
    /// 1 to 5.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub quality: Option<i64>,
    /// 1 to 5.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub communication: Option<i64>,
    /// 1 to 5.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub timeliness: Option<i64>,
    /// 1 to 5.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub professionalism: Option<i64>,
    /// In words.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub comment: Option<Option<String>>,
}

fn score(check: &mut Check, pointer: &str, score: i64) -> Option<u8> {
    let score = u8::try_from(score).ok().filter(|score| SCORES.contains(score));
    check.field(pointer, score.ok_or("is not accepted: 1 to 5 are"))
}

fn comment(check: &mut Check, comment: Option<&str>) -> Option<String> {
    let comment = text::some(comment).map(|comment| text::free(comment, 5_000));
    check.optional("/comment", comment).filter(|comment| !comment.is_empty())
}

impl NewReview {
    fn checked(&self) -> Result<Content, AppError> {
        let mut check = Check::default();
        let quality = score(&mut check, "/quality", self.quality);
        let communication = score(&mut check, "/communication", self.communication);
        let timeliness = score(&mut check, "/timeliness", self.timeliness);
        let professionalism = score(&mut check, "/professionalism", self.professionalism);
        let comment = comment(&mut check, self.comment.as_deref());
        let scores = quality.zip(communication).zip(timeliness.zip(professionalism));
        let scores = scores.map(|((quality, communication), (timeliness, professionalism))| Scores {
            quality,
            communication,
            timeliness,
            professionalism,
        });
        check.finish(scores.map(|scores| Content { scores, comment }))
    }
}

impl PatchReview {
    /// The review that it makes of what one says.
    fn over(&self, content: &Content) -> NewReview {
        let Scores { quality, communication, timeliness, professionalism } = content.scores;
        NewReview {
            quality: self.quality.unwrap_or(quality.into()),
            communication: self.communication.unwrap_or(communication.into()),
            timeliness: self.timeliness.unwrap_or(timeliness.into()),
            professionalism: self.professionalism.unwrap_or(professionalism.into()),
            comment: self.comment.clone().unwrap_or_else(|| content.comment.clone()),
        }
    }
}

impl From<CannotReview> for AppError {
    fn from(cannot: CannotReview) -> Self {
        let detail = cannot.to_string();
        let current = match cannot {
            CannotReview::NotCompleted(refusal) => return refusal.into(),
            CannotReview::Given(_) => "REVIEWED",
            CannotReview::Closed(_) => "CLOSED",
        };
        Self::Conflict { current: current.to_owned(), allowed: Vec::new(), detail }
    }
}

const PARTIES: &str = "only the parties of a project review it";

impl App {
    /// Reviews the other party of a completed project.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when the project is not completed, reviewed already, or its reviews are closed.
    pub async fn give_review(&self, context: &Context, id: &str, new: NewReview) -> Result<Done<ReviewView>, AppError> {
        context.actor()?;
        let content = &new.checked()?;
        self.command(context, "review.give", &(id, &new), |mut command| async move {
            let actor = command.actor()?;
            let project = command.reviewed_project(id, actor).await?;
            let exchange = command.exchange(&project).await?;
            let reviewee = exchange.counterpart(actor).ok_or(AppError::Forbidden(PARTIES))?;
            let occasion = || command.occasion();
            let id = command.app.new_id();
            let Given { new, other } = exchange.give(id, (actor, reviewee), content.clone(), occasion)?;
            if let Some(other) = other {
                command.unit.cancel_job(REVIEW_WINDOW, &project.id.to_string()).await?;
                command.publish_review(other).await?;
                command.recompute_reputations(&[reviewee]).await?;
            } else {
                command.enqueue_publication(project.id, &exchange).await?;
            }
            let saved = reviews::insert(&mut command.unit, new.state).await?;
            new.events.iter().for_each(|event| command.unit.event(event));
            command.created(ReviewView::of(saved, true)).await
        })
        .await
    }

    /// Changes one's own review while it is hidden.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is visible, [`AppError::Stale`] when it has changed.
    pub async fn patch_review(
        &self,
        context: &Context,
        id: &str,
        expected: Expected<'_>,
        patch: PatchReview,
    ) -> Result<Done<ReviewView>, AppError> {
        let actor = context.actor()?;
        let known = self.seen_review(context, id).await?;
        if known.reviewer_id != actor.user_id {
            return Err(AppError::Forbidden("only its author changes a review"));
        }
        let (patch, known) = (&patch, &known);
        self.change(context, "review.patch", |mut command| async move {
            let project = command.reviewed_project(&known.project_id.to_string(), known.reviewer_id).await?;
            let all = reviews::lock_of_project(&command.unit, project.id).await?;
            let review = all.iter().find(|review| review.id == known.id).cloned();
            let review = review.ok_or(AppError::NotFound("review"))?;
            expect_version(expected, review.version)?;
            let exchange = Exchange::of(&project, all, command.app.settings.hide_reviews)?;
            let content = patch.over(&review.content).checked()?;
            let change = exchange.edit(review, content, command.unit.now())?;
            if change.is_unchanged() {
                return Ok(command.unchanged(ReviewView::of(change.before, true)));
            }
            let saved = reviews::update(&mut command.unit, &change.before, change.next).await?;
            command.changed(Some(ReviewView::of(change.before, true)), ReviewView::of(saved, true)).await
        })
        .await
    }

    /// One review: of its author and operators, and of everyone once it is visible.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn review(&self, context: &Context, id: &str) -> Result<ReviewView, AppError> {
        let review = self.seen_review(context, id).await?;
        let viewer = context.actor()?.viewer();
        let sees_project = viewer.sees_private(review.reviewer_id) || viewer.sees_private(review.reviewee_id);
        Ok(ReviewView::of(review, sees_project))
    }

    async fn seen_review(&self, context: &Context, id: &str) -> Result<Review, AppError> {
        let viewer = context.actor()?.viewer();
        let id: ReviewId = id.parse().map_err(|_| AppError::NotFound("review"))?;
        reviews::find(&self.records, &viewer, id).await?.ok_or(AppError::NotFound("review"))
    }

    /// The reviews of a project, for its parties and operators: one's own, and the other's once it is visible.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Forbidden`] to others who see the project.
    pub async fn project_reviews(&self, context: &Context, id: &str) -> Result<Page<ReviewView>, AppError> {
        let viewer = context.actor()?.viewer();
        let id: ProjectId = id.parse().map_err(|_| AppError::NotFound("project"))?;
        let project = projects::find(&self.records, &viewer, id).await?.ok_or(AppError::NotFound("project"))?;
        if viewer.role != Role::Admin && !is_party(&project, viewer.user_id) {
            return Err(AppError::Forbidden("only the parties of a project list its reviews"));
        }
        let mut rows = reviews::of_project(&self.records, id).await?;
        rows.retain(|row| row.as_ref().map_or(viewer.role == Role::Admin, |review| review.is_seen_by(&viewer)));
        let view = |review| Ok(ReviewView::of(review, true));
        Ok(Page::of_readable("project reviews", rows, 100, |review| review.id.to_string(), view))
    }

    /// Visible reviews that a user received, newest first.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn user_reviews(
        &self,
        context: &Context,
        id: &str,
        page: &PageRequest,
    ) -> Result<Page<ReviewView>, AppError> {
        let viewer = context.actor()?.viewer();
        let id: UserId = id.parse().map_err(|_| AppError::NotFound("user"))?;
        let user = users::find(&self.records, id).await?.filter(|user| viewer.sees_user(id, user.status.0));
        user.ok_or(AppError::NotFound("user"))?;
        let list = format!("reviews of {id}");
        let (limit, after) = (page.limit()?, page.after(&list)?);
        let rows = reviews::received(&self.records, id, after.as_deref(), u64::from(limit) + 1).await?;
        let view = |review: Review| {
            let sees_project = viewer.sees_private(id) || viewer.user_id == review.reviewer_id;
            Ok(ReviewView::of(review, sees_project))
        };
        Ok(Page::of_readable(&list, rows, limit, |review| review.id.to_string(), view))
    }
}

fn is_party(project: &Project, user: UserId) -> bool {
    project.client_id == user || project.freelancer_id == Some(user)
}

impl<'a> Command<'a> {
    /// A project under lock, of which the user is a party.
    async fn reviewed_project(&self, id: &str, party: UserId) -> Result<Project, AppError> {
        let viewer = self.context.actor()?.viewer();
        let id: ProjectId = id.parse().map_err(|_| AppError::NotFound("project"))?;
        let project = projects::lock(&self.unit, &viewer, id).await?.ok_or(AppError::NotFound("project"))?;
        if is_party(&project, party) { Ok(project) } else { Err(AppError::Forbidden(PARTIES)) }
    }

    /// The reviews of a project that is under lock.
    pub async fn exchange(&self, project: &Project) -> Result<Exchange, AppError> {
        let all = reviews::lock_of_project(&self.unit, project.id).await?;
        Ok(Exchange::of(project, all, self.app.settings.hide_reviews)?)
    }

    async fn enqueue_publication(&mut self, project: ProjectId, exchange: &Exchange) -> Result<(), AppError> {
        let payload = serde_json::json!({"project": project}).to_string();
        let (key, run_at) = (project.to_string(), exchange.closes_at());
        self.unit.enqueue_job(NewJob { kind: REVIEW_WINDOW, key, payload, run_at }).await?;
        Ok(())
    }

    /// Saves that a review is visible from now on, and has its reviewee's reputation computed again.
    pub async fn publish_review(&mut self, change: Transition<Review>) -> Result<(), AppError> {
        let saved = reviews::update(&mut self.unit, &change.before, change.next).await?;
        change.events.iter().for_each(|event| self.unit.event(event));
        let reviewee = saved.reviewee_id;
        let (before, after) = (ReviewView::of(change.before, true), ReviewView::of(saved, true));
        self.note(Some(&before), Some(&after)).await?;
        self.recompute_reputations(&[reviewee]).await
    }

    /// Makes all reviews of a project visible that are still hidden, when their time has come.
    pub async fn publish_reviews(
        mut self,
        job: &chainbill_records::jobs::Job,
        id: ProjectId,
    ) -> Result<Outcome<'a, ()>, AppError> {
        use chainbill_records::jobs::Ended;
        let operator = chainbill_domain::visibility::Viewer { user_id: self.app.new_id(), role: Role::Admin };
        let project = projects::lock(&self.unit, &operator, id).await?;
        let mut ended = Ended::Done;
        if let Some(project) = project {
            let all = reviews::lock_of_project(&self.unit, id).await?;
            let exchange = Exchange::of(&project, all.clone(), self.app.settings.hide_reviews)?;
            if exchange.is_closed(self.unit.now()) {
                for review in all {
                    if let Some(change) = review.publish(self.occasion()) {
                        self.publish_review(change).await?;
                    }
                }
            } else {
                ended = Ended::Again(exchange.closes_at());
            }
        }
        self.unit.end_job(job, ended).await?;
        Ok(self.answer(crate::context::OK, ()))
    }
}
