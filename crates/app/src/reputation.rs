//! Reputations: computed from facts, explained with them, and saved where they differ.

use chainbill_domain::{
    id::UserId,
    reputation::{self, Facts},
    states::Role,
};
use chainbill_records::{
    jobs::NewJob,
    repo::{
        reputations::{self, Reputation},
        users,
    },
};

use crate::{App, AppError, Context, Done, ReputationView, command::Command, context::OK, jobs::REPUTATION};

/// Users whose facts are read at once.
const AT_ONCE: u64 = 200;

/// What a computation of all reputations came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recomputed {
    /// Users whose facts were read.
    pub users: u64,
    /// Reputations that differed and were saved.
    pub saved: u64,
}

impl App {
    /// A user's reputation as it was computed last, with its components and the facts behind them.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn reputation(&self, context: &Context, id: &str) -> Result<ReputationView, AppError> {
        let viewer = context.actor()?.viewer();
        let id: UserId = id.parse().map_err(|_| AppError::NotFound("user"))?;
        let user = users::find(&self.records, id).await?.filter(|user| viewer.sees_user(id, user.status.0));
        user.ok_or(AppError::NotFound("user"))?;
        let kept = reputations::find(&self.records, id).await?;
        self.explained(id, kept, viewer.sees_private(id)).await
    }

    /// What is kept, with the facts of its moment. Before anything is kept, the neutral standing.
    async fn explained(
        &self,
        user: UserId,
        kept: Option<Reputation>,
        private: bool,
    ) -> Result<ReputationView, AppError> {
        let facts = match &kept {
            Some(kept) => reputations::facts(&self.records, &[user], Some(kept.computed_at)).await?.remove(&user),
            None => None,
        };
        Ok(ReputationView::of(user, kept.as_ref(), &facts.unwrap_or_default(), private))
    }

    /// Computes a user's reputation now (operators).
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Forbidden`] to others.
    pub async fn recompute_reputation(&self, context: &Context, id: &str) -> Result<Done<ReputationView>, AppError> {
        context.actor_as(Role::Admin, "only operators have reputations computed")?;
        let id: UserId = id.parse().map_err(|_| AppError::NotFound("user"))?;
        users::find(&self.records, id).await?.ok_or(AppError::NotFound("user"))?;
        let done = self
            .change(context, "reputation.compute", |mut command| async move {
                command.compute_reputation(id).await?;
                Ok(command.answer(OK, ()))
            })
            .await?;
        let kept = reputations::find(&self.records, id).await?;
        let view = self.explained(id, kept, true).await?;
        Ok(Done { answer: crate::Answered::New(view), status: done.status, token: done.token })
    }

    /// How many users there are.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn user_count(&self) -> Result<u64, AppError> {
        let snapshot = self.records.glance().await?;
        let count = snapshot.count(&chainbill_domain::models::USERS).await?;
        snapshot.close().await?;
        Ok(count)
    }

    /// Computes the reputation of one user; whether it differed.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn recompute_reputation_of(&self, user: UserId) -> Result<bool, AppError> {
        let clock = Context::default();
        let done = self
            .change(&clock, "reputation.compute", |mut command| async move {
                let saved = command.compute_reputation(user).await?;
                Ok(command.answer(OK, saved))
            })
            .await?;
        Ok(done.into_new().unwrap_or(false))
    }

    /// Computes all reputations, and saves those that differ. `progress` is given the number of users whose facts were read.
    ///
    /// # Errors
    /// When the primary does not answer.
    pub async fn recompute_reputations(&self, progress: impl Fn(u64)) -> Result<Recomputed, AppError> {
        let (mut done, mut after) = (Recomputed::default(), None);
        loop {
            let page = reputations::people(&self.records, after, AT_ONCE).await?;
            let Some(last) = page.last() else { return Ok(done) };
            after = Some(*last);
            let mut facts = reputations::facts(&self.records, &page, None).await?;
            let kept = reputations::standings(&self.records, &page).await?;
            for user in &page {
                let known = facts.remove(user);
                let differs = match (kept.get(user), &known) {
                    (None, None) => false,
                    (kept, known) => {
                        let standing = reputation::standing(known.as_ref().unwrap_or(&Facts::default()), self.now());
                        kept != Some(&standing)
                    }
                };
                if differs && self.recompute_reputation_of(*user).await? {
                    done.saved += 1;
                }
            }
            done.users += page.len() as u64;
            progress(done.users);
        }
    }
}

impl Command<'_> {
    /// Has the reputations of these users computed after this unit, which changes facts of theirs.
    pub async fn recompute_reputations(&mut self, users: &[UserId]) -> Result<(), AppError> {
        for user in users {
            let (key, run_at) = (user.to_string(), self.unit.now());
            self.unit.enqueue_job(NewJob { kind: REPUTATION, key, payload: "{}".to_owned(), run_at }).await?;
        }
        Ok(())
    }

    /// Computes the reputation of a user, and saves it where it differs; whether it did. A user without facts has no row.
    pub async fn compute_reputation(&mut self, user: UserId) -> Result<bool, AppError> {
        let kept = reputations::lock(&self.unit, user).await?;
        let facts = reputations::facts(&self.unit, &[user], None).await?.remove(&user);
        if kept.is_none() && facts.is_none() {
            return Ok(false);
        }
        let standing = reputation::standing(&facts.unwrap_or_default(), self.unit.now());
        let keys = (self.app.new_id(), user);
        Ok(reputations::save(&mut self.unit, kept.as_ref(), keys, standing).await?.is_some())
    }
}
