//! Cancelling a project. What happens to its money is decided before it is cancelled, or with it: held money goes back or
//! is released by a plan, unpaid invoices are voided, and whatever is left undecided is named.

use chainbill_domain::{
    id::MilestoneId,
    invoice::{Action as OfInvoice, Invoice},
    project::{Action, Project},
    states::{EscrowStatus, MilestoneStatus, ProjectStatus, Role},
};
use chainbill_records::repo::{invoices, proposals};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Side;
use crate::{App, AppError, Context, Done, Movement, ProjectView, command::Command, context::OK, credits::Back};

/// How a project is cancelled.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CancelProject {
    /// What happens to the held money of its invoices: REFUND, as the freelancer who gives it back, or RELEASE, as the client who pays it
    /// out. Needed where money is held.
    pub held_money: Option<String>,
}

/// A plan for held money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// The freelancer gives it back.
    Refund,
    /// The client releases it to the freelancer.
    Release,
}

impl CancelProject {
    fn checked(&self) -> Result<Option<Plan>, AppError> {
        match self.held_money.as_deref() {
            None => Ok(None),
            Some("REFUND") => Ok(Some(Plan::Refund)),
            Some("RELEASE") => Ok(Some(Plan::Release)),
            Some(_) => Err(AppError::field("/heldMoney", "is not accepted: REFUND or RELEASE is")),
        }
    }
}

/// What an idempotency key of a cancellation stands for.
#[derive(Serialize)]
#[serde(untagged)]
enum Asked<'a> {
    Plain(&'a str),
    Planned(&'a str, &'a CancelProject),
}

/// The reason of what is taken off the invoices.
const REASON: &str = "The project was cancelled";

/// What keeps a project from being cancelled.
#[derive(Default)]
struct Undecided {
    ways: Vec<&'static str>,
    details: Vec<String>,
}

impl Undecided {
    fn name(&mut self, invoice: &Invoice, what: &str, ways: &[&'static str]) {
        let number = invoice.number.as_deref().unwrap_or("a draft");
        self.details.push(format!("{what} {number} ({})", invoice.id));
        self.ways.extend(ways.iter().filter(|way| !self.ways.contains(way)).copied().collect::<Vec<_>>());
    }

    fn refusal(self, project: &Project) -> Result<(), AppError> {
        if self.details.is_empty() {
            return Ok(());
        }
        Err(AppError::Conflict {
            current: project.status.word().to_owned(),
            allowed: self.ways.iter().map(|&way| way.to_owned()).collect(),
            detail: format!("the money of its invoices is decided first: {}", self.details.join("; ")),
        })
    }
}

impl App {
    /// Gives a project up: its client while it is on offer, either party while it is in progress or submitted.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is over, or money of its invoices is not decided: they and the ways to decide are named.
    pub async fn cancel_project(
        &self,
        context: &Context,
        id: &str,
        cancel: CancelProject,
    ) -> Result<Done<ProjectView>, AppError> {
        let plan = cancel.checked()?;
        let asked = match plan {
            None => Asked::Plain(id),
            Some(_) => {
                context.needs_key()?;
                Asked::Planned(id, &cancel)
            }
        };
        self.command(context, "project.cancel", &asked, |mut command| async move {
            let (project, side) = command.cancellable(id, plan).await?;
            project.allows(Action::Cancel)?;
            command.decide_money(&project, side, plan).await?;
            proposals::close(&mut command.unit, project.id).await?;
            let actor = command.actor()?;
            let cancelled = project.cancel(actor, command.occasion())?;
            let view = command.save_project(cancelled).await?;
            let Movement { postings, dry_run } = command.movement();
            Ok(command.answer(OK, ProjectView { postings, dry_run, ..view }))
        })
        .await
    }
}

impl Command<'_> {
    /// The project under lock, if the actor may cancel it by this plan; none for the side of an operator.
    async fn cancellable(&self, id: &str, plan: Option<Plan>) -> Result<(Project, Option<Side>), AppError> {
        let project = self.seen_project(id).await?;
        let actor = self.context.actor()?;
        let side = Side::of(&project, actor.user_id);
        if side.is_none() && actor.role != Role::Admin {
            return Err(AppError::Forbidden("only its parties cancel a project"));
        }
        match (plan, side) {
            (None, _) | (Some(Plan::Refund), Some(Side::Freelancer)) | (Some(Plan::Release), Some(Side::Client)) => {}
            (Some(Plan::Refund), _) => {
                return Err(AppError::Forbidden("only its freelancer gives the held money back"));
            }
            (Some(Plan::Release), _) => return Err(AppError::Forbidden("only its client releases the held money")),
        }
        self.context.expects(project.version)?;
        Ok((project, side))
    }

