//! Proposals: freelancers apply for projects, clients invite to them, and the other side's consent binds the contract.

mod binding;
mod requests;

use chainbill_domain::{
    id::{ProjectId, ProposalId, UserId},
    proposal::Proposal,
    states::{ProposalKind, ProposalStatus, Role, UserStatus},
};
use chainbill_records::repo::{
    accounts::Account,
    projects,
    proposals::{self, List},
};

pub use self::requests::{NewApplication, NewInvitation, PatchProposal, ProposalFilter, StartProject};
use self::{binding::in_currency, requests::checked};
use crate::{
    App, AppError, Context, DeclineInvoice, Done, MoneyView, Page, PageRequest, ProjectView, ProposalView,
    context::{Expected, OK, expect_version},
    projects::Side,
    validate::Check,
};

const AUTHORS: &str = "only its author changes a proposal or takes it back";
const ANSWERERS: &str = "only the other side of a proposal accepts or declines it";

impl App {
    /// Applies for a project that is on offer, as a freelancer.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it takes no proposals, or there is an open one between its client and the freelancer.
    pub async fn apply(
        &self,
        context: &Context,
        id: &str,
        new: NewApplication,
    ) -> Result<Done<ProposalView>, AppError> {
        let freelancer = context.actor_as(Role::Freelancer, "only freelancers apply for projects")?.user_id;
        let terms = &checked(&new.message, new.amount.as_ref(), new.hourly_rate.as_ref(), None)?;
        self.command(context, "proposal.apply", &(id, &new), |command| async move {
            let project = command.seen_project(id).await?;
            command.propose(&project, freelancer, ProposalKind::Application, terms.clone()).await
        })
        .await
    }

    /// Invites a freelancer to a project that is on offer, as its client.
    ///
    /// # Errors
    /// As [`Self::apply`]; [`AppError::Validation`] for who is no freelancer.
    pub async fn invite(
        &self,
        context: &Context,
        id: &str,
        new: NewInvitation,
    ) -> Result<Done<ProposalView>, AppError> {
        let terms = &checked(&new.message, new.amount.as_ref(), new.hourly_rate.as_ref(), None)?;
        let freelancer = self.freelancer_of(&new.freelancer_id).await?;
        self.command(context, "proposal.invite", &(id, &new), |command| async move {
            let project = command.project_as(id, Side::Client).await?;
            command.propose(&project, freelancer, ProposalKind::Invitation, terms.clone()).await
        })
        .await
    }

    /// A freelancer whose account is in use.
    async fn freelancer_of(&self, id: &str) -> Result<UserId, AppError> {
        let freelancer: UserId = id.parse().map_err(|error| AppError::field("/freelancerId", error))?;
        let account = Account::of_id(&self.records, id).await?.filter(|account| account.is(Role::Freelancer));
        match account.map(|account| account.understood()).transpose()? {
            Some(known) if known.status == UserStatus::Active => Ok(freelancer),
            Some(_) => Err(AppError::field("/freelancerId", "is a freelancer whose account is not in use")),
            None => Err(AppError::field("/freelancerId", "is no freelancer")),
        }
    }

    /// Proposals of a project, newest first: all for its client and operators, one's own for others.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where the project is not seen.
    pub async fn project_proposals(
        &self,
        context: &Context,
        id: &str,
        filter: &ProposalFilter,
    ) -> Result<Page<ProposalView>, AppError> {
        let project: ProjectId = id.parse().map_err(|_| AppError::NotFound("project"))?;
        let seen = projects::find(&self.records, &context.actor()?.viewer(), project).await?;
        seen.ok_or(AppError::NotFound("project"))?;
        self.listed_proposals(context, Some(project), filter).await
    }

    /// Proposals of which the actor is a party, newest first; all for operators.
    ///
    /// # Errors
    /// [`AppError::Validation`].
    pub async fn proposals(&self, context: &Context, filter: &ProposalFilter) -> Result<Page<ProposalView>, AppError> {
        self.listed_proposals(context, None, filter).await
    }

    async fn listed_proposals(
        &self,
        context: &Context,
        project: Option<ProjectId>,
        filter: &ProposalFilter,
    ) -> Result<Page<ProposalView>, AppError> {
        let viewer = context.actor()?.viewer();
        let request = PageRequest { limit: filter.limit, cursor: filter.cursor.clone() };
        let name = format!("proposals?{project:?}&{:?}&{:?}", filter.kind, filter.status);
        let (limit, after) = (request.limit()?, request.after(&name)?);
        let mut check = Check::default();
        let kind = check.optional("/kind", filter.kind.as_deref().map(str::parse::<ProposalKind>));
        let status = check.optional("/status", filter.status.as_deref().map(str::parse::<ProposalStatus>));
        let (kind, status) = check.finish(Some((kind, status)))?;
        let limit_and_more = u64::from(limit) + 1;
        let list = List { viewer: &viewer, project, kind, status, after: after.as_deref(), limit: limit_and_more };
        let rows = proposals::list(&self.records, list).await?;
        let view = |proposal| Ok(ProposalView::of(proposal));
        Ok(Page::of_readable(&name, rows, limit, |proposal| proposal.id.to_string(), view))
    }

