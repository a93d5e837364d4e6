//! Projects.

use chainbill_domain::{
    project::{Milestone, Project, RequiredSkill},
    proposal::Proposal,
    states::{MilestoneStatus, ProjectStatus, ProposalKind, ProposalStatus},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{MoneyView, TransferView, moment};

/// A project.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectView {
    /// Its id.
    pub id: String,
    /// Rises with every change; the ETag.
    pub version: i64,
    /// Who offers it.
    pub client_id: String,
    /// Who does it.
    pub freelancer_id: Option<String>,
    /// What it is called.
    pub title: String,
    /// What it is.
    pub description: String,
    /// OPEN, IN_PROGRESS, SUBMITTED, COMPLETED or CANCELLED.
    #[schema(value_type = String)]
    pub status: ProjectStatus,
    /// For how much.
    pub budget: Option<MoneyView>,
    /// Until when.
    pub deadline: Option<String>,
    /// Skills that it asks for.
    pub skills: Vec<ProjectSkillView>,
    /// Its milestones.
    #[serde(default)]
    pub milestones: Vec<MilestoneView>,
    /// Why its client last sent the whole work back.
    #[serde(default)]
    pub return_reason: Option<String>,
    /// When the whole work was last submitted.
    #[serde(default)]
    pub submitted_at: Option<String>,
    /// When it was completed.
    pub completed_at: Option<String>,
    /// When it was cancelled.
    #[serde(default)]
    pub cancelled_at: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// Transfers of the action that answers with it; absent where none moved money.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub postings: Vec<TransferView>,
    /// Whether it shows what an action would do; absent elsewhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// A milestone of a project.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MilestoneView {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// What is to be done.
    pub description: Option<String>,
    /// What it costs, without tax.
    pub amount: MoneyView,
    /// Until when.
    pub deadline: Option<String>,
    /// PROPOSED, PLANNED, SUBMITTED or ACCEPTED.
    #[schema(value_type = String)]
    pub status: MilestoneStatus,
    /// Who proposes it, while the other party has not consented.
    pub proposed_by: Option<String>,
    /// The planned milestone whose place it takes once the other party consents.
    pub replaces: Option<String>,
    /// Why its work was last sent back.
    pub return_reason: Option<String>,
    /// When its work was last submitted.
    pub submitted_at: Option<String>,
    /// When its work was accepted.
    pub accepted_at: Option<String>,
}

impl MilestoneView {
    fn of(milestone: Milestone) -> Self {
        let terms = milestone.terms;
        Self {
            id: milestone.id.to_string(),
            title: terms.title,
            description: terms.description,
            amount: terms.amount.into(),
            deadline: terms.deadline,
            status: milestone.status,
            proposed_by: milestone.proposed_by.map(|id| id.to_string()),
            replaces: milestone.replaces.map(|id| id.to_string()),
            return_reason: milestone.return_reason,
            submitted_at: milestone.submitted_at.map(moment),
            accepted_at: milestone.accepted_at.map(moment),
        }
    }
}

/// An application for a project, or an invitation to it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProposalView {
    /// Its id.
    pub id: String,
    /// Rises with every change; the ETag.
    pub version: i64,
    /// The project.
    pub project_id: String,
    /// The version of the project that its author last saw, and consents to.
    pub project_version: i64,
    /// The project's client.
    pub client_id: String,
    /// Who is to work.
    pub freelancer_id: String,
    /// APPLICATION or INVITATION.
    #[schema(value_type = String)]
    pub kind: ProposalKind,
    /// OPEN, ACCEPTED, DECLINED, WITHDRAWN or CLOSED.
    #[schema(value_type = String)]
    pub status: ProposalStatus,
    /// The text to the other side.
    pub message: String,
    /// The price of the whole work.
    pub amount: Option<MoneyView>,
    /// The price of an hour.
    pub hourly_rate: Option<MoneyView>,
    /// Why it was declined.
    pub decline_reason: Option<String>,
    /// When it was accepted, declined, withdrawn or closed.
    pub decided_at: Option<String>,
    /// When it was made.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

impl ProposalView {
    /// A proposal as it is shown.
    #[must_use]
    pub fn of(proposal: Proposal) -> Self {
        Self {
            id: proposal.id.to_string(),
            version: proposal.version,
            project_id: proposal.project_id.to_string(),
            project_version: proposal.project_version,
            client_id: proposal.client_id.to_string(),
            freelancer_id: proposal.freelancer_id.to_string(),
            kind: proposal.kind,
            status: proposal.status,
            message: proposal.terms.message,
            amount: proposal.terms.amount.map(MoneyView::from),
            hourly_rate: proposal.terms.hourly_rate.map(MoneyView::from),
            decline_reason: proposal.decline_reason,
            decided_at: proposal.decided_at.map(moment),
            created_at: moment(proposal.created_at),
            updated_at: moment(proposal.updated_at),
        }
    }
}

/// A skill that a project asks for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProjectSkillView {
    /// The skill in the catalogue.
    pub skill_id: String,
    /// Its name.
    pub name: String,
}

impl ProjectView {
    /// A project as it is shown.
    #[must_use]
    pub fn of(project: Project) -> Self {
        let project = project.into_state();
        let content = project.content;
        let skill = |it: RequiredSkill| ProjectSkillView { skill_id: it.skill_id.to_string(), name: it.name };
        Self {
            id: project.id.to_string(),
            version: project.version,
            client_id: project.client_id.to_string(),
            freelancer_id: project.freelancer_id.map(|id| id.to_string()),
            title: content.title,
            description: content.description,
            status: project.status,
            budget: content.budget.map(MoneyView::from),
            deadline: content.deadline,
            skills: content.skills.into_iter().map(skill).collect(),
            milestones: project.milestones.into_iter().map(MilestoneView::of).collect(),
            return_reason: project.return_reason,
            submitted_at: project.submitted_at.map(moment),
            completed_at: project.completed_at.map(moment),
            cancelled_at: project.cancelled_at.map(moment),
            created_at: moment(project.created_at),
            updated_at: moment(project.updated_at),
            postings: Vec::new(),
            dry_run: false,
        }
    }
}