    /// Does with held money what is planned, voids what is unpaid, and refuses what is left undecided. All is looked through
    /// before anything is done.
    async fn decide_money(
        &mut self,
        project: &Project,
        side: Option<Side>,
        plan: Option<Plan>,
    ) -> Result<(), AppError> {
        let all = invoices::lock_undecided(&self.unit, project.id).await?;
        let mut undecided = Undecided::default();
        for invoice in &all {
            self.look_through(project, invoice, (side, plan), &mut undecided);
        }
        undecided.refusal(project)?;
        for invoice in all {
            self.wind_up(invoice, plan).await?;
        }
        Ok(())
    }

    fn look_through(
        &self,
        project: &Project,
        invoice: &Invoice,
        (side, plan): (Option<Side>, Option<Plan>),
        undecided: &mut Undecided,
    ) {
        let held = invoice.held();
        if invoice.escrow == EscrowStatus::Disputed {
            undecided.name(invoice, &format!("{held} are disputed for"), &["dispute"]);
        } else if held.minor > 0 && plan.is_none() {
            undecided.name(invoice, &format!("{held} are held for"), &["refund", "release", "dispute"]);
        } else if invoice.paid_minor > invoice.refunded_minor
            && invoice.due().minor > 0
            && (held.minor == 0 || plan == Some(Plan::Release))
        {
            let due = invoice.balance_due();
            undecided.name(invoice, &format!("{due} are due of the partly paid"), &["pay", "credit-notes"]);
        } else if held.minor == 0 && side != Some(Side::Freelancer) && is_earned(project, invoice.milestone_id) {
            let due = invoice.balance_due();
            undecided.name(invoice, &format!("{due} are due for submitted work by"), &["pay", "dispute"]);
        }
    }

    /// Leaves nothing to pay and nothing held of an invoice of which nothing else was found.
    async fn wind_up(&mut self, invoice: Invoice, plan: Option<Plan>) -> Result<(), AppError> {
        let held = invoice.held();
        let by = self.actor()?;
        if held.minor > 0 && plan == Some(Plan::Release) {
            let released = invoice.release(held, self.occasion())?;
            self.save_invoice(released).await?;
        } else if held.minor > 0 {
            let back = Back { by, method: None, external_ref: None, reason: REASON.to_owned() };
            self.give_back(invoice, held, back).await?;
        } else if invoice.allowed().contains(&OfInvoice::Void) {
            let voided = invoice.void(self.occasion())?;
            self.save_invoice(voided).await?;
        } else {
            // A part of it is credited already: the rest is, too.
            let rest = invoice.creditable();
            self.credit(invoice, rest, (REASON.to_owned(), by)).await?;
        }
        Ok(())
    }
}

/// Whether the work that an invoice funds was submitted: the client cannot cancel what is owed for it.
fn is_earned(project: &Project, milestone: Option<MilestoneId>) -> bool {
    let milestone = milestone.and_then(|id| project.milestone(id));
    project.status == ProjectStatus::Submitted
        || milestone.is_some_and(|it| matches!(it.status, MilestoneStatus::Submitted | MilestoneStatus::Accepted))
}
