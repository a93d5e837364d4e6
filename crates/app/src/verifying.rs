//! Operators verify users, who may vote on disputes then, and take it back.

use chainbill_domain::{Timestamp, id::UserId, states::Role};
use chainbill_records::{entities::users as table, repo::users};

use crate::{App, AppError, Context, Done, UserView, accounts::locked_user};

impl App {
    /// Verifies a user, as an operator. A user who is verified stays so.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] to others.
    pub async fn verify_user(&self, context: &Context, id: &str) -> Result<Done<UserView>, AppError> {
        self.set_verified(context, "user.verify", id, |before, now| before.or(Some(now))).await
    }

    /// Takes it back, as an operator. Votes that were taken stay.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] to others.
    pub async fn unverify_user(&self, context: &Context, id: &str) -> Result<Done<UserView>, AppError> {
        self.set_verified(context, "user.unverify", id, |_, _| None).await
    }

    async fn set_verified(
        &self,
        context: &Context,
        operation: &'static str,
        id: &str,
        set: fn(Option<Timestamp>, Timestamp) -> Option<Timestamp>,
    ) -> Result<Done<UserView>, AppError> {
        context.actor_as(Role::Admin, "only operators verify users")?;
        let user: UserId = id.parse().map_err(|_| AppError::NotFound("user"))?;
        self.command(context, operation, &id, |mut command| async move {
            let before = locked_user(&command.unit, user).await?;
            context.expects(before.version)?;
            let verified_at = set(before.verified_at, command.unit.now());
            let skills = users::skills(&command.unit, user).await?;
            let old = UserView::of(before.clone(), skills.clone(), true);
            if verified_at == before.verified_at {
                return Ok(command.unchanged(old));
            }
            let after = table::Model { verified_at, ..before.clone() };
            let row = command.unit.update::<table::Entity>(&before, after).await?;
            command.changed(Some(old), UserView::of(row, skills, true)).await
        })
        .await
    }
}
