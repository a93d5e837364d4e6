//! Proposals within a command: made, saved, and binding a freelancer to a project.

use chainbill_domain::{
    id::{ProjectId, ProposalId, UserId},
    project::Project,
    proposal::{CannotAccept, Proposal, Terms},
    states::{ProjectStatus, ProposalKind, ProposalStatus, UserStatus},
    transition::Transition,
};
use chainbill_records::{
    RecordsError,
    repo::{accounts::Account, projects, proposals},
};

use crate::{
    AppError, ProjectView, ProposalView,
    command::{Command, Outcome},
    context::OK,
};

/// The price of the whole work is in the project's currency.
pub(super) fn in_currency(project: &Project, terms: &Terms) -> Result<(), AppError> {
    match (terms.amount, project.currency()) {
        (Some(amount), Some(currency)) if amount.currency != currency => {
            let detail = format!("is {}: the project is in {currency}", amount.currency);
            Err(AppError::field("/amount/currency", detail))
        }
        _ => Ok(()),
    }
}

fn takes_proposals(project: &Project) -> Result<(), AppError> {
    match project.status {
        ProjectStatus::Open => Ok(()),
        status => Err(AppError::Conflict {
            current: status.word().to_owned(),
            allowed: Vec::new(),
            detail: format!("a project that is {status} takes no proposals"),
        }),
    }
}

impl<'a> Command<'a> {
    /// Saves a new proposal between the client of a project under lock and a freelancer.
    pub(super) async fn propose(
        mut self,
        project: &Project,
        freelancer: UserId,
        kind: ProposalKind,
        terms: Terms,
    ) -> Result<Outcome<'a, ProposalView>, AppError> {
        takes_proposals(project)?;
        in_currency(project, &terms)?;
        if let Some(open) = proposals::lock_open(&self.unit, project.id, freelancer).await? {
            return Err(self.already_open(&open));
        }
        let now = self.unit.now();
        let new = Proposal {
            id: self.app.new_id(),
            version: 0,
            project_id: project.id,
            project_version: project.version,
            client_id: project.client_id,
            freelancer_id: freelancer,
            kind,
            terms,
            status: ProposalStatus::Open,
            decline_reason: None,
            decided_at: None,
            created_at: now,
            updated_at: now,
        };
        let made = Proposal::make(new, self.occasion());
        let proposal = proposals::insert(&mut self.unit, made.state).await.map_err(|error| match error {
            RecordsError::Duplicate(_) => open_conflict("there is an open proposal already".to_owned(), &[]),
            error => error.into(),
        })?;
        made.events.iter().for_each(|event| self.unit.event(event));
        self.created(ProposalView::of(proposal)).await
    }

    fn already_open(&self, open: &Proposal) -> AppError {
        let is_own = self.actor().is_ok_and(|actor| actor == open.author());
        let allowed: &[&str] = if is_own { &["edit", "withdraw"] } else { &["accept", "decline"] };
        open_conflict(format!("there is an open {} already: {}", open.kind, open.id), allowed)
    }

    /// The project and the proposal under lock, if the actor is this side of the proposal and knows its version. The project is
    /// locked first, by everything that changes both.
    pub(super) async fn proposal_as(
        &self,
        (project, id): (ProjectId, ProposalId),
        side: fn(&Proposal) -> UserId,
        otherwise: &'static str,
    ) -> Result<(Project, Proposal), AppError> {
        let viewer = self.context.actor()?.viewer();
        let missing = || AppError::NotFound("proposal");
        let project = projects::lock_any(&self.unit, project).await?.ok_or_else(missing)?;
        let proposal = proposals::lock(&self.unit, &viewer, id).await?.ok_or_else(missing)?;
        if side(&proposal) != self.actor()? {
            return Err(AppError::Forbidden(otherwise));
        }
        self.context.expects(proposal.version)?;
        Ok((project, proposal))
    }

    /// Binds both sides of a proposal, in the name of the other side: the project starts, and its other open proposals close.
    pub(super) async fn bind(
        &mut self,
        project: Project,
        proposal: Proposal,
    ) -> Result<(ProposalView, ProjectView), AppError> {
        proposal.allows(chainbill_domain::proposal::Action::Accept)?;
        project.allows(chainbill_domain::project::Action::Start)?;
        for user in [proposal.freelancer_id, proposal.client_id] {
            self.in_use(user).await?;
        }
        let (freelancer, amount, actor) = (proposal.freelancer_id, proposal.terms.amount, proposal.answerer());
        let accepted = proposal.accept(project.version, self.unit.now())?;
        let id = project.id;
        let started = project.start(freelancer, actor, amount, self.occasion())?;
        let proposal = self.save_proposal(accepted).await?;
        proposals::close(&mut self.unit, id).await?;
        let project = self.save_project(started).await?;
        Ok((proposal, project))
    }

    /// Refuses to bind who may not log in.
    pub(super) async fn in_use(&self, user: UserId) -> Result<(), AppError> {
        let account = Account::of_id(&self.unit, &user.to_string()).await?;
        match account.map(|account| account.understood()).transpose()? {
            Some(known) if known.status == UserStatus::Active => Ok(()),
            _ => Err(open_conflict(format!("the account {user} is not in use: it cannot be bound"), &["decline"])),
        }
    }

    pub(super) async fn save_proposal(&mut self, change: Transition<Proposal>) -> Result<ProposalView, AppError> {
        let proposal = proposals::update(&mut self.unit, &change.before, change.next).await?;
        change.events.iter().for_each(|event| self.unit.event(event));
        let (before, after) = (ProposalView::of(change.before), ProposalView::of(proposal));
        self.note(Some(&before), Some(&after)).await?;
        Ok(after)
    }

    pub(super) async fn change_proposal(
        mut self,
        change: Transition<Proposal>,
    ) -> Result<Outcome<'a, ProposalView>, AppError> {
        if change.is_unchanged() {
            return Ok(self.unchanged(ProposalView::of(change.before)));
        }
        let view = self.save_proposal(change).await?;
        Ok(self.answer(OK, view))
    }
}

fn open_conflict(detail: String, allowed: &[&str]) -> AppError {
    let allowed = allowed.iter().map(|&action| action.to_owned()).collect();
    AppError::Conflict { current: ProposalStatus::Open.word().to_owned(), allowed, detail }
}

impl From<CannotAccept> for AppError {
    fn from(error: CannotAccept) -> Self {
        match error {
            CannotAccept::Refused(refusal) => refusal.into(),
            CannotAccept::Outdated { .. } => {
                let detail =
                    format!("{error}: PATCH /api/proposals/{{id}} by its author consents to that, or edits it");
                open_conflict(detail, &["edit", "decline", "withdraw"])
            }
        }
    }
}