    /// A proposal's project, and its own id. Read before the unit that locks both: the first read of that is the lock, which sees what
    /// it waited for.
    async fn place_of(&self, context: &Context, id: &str) -> Result<(ProjectId, ProposalId), AppError> {
        let viewer = context.actor()?.viewer();
        let id: ProposalId = id.parse().map_err(|_| AppError::NotFound("proposal"))?;
        let proposal = proposals::find(&self.records, &viewer, id).await?.ok_or(AppError::NotFound("proposal"))?;
        Ok((proposal.project_id, id))
    }

    /// One proposal.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for others than its parties.
    pub async fn proposal(&self, context: &Context, id: &str) -> Result<ProposalView, AppError> {
        let viewer = context.actor()?.viewer();
        let id: ProposalId = id.parse().map_err(|_| AppError::NotFound("proposal"))?;
        let found = proposals::find(&self.records, &viewer, id).await?;
        found.map(ProposalView::of).ok_or(AppError::NotFound("proposal"))
    }

    /// Changes an open proposal, as its author, who consents to the project as it is now.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is decided, [`AppError::Stale`] when it has changed.
    pub async fn patch_proposal(
        &self,
        context: &Context,
        id: &str,
        expected: Expected<'_>,
        patch: PatchProposal,
    ) -> Result<Done<ProposalView>, AppError> {
        let patch = &patch;
        let place = self.place_of(context, id).await?;
        self.change(context, "proposal.patch", |command| async move {
            let (project, proposal) = command.proposal_as(place, Proposal::author, AUTHORS).await?;
            expect_version(expected, proposal.version)?;
            let old = &proposal.terms;
            let kept = |patch: &Option<Option<MoneyView>>, old: Option<MoneyView>| patch.clone().unwrap_or(old);
            let amount = kept(&patch.amount, old.amount.map(MoneyView::from));
            let rate = kept(&patch.hourly_rate, old.hourly_rate.map(MoneyView::from));
            let message = patch.message.as_deref().unwrap_or(&old.message);
            let terms = checked(message, amount.as_ref(), rate.as_ref(), Some(old))?;
            in_currency(&project, &terms)?;
            command.change_proposal(proposal.edit(terms, project.version)?).await
        })
        .await
    }

    /// Consents to a proposal, as the other side: the project starts.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it or the project is decided, when the project has changed since, or an account is not in use.
    pub async fn accept_proposal(&self, context: &Context, id: &str) -> Result<Done<ProposalView>, AppError> {
        let place = self.place_of(context, id).await?;
        self.command(context, "proposal.accept", &id, |mut command| async move {
            let (project, proposal) = command.proposal_as(place, Proposal::answerer, ANSWERERS).await?;
            let (proposal, _) = command.bind(project, proposal).await?;
            Ok(command.answer(OK, proposal))
        })
        .await
    }

    /// Starts a project with a freelancer who applied for it, as its client.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is not on offer, or for a freelancer without an open application: the problem names the way.
    pub async fn start_project(
        &self,
        context: &Context,
        id: &str,
        start: StartProject,
    ) -> Result<Done<ProjectView>, AppError> {
        let freelancer = self.freelancer_of(&start.freelancer_id).await?;
        self.command(context, "project.start", &(id, freelancer), |mut command| async move {
            let project = command.project_as(id, Side::Client).await?;
            project.allows(chainbill_domain::project::Action::Start)?;
            let open = proposals::lock_open(&command.unit, project.id, freelancer).await?;
            let Some(application) = open.filter(|it| it.kind == ProposalKind::Application) else {
                let detail = format!(
                    "this freelancer has no open application: POST /api/projects/{id}/invitations invites, and the \
                     contract binds once the freelancer accepts"
                );
                let allowed = vec!["invitations".to_owned()];
                return Err(AppError::Conflict { current: project.status.word().to_owned(), allowed, detail });
            };
            let (_, project) = command.bind(project, application).await?;
            Ok(command.answer(OK, project))
        })
        .await
    }

    /// Refuses a proposal, as the other side.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is decided.
    pub async fn decline_proposal(
        &self,
        context: &Context,
        id: &str,
        decline: DeclineInvoice,
    ) -> Result<Done<ProposalView>, AppError> {
        let reason = &decline.checked()?;
        let place = self.place_of(context, id).await?;
        self.command(context, "proposal.decline", &(id, &decline), |command| async move {
            let (_, proposal) = command.proposal_as(place, Proposal::answerer, ANSWERERS).await?;
            let declined = proposal.decline(reason.clone(), command.occasion())?;
            command.change_proposal(declined).await
        })
        .await
    }

    /// Takes a proposal back, as its author.
    ///
    /// # Errors
    /// [`AppError::Conflict`] when it is decided.
    pub async fn withdraw_proposal(&self, context: &Context, id: &str) -> Result<Done<ProposalView>, AppError> {
        let place = self.place_of(context, id).await?;
        self.command(context, "proposal.withdraw", &id, |command| async move {
            let (_, proposal) = command.proposal_as(place, Proposal::author, AUTHORS).await?;
            let withdrawn = proposal.withdraw(command.occasion())?;
            command.change_proposal(withdrawn).await
        })
        .await
    }
}
