//! Milestones: planned by the client while the project is on offer, proposed and consented to afterwards, submitted by the
//! freelancer, accepted or sent back by the client.

use chainbill_domain::{
    id::MilestoneId,
    money::Currency,
    project::{MilestoneAction, MilestoneTerms, Project},
    states::{MilestoneStatus, ProjectStatus},
    text,
};
use chainbill_records::repo::invoices;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Side;
use crate::{
    App, AppError, Context, Done, MoneyView, Movement, ProjectView, Reason,
    command::Command,
    context::{CREATED, Expected, OK, expect_version},
    validate::{Check, given, present},
};

/// A new milestone.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewMilestone {
    /// What it is called.
    pub title: String,
    /// What is to be done.
    pub description: Option<String>,
    /// What it costs without tax, above 0, in the project's currency.
    pub amount: MoneyView,
    /// Until when: a day.
    pub deadline: Option<String>,
    /// The planned milestone whose place it takes once the other party consents; while the project is in progress.
    pub replaces: Option<String>,
}

/// What changes in a milestone; what is absent stays, null empties.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PatchMilestone {
    /// What it is called.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub title: Option<String>,
    /// What is to be done.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub description: Option<Option<String>>,
    /// What it costs without tax.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub amount: Option<MoneyView>,
    /// Until when: a day.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub deadline: Option<Option<String>>,
}

fn checked(
    title: &str,
    description: Option<&str>,
    amount: &MoneyView,
    deadline: Option<&str>,
    kept: Option<Currency>,
) -> Result<MilestoneTerms, AppError> {
    let mut check = Check::default();
    let title = check.field("/title", text::line(title, 200));
    let description = check.optional("/description", text::some(description).map(|text| text::free(text, 10_000)));
    // What stays may be in a currency that has gone out of use since.
    let kept = kept.filter(|kept| kept.to_string() == amount.currency);
    let amount = check.money("/amount", &amount.clone().into(), kept);
    check.refuse_unless(
        amount.is_none_or(|amount| amount.minor > 0),
        "/amount/amount",
        "is 0: an amount above 0 is accepted",
    );
    let deadline = check.optional("/deadline", text::some(deadline).map(text::date));
    check.finish(title.zip(amount).map(|(title, amount)| MilestoneTerms { title, description, amount, deadline }))
}

fn parsed(id: &str) -> Result<MilestoneId, AppError> {
    id.parse().map_err(|_| AppError::NotFound("milestone"))
}

impl App {
    /// Adds a milestone: planned by the client while the project is on offer, proposed by either party once it is in progress.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when the state does not allow it, [`AppError::Validation`] for another currency.
    pub async fn add_milestone(
        &self,
        context: &Context,
        id: &str,
        new: NewMilestone,
    ) -> Result<Done<ProjectView>, AppError> {
        let terms = &checked(&new.title, new.description.as_deref(), &new.amount, new.deadline.as_deref(), None)?;
        let replaces = text::some(new.replaces.as_deref()).map(str::parse::<MilestoneId>).transpose();
        let replaces = replaces.map_err(|error| AppError::field("/replaces", error))?;
        self.command(context, "milestone.create", &(id, &new), |mut command| async move {
            let (project, _) = command.partys_project(id).await?;
            let by = command.actor()?;
            let change = project.plan(self.new_id(), terms.clone(), by, replaces)?;
            let view = command.save_project(change).await?;
            Ok(command.answer(CREATED, view))
        })
        .await
    }

    /// Changes a milestone that the other party has not consented to.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is agreed, [`AppError::Forbidden`] to others than who wrote it.
    pub async fn patch_milestone(
        &self,
        context: &Context,
        (id, milestone): (&str, &str),
        expected: Expected<'_>,
        patch: PatchMilestone,
    ) -> Result<Done<ProjectView>, AppError> {
        let (patch, milestone) = (&patch, parsed(milestone)?);
        self.change(context, "milestone.patch", |command| async move {
            let (project, side) = command.partys_project(id).await?;
            expect_version(expected, project.version)?;
            command.wrote(&project, milestone, side)?;
            let old = &project.allows_of(milestone, MilestoneAction::Edit)?.terms;
            let amount = patch.amount.clone().unwrap_or_else(|| old.amount.into());
            let terms = checked(
                patch.title.as_deref().unwrap_or(&old.title),
                patch.description.as_ref().unwrap_or(&old.description).as_deref(),
                &amount,
                patch.deadline.as_ref().unwrap_or(&old.deadline).as_deref(),
                Some(old.amount.currency),
            )?;
            command.change_project(project.edit_milestone(milestone, terms)?).await
        })
        .await
    }

