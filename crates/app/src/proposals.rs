//! Proposals: freelancers apply for projects, clients invite to them, and the other side's consent binds the contract.

use chainbill_domain::{
    id::{ProjectId, ProposalId, UserId},
    money::Currency,
    project::Project,
    proposal::{CannotAccept, Proposal, Terms},
    states::{ProjectStatus, ProposalKind, ProposalStatus, Role, UserStatus},
    text,
    transition::Transition,
};
use chainbill_records::{
    RecordsError,
    repo::{
        accounts::Account,
        projects,
        proposals::{self, List},
    },
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    App, AppError, Context, DeclineInvoice, Done, MoneyView, Page, PageRequest, ProjectView, ProposalView,
    command::{Command, Outcome},
    context::{Expected, OK, expect_version},
    projects::Side,
    validate::{Check, given, present},
};

/// A freelancer's application.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewApplication {
    /// The text to the client, 1 to 10000 characters.
    pub message: String,
    /// The price of the whole work, in the project's currency.
    pub amount: Option<MoneyView>,
    /// The price of an hour.
    pub hourly_rate: Option<MoneyView>,
}

/// A client's invitation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewInvitation {
    /// Whom it invites: a freelancer.
    pub freelancer_id: String,
    /// The text to the freelancer, 1 to 10000 characters.
    pub message: String,
    /// The price of the whole work, in the project's currency.
    pub amount: Option<MoneyView>,
    /// The price of an hour.
    pub hourly_rate: Option<MoneyView>,
}

/// What changes in a proposal; what is absent stays, null empties. Its author consents to the project as it is now.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PatchProposal {
    /// The text to the other side.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub message: Option<String>,
    /// The price of the whole work.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<MoneyView>)]
    pub amount: Option<Option<MoneyView>>,
    /// The price of an hour.
    #[serde(deserialize_with = "present")]
    #[schema(value_type = Option<MoneyView>)]
    pub hourly_rate: Option<Option<MoneyView>>,
}

/// The applicant who is bound.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StartProject {
    /// A freelancer with an open application.
    pub freelancer_id: String,
}

/// Which proposals.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProposalFilter {
    /// Only those of this kind: APPLICATION or INVITATION.
    pub kind: Option<String>,
    /// Only those in this state: OPEN, ACCEPTED, DECLINED, WITHDRAWN or CLOSED.
    pub status: Option<String>,
    /// At most so many, 1 to 100; 20 when absent.
    pub limit: Option<u32>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

fn checked(
    message: &str,
    amount: Option<&MoneyView>,
    hourly_rate: Option<&MoneyView>,
    kept: Option<&Terms>,
) -> Result<Terms, AppError> {
    let mut check = Check::default();
    let message = check.field("/message", text::free(message, 10_000));
    check.refuse_unless(message.as_deref() != Some(""), "/message", "is empty: 1 to 10000 characters are accepted");
    let mut money = |pointer: &str, view: Option<&MoneyView>, kept: Option<Currency>| {
        let view = view?;
        // What stays may be in a currency that has gone out of use since.
        let money = check.money(pointer, &view.clone().into(), kept.filter(|kept| kept.to_string() == view.currency));
        let at = format!("{pointer}/amount");
        check.refuse_unless(money.is_none_or(|it| it.minor > 0), &at, "is 0: an amount above 0 is accepted");
        money
    };
    let amount = money("/amount", amount, kept.and_then(|it| it.amount).map(|it| it.currency));
    let hourly_rate = money("/hourlyRate", hourly_rate, kept.and_then(|it| it.hourly_rate).map(|it| it.currency));
    check.finish(message.map(|message| Terms { message, amount, hourly_rate }))
}

/// The price of the whole work is in the project's currency.
fn in_currency(project: &Project, terms: &Terms) -> Result<(), AppError> {
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

const AUTHORS: &str = "only its author changes a proposal or takes it back";
const ANSWERERS: &str = "only the other side of a proposal accepts or declines it";

impl<'a> Command<'a> {
    /// Saves a new proposal between the client of a project under lock and a freelancer.
    async fn propose(
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
    async fn proposal_as(
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
    async fn bind(&mut self, project: Project, proposal: Proposal) -> Result<(ProposalView, ProjectView), AppError> {
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
    async fn in_use(&self, user: UserId) -> Result<(), AppError> {
        let account = Account::of_id(&self.unit, &user.to_string()).await?;
        match account.map(|account| account.understood()).transpose()? {
            Some(known) if known.status == UserStatus::Active => Ok(()),
            _ => Err(open_conflict(format!("the account {user} is not in use: it cannot be bound"), &["decline"])),
        }
    }

    async fn save_proposal(&mut self, change: Transition<Proposal>) -> Result<ProposalView, AppError> {
        let proposal = proposals::update(&mut self.unit, &change.before, change.next).await?;
        change.events.iter().for_each(|event| self.unit.event(event));
        let (before, after) = (ProposalView::of(change.before), ProposalView::of(proposal));
        self.note(Some(&before), Some(&after)).await?;
        Ok(after)
    }

    async fn change_proposal(mut self, change: Transition<Proposal>) -> Result<Outcome<'a, ProposalView>, AppError> {
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
