//! What invoices have to do with projects: nothing is billed on what is cancelled, and one invoice funds a milestone.

use chainbill_domain::{
    id::{MilestoneId, ProjectId},
    invoice::{Content, Invoice},
    money::{Currency, Money},
    project::{Milestone, Project},
    states::{MilestoneStatus, ProjectStatus},
};
use chainbill_records::repo::{invoices, projects};

use crate::{AppError, command::Command};

pub(crate) const NOTHING_IS_BILLED: &str = "is CANCELLED: nothing is billed on it";

/// The milestone that an invoice is to fund: agreed, and of exactly the invoice's net.
pub(crate) fn funding(
    project: Option<&Project>,
    id: &str,
    content: &Content,
    currency: Currency,
) -> Result<MilestoneId, AppError> {
    let id: MilestoneId = id.parse().map_err(|error| AppError::field("/milestoneId", error))?;
    let Some(project) = project else {
        return Err(AppError::field("/projectId", "is needed beside a milestone of the project"));
    };
    match project.milestone(id) {
        Some(milestone) if milestone.status == MilestoneStatus::Proposed => {
            Err(AppError::field("/milestoneId", "is PROPOSED: a milestone that both parties agreed on is accepted"))
        }
        Some(milestone) => fits(milestone, content, currency).map(|()| id),
        None => Err(AppError::field("/milestoneId", "is no milestone of this project")),
    }
}

/// The net of the invoice is the milestone's amount: taxes come on top, and nothing is taken off in advance.
fn fits(milestone: &Milestone, content: &Content, currency: Currency) -> Result<(), AppError> {
    let (net, amount) = (Money { minor: content.totals.net(), currency }, milestone.terms.amount);
    if currency != amount.currency {
        return Err(AppError::field("/currency", format!("is {currency}: the milestone is in {}", amount.currency)));
    }
    if net != amount {
        let detail = format!("come to {net} without tax: the milestone's {amount} are accepted");
        return Err(AppError::field("/lines", detail));
    }
    if content.totals.deposit != 0 {
        return Err(AppError::field("/deposit", "is not accepted: the invoice funds the whole milestone"));
    }
    Ok(())
}

impl Command<'_> {
    /// Refuses an invoice on a project that is cancelled; its row is locked. `current` is the state of what was to be billed,
    /// and `allowed` what is left to do with it.
    pub(crate) async fn billable(
        &self,
        project: Option<ProjectId>,
        (current, allowed): (&str, &[&str]),
    ) -> Result<(), AppError> {
        let Some(id) = project else { return Ok(()) };
        match projects::lock_status(&self.unit, id).await? {
            Some(ProjectStatus::Cancelled) => Err(AppError::Conflict {
                current: current.to_owned(),
                allowed: allowed.iter().map(|&action| action.to_owned()).collect(),
                detail: format!("its project {id} {NOTHING_IS_BILLED}"),
            }),
            _ => Ok(()),
        }
    }

    /// Refuses a second invoice for a milestone. The project's row is locked: of invoices that are drafted at once, one is.
    pub(crate) async fn free_milestone(&self, project: ProjectId, id: MilestoneId) -> Result<(), AppError> {
        let project = projects::lock_any(&self.unit, project).await?.ok_or(AppError::NotFound("project"))?;
        let milestone = project.milestone(id).ok_or(AppError::NotFound("milestone"))?;
        match invoices::funding(&self.unit, id).await? {
            None => Ok(()),
            Some(invoice) => Err(AppError::Conflict {
                current: milestone.status.word().to_owned(),
                allowed: Vec::new(),
                detail: format!("the invoice {invoice} funds this milestone: one that is not void does"),
            }),
        }
    }

    /// Refuses a content of a draft that is not what its milestone costs.
    pub(crate) async fn still_fits(&self, invoice: &Invoice, content: &Content) -> Result<(), AppError> {
        let (Some(project), Some(id)) = (invoice.project_id, invoice.milestone_id) else { return Ok(()) };
        let project = projects::lock_any(&self.unit, project).await?;
        match project.as_ref().and_then(|project| project.milestone(id)) {
            Some(milestone) => fits(milestone, content, invoice.currency),
            None => Ok(()),
        }
    }
}