    /// Removes a milestone: one that is planned on an offer, as its client; one that is proposed, as either party.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is agreed.
    pub async fn remove_milestone(
        &self,
        context: &Context,
        (id, milestone): (&str, &str),
        expected: Expected<'_>,
    ) -> Result<Done<ProjectView>, AppError> {
        let milestone = parsed(milestone)?;
        self.change(context, "milestone.delete", |command| async move {
            let (project, _) = command.partys_project(id).await?;
            expect_version(expected, project.version)?;
            command.change_project(project.remove_milestone(milestone)?).await
        })
        .await
    }

    /// Submits the work of a milestone, as the freelancer. The held money that funds it waits for the client's answer from then on.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is not planned.
    pub async fn submit_milestone(
        &self,
        context: &Context,
        (id, milestone): (&str, &str),
    ) -> Result<Done<ProjectView>, AppError> {
        self.command(context, "milestone.submit", &(id, milestone), |mut command| async move {
            let project = command.project_as(id, Side::Freelancer).await?;
            let milestone = parsed(milestone)?;
            let submitted = project.submit_milestone(milestone, command.occasion())?;
            command.submit_funded(milestone).await?;
            command.change_project(submitted).await
        })
        .await
    }

    /// Accepts the work of a milestone, as the client, and releases the held money that funds it; or consents to a proposed one, as the
    /// other party.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when there is nothing to accept, or an invoice funds what it would replace.
    pub async fn accept_milestone(
        &self,
        context: &Context,
        (id, milestone): (&str, &str),
    ) -> Result<Done<ProjectView>, AppError> {
        self.command(context, "milestone.accept", &(id, milestone), |mut command| async move {
            let (project, side) = command.partys_project(id).await?;
            let milestone = parsed(milestone)?;
            let asked = project.milestone(milestone).ok_or(AppError::NotFound("milestone"))?;
            match asked.status {
                MilestoneStatus::Proposed if asked.proposed_by == Some(command.actor()?) => {
                    return Err(AppError::Forbidden("the other party consents to a proposed milestone"));
                }
                MilestoneStatus::Proposed => command.may_be_replaced(asked.replaces).await?,
                _ if side == Side::Client => {}
                _ => return Err(AppError::Forbidden("only its client accepts the work of a milestone")),
            }
            let is_work = asked.status == MilestoneStatus::Submitted;
            let accepted = project.accept_milestone(milestone, command.occasion())?;
            if is_work {
                command.release_funded(milestone).await?;
            }
            let view = command.save_project(accepted).await?;
            let Movement { postings, dry_run } = command.movement();
            Ok(command.answer(OK, ProjectView { postings, dry_run, ..view }))
        })
        .await
    }

    /// Sends the work of a milestone back, as the client.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is not submitted.
    pub async fn return_milestone(
        &self,
        context: &Context,
        (id, milestone): (&str, &str),
        reason: Reason,
    ) -> Result<Done<ProjectView>, AppError> {
        let text = &reason.checked()?;
        self.command(context, "milestone.return", &(id, milestone, &reason), |mut command| async move {
            let project = command.project_as(id, Side::Client).await?;
            let milestone = parsed(milestone)?;
            let returned = project.return_milestone(milestone, text.clone(), command.occasion())?;
            command.return_funded(milestone, text).await?;
            command.change_project(returned).await
        })
        .await
    }
}

impl Command<'_> {
    /// Refuses a change of what the other party wrote.
    fn wrote(&self, project: &Project, milestone: MilestoneId, side: Side) -> Result<(), AppError> {
        let milestone = project.milestone(milestone).ok_or(AppError::NotFound("milestone"))?;
        let is_own = match project.status {
            ProjectStatus::Open => side == Side::Client,
            _ => milestone.proposed_by.is_none_or(|by| self.actor().is_ok_and(|actor| actor == by)),
        };
        if is_own { Ok(()) } else { Err(AppError::Forbidden("only who proposes a milestone changes it")) }
    }

    /// Refuses to replace what an invoice funds.
    async fn may_be_replaced(&self, replaced: Option<MilestoneId>) -> Result<(), AppError> {
        let Some(replaced) = replaced else { return Ok(()) };
        match invoices::funding(&self.unit, replaced).await? {
            None => Ok(()),
            Some(invoice) => Err(AppError::Conflict {
                current: MilestoneStatus::Proposed.word().to_owned(),
                allowed: vec!["delete".to_owned()],
                detail: format!("the invoice {invoice} funds the milestone that it would replace"),
            }),
        }
    }
}
